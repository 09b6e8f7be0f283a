// SPDX-License-Identifier: Apache-2.0

package crl

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/der"
)

// maxKeys bounds how many keys a list remembers to have been tried with.
const maxKeys = 64

// VerifiedBy reports whether the list's signature verifies with the
// certificate's key.
func (l *List) VerifiedBy(cert *x509.Certificate) bool {
	key := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	l.keys.mu.Lock()
	defer l.keys.mu.Unlock()
	if valid, known := l.keys.tried[key]; known {
		return valid
	}
	valid := l.algorithm.Verify(cert.PublicKey, l.digest, l.signature) == nil
	if l.keys.tried == nil || len(l.keys.tried) == maxKeys {
		l.keys.tried = make(map[[32]byte]bool, 1)
	}
	l.keys.tried[key] = valid
	return valid
}

var idKeyUsage = asn1.ObjectIdentifier{2, 5, 29, 15}

// MaySign reports whether the certificate is one of the CRL's issuer and lets its
// key sign CRLs (RFC 5280 section 6.3.3 (f)). A CA may lack keyUsage, as old ones
// do; what is not a CA needs cRLSign in so many words.
func (l *List) MaySign(cert *x509.Certificate) bool {
	if name, ok := der.NormalName(cert.RawSubject); !ok || name != l.issuer {
		return false
	}
	if cert.KeyUsage&x509.KeyUsageCRLSign != 0 {
		return true
	}
	ca := cert.BasicConstraintsValid && cert.IsCA
	return ca && !slices.ContainsFunc(cert.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(idKeyUsage) })
}

// SameAuthority reports whether two lists have the same authorityKeyIdentifier, or both
// none: whether, by what is written in them, one key signed both.
func (l *List) SameAuthority(other *List) bool { return l.authority == other.authority }

// Names reports whether the list's authorityKeyIdentifier names the certificate's
// key; which key signed, only the signature tells.
func (l *List) Names(cert *x509.Certificate) bool {
	return len(l.keyID) > 0 && bytes.Equal(cert.SubjectKeyId, l.keyID)
}

// NamesOther reports whether the list's authorityKeyIdentifier names another key than
// the certificate's.
func (l *List) NamesOther(cert *x509.Certificate) bool {
	return len(l.keyID) > 0 && len(cert.SubjectKeyId) > 0 && !bytes.Equal(cert.SubjectKeyId, l.keyID)
}
