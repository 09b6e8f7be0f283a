// SPDX-License-Identifier: Apache-2.0

package known

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/crl"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/der"
)

const (
	// maxChains bounds the chains of one CRL issuer that are looked at.
	maxChains = 8

	// maxSignerDepth bounds how many CRL issuers may in turn need a CRL by
	// another.
	maxSignerDepth = 4
)

// signers returns the certificates whose key may have signed a list: those of
// the path and Issuers.
func (d *decision) signers(path []*x509.Certificate) []*x509.Certificate {
	found := slices.Clone(path)
	for _, cert := range d.issuers {
		if !contains(found, cert) {
			found = append(found, cert)
		}
	}
	return found
}

func contains(certs []*x509.Certificate, cert *x509.Certificate) bool {
	return slices.ContainsFunc(certs, cert.Equal)
}

// maySpeak returns the certificates by which the key of a series may sign its
// lists for the path (RFC 5280 section 6.3.3 (f)): with the name of the issuer,
// cRLSign, and a chain to the path's own anchor, now or when the list was signed.
func (d *decision) maySpeak(l *List, path []*x509.Certificate) (certs []*x509.Certificate) {
	for _, cert := range d.signers(path) {
		if KeyOf(cert) != l.Key || !l.MaySign(cert) {
			continue
		}
		if contains(path, cert) || len(d.chains(cert, path, d.at)) > 0 || len(d.chains(cert, path, l.ThisUpdate())) > 0 {
			certs = append(certs, cert)
		}
	}
	return certs
}

// chains returns the ways from a CRL issuer's certificate to the trust anchor of
// the path.
func (d *decision) chains(cert *x509.Certificate, path []*x509.Certificate, at time.Time) [][]*x509.Certificate {
	anchor := len(path) - 1
	roots, intermediates := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(path[anchor])
	for _, certs := range [][]*x509.Certificate{path[1:anchor], d.issuers} {
		for _, other := range certs {
			intermediates.AddCert(other)
		}
	}
	d.window.valid(d.at, path)
	d.window.valid(d.at, d.issuers)
	chains, err := cert.Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: intermediates, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if err != nil {
		return nil
	}
	return chains[:min(len(chains), maxChains)]
}

// mayClear returns nil if a list of the series clears a certificate: its key is
// the one that issued the certificate, that of a self-issued certificate of the
// path or that of one of Issuers, is not tainted, and its certificate is not
// revoked.
func (d *decision) mayClear(s *series, speakers, path []*x509.Certificate) error {
	if d.tainted(s.key, path) {
		return errors.New("its signer's key is revoked")
	}
	var errs []error
	for _, cert := range speakers {
		switch {
		case s.key == KeyOf(path[1]) && contains(path, cert), contains(path[1:], cert) && bytes.Equal(cert.RawSubject, cert.RawIssuer):
			return nil
		case !contains(d.issuers, cert):
			errs = append(errs, errors.New("its signer did not issue the certificate and is not one of Issuers"))
			continue
		}
		err := d.unrevoked(cert, path)
		if err == nil {
			return nil
		}
		errs = append(errs, err)
	}
	return errors.Join(append(errs, errNoneMayClear)...)
}

var errNoneMayClear = errors.New("no certificate of its key may clear")

// unrevoked returns nil for a certificate of the path, whose own revocation the
// caller asks about as far as its policy goes. Any other has to be good itself,
// and so has each certificate of its chain.
//
// A certificate that is being asked about counts as good meanwhile, so that a CRL
// may clear its own signer, as it does where a CRL issuer's certificate names
// that issuer's CRL. A CRL that lists its own signer still proves nothing.
func (d *decision) unrevoked(cert *x509.Certificate, path []*x509.Certificate) error {
	if contains(path, cert) || contains(d.examined, cert) {
		return nil
	}
	if len(d.examined) > maxSignerDepth {
		return errors.New("too many CRL issuers depend on one another")
	}
	chains := d.chains(cert, path, d.at)
	if len(chains) == 0 {
		return errors.New("its signer has no valid chain to the root of the certificate")
	}
	var errs []error
	for _, chain := range chains {
		err := d.unrevokedChain(chain, path)
		if err == nil {
			return nil
		}
		errs = append(errs, err)
	}
	return errors.Join(append(errs, errNoneMayClear)...)
}

// unrevokedChain asks about each certificate of a CRL issuer's chain that is not on
// the path, from the trust anchor down.
func (d *decision) unrevokedChain(chain, path []*x509.Certificate) error {
	for i := len(chain) - 2; i >= 0; i-- {
		if contains(path, chain[i]) || contains(d.examined, chain[i]) {
			continue
		}
		v, err := d.status(chain[i:])
		switch {
		case err != nil:
			return err
		case v.Status == StatusRevoked:
			return fmt.Errorf("certificate %x was revoked at %s (%s) according to %s", chain[i].SerialNumber,
				v.Entry.Time.UTC().Format(time.RFC3339), v.Entry.Reason, v.List.Source())
		case v.Status != StatusGood:
			return errors.Join(append([]error{fmt.Errorf("nothing says that certificate %x is not revoked", chain[i].SerialNumber)}, v.Errs...)...)
		}
	}
	return nil
}

// A KeyStatus says whether a key is to be trusted, and what that depends on.
type KeyStatus struct {
	Tainted      bool
	Read         []*crl.Subject // the key's certificates
	Verified     []*List        // that the path verified first
	Dependencies Dependencies
	Window       Window
}

// IssuerKey says whether the key of path[1] is to be trusted: it is tainted if a list
// signed with another key lists a certificate of it, of the path or of issuers, for a
// reason that says so. Lists whose signer was not known are tried first.
func (s *Lists) IssuerKey(path, issuers []*x509.Certificate, at, horizon time.Time) *KeyStatus {
	d, verified := s.decision(path, issuers, at, horizon)
	tainted := d.tainted(KeyOf(path[1]), path)
	return &KeyStatus{Tainted: tainted, Read: d.subjects, Verified: verified, Dependencies: d.dependencies, Window: d.window}
}

// tainted reports whether a list signed with another key lists a certificate of
// the key for a reason that says that the key is not to be trusted. It is asked
// without the rules by which one series removes what another says.
func (d *decision) tainted(key Key, path []*x509.Certificate) bool {
	if tainted, known := d.taint[key]; known {
		return tainted
	}
	d.taint[key] = false // while it is being found out
	tainted := slices.ContainsFunc(d.signers(path), func(cert *x509.Certificate) bool {
		return KeyOf(cert) == key && d.accused(cert, key, path)
	})
	d.taint[key] = tainted
	return tainted
}

// accused reports whether a list of another key than the certificate's says that
// its key is not to be trusted.
func (d *decision) accused(cert *x509.Certificate, key Key, path []*x509.Certificate) bool {
	subject, err := d.subject(cert)
	if err != nil {
		return false
	}
	for _, s := range d.about(subject, path) {
		if s.key == key {
			continue
		}
		revoked, _ := d.consult(s, subject)
		if slices.ContainsFunc(revoked, func(st statement) bool { return distrusts(st.entry) }) {
			return true
		}
	}
	return false
}

func distrusts(e crl.Entry) bool { return Distrusts(e.Reason) }

// Distrusts reports whether a revocation for a reason says that the certificate's
// key is not to be trusted.
func Distrusts(reason der.Reason) bool {
	switch reason {
	case der.ReasonKeyCompromise, der.ReasonCACompromise, der.ReasonAACompromise, der.ReasonUnspecified:
		return true
	}
	return false
}
