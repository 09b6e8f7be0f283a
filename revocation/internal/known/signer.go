// SPDX-License-Identifier: Apache-2.0

package known

import (
	"crypto/x509"
	"slices"
	"time"
)

// maxChains bounds the chains of one CRL issuer that are looked at.
const maxChains = 8

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
