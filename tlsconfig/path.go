// SPDX-License-Identifier: Apache-2.0

package tlsconfig

import (
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"time"
)

// A path leads from a pinned SubCA to the pinned root that issued it.
type path struct {
	subCA, root *x509.Certificate
	// The same two for x509's Verify.
	intermediates, anchors *x509.CertPool
	// constrained: one of the two has a nameConstraints extension.
	constrained bool
}

func newPath(subCA, root *x509.Certificate) *path {
	p := &path{
		subCA: subCA, root: root,
		intermediates: x509.NewCertPool(), anchors: x509.NewCertPool(),
		constrained: hasNameConstraints(subCA) || hasNameConstraints(root),
	}
	p.intermediates.AddCert(subCA)
	p.anchors.AddCert(root)
	return p
}

func (p *path) checkValidity(now time.Time) *PeerError {
	if err := checkValidity(p.subCA, now); err != nil {
		return err
	}
	return checkValidity(p.root, now)
}

// chain returns leaf, SubCA and root in a fresh slice.
func (p *path) chain(leaf *x509.Certificate) []*x509.Certificate {
	return []*x509.Certificate{leaf, p.subCA, p.root}
}

// verify has crypto/x509 check the path by RFC 5280 section 6.1. There is one
// chain that it may find: leaf, this SubCA, this root.
func (p *path) verify(leaf *x509.Certificate, usage x509.ExtKeyUsage, now time.Time) error {
	chains, err := leaf.Verify(x509.VerifyOptions{
		Intermediates: p.intermediates,
		Roots:         p.anchors,
		CurrentTime:   now,
		KeyUsages:     []x509.ExtKeyUsage{usage},
	})
	if err != nil {
		rule := RuleUsage
		if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
			rule = RuleRoot
		}
		return &PeerError{Rule: rule, Cert: leaf, Err: err}
	}
	for _, chain := range chains {
		if len(chain) == 3 && chain[1].Equal(p.subCA) && chain[2].Equal(p.root) {
			// crypto/x509 holds name constraints against the
			// subjectAltName only, and a CN-only leaf has none.
			if p.constrained && len(leaf.DNSNames) == 0 {
				return &PeerError{Rule: RuleUsage, Cert: leaf,
					Detail: "its CA is bound by name constraints and the leaf has no dNSName to hold against them"}
			}
			return nil
		}
	}
	return &PeerError{Rule: RuleRoot, Cert: leaf, Detail: "there is no way from the leaf through the pinned SubCA to the pinned root"}
}

var oidNameConstraints = asn1.ObjectIdentifier{2, 5, 29, 30}

func hasNameConstraints(cert *x509.Certificate) bool {
	for _, ext := range cert.Extensions {
		if ext.Id.Equal(oidNameConstraints) {
			return true
		}
	}
	return false
}
