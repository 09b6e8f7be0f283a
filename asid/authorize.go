// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"crypto/x509"
	"errors"
	"slices"
	"strings"

	"github.com/nrlsecurity/nrlsecurity/internal/fqdn"
)

// Names are the FQDNs that one certificate speaks for. The zero Names are none.
type Names struct{ fqdns []string }

// NamesOf returns the names of a peer's leaf: its dNSNames, or its only common
// name if it has no subjectAltName extension at all. That it is a Spine
// certificate is tlsconfig's to verify. The error is a [*BindingError].
func NamesOf(cert *x509.Certificate) (Names, error) {
	if cert == nil {
		return Names{}, &BindingError{Err: errNoCertificate}
	}
	fqdns, err := fqdn.FromCertificate(cert)
	if err != nil {
		return Names{}, &BindingError{Err: err}
	}
	return Names{fqdns}, nil
}

var errNoCertificate = errors.New("the connection has no client certificate")

// String returns the names, joined by commas.
func (n Names) String() string { return strings.Join(n.fqdns, ",") }

// An Access is what a request says of itself and what was observed about it.
type Access struct {
	From     ID            // the sender's ASID
	Claimed  InteractionID // from the header; empty if the request names none
	Observed InteractionID // from method and path
	Names    Names         // of the peer's certificate
}

// Authorize is the decision itself: no clock, no network, no headers. In this
// order: sys is the system of the sender's ASID; the certificate is its own; the
// claimed interaction, if any, is the observed one; the system is assured for it.
// The error is a [*BindingError] or an [*InteractionError].
//
// A certificate is a system's own if one of the names it speaks for is one of
// the system's FQDNs, without regard to case. One name of several is enough: the
// Spine's CA vouched for each.
func Authorize(sys *System, c Access) error { return c.authorize(sys) }

func (c *Access) authorize(sys *System) error {
	if sys == nil || c.From.IsZero() || sys.ASID != c.From {
		return &InteractionError{ASID: c.From, Interaction: c.Observed, Err: ErrNotFound}
	}
	if !sys.owns(c.Names.fqdns) {
		return &BindingError{ASID: c.From, FQDNs: slices.Clone(c.Names.fqdns)}
	}
	if c.Claimed != "" && c.Claimed != c.Observed {
		return &InteractionError{ASID: c.From, Interaction: c.Claimed, Err: ErrMismatch}
	}
	if c.Observed == "" || !sys.assured(c.Observed) {
		return &InteractionError{ASID: c.From, Interaction: c.Observed, Err: ErrNotAssociated}
	}
	return nil
}

// owns reports whether a certificate of these names is the system's.
func (s *System) owns(names []string) bool {
	for _, name := range names {
		for _, registered := range s.FQDNs {
			// Registries that were checked when made have them in lower case too.
			if name == registered || fqdn.Equal(name, registered) {
				return true
			}
		}
	}
	return false
}

// assured reports whether the system may perform the interaction.
func (s *System) assured(id InteractionID) bool {
	// A copy of a System keeps the index, whatever became of its Interactions.
	if i, found := s.index[id]; found && i < len(s.Interactions) && s.Interactions[i] == id {
		return true
	}
	return slices.Contains(s.Interactions, id)
}
