// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"context"
	"log/slog"
	"net/http"
	"time"
)

// A Gate is a provider's check of what the Spine Secure Proxy (SSP) forwards.
// The zero value refuses everything. Its fields are not to be changed once it is
// in use.
//
// That the peer is the SSP is for Peers to verify: tlsconfig.Verifier.FQDNs names
// the SSP's host. What the SSP's headers say of the sender is for audit; the SSP
// has checked it, and nothing is to be decided by it here.
type Gate struct {
	Self        ID            // what Ssp-To must be; required
	Peers       PeerSource    // who is at the other end of a request; required
	Interaction InteractionID // of Middleware's handler; empty: DocumentReferenceContentRead
	TestIDs     bool          // accept ASIDs of 1 to 12 digits, as [ParseTestID] does

	Tokens   TokenCheck       // what is checked of the bearer token; zero: TokenForm
	Registry Registry         // required by TokenAgreement: knows the sender's organisations
	Audience string           // what the token's aud must be; empty: it is not compared
	MaxSkew  time.Duration    // by which clocks may differ; zero: 30 s for the NRL's interactions, 300 s for others; negative: none
	Time     func() time.Time // nil: time.Now

	ErrorHandler func(http.ResponseWriter, *http.Request, error) // nil: WriteError
	Logger       *slog.Logger                                    // audit: one record for each request; nil: none
	Audit        *Audit                                          // what is in the records; nil: see [Audit]
}

// Validate returns a [*ConfigError] if a required field is missing or a field
// has a value that it cannot have.
func (g *Gate) Validate() error {
	switch {
	case g.Self.IsZero():
		return &ConfigError{Field: "Gate.Self", Detail: missing}
	case g.Peers == nil:
		return &ConfigError{Field: "Gate.Peers", Detail: missing}
	case !g.Tokens.valid():
		return &ConfigError{Field: "Gate.Tokens", Detail: noSuchValue}
	case g.Tokens == TokenAgreement && g.Registry == nil:
		return &ConfigError{Field: "Gate.Registry", Detail: missing}
	}
	if g.Interaction != "" {
		if err := validInteraction("Gate.Interaction", g.Interaction); err != nil {
			return err
		}
	}
	return validIntent(g.Audit, g.Logger, "Gate")
}

// Middleware lets a request pass whose peer, headers, interaction and bearer
// token are right: Peers has verified the peer; each Ssp header and Authorization
// is there exactly once and well formed; Ssp-To is Self; Ssp-InteractionID is
// Interaction; for the retrieval of a record, the method is GET or HEAD; and the
// token is what Tokens asks for. next finds what the headers say in its context
// by [ForwardedFrom], and no body of a GET or HEAD.
//
// Whatever next or ErrorHandler sets, every answer carries Cache-Control:
// no-store. So that none can go round that, the connection cannot be hijacked.
// Some requests never come here: net/http answers OPTIONS * by itself unless
// http.Server.DisableGeneralOptionsHandler is set, and refuses malformed ones and an
// Expect other than 100-continue.
//
// A Gate that is not valid refuses every request with the [*ConfigError] of
// Validate, which is answered with 500 and logged once.
func (g *Gate) Middleware(next http.Handler) http.Handler {
	interaction := g.Interaction
	if interaction == "" {
		interaction = DocumentReferenceContentRead
	}
	return g.handler(func(*http.Request) (InteractionID, http.Handler, error) { return interaction, next, nil })
}

// handler answers with what find returns for a request, and only for requests of
// that interaction.
func (g *Gate) handler(find func(*http.Request) (InteractionID, http.Handler, error)) http.Handler {
	m := &middleware{policy: g.Audit, logger: g.Logger, now: g.Time, errorHandler: g.ErrorHandler, noStore: true}
	if err := g.Validate(); err != nil {
		return m.refusing(err)
	}
	warnLoose(g.Logger, g.Peers, g.TestIDs)
	by := &reader{peers: g.Peers, protocol: SSP, testIDs: g.TestIDs, self: g.Self}
	m.judge = func(r *http.Request, in *incoming) (http.Handler, context.Context, error) {
		next, err := g.judge(r, by, in, find)
		if err != nil {
			return nil, nil, err
		}
		return next, context.WithValue(r.Context(), forwardedKey{}, &Forwarded{
			From: in.from, To: in.to, Interaction: in.interaction, TraceID: in.trace, Token: in.token,
		}), nil
	}
	return m
}

func (g *Gate) judge(r *http.Request, by *reader, in *incoming, find func(*http.Request) (InteractionID, http.Handler, error)) (http.Handler, error) {
	if err := in.read(r, by); err != nil {
		return nil, err
	}
	want, next, err := find(r)
	if err != nil {
		return nil, err
	}
	if in.interaction != want {
		return nil, &RequestError{Rule: RuleHeader, ASID: in.from, Interaction: in.interaction, Err: ErrMismatch}
	}
	if want == DocumentReferenceContentRead && r.Method != http.MethodGet && r.Method != http.MethodHead {
		return nil, &RequestError{Rule: RuleRequest, Detail: "has a method that does not retrieve a record"}
	}
	in.observed = want
	rules := &tokenRules{
		level: g.Tokens.or(TokenForm), interaction: want, method: r.Method, audience: g.Audience,
		now: g.Time, skew: g.MaxSkew, testIDs: g.TestIDs,
	}
	if rules.level == TokenAgreement {
		if rules.system, err = lookup(r.Context(), g.Registry, &Access{From: in.from, Observed: want, Organization: in.token.organization()}); err != nil {
			return nil, err
		}
	}
	return next, in.token.check(rules)
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
