// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/nrlsecurity/nrlsecurity/internal/spine"
)

// A Transport adds the headers of one sender to each request, the Spine's bearer
// token among them, and can send it through the Spine Secure Proxy (SSP). It
// repeats nothing: a [Retry] around it does. (An [http.Transport] below it sends
// a GET again, as it is, on a new connection if the old one was closed unused.)
// Its fields are not to be changed once it is in use; it is safe for concurrent
// use if Base and its functions are.
type Transport struct {
	From     ID                                  // of the sender; required
	To       ID                                  // of the receiver; required, unless Route is set
	SSP      *url.URL                            // the SSP, behind which the URL of the request goes; nil: it is not used
	Route    func(*http.Request) (Route, error)  // returns To and SSP for a request, in place of these
	Protocol Protocol                            // SSP if the SSP is used, whatever this says
	Encoding Encoding                            // of the request's URL behind the SSP's; zero: by interaction
	Claims   Claims                              // what the token claims
	Token    func(*http.Request) (string, error) // returns the token instead; nil: made from Claims
	Base     http.RoundTripper                   // with the TLS configuration of tlsconfig; required
	Time     func() time.Time                    // nil: time.Now

	// Interaction is that of all requests; empty: what InteractionOf returns.
	Interaction InteractionID
	// InteractionOf returns the interaction of a request; nil:
	// DocumentReferenceContentRead through the SSP, else that of method and path.
	InteractionOf func(*http.Request) (InteractionID, error)

	Logger *slog.Logger // audit: one record for each request; nil: none
	Audit  *Audit       // what is in the records; nil: see [Audit]
}

// A Route is the way to a receiver.
type Route struct {
	To  ID
	SSP *url.URL // nil: the SSP is not used
}

// Validate returns a [*ConfigError] if a required field is missing or a field
// has a value that it cannot have.
func (t *Transport) Validate() error {
	switch {
	case t.Base == nil:
		return &ConfigError{Field: "Transport.Base", Detail: missing}
	case t.From.IsZero():
		return &ConfigError{Field: "Transport.From", Detail: missing}
	case t.To.IsZero() && t.Route == nil:
		return &ConfigError{Field: "Transport.To", Detail: missing}
	case t.Encoding < EncodingByInteraction || t.Encoding > EncodingPlain:
		return &ConfigError{Field: "Transport.Encoding", Detail: noSuchValue}
	}
	if _, err := t.Protocol.names(); err != nil {
		return &ConfigError{Field: "Transport.Protocol", Detail: noSuchValue}
	}
	if t.Interaction != "" {
		if err := validInteraction("Transport.Interaction", t.Interaction); err != nil {
			return err
		}
	}
	if t.SSP != nil {
		return validSSP("Transport.SSP", t.SSP)
	}
	return nil
}

func validSSP(field string, ssp *url.URL) error {
	if _, err := plainHTTPS(ssp); err != nil || ssp.RawQuery != "" || ssp.ForceQuery {
		return &ConfigError{Field: field, Detail: "is not https with a host and at most a path"}
	}
	return nil
}

// CloseIdleConnections closes those of Base, if it can; [http.Client] calls it.
func (t *Transport) CloseIdleConnections() { closeIdle(t.Base) }

func closeIdle(base http.RoundTripper) {
	if b, ok := base.(interface{ CloseIdleConnections() }); ok {
		b.CloseIdleConnections()
	}
}

// RoundTrip implements [http.RoundTripper]. The caller's request is not changed.
//
// Refused are a URL that is not https, has user information, a fragment or a host
// that is not in ASCII, as IDNA has it (RFC 5890); a request that has one of the headers already, or a Connection that names one; a retrieval or search that names
// neither a user nor a citizen; and, with a [*RedirectError], a request that an
// [http.Client] makes of a redirect: the token and the ASIDs are meant for the
// receiver that the user named. A client that wants to see the redirect itself
// sets CheckRedirect to return [http.ErrUseLastResponse].
//
// Through the SSP the request's URL follows the SSP's own, as Encoding says, and
// Host is the SSP's. A URL of the scheme ssp, as the NRL's successor has them in
// its pointers, goes to the SSP as it is, if it names the SSP's host. Of a URL that
// stands there unencoded dot segments are refused, in each reading of them that
// [Gate.Handler] knows: a proxy could take them for another provider's URL.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	trail, r := newTrail(t.Audit, t.Logger, t.Time, r)
	in := &incoming{from: t.From}
	sent, err := t.prepare(r, in)
	if err != nil {
		if r.Body != nil {
			r.Body.Close()
		}
		trail.sent(r, in, nil, err)
		return nil, err
	}
	resp, err := t.Base.RoundTrip(sent)
	trail.sent(r, in, resp, err)
	return resp, err
}

// prepare returns a copy of r as it is to be sent, and notes in in what it says.
func (t *Transport) prepare(r *http.Request, in *incoming) (*http.Request, error) {
	if err := t.Validate(); err != nil {
		return nil, err
	}
	if r.Response != nil {
		return nil, &RedirectError{Host: r.URL.Host}
	}
	to, err := t.route(r)
	if err != nil {
		return nil, err
	}
	in.to = to.To
	protocol := t.Protocol
	if to.SSP != nil {
		protocol = SSP
	}
	headers, err := protocol.names()
	if err != nil {
		return nil, err
	}
	target, wrapped, err := wireURL(r.URL, to.SSP)
	if err != nil {
		return nil, err
	}
	if in.observed, err = t.interaction(r, protocol); err != nil {
		return nil, err
	}
	sent := r.Clone(r.Context())
	if sent.Header == nil {
		sent.Header = make(http.Header)
	}
	if sent.URL = target; wrapped {
		sent.URL = recordIn(target) // the token is for its server
	}
	if err := t.addHeaders(sent, headers, in); err != nil {
		return nil, err
	}
	if to.SSP != nil {
		if wrapped {
			sent.URL = target
		} else if sent.URL, err = behind(to.SSP, target, t.Encoding.plain(in.observed)); err != nil {
			return nil, err
		}
		sent.Host = ""
	}
	return sent, nil
}

// route returns the way of a request.
func (t *Transport) route(r *http.Request) (Route, error) {
	if t.Route == nil {
		return Route{t.To, t.SSP}, nil
	}
	to, err := t.Route(r)
	switch {
	case err != nil:
		return Route{}, err
	case to.To.IsZero():
		return Route{}, &ConfigError{Field: "Transport.Route", Detail: "returned no receiver"}
	case to.SSP != nil:
		return to, validSSP("Transport.Route", to.SSP)
	}
	return to, nil
}

// interaction returns that of a request.
func (t *Transport) interaction(r *http.Request, protocol Protocol) (InteractionID, error) {
	switch {
	case t.Interaction != "":
		return t.Interaction, nil
	case t.InteractionOf != nil:
		id, err := t.InteractionOf(r)
		if err != nil {
			return "", err
		}
		return id, validInteraction("Transport.InteractionOf", id)
	case protocol == SSP:
		return DocumentReferenceContentRead, nil
	}
	return interactionUnderBase(r)
}

// addHeaders adds the headers that the protocol has and the token.
func (t *Transport) addHeaders(sent *http.Request, names headerNames, in *incoming) error {
	fields := names.fields()
	findHeaders(sent.Header, fields[:])
	for i := range fields {
		switch f := &fields[i]; {
		case f.name == "":
		case f.respelt || len(f.values) > 0:
			return f.refuse("is set already", nil)
		case f.dropped:
			return f.refuse("is one that Connection says to drop", nil)
		}
	}
	token, err := t.token(sent, in)
	if err != nil {
		return err
	}
	sent.Header.Set(names.from, in.from.String())
	sent.Header.Set(names.to, in.to.String())
	sent.Header.Set(names.interaction, string(in.observed))
	if names.trace != "" {
		in.trace = spine.NewUUID()
		sent.Header.Set(names.trace, in.trace)
	}
	sent.Header.Set(authorization, "Bearer "+token)
	in.interaction = in.observed
	return nil
}

func (t *Transport) token(r *http.Request, in *incoming) (string, error) {
	now := t.Time
	if now == nil {
		now = time.Now
	}
	var token string
	var err error
	if t.Token != nil {
		token, err = t.Token(r)
	} else {
		token, err = t.Claims.token(t.From, r, in.observed, now())
	}
	if err != nil {
		return "", err
	}
	if token == "" {
		return "", &ConfigError{Field: "Transport.Token", Detail: "returned no token"}
	}
	// For the audit only; what cannot be read is the receiver's to refuse.
	in.token, _ = ParseToken(token)
	return token, nil
}

// interactionUnderBase is InteractionOf for a sender, which knows the path that
// its server has before /STU3 or /R4.
func interactionUnderBase(r *http.Request) (InteractionID, error) {
	path := r.URL.Path
	for _, collection := range collections() {
		if i := strings.LastIndex(path, collection); i >= 0 {
			return interactionAt(r.Method, path[i:])
		}
	}
	return interactionAt(r.Method, path)
}
