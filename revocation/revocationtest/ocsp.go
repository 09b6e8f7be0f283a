// SPDX-License-Identifier: Apache-2.0

package revocationtest

import (
	"bytes"
	"crypto"
	"crypto/fips140"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
	"golang.org/x/crypto/ocsp"

	"github.com/nrlsecurity/nrlsecurity/revocation"
)

// An OCSPResponse describes an OCSP response. With Issuer, Key and the Serial of
// one SingleResponse it is the CA's own, current answer that the certificate is
// good.
type OCSPResponse struct {
	Issuer *x509.Certificate // the CA of the certificates in question; required
	Key    crypto.Signer     // signs; the responder's, unless the response is to be a forgery; required

	Status  ocsp.ResponseStatus // zero: Success; any other goes out alone, without an answer
	Answers []SingleResponse

	Responder    *x509.Certificate   // nil: Issuer
	ByKey        bool                // name the responder by the hash of its key, not by its subject
	Certificates []*x509.Certificate // nil: Responder, if it is not Issuer; not nil but empty: none

	ProducedAt time.Time        // zero: now
	Nonce      []byte           // nil: none
	Extensions []pkix.Extension // further ones of the response as a whole

	SignatureAlgorithm x509.SignatureAlgorithm // zero: the key's with SHA-256
	BrokenSignature    bool                    // one bit of it is wrong
	NoSignature        bool                    // it is empty

	// Edit changes the encoded ResponseData before it is signed, for whatever
	// no field can do; nil: it stays as it is.
	Edit func(tbs []byte) []byte
}

// A SingleResponse is the answer about one certificate.
type SingleResponse struct {
	Serial *big.Int // required

	Status    int               // zero: ocsp.Good; else ocsp.Revoked or ocsp.Unknown
	RevokedAt time.Time         // zero: the response's ProducedAt
	Reason    revocation.Reason // zero: none given

	ThisUpdate   time.Time // zero: the response's ProducedAt
	NextUpdate   time.Time // zero: a day after ThisUpdate
	NoNextUpdate bool
	Extensions   []pkix.Extension

	// The rest of the CertID.
	Hash     crypto.Hash       // zero: SHA-1
	Issuer   *x509.Certificate // nil: the response's
	NameHash []byte            // nil: of the issuer's subject
	KeyHash  []byte            // nil: of the issuer's key
}

// DER returns the response, encoded and signed.
func (r OCSPResponse) DER() []byte {
	var basic []byte
	if r.Status == ocsp.Success {
		basic = r.basic()
	}
	return build(func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1Enum(int64(r.Status))
			if basic == nil {
				return
			}
			b.AddASN1(constructed(0), func(b *cryptobyte.Builder) {
				b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1ObjectIdentifier(asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 1})
					b.AddASN1OctetString(basic)
				})
			})
		})
	})
}

// basic returns the BasicOCSPResponse (RFC 6960 section 4.2.1).
func (r OCSPResponse) basic() []byte {
	if r.Issuer == nil || r.Key == nil {
		panic("revocationtest: an OCSPResponse needs Issuer and Key")
	}
	if r.ProducedAt.IsZero() {
		r.ProducedAt = time.Now()
	}
	if r.SignatureAlgorithm == x509.UnknownSignatureAlgorithm {
		r.SignatureAlgorithm = usual(r.Key)
	}
	if r.Responder == nil {
		r.Responder = r.Issuer
	}
	if r.Certificates == nil && !bytes.Equal(r.Responder.Raw, r.Issuer.Raw) {
		r.Certificates = []*x509.Certificate{r.Responder}
	}
	tbs := build(r.addTBS)
	if r.Edit != nil {
		tbs = r.Edit(tbs)
	}
	signature := sign(r.Key, r.SignatureAlgorithm, tbs, r.BrokenSignature, r.NoSignature)
	return signed(tbs, signature, r.SignatureAlgorithm, func(b *cryptobyte.Builder) {
		if len(r.Certificates) == 0 {
			return
		}
		b.AddASN1(constructed(0), func(b *cryptobyte.Builder) {
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				for _, cert := range r.Certificates {
					b.AddBytes(cert.Raw)
				}
			})
		})
	})
}

// addTBS writes ResponseData.
func (r *OCSPResponse) addTBS(b *cryptobyte.Builder) {
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		if r.ByKey {
			b.AddASN1(constructed(2), func(b *cryptobyte.Builder) {
				b.AddASN1OctetString(hashOf(crypto.SHA1, publicKeyBits(r.Responder)))
			})
		} else {
			b.AddASN1(constructed(1), func(b *cryptobyte.Builder) { b.AddBytes(r.Responder.RawSubject) })
		}
		b.AddASN1GeneralizedTime(r.ProducedAt.UTC())
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			for i := range r.Answers {
				r.addSingle(b, &r.Answers[i])
			}
		})
		var extensions []pkix.Extension
		if r.Nonce != nil {
			extensions = append(extensions, pkix.Extension{Id: oidOCSPNonce, Value: build(func(b *cryptobyte.Builder) {
				b.AddASN1OctetString(r.Nonce)
			})})
		}
		addTagged(b, append(extensions, r.Extensions...))
	})
}

// addSingle writes a SingleResponse.
func (r *OCSPResponse) addSingle(b *cryptobyte.Builder, s *SingleResponse) {
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		r.addCertID(b, s)
		switch s.Status {
		case ocsp.Good:
			b.AddASN1(cbasn1.Tag(0).ContextSpecific(), func(*cryptobyte.Builder) {})
		case ocsp.Revoked:
			b.AddASN1(constructed(1), func(b *cryptobyte.Builder) {
				b.AddASN1GeneralizedTime(or(s.RevokedAt, r.ProducedAt).UTC())
				if s.Reason != revocation.ReasonUnspecified {
					b.AddASN1(constructed(0), func(b *cryptobyte.Builder) { b.AddASN1Enum(int64(s.Reason)) })
				}
			})
		case ocsp.Unknown:
			b.AddASN1(cbasn1.Tag(2).ContextSpecific(), func(*cryptobyte.Builder) {})
		default:
			panic("revocationtest: a SingleResponse is Good, Revoked or Unknown")
		}
		thisUpdate := or(s.ThisUpdate, r.ProducedAt)
		b.AddASN1GeneralizedTime(thisUpdate.UTC())
		if !s.NoNextUpdate {
			b.AddASN1(constructed(0), func(b *cryptobyte.Builder) {
				b.AddASN1GeneralizedTime(or(s.NextUpdate, thisUpdate.Add(lifetime)).UTC())
			})
		}
		addTagged(b, s.Extensions)
	})
}

// addCertID writes a CertID.
func (r *OCSPResponse) addCertID(b *cryptobyte.Builder, s *SingleResponse) {
	issuer, hash, name, key := s.Issuer, s.Hash, s.NameHash, s.KeyHash
	if issuer == nil {
		issuer = r.Issuer
	}
	if hash == 0 {
		hash = crypto.SHA1
	}
	if name == nil {
		name = hashOf(hash, issuer.RawSubject)
	}
	if key == nil {
		key = hashOf(hash, publicKeyBits(issuer))
	}
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		addHash(b, hash)
		b.AddASN1OctetString(name)
		b.AddASN1OctetString(key)
		b.AddASN1BigInt(s.Serial)
	})
}

// addTagged writes Extensions under the tag [1]; nothing if there are none.
func addTagged(b *cryptobyte.Builder, extensions []pkix.Extension) {
	if len(extensions) > 0 {
		b.AddASN1(constructed(1), func(b *cryptobyte.Builder) { addExtensions(b, extensions) })
	}
}

// publicKeyBits returns the contents of the subjectPublicKey, which key hashes
// are made of.
func publicKeyBits(cert *x509.Certificate) []byte {
	input := cryptobyte.String(cert.RawSubjectPublicKeyInfo)
	var info cryptobyte.String
	var key []byte
	if !input.ReadASN1(&info, cbasn1.SEQUENCE) || !info.SkipASN1(cbasn1.SEQUENCE) || !info.ReadASN1BitStringAsBytes(&key) {
		panic("revocationtest: the certificate has no public key: was it parsed?")
	}
	return key
}

// hashOf names what data is of: SHA-1 protects nothing there, so it is allowed where
// GODEBUG=fips140=only would refuse it.
func hashOf(hash crypto.Hash, data []byte) (digest []byte) {
	fips140.WithoutEnforcement(func() {
		h := hash.New()
		h.Write(data)
		digest = h.Sum(nil)
	})
	return digest
}

// or returns t unless it is zero.
func or(t, otherwise time.Time) time.Time {
	if t.IsZero() {
		return otherwise
	}
	return t
}
