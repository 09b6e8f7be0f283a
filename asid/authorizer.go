// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"context"
	"log/slog"
	"net/http"
	"time"
)

// An Authorizer decides which system may perform which interaction. The zero
// value refuses everything. Its fields are not to be changed once it is in use;
// its methods may be called concurrently.
type Authorizer struct {
	Registry Registry   // required
	Self     ID         // this system's own ASID: what toASID must be; required
	Peers    PeerSource // who is at the other end of a request; required
	Protocol Protocol   // of the headers; zero: NRL

	// InteractionOf returns the interaction that method and path amount to; nil:
	// the package's InteractionOf.
	InteractionOf func(*http.Request) (InteractionID, error)
	// RequireInteraction refuses a request without the header InteractionID, for
	// which the NRL's own API does not ask.
	RequireInteraction bool
	// OnlyUpdate refuses DocumentReferencePatch, which else counts as
	// DocumentReferenceUpdate.
	OnlyUpdate bool
	// TestIDs accepts ASIDs of 1 to 12 digits, as [ParseTestID] does.
	TestIDs bool

	Tokens   TokenCheck       // what is checked of the bearer token; zero: TokenAgreement
	Audience string           // what the token's aud must be; empty: it is not compared
	MaxSkew  time.Duration    // by which clocks may differ; zero: 30 s for the NRL's interactions, 300 s for others; negative: none
	Time     func() time.Time // nil: time.Now

	ErrorHandler func(http.ResponseWriter, *http.Request, error) // nil: WriteError
	Logger       *slog.Logger                                    // audit: one record for each request; nil: none
	Audit        *Audit                                          // what is in the records; nil: see [Audit]
}

// Validate returns a [*ConfigError] if a required field is missing or a field
// has a value that it cannot have.
func (a *Authorizer) Validate() error {
	switch {
	case a.Registry == nil:
		return &ConfigError{Field: "Authorizer.Registry", Detail: missing}
	case a.Self.IsZero():
		return &ConfigError{Field: "Authorizer.Self", Detail: missing}
	case a.Peers == nil:
		return &ConfigError{Field: "Authorizer.Peers", Detail: missing}
	case !a.Tokens.valid():
		return &ConfigError{Field: "Authorizer.Tokens", Detail: noSuchValue}
	}
	if _, err := a.Protocol.names(); err != nil {
		return &ConfigError{Field: "Authorizer.Protocol", Detail: noSuchValue}
	}
	return validIntent(a.Audit, a.Logger, "Authorizer")
}

// Authorize looks c.From up, applies the package's [Authorize] and returns the
// system that may act. The error is a [*RequestError], a [*RegistryError] or a
// [*ConfigError].
func (a *Authorizer) Authorize(ctx context.Context, c Access) (*System, error) {
	if a.Registry == nil {
		return nil, &ConfigError{Field: "Authorizer.Registry", Detail: missing}
	}
	sys, err := lookup(ctx, a.Registry, &c)
	if err != nil {
		return nil, err
	}
	if err := c.authorize(sys); err != nil {
		return nil, err
	}
	return sys, nil
}

// Middleware authorises each request before next sees it and stores the
// [Caller] in its context; a body of a GET or HEAD does not go on. In this order
// it checks who the peer is, the headers and the form of the bearer token, the
// interaction that method and path amount to, what [Authorize] checks, and what
// Tokens says of the token. The first failure goes to ErrorHandler and ends the
// request.
//
// A request that asks for another protocol is refused, and next cannot hijack
// the connection: requests on it would not be judged.
//
// An Authorizer that is not valid refuses every request with the [*ConfigError]
// of Validate, which is answered with 500 and logged once.
func (a *Authorizer) Middleware(next http.Handler) http.Handler {
	m := &middleware{policy: a.Audit, logger: a.Logger, now: a.Time, errorHandler: a.ErrorHandler}
	if err := a.Validate(); err != nil {
		return m.refusing(err)
	}
	warnLoose(a.Logger, a.Peers, a.TestIDs)
	by := &reader{
		peers: a.Peers, protocol: a.Protocol, requireInteraction: a.RequireInteraction, testIDs: a.TestIDs, self: a.Self,
	}
	m.judge = func(r *http.Request, in *incoming) (http.Handler, context.Context, error) {
		in.pointer = idOf(r.URL.Path)
		caller, err := a.judge(r, by, in)
		if err != nil {
			return nil, nil, err
		}
		return next, NewContext(r.Context(), caller), nil
	}
	return m
}

func (a *Authorizer) judge(r *http.Request, by *reader, in *incoming) (*Caller, error) {
	if err := in.read(r, by); err != nil {
		return nil, err
	}
	interactionOf := a.InteractionOf
	if interactionOf == nil {
		interactionOf = InteractionOf
	}
	observed, err := interactionOf(r)
	if err != nil {
		return nil, err
	}
	in.observed = observed
	sys, err := a.Authorize(r.Context(), Access{
		From: in.from, Claimed: in.interaction, Observed: observed, Names: in.names,
		Organization: in.token.organization(), OnlyUpdate: a.OnlyUpdate,
	})
	if err != nil {
		return nil, err
	}
	in.bound = sys.bind(&in.names)
	rules := &tokenRules{
		level: a.Tokens.or(TokenAgreement), interaction: observed, method: r.Method, audience: a.Audience,
		now: a.Time, skew: a.MaxSkew, testIDs: a.TestIDs,
	}
	if rules.level == TokenAgreement {
		rules.system = sys
	}
	if err := in.token.check(rules); err != nil {
		return nil, err
	}
	return &Caller{System: sys, Interaction: observed, Binding: in.bound, Token: in.token}, nil
}
