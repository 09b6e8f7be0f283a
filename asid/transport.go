// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/nrlsecurity/nrlsecurity/internal/spine"
)

// A Transport adds the headers of one sender to each request, the Spine's bearer
// token among them, and can send it through the Spine Secure Proxy (SSP). It
// retries nothing. Its fields are not to be changed once it is in use; it is safe
// for concurrent use if Base and Token are.
type Transport struct {
	From, To    ID                                  // of the sender and the receiver; required
	Interaction InteractionID                       // empty: DocumentReferenceContentRead through the SSP, else that of method and path
	Protocol    Protocol                            // SSP if SSP is set, whatever this says
	Claims      Claims                              // what the token claims
	Token       func(*http.Request) (string, error) // returns the token instead; nil: made from Claims
	SSP         *url.URL                            // the SSP, behind which the URL of the request goes; nil: it is not used
	Base        http.RoundTripper                   // with the TLS configuration of tlsconfig; required
	Time        func() time.Time                    // nil: time.Now
}

// RoundTrip implements [http.RoundTripper]. The caller's request is not changed.
//
// Refused are a URL that is not https, or has user information or a fragment; a
// request that has one of the headers already; and, with a [*RedirectError], one
// that an [http.Client] makes of a redirect: the token and the ASIDs are meant
// for the receiver that the user named. A client that wants to see the redirect
// itself sets CheckRedirect to return [http.ErrUseLastResponse].
//
// Through the SSP the request's URL follows the SSP's own as one percent-encoded
// path segment, and Host is the SSP's.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	sent, err := t.prepare(r)
	if err != nil {
		if r.Body != nil {
			r.Body.Close()
		}
		return nil, err
	}
	return t.Base.RoundTrip(sent)
}

// prepare returns a copy of r as it is to be sent.
func (t *Transport) prepare(r *http.Request) (*http.Request, error) {
	switch {
	case t.Base == nil:
		return nil, &ConfigError{Field: "Transport.Base", Detail: missing}
	case t.From.IsZero():
		return nil, &ConfigError{Field: "Transport.From", Detail: missing}
	case t.To.IsZero():
		return nil, &ConfigError{Field: "Transport.To", Detail: missing}
	case r.Response != nil:
		return nil, &RedirectError{Host: r.URL.Host}
	}
	protocol := t.Protocol
	if t.SSP != nil {
		protocol = SSP
	}
	headers, err := protocol.names()
	if err != nil {
		return nil, err
	}
	if err := plainHTTPS(r.URL); err != nil {
		return nil, err
	}
	values, err := t.values(r, headers)
	if err != nil {
		return nil, err
	}
	sent := r.Clone(r.Context())
	if sent.Header == nil {
		sent.Header = make(http.Header)
	}
	var fields [5]field
	for i, v := range values {
		fields[i] = field{name: v.name}
	}
	find(sent.Header, fields[:len(values)])
	for i, v := range values {
		if fields[i].respelt || len(fields[i].values) > 0 {
			return nil, fields[i].refuse("is set already", nil)
		}
		sent.Header.Set(v.name, v.value)
	}
	if t.SSP != nil {
		if sent.URL, err = behind(t.SSP, r.URL); err != nil {
			return nil, err
		}
		sent.Host = ""
	}
	return sent, nil
}

type headerValue struct{ name, value string }

func (t *Transport) values(r *http.Request, headers headerNames) ([]headerValue, error) {
	interaction := t.Interaction
	switch {
	case interaction != "":
	case t.SSP != nil || headers.trace != "":
		interaction = DocumentReferenceContentRead
	default:
		var err error
		if interaction, err = interactionUnderBase(r); err != nil {
			return nil, err
		}
	}
	values := []headerValue{
		{headers.from, t.From.String()}, {headers.to, t.To.String()}, {headers.interaction, string(interaction)},
	}
	if headers.trace != "" {
		values = append(values, headerValue{headers.trace, spine.NewUUID()})
	}
	token, err := t.token(r, interaction)
	if err != nil {
		return nil, err
	}
	return append(values, headerValue{authorization, "Bearer " + token}), nil
}

func (t *Transport) token(r *http.Request, interaction InteractionID) (string, error) {
	if t.Token != nil {
		token, err := t.Token(r)
		if err == nil && token == "" {
			err = &ConfigError{Field: "Transport.Token", Detail: "returned no token"}
		}
		return token, err
	}
	now := t.Time
	if now == nil {
		now = time.Now
	}
	return t.Claims.token(t.From, r, interaction, now())
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

// plainHTTPS refuses a URL whose parts would be lost or sent to the wrong end.
func plainHTTPS(u *url.URL) error {
	switch {
	case u == nil || u.Scheme != "https" || u.Hostname() == "" || u.Opaque != "":
		return &RequestError{Rule: RuleRequest, Detail: "has a URL that is not https with a host"}
	case u.User != nil:
		return &RequestError{Rule: RuleRequest, Detail: "has a URL with user information"}
	case u.RawPath != "" && u.EscapedPath() != u.RawPath:
		return &RequestError{Rule: RuleRequest, Detail: "has a URL whose path cannot be sent as it is written"}
	case u.Fragment != "" || u.RawFragment != "":
		return &RequestError{Rule: RuleRequest, Detail: "has a URL with a fragment"}
	}
	return nil
}

// behind returns the URL of the record as the SSP wants it. Without RawPath the
// encoded slashes would reach the wire as plain ones.
func behind(ssp, record *url.URL) (*url.URL, error) {
	if err := plainHTTPS(ssp); err != nil || ssp.RawQuery != "" || ssp.ForceQuery {
		return nil, &ConfigError{Field: "Transport.SSP", Detail: "is not https with a host and at most a path"}
	}
	u := *ssp
	// QueryEscape leaves no reserved character, and makes of a blank a plus sign,
	// which is no blank in a path.
	target := strings.ReplaceAll(url.QueryEscape(record.String()), "+", "%20")
	u.RawPath = strings.TrimSuffix(ssp.EscapedPath(), "/") + "/" + target
	// A RawPath that is not an encoding of Path would be ignored.
	var err error
	u.Path, err = url.PathUnescape(u.RawPath)
	return &u, err
}
