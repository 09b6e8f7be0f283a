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
// value refuses everything. Its fields are not to be changed once it is in use.
type Authorizer struct {
	Registry     Registry                                          // required
	Self         ID                                                // this system's own ASID: what toASID must be; required
	Headers      Headers                                           // zero: the NRL's
	Interaction  func(*http.Request) (InteractionID, error)        // from method and path; nil: Interaction
	Connection   func(*http.Request) (*tls.ConnectionState, error) // nil: r.TLS; for servers behind a proxy that terminates TLS
	ErrorHandler func(http.ResponseWriter, *http.Request, error)   // nil: WriteError
	Logger       *slog.Logger                                      // audit: one record per decision; nil: none
	Time         func() time.Time                                  // nil: time.Now
}

// Authorize looks c.From up and applies the package's Authorize. The error is
// that of [Authorize], a [*RegistryError] or a [*ConfigError].
func (a *Authorizer) Authorize(ctx context.Context, c Claim) (*Caller, error) {
	sys, err := a.decide(ctx, c)
	if err != nil {
		return nil, err
	}
	return &Caller{System: sys, Interaction: c.Observed}, nil
}

func (a *Authorizer) decide(ctx context.Context, c Claim) (*System, error) {
	if a.Registry == nil {
		return nil, &ConfigError{Field: "Authorizer.Registry", Detail: missing}
	}
	sys, err := a.Registry.Lookup(ctx, c.From)
	if errors.Is(err, ErrNotFound) {
		return nil, &InteractionError{ASID: c.From, Interaction: c.Observed, Err: ErrNotFound}
	}
	if err != nil {
		return nil, &RegistryError{ASID: c.From, Detail: "the look-up failed", Err: err}
	}
	if sys == nil {
		return nil, &RegistryError{ASID: c.From, Detail: "the look-up gave neither a system nor an error"}
	}
	if err := Authorize(sys, c); err != nil {
		return nil, err
	}
	return sys, nil
}
