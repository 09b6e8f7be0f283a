package asid

import (
	"crypto/x509"
	"errors"
	"slices"

	"github.com/nrlsecurity/nrlsecurity/internal/fqdn"
)

// A Claim is what a request says of itself and what was observed about it.
type Claim struct {
	From     ID                // the sender's ASID
	Claimed  InteractionID     // from the header; empty if the request names none
	Observed InteractionID     // from method and path
	Cert     *x509.Certificate // the peer's leaf; that it is a Spine certificate is tlsconfig's to verify
}

// Authorize is the decision itself: no clock, no network, no headers. In this
// order: sys is the system of the sender's ASID; the certificate is its own; the
// claimed interaction, if any, is the observed one; the system is assured for it.
// The error is a [*BindingError] or an [*InteractionError].
//
// A certificate is a system's own if one of the names it speaks for is one of
// the system's FQDNs, without regard to case. One name of several is enough: the
// Spine's CA vouched for each.
func Authorize(sys *System, c Claim) error {
	if sys == nil || c.From.IsZero() || sys.ASID != c.From {
		return &InteractionError{ASID: c.From, Interaction: c.Observed, Err: ErrNotFound}
	}
	if err := bound(sys, c.Cert); err != nil {
		return err
	}
	if c.Claimed != "" && c.Claimed != c.Observed {
		return &InteractionError{ASID: c.From, Interaction: c.Claimed, Err: ErrMismatch}
	}
	if c.Observed == "" || !slices.Contains(sys.Interactions, c.Observed) {
		return &InteractionError{ASID: c.From, Interaction: c.Observed, Err: ErrNotAssociated}
	}
	return nil
}

var errNoCertificate = errors.New("the connection has no client certificate")

// bound checks that the certificate is the system's own.
func bound(sys *System, cert *x509.Certificate) error {
	if cert == nil {
		return &BindingError{ASID: sys.ASID, Err: errNoCertificate}
	}
	names, err := fqdn.FromCertificate(cert)
	if err != nil {
		return &BindingError{ASID: sys.ASID, Err: err}
	}
	for _, name := range names {
		for _, registered := range sys.FQDNs {
			if fqdn.Equal(name, registered) {
				return nil
			}
		}
	}
	return &BindingError{ASID: sys.ASID, FQDNs: names}
}
