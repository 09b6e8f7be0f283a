// SPDX-License-Identifier: Apache-2.0

package ocsp

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/der"
)

// An Answer is what a response whose signature was verified says about one
// certificate.
type Answer struct {
	Status     Status
	Reason     der.Reason // with Revoked
	RevokedAt  time.Time  // with Revoked
	ThisUpdate time.Time
	NextUpdate time.Time // zero: none named
	ProducedAt time.Time

	Responder *x509.Certificate // delegated by the CA; nil: the CA itself
	Key       [32]byte          // SHA-256 of the SubjectPublicKeyInfo that verified the signature
	NoCheck   bool              // the responder's own status need not be asked for

	Source string
	Digest [32]byte // of the response
	Signed [32]byte // SHA-256 of what is signed of it, which does not include the certificates
}

// Answer verifies the response and returns what it says about the certificate of
// the issuer with the serial number (big-endian, no leading zeros). What depends on
// the time of asking is left to the caller. The error is a *der.Error.
func (r *Response) Answer(issuer *Issuer, serial []byte) (*Answer, error) {
	s, err := r.find(issuer, serial)
	if err != nil {
		return nil, err
	}
	responder, err := r.signer(issuer)
	if err != nil {
		return nil, err
	}
	a := &Answer{
		Status: s.status, Reason: s.reason, RevokedAt: s.revokedAt, ThisUpdate: s.thisUpdate, NextUpdate: s.nextUpdate, ProducedAt: r.producedAt,
		Responder: responder, Source: r.source, Digest: r.digest, Signed: sha256.Sum256(r.tbs),
	}
	signer := issuer.Cert
	if responder != nil {
		signer = responder
	}
	a.Key = sha256.Sum256(signer.RawSubjectPublicKeyInfo)
	a.NoCheck = responder == nil || hasNoCheck(responder)
	return a, nil
}

// find returns the one answer about the certificate. Responders answer twice for
// one certificate, by SHA-1 and by SHA-256; that is one answer if both say the
// same. Of several that disagree, revoked stands; several that do not are one too
// many all the same: which times would count?
func (r *Response) find(issuer *Issuer, serial []byte) (*single, error) {
	var found *single
	several := false
	for i := range r.singles {
		s := &r.singles[i]
		if !issuer.matches(&s.id, serial) {
			continue
		}
		several = several || found != nil && !found.same(s)
		if found == nil || s.status == Revoked && found.status != Revoked {
			found = s
		}
	}
	switch {
	case found == nil:
		return nil, &der.Error{Kind: der.ErrScope, Detail: "it does not speak of the certificate"}
	case several && found.status != Revoked:
		return nil, der.Malformed("several answers about the certificate")
	}
	return found, nil
}

// same reports whether two answers, about one certificate, say the same.
func (s *single) same(o *single) bool {
	return s.id.hash != o.id.hash && s.status == o.status && s.reason == o.reason && s.revokedAt.Equal(o.revokedAt) &&
		s.thisUpdate.Equal(o.thisUpdate) && s.nextUpdate.Equal(o.nextUpdate)
}

// signer verifies the signature and returns the certificate of the delegated
// responder that made it, nil if it was the CA itself (RFC 6960 section 4.2.2.2).
// There is no third way: a responder that is trusted for other reasons, or
// authorised by another CA, is refused.
func (r *Response) signer(issuer *Issuer) (*x509.Certificate, error) {
	ca := r.byName != nil && bytes.Equal(r.byName, issuer.Cert.RawSubject) ||
		r.byKey != nil && bytes.Equal(r.byKey, issuer.keys[0])
	digest := r.hash()
	if ca && r.algorithm.Verify(issuer.Cert.PublicKey, digest, r.signature) == nil {
		return nil, nil
	}
	err := &der.Error{Kind: der.ErrSignature, Detail: "not signed by the CA, and no certificate of the responder comes with it"}
	if ca {
		err.Detail = "it names the CA as its signer, whose key does not verify it"
	}
	for _, raw := range r.certificates {
		cert, parseErr := parseEmbedded(raw)
		if parseErr != nil {
			return nil, der.Malformed("certs: " + parseErr.Error())
		}
		if !r.names(cert) || bytes.Equal(cert.RawSubjectPublicKeyInfo, issuer.Cert.RawSubjectPublicKeyInfo) {
			continue
		}
		if err = delegated(cert, issuer); err != nil {
			continue
		}
		verifyErr := r.algorithm.Verify(cert.PublicKey, digest, r.signature)
		if verifyErr == nil {
			return cert, nil
		}
		err = &der.Error{Kind: der.ErrSignature, Detail: verifyErr.Error()}
	}
	return nil, err
}

// parseEmbedded parses a certificate that has not been verified yet.
// x509.ParseCertificate passes over whatever follows the signature inside it,
// which no signature covers.
func parseEmbedded(raw []byte) (*x509.Certificate, error) {
	input := cryptobyte.String(raw)
	var cert cryptobyte.String
	if !input.ReadASN1(&cert, asn1.SEQUENCE) || !input.Empty() ||
		!cert.SkipASN1(asn1.SEQUENCE) || !cert.SkipASN1(asn1.SEQUENCE) || !cert.SkipASN1(asn1.BIT_STRING) || !cert.Empty() {
		return nil, errors.New("not a Certificate")
	}
	return x509.ParseCertificate(raw)
}

// names reports whether the responderID is that of the certificate.
func (r *Response) names(cert *x509.Certificate) bool {
	if r.byName != nil {
		return bytes.Equal(r.byName, cert.RawSubject)
	}
	key, ok := publicKeyBits(cert)
	return ok && bytes.Equal(r.byKey, sum(crypto.SHA1, key))
}

// delegated returns nil if the CA has authorised the certificate to sign
// responses, directly and by name of the purpose.
func delegated(cert *x509.Certificate, issuer *Issuer) *der.Error {
	if !slices.Contains(cert.ExtKeyUsage, x509.ExtKeyUsageOCSPSigning) {
		return &der.Error{Kind: der.ErrResponder, Detail: "its certificate is not for OCSP signing"}
	}
	if cert.KeyUsage != 0 && cert.KeyUsage&x509.KeyUsageDigitalSignature == 0 {
		return &der.Error{Kind: der.ErrResponder, Detail: "the key of its certificate is not for digital signatures"}
	}
	for _, oid := range cert.UnhandledCriticalExtensions {
		if !oid.Equal(oidNoCheck) {
			return &der.Error{Kind: der.ErrUnhandledCritical, Detail: "the responder's certificate: " + oid.String()}
		}
	}
	// CheckSignatureFrom takes no SHA-1 and no issuer that is not a CA.
	if !bytes.Equal(cert.RawIssuer, issuer.Cert.RawSubject) || cert.CheckSignatureFrom(issuer.Cert) != nil {
		return &der.Error{Kind: der.ErrResponder, Detail: "its certificate was not issued by the CA that issued the certificate in question"}
	}
	return nil
}

// hash hashes what is signed.
func (r *Response) hash() []byte {
	h := r.algorithm.Hash.New()
	h.Write(r.tbs)
	return h.Sum(nil)
}

// oidNoCheck is id-pkix-ocsp-nocheck (RFC 6960 section 4.2.2.2.1).
var oidNoCheck = []int{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}

// hasNoCheck reports whether the CA waives the question after the responder's own
// status. The extension's value is NULL.
func hasNoCheck(cert *x509.Certificate) bool {
	for _, extension := range cert.Extensions {
		if extension.Id.Equal(oidNoCheck) {
			return bytes.Equal(extension.Value, []byte{0x05, 0x00})
		}
	}
	return false
}
