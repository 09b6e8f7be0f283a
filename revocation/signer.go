// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"bytes"
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"slices"
	"sync"
	"time"
)

const (
	// maxSigners bounds the keys that one CRL is tried with in one search.
	maxSigners = 8

	// maxSignerDepth bounds how many CRL issuers may in turn need a CRL by
	// another.
	maxSignerDepth = 4
)

// verifiedKeys remembers which keys were tried on a CRL's signature. The CRL
// and the key are all that the outcome rests on, so it holds as long as the CRL
// is kept.
type verifiedKeys struct {
	mu    sync.Mutex
	tried []triedKey
}

type triedKey struct {
	certs []*x509.Certificate // of that key, as far as they came up
	valid bool
}

// verifiedBy says whether the CRL's signature verifies with the certificate's
// key.
func (c *crl) verifiedBy(cert *x509.Certificate) bool {
	c.keys.mu.Lock()
	defer c.keys.mu.Unlock()
	for i := range c.keys.tried {
		tried := &c.keys.tried[i]
		if bytes.Equal(tried.certs[0].RawSubjectPublicKeyInfo, cert.RawSubjectPublicKeyInfo) {
			if tried.valid && len(tried.certs) < maxSigners && !contains(tried.certs, cert) {
				tried.certs = append(tried.certs, cert)
			}
			return tried.valid
		}
	}
	valid := c.algorithm.verify(cert.PublicKey, c.algorithm.hash, c.digest, c.signature) == nil
	if len(c.keys.tried) == maxSigners {
		c.keys.tried = slices.Delete(c.keys.tried, 0, 1)
	}
	c.keys.tried = append(c.keys.tried, triedKey{certs: []*x509.Certificate{cert}, valid: valid})
	return valid
}

// revokesSigner says whether c lists every certificate that is known of a key that
// newer is signed with, and is not signed with that key itself.
func (c *crl) revokesSigner(newer *crl) bool {
	return slices.ContainsFunc(newer.signers(), func(certs []*x509.Certificate) bool {
		return !c.verifiedBy(certs[0]) && !slices.ContainsFunc(certs, func(cert *x509.Certificate) bool {
			signer, err := newSubject(cert)
			if err != nil {
				return false
			}
			w, listed := c.lookUp(signer)
			return !listed || w.reason() == ReasonRemoveFromCRL
		})
	})
}

// signers returns the certificates of each key that is known to verify the CRL.
func (c *crl) signers() (certs [][]*x509.Certificate) {
	c.keys.mu.Lock()
	defer c.keys.mu.Unlock()
	for _, tried := range c.keys.tried {
		if tried.valid {
			certs = append(certs, tried.certs)
		}
	}
	return certs
}

// verified says whether the CRL's signature is known to verify with a key that
// may have signed it.
func (c *crl) verified() bool { return len(c.signers()) > 0 }

// sharesKey says whether another CRL verifies with a key that is known to verify c.
func (c *crl) sharesKey(other *crl) bool {
	return slices.ContainsFunc(c.signers(), func(certs []*x509.Certificate) bool { return other.verifiedBy(certs[0]) })
}

// maySign says whether the certificate is one of the CRL's issuer and lets its
// key sign CRLs (RFC 5280 section 6.3.3 (f)). A CA may lack keyUsage, as old ones
// do; what is not a CA needs cRLSign in so many words.
func maySign(cert *x509.Certificate, c *crl) bool {
	if name, ok := normalName(cert.RawSubject); !ok || name != c.issuer {
		return false
	}
	if cert.KeyUsage&x509.KeyUsageCRLSign != 0 {
		return true
	}
	ca := cert.BasicConstraintsValid && cert.IsCA
	return ca && !slices.ContainsFunc(cert.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(idKeyUsage) })
}

var idKeyUsage = asn1.ObjectIdentifier{2, 5, 29, 15}

// candidates returns the certificates whose key may have signed the CRL, those
// of the path first, and among each those with the key identifier that the CRL
// names. Which one did, only the signature tells.
func (s *CRLs) candidates(c *crl, path []*x509.Certificate) []*x509.Certificate {
	var found []*x509.Certificate
	for _, certs := range [][]*x509.Certificate{path, s.Issuers} {
		start := len(found)
		for _, cert := range certs {
			if maySign(cert, c) && !contains(found, cert) {
				found = append(found, cert)
			}
		}
		slices.SortStableFunc(found[start:], func(a, b *x509.Certificate) int {
			named := func(cert *x509.Certificate) int {
				if len(c.keyID) > 0 && bytes.Equal(cert.SubjectKeyId, c.keyID) {
					return 0
				}
				return 1
			}
			return named(a) - named(b)
		})
	}
	return found[:min(len(found), maxSigners)]
}

func contains(certs []*x509.Certificate, cert *x509.Certificate) bool {
	return slices.ContainsFunc(certs, cert.Equal)
}

// signer returns the certificate whose key signed the CRL: one of the path, or
// one of Issuers that is vouched for.
func (s *search) signer(ctx context.Context, c *crl, path []*x509.Certificate) (*x509.Certificate, error) {
	var errs []error
	candidates := s.source.candidates(c, path)
	for _, cert := range candidates {
		if !c.verifiedBy(cert) {
			continue
		}
		err := s.vouch(ctx, cert, path)
		if err == nil {
			return cert, nil
		}
		errs = append(errs, err)
	}
	detail := "it does not verify with a key of its issuer"
	switch {
	case len(errs) > 0:
		detail = "its signer is not vouched for: " + errors.Join(errs...).Error()
	case len(candidates) == 0:
		detail = "no certificate at hand is its issuer's and allows CRLs to be signed"
	}
	return nil, &CRLError{Source: c.source, Err: ErrSignature, Detail: detail}
}

// signed says whether the CRL verifies with a key that may have signed it,
// whether or not that key's certificate is valid now.
func (s *CRLs) signed(c *crl, path []*x509.Certificate) error {
	candidates := s.candidates(c, path)
	if first := slices.IndexFunc(candidates, c.verifiedBy); first >= 0 {
		for _, other := range candidates[first+1:] {
			if bytes.Equal(other.RawSubjectPublicKeyInfo, candidates[first].RawSubjectPublicKeyInfo) {
				c.verifiedBy(other) // one certificate of a key may be revoked and another not
			}
		}
		return nil
	}
	return &CRLError{Source: c.source, Err: ErrSignature, Detail: "it does not verify with a key of its issuer"}
}

// vouch returns nil for a certificate of the path, which the caller has
// verified, and whose own revocation the caller asks about as far as his policy
// goes. Any other needs a path of its own to the same trust anchor, on which
// nothing is revoked (RFC 5280 section 6.3.3 (f)).
//
// A certificate that is being asked about counts as valid meanwhile, so that a
// CRL may vouch for its own signer, as it does where a CRL issuer's certificate
// names that issuer's CRL. A CRL that lists its own signer still proves nothing.
func (s *search) vouch(ctx context.Context, cert *x509.Certificate, path []*x509.Certificate) error {
	if contains(path, cert) || contains(s.examined, cert) {
		return nil
	}
	if len(s.examined) > maxSignerDepth {
		return errors.New("too many CRL issuers depend on one another")
	}
	chains, err := s.source.chains(cert, path, s.at)
	s.restsOnValidity(path)
	s.restsOnValidity(s.source.Issuers)
	if err != nil {
		return err
	}
	var errs []error
	for _, chain := range chains[:min(len(chains), maxSigners)] {
		err := s.vouchForChain(ctx, chain, path)
		if err == nil {
			return nil
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// vouchForChain asks about each certificate of a CRL issuer's chain that is not
// on the path, from the trust anchor down.
func (s *search) vouchForChain(ctx context.Context, chain, path []*x509.Certificate) error {
	for i := len(chain) - 2; i >= 0; i-- {
		if contains(path, chain[i]) || contains(s.examined, chain[i]) {
			continue
		}
		answer, err := s.status(ctx, chain[i:])
		if err != nil {
			return err
		}
		if answer.Status != Good {
			return answer.Revocation
		}
	}
	return nil
}

// chains returns the ways from a CRL issuer's certificate to the trust anchor of
// the path.
func (s *CRLs) chains(cert *x509.Certificate, path []*x509.Certificate, at time.Time) ([][]*x509.Certificate, error) {
	anchor := len(path) - 1
	roots, intermediates := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(path[anchor])
	for _, certs := range [][]*x509.Certificate{path[1:anchor], s.Issuers} {
		for _, cert := range certs {
			intermediates.AddCert(cert)
		}
	}
	return cert.Verify(x509.VerifyOptions{
		Roots:         roots,
		Intermediates: intermediates,
		CurrentTime:   at,
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
}
