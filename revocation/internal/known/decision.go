// SPDX-License-Identifier: Apache-2.0

package known

import (
	"crypto/x509"
	"slices"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/crl"
)

// A Status is what a decision says of a certificate.
type Status int

// The states of a certificate.
const (
	StatusUndecided Status = iota
	StatusGood
	StatusRevoked
)

// A decision is one under way.
type decision struct {
	set          *Lists
	issuers      []*x509.Certificate
	at           time.Time
	dependencies Dependencies
	window       Window
	examined     []*x509.Certificate // that are being asked about, one for the sake of the other
	taint        map[Key]bool
	subjects     []*crl.Subject // all that were read
	asked        []*crl.Subject // whose status was asked about
	behind       bool
}

// decision begins a decision by trying the lists whose signer was not known.
func (s *Lists) decision(path, issuers []*x509.Certificate, at, horizon time.Time) (d *decision, verified []*List) {
	d = &decision{set: s, issuers: issuers, at: at, taint: map[Key]bool{}}
	d.dependencies.add(&s.offered, s.offered.Load())
	return d, s.Try(slices.Concat(path, issuers), horizon)
}

// subject reads a certificate once.
func (d *decision) subject(cert *x509.Certificate) (*crl.Subject, error) {
	for _, s := range d.subjects {
		if s.Cert.Equal(cert) {
			return s, nil
		}
	}
	s, err := crl.NewSubject(cert)
	if err == nil {
		d.subjects = append(d.subjects, s)
	}
	return s, err
}
