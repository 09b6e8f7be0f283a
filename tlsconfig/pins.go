// SPDX-License-Identifier: Apache-2.0

package tlsconfig

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/nrlsecurity/nrlsecurity/internal/bounded"
	"github.com/nrlsecurity/nrlsecurity/internal/files"
	"github.com/nrlsecurity/nrlsecurity/internal/pemtext"
)

// Pins are the Spine CAs that a peer must chain to. Each is pinned by its
// whole certificate: a CA of the same name with another key is another CA.
// Several generations may live side by side, and Replace changes the pins
// while they are in use. The zero value pins nothing, and every peer is refused.
type Pins struct {
	current atomic.Pointer[pinSet]
	late    bounded.Late // calls of users' functions, by all that judge by these pins
}

// A pinSet is one immutable set of pins, and what has been found out by it.
type pinSet struct {
	roots, subCAs []*x509.Certificate
	paths         []*path // every way from a SubCA to a root, in the order of the SubCAs
	verdicts      verdicts
	warm          recent[warmKey, warmVerdict]
	deadlines     deadlines
}

// NewPins pins the given certificates. Every one must be a CA's, with a key of
// at least 2048 bits (RSA) or 256 bits (ECDSA) and no critical extension that
// crypto/x509 does not know, and each SubCA must bear the signature, with
// SHA-256 or better, of one of the roots, and no extKeyUsage that excludes both
// clients and servers. Validity is left to the time of the
// handshake. An empty list is an error. A certificate given twice counts once.
func NewPins(roots, subCAs []*x509.Certificate) (*Pins, error) {
	if len(roots) == 0 {
		return nil, errors.New("no root is pinned")
	}
	if len(subCAs) == 0 {
		return nil, errors.New("no SubCA is pinned")
	}
	p := new(pinSet)
	for _, cert := range roots {
		if err := checkCA(cert); err != nil {
			return nil, fmt.Errorf("the root %w", err)
		}
		if !containsCert(p.roots, cert) {
			p.roots = append(p.roots, cert)
		}
	}
	for _, cert := range subCAs {
		if err := checkCA(cert); err != nil {
			return nil, fmt.Errorf("the SubCA %w", err)
		}
		if !issuesPeers(cert) {
			return nil, fmt.Errorf("the SubCA %q has an extKeyUsage that names neither clientAuth nor serverAuth", clip(cert.Subject.String()))
		}
		if containsCert(p.roots, cert) {
			return nil, fmt.Errorf("%q is pinned both as a root and as a SubCA", clip(cert.Subject.String()))
		}
		if containsCert(p.subCAs, cert) {
			continue
		}
		p.subCAs = append(p.subCAs, cert)
		before := len(p.paths)
		for _, root := range p.roots {
			if issued(root, cert) {
				p.paths = append(p.paths, newPath(cert, root))
			}
		}
		if len(p.paths) == before {
			return nil, fmt.Errorf("no pinned root issued the SubCA %q with SHA-256 or better", clip(cert.Subject.String()))
		}
	}
	pins := new(Pins)
	pins.current.Store(p)
	return pins, nil
}

// LoadPins reads the pins from two PEM files, regular ones of at most 1 MiB, and pins
// them as NewPins does.
func LoadPins(rootsFile, subCAsFile string) (*Pins, error) {
	roots, err := readCertificates(rootsFile)
	if err != nil {
		return nil, err
	}
	subCAs, err := readCertificates(subCAsFile)
	if err != nil {
		return nil, err
	}
	pins, err := NewPins(roots, subCAs)
	if err != nil {
		return nil, fmt.Errorf("%s, %s: %w", rootsFile, subCAsFile, err)
	}
	return pins, nil
}

// readCertificates reads a PEM file that holds certificates and no other
// object.
func readCertificates(name string) ([]*x509.Certificate, error) {
	data, err := files.Read(name)
	if err != nil {
		return nil, err
	}
	certs, err := parseCertificates(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return certs, nil
}

func parseCertificates(data []byte) ([]*x509.Certificate, error) {
	data, err := pemtext.Plain(data)
	if err != nil {
		return nil, err
	}
	var certs []*x509.Certificate
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("a PEM object is a %s, not a CERTIFICATE", clip(block.Type))
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		certs = append(certs, cert)
	}
	if len(certs) == 0 {
		return nil, errors.New("there is no PEM certificate")
	}
	return certs, nil
}

// Replace makes p pin what newer pins, from the next handshake on: sessions of
// before are resumed only if their peers chain to the new pins. It may be
// called while p is in use.
func (p *Pins) Replace(newer *Pins) { p.current.Store(newer.snapshot()) }

// Roots returns a fresh slice of the pinned roots.
func (p *Pins) Roots() []*x509.Certificate {
	if s := p.snapshot(); s != nil {
		return slices.Clone(s.roots)
	}
	return nil
}

// SubCAs returns a fresh slice of the pinned SubCAs.
func (p *Pins) SubCAs() []*x509.Certificate {
	if s := p.snapshot(); s != nil {
		return slices.Clone(s.subCAs)
	}
	return nil
}

// snapshot returns nil if nothing is pinned.
func (p *Pins) snapshot() *pinSet {
	if p == nil {
		return nil
	}
	return p.current.Load()
}

// calls counts the calls of users' functions by those that judge by p.
func (p *Pins) calls() *bounded.Late {
	if p == nil {
		return new(bounded.Late)
	}
	return &p.late
}

// checkCA refuses what could not issue anything, so that a wrong pin is found
// when it is pinned.
func checkCA(cert *x509.Certificate) error {
	if cert == nil || len(cert.Raw) == 0 {
		return errors.New("is not a parsed certificate")
	}
	subject := clip(cert.Subject.String())
	switch {
	case !cert.BasicConstraintsValid || !cert.IsCA:
		return fmt.Errorf("%q is not a CA certificate", subject)
	case cert.KeyUsage != 0 && cert.KeyUsage&x509.KeyUsageCertSign == 0:
		return fmt.Errorf("%q must not sign certificates, says its keyUsage", subject)
	case len(cert.UnhandledCriticalExtensions) > 0:
		return fmt.Errorf("%q has an unknown critical extension, %v", subject, cert.UnhandledCriticalExtensions[0])
	}
	switch key := cert.PublicKey.(type) {
	case *rsa.PublicKey:
		if key.N.BitLen() < minRSABits {
			return fmt.Errorf("%q has an RSA key of %d bits, fewer than %d", subject, key.N.BitLen(), minRSABits)
		}
		if !soundExponent(key) {
			return fmt.Errorf("%q has an RSA key with the public exponent %d, which is not odd and at least 3", subject, key.E)
		}
	case *ecdsa.PublicKey:
		if bits := key.Params().BitSize; bits < 256 {
			return fmt.Errorf("%q has an ECDSA key of %d bits, fewer than 256", subject, bits)
		}
	default:
		return fmt.Errorf("%q has a key that is neither RSA nor ECDSA", subject)
	}
	return nil
}

// issuesPeers reports whether the extKeyUsage of a SubCA, if it has one, lets it
// issue to clients or servers: crypto/x509 wants it nested.
func issuesPeers(cert *x509.Certificate) bool {
	if len(cert.ExtKeyUsage) == 0 && len(cert.UnknownExtKeyUsage) == 0 {
		return true
	}
	return slices.ContainsFunc(cert.ExtKeyUsage, func(u x509.ExtKeyUsage) bool {
		return u == x509.ExtKeyUsageAny || u == x509.ExtKeyUsageClientAuth || u == x509.ExtKeyUsageServerAuth
	})
}

// issued reports whether root issued subCA: name, signature, and that a CA may
// stand below it at all (RFC 5280 section 4.2.1.9).
func issued(root, subCA *x509.Certificate) bool {
	return bytes.Equal(subCA.RawIssuer, root.RawSubject) &&
		root.MaxPathLen != 0 &&
		strongSignature(subCA.SignatureAlgorithm) &&
		subCA.CheckSignatureFrom(root) == nil
}

func containsCert(certs []*x509.Certificate, cert *x509.Certificate) bool {
	return slices.ContainsFunc(certs, cert.Equal)
}
