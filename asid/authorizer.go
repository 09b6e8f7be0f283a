// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net/http"
	"time"
)

// An Authorizer decides which system may perform which interaction. The zero
// value refuses everything. Its fields are not to be changed once it is in use;
// its methods may be called concurrently.
type Authorizer struct {
	Registry           Registry                                          // required
	Self               ID                                                // this system's own ASID: what toASID must be; required
	Protocol           Protocol                                          // of the headers; zero: NRL
	InteractionOf      func(*http.Request) (InteractionID, error)        // from method and path; nil: the package's InteractionOf
	RequireInteraction bool                                              // refuse a request without the header InteractionID; the NRL's own API does not ask for it
	TestIDs            bool                                              // accept ASIDs of 1 to 12 digits, as [ParseTestID] does, in the headers
	Connection         func(*http.Request) (*tls.ConnectionState, error) // nil: r.TLS; see below

	Audience       string        // what the token's aud must be; empty: it is not compared
	MaxSkew        time.Duration // by which the sender's clock may differ from ours; zero: not at all
	OnlyUpdate     bool          // refuse DocumentReferencePatch, which else counts as DocumentReferenceUpdate
	AllowAnyClaims bool          // check only that the token is well formed, not that it agrees with the request

	ErrorHandler func(http.ResponseWriter, *http.Request, error) // nil: WriteError
	Logger       *slog.Logger                                    // audit: one record per decision; nil: none
	Time         func() time.Time                                // nil: time.Now
}

// Authorize looks c.From up, applies the package's [Authorize] and returns the
// system that may act. The error is a [*BindingError], an [*InteractionError], a
// [*RegistryError] or a [*ConfigError].
func (a *Authorizer) Authorize(ctx context.Context, c Access) (*System, error) {
	if a.Registry == nil {
		return nil, &ConfigError{Field: "Authorizer.Registry", Detail: missing}
	}
	sys, err := lookup(ctx, a.Registry, &c)
	if err != nil {
		if errors.Is(err, ErrNotFound) {
			return nil, &InteractionError{ASID: c.From, Interaction: c.Observed, Err: ErrNotFound}
		}
		return nil, &RegistryError{ASID: c.From, Detail: "the look-up failed", Err: err}
	}
	if sys == nil || sys.ASID != c.From {
		return nil, &RegistryError{ASID: c.From, Detail: "the look-up gave no system, or another's"}
	}
	if err := c.authorize(sys); err != nil {
		return nil, err
	}
	return sys, nil
}

// Middleware authorises each request before next sees it and stores the
// [Caller] in its context. In this order it checks the connection, the headers
// and the form of the bearer token, the interaction that method and path amount
// to, what [Authorize] checks, and whether the token agrees with the rest. The
// first failure goes to ErrorHandler and ends the request.
//
// An Authorizer that lacks a required field refuses every request with a
// [*ConfigError], which is answered with 500.
//
// A server behind a proxy that terminates TLS sets Connection. It returns the
// state of the connection between client and proxy, with the client's verified
// leaf first in PeerCertificates, as the proxy reports it; it must make sure that
// it was the proxy that reported it. An error refuses the request.
func (a *Authorizer) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var d decision
		caller, err := a.judge(r, &d)
		d.log(a.Logger, r, err)
		if err != nil {
			refuse(a.ErrorHandler, w, r, err)
			return
		}
		next.ServeHTTP(w, r.WithContext(NewContext(r.Context(), caller)))
	})
}

func (a *Authorizer) judge(r *http.Request, d *decision) (*Caller, error) {
	if a.Registry == nil {
		return nil, &ConfigError{Field: "Authorizer.Registry", Detail: missing}
	}
	if a.Self.IsZero() {
		return nil, &ConfigError{Field: "Authorizer.Self", Detail: missing}
	}
	headers, err := a.Protocol.names()
	if err != nil {
		return nil, err
	}
	headers.requireInteraction = headers.requireInteraction || a.RequireInteraction
	if d.names, err = peer(r, a.Connection); err != nil {
		return nil, err
	}
	if d.claimed, err = headers.read(r.Header, idParser(a.TestIDs)); err != nil {
		return nil, err
	}
	if d.to != a.Self {
		return nil, &HeaderError{Header: headers.to, Detail: "is not the ASID of this system"}
	}
	interactionOf := a.InteractionOf
	if interactionOf == nil {
		interactionOf = InteractionOf
	}
	observed, err := interactionOf(r)
	if err != nil {
		return nil, err
	}
	d.observed = observed
	access := Access{From: d.from, Claimed: d.interaction, Observed: observed, Names: d.names, Organization: d.token.organization(), OnlyUpdate: a.OnlyUpdate}
	sys, err := a.Authorize(r.Context(), access)
	if err != nil {
		return nil, err
	}
	d.bound = sys.bind(&d.names)
	caller := &Caller{System: sys, Interaction: observed, Binding: d.bound, Token: d.token}
	if a.AllowAnyClaims {
		return caller, nil
	}
	now := a.Time
	if now == nil {
		now = time.Now
	}
	return caller, d.token.check(agreement{
		caller: caller, method: r.Method, audience: a.Audience, now: now(), skew: a.MaxSkew,
	})
}

func refuse(handler func(http.ResponseWriter, *http.Request, error), w http.ResponseWriter, r *http.Request, err error) {
	if handler == nil {
		handler = WriteError
	}
	handler(w, r, err)
}
