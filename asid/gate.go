// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net/http"
)

// A Gate is a provider's check of what the Spine Secure Proxy (SSP) forwards.
// The zero value refuses everything. Its fields are not to be changed once it is
// in use.
//
// That the peer is the SSP is proved by its certificate in the handshake:
// tlsconfig.Verifier.FQDNs names the SSP's host. What the SSP's headers say of
// the sender is for audit; the SSP has checked it, and nothing is to be decided
// by it here.
type Gate struct {
	Self         ID                                                // what Ssp-To must be; required
	Interaction  InteractionID                                     // of the endpoint; empty: DocumentReferenceContentRead
	TestIDs      bool                                              // accept ASIDs of 1 to 12 digits, as [ParseTestID] does, in the headers
	Connection   func(*http.Request) (*tls.ConnectionState, error) // nil: r.TLS; as for an Authorizer
	ErrorHandler func(http.ResponseWriter, *http.Request, error)   // nil: WriteError
	Logger       *slog.Logger                                      // audit: one record per decision; nil: none
}

// Middleware lets a request pass whose connection, headers, interaction and
// bearer token are right: TLS 1.2 with one of the guidance's suites and a client
// certificate; each Ssp header and Authorization exactly once and well formed;
// Ssp-To is Self; Ssp-InteractionID is Interaction; and, for the retrieval of a
// record, the method GET or HEAD. next finds what the headers say in its context
// by [ForwardedFrom].
//
// Whatever next or ErrorHandler sets, every answer carries Cache-Control:
// no-store. So that none can go round that, the connection cannot be hijacked.
// One request never comes here: net/http answers OPTIONS * by itself unless
// http.Server.DisableGeneralOptionsHandler is set.
//
// A Gate without Self refuses every request with a [*ConfigError], which is
// answered with 500.
func (g *Gate) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := &unstored{ResponseWriter: w}
		// A handler that writes nothing leaves the header to the server.
		defer answer.mark()
		var d decision
		err := g.judge(r, &d)
		d.log(g.Logger, r, err)
		if err != nil {
			refuse(g.ErrorHandler, answer, r, err)
			return
		}
		next.ServeHTTP(answer, r.WithContext(context.WithValue(r.Context(), forwardedKey{}, &Forwarded{
			From: d.from, To: d.to, Interaction: d.interaction, TraceID: d.trace, Token: d.token,
		})))
	})
}

func (g *Gate) judge(r *http.Request, d *decision) error {
	if g.Self.IsZero() {
		return &ConfigError{Field: "Gate.Self", Detail: missing}
	}
	headers, err := SSP.names()
	if err != nil {
		return err
	}
	if d.names, err = peer(r, g.Connection); err != nil {
		return err
	}
	if d.claimed, err = headers.read(r.Header, idParser(g.TestIDs)); err != nil {
		return err
	}
	if d.to != g.Self {
		return &HeaderError{Header: headers.to, Detail: "is not the ASID of this system"}
	}
	want := g.Interaction
	if want == "" {
		want = DocumentReferenceContentRead
	}
	if d.interaction != want {
		return &InteractionError{ASID: d.from, Interaction: d.interaction, Err: ErrMismatch}
	}
	if want == DocumentReferenceContentRead && r.Method != http.MethodGet && r.Method != http.MethodHead {
		return &RequestError{Detail: "has a method that does not retrieve a record"}
	}
	d.observed = want
	return nil
}

// Forwarded is what the SSP's headers say of a request. It is for audit.
type Forwarded struct {
	From        ID // the consumer's system
	To          ID // this provider's
	Interaction InteractionID
	TraceID     string
	Token       *Token
}

type forwardedKey struct{}

// ForwardedFrom returns what the SSP's headers say of the request that ctx
// belongs to, if a [Gate] let it pass.
func ForwardedFrom(ctx context.Context) (*Forwarded, bool) {
	f, _ := ctx.Value(forwardedKey{}).(*Forwarded)
	return f, f != nil
}
