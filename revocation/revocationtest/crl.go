// SPDX-License-Identifier: Apache-2.0

package revocationtest

import (
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/nrlsecurity/nrlsecurity/revocation"
)

// lifetime is how long the documents of this package count unless told otherwise.
const lifetime = 24 * time.Hour

// A CRL describes a certificate revocation list. With Issuer and Key alone it is
// a complete, current list of version 2 on which nothing is revoked.
type CRL struct {
	Issuer *x509.Certificate // its subject is the list's issuer; required
	Key    crypto.Signer     // required; the issuer's, unless the list is to be a forgery

	Entries    []Entry
	ThisUpdate time.Time // zero: now
	NextUpdate time.Time // zero: a day after ThisUpdate
	Number     int64     // cRLNumber; zero: 1

	Scope       *Scope              // issuingDistributionPoint; nil: none, the list is about all of the issuer's certificates
	BaseNumber  int64               // deltaCRLIndicator; zero: none, the list is complete
	FreshestCRL []DistributionPoint // where the delta CRLs are; nil: not said

	// AuthorityKeyID takes the place of the issuer's subject key identifier;
	// not nil but empty: the extension is left out.
	AuthorityKeyID []byte

	NoNextUpdate bool
	NoNumber     bool
	Version1     bool             // no version and none of the extensions above, nor those of Entry
	Extensions   []pkix.Extension // further ones, written after all others and whatever the version

	SignatureAlgorithm x509.SignatureAlgorithm // zero: the key's with SHA-256
	InnerAlgorithm     x509.SignatureAlgorithm // what the signed part names; zero: SignatureAlgorithm
	BrokenSignature    bool                    // one bit of it is wrong
	NoSignature        bool                    // it is empty

	// Edit changes the encoded TBSCertList before it is signed, for whatever
	// no field can do; nil: it stays as it is.
	Edit func(tbs []byte) []byte
}

// An Entry is a revoked certificate on a CRL. With Serial alone it has no
// extensions.
type Entry struct {
	Serial            *big.Int          // required
	Date              time.Time         // revocationDate; zero: the list's thisUpdate
	Reason            revocation.Reason // zero: no reasonCode, which means unspecified
	InvalidityDate    time.Time         // zero: none
	CertificateIssuer []byte            // DER of the Name, such as a certificate's RawSubject; nil: none
	Extensions        []pkix.Extension  // further ones
}

// DER returns the list, encoded and signed.
func (c CRL) DER() []byte {
	if c.Issuer == nil || c.Key == nil {
		panic("revocationtest: a CRL needs Issuer and Key")
	}
	if c.ThisUpdate.IsZero() {
		c.ThisUpdate = time.Now()
	}
	if c.NextUpdate.IsZero() {
		c.NextUpdate = c.ThisUpdate.Add(lifetime)
	}
	if c.SignatureAlgorithm == x509.UnknownSignatureAlgorithm {
		c.SignatureAlgorithm = usual(c.Key)
	}
	if c.InnerAlgorithm == x509.UnknownSignatureAlgorithm {
		c.InnerAlgorithm = c.SignatureAlgorithm
	}
	tbs := build(c.addTBS)
	if c.Edit != nil {
		tbs = c.Edit(tbs)
	}
	signature := sign(c.Key, c.SignatureAlgorithm, tbs, c.BrokenSignature, c.NoSignature)
	return signed(tbs, signature, c.SignatureAlgorithm, nil)
}

// addTBS writes TBSCertList (RFC 5280 section 5.1.2).
func (c *CRL) addTBS(b *cryptobyte.Builder) {
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		if !c.Version1 {
			b.AddASN1Int64(1)
		}
		addAlgorithm(b, c.InnerAlgorithm)
		b.AddBytes(c.Issuer.RawSubject)
		addTime(b, c.ThisUpdate)
		if !c.NoNextUpdate {
			addTime(b, c.NextUpdate)
		}
		if len(c.Entries) > 0 {
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				for i := range c.Entries {
					c.addEntry(b, &c.Entries[i])
				}
			})
		}
		if extensions := c.extensions(); len(extensions) > 0 {
			b.AddASN1(constructed(0), func(b *cryptobyte.Builder) { addExtensions(b, extensions) })
		}
	})
}

func (c *CRL) addEntry(b *cryptobyte.Builder, e *Entry) {
	date := e.Date
	if date.IsZero() {
		date = c.ThisUpdate
	}
	var extensions []pkix.Extension
	if !c.Version1 {
		extensions = e.extensions()
	}
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1BigInt(e.Serial)
		addTime(b, date)
		addExtensions(b, append(extensions, e.Extensions...))
	})
}

func (e *Entry) extensions() []pkix.Extension {
	var extensions []pkix.Extension
	if e.Reason != revocation.ReasonUnspecified {
		extensions = append(extensions, pkix.Extension{Id: oidReasonCode, Value: build(func(b *cryptobyte.Builder) {
			b.AddASN1Enum(int64(e.Reason))
		})})
	}
	if !e.InvalidityDate.IsZero() {
		extensions = append(extensions, pkix.Extension{Id: oidInvalidityDate, Value: build(func(b *cryptobyte.Builder) {
			b.AddASN1GeneralizedTime(e.InvalidityDate.UTC())
		})})
	}
	if e.CertificateIssuer != nil {
		extensions = append(extensions, pkix.Extension{Id: oidCertificateIssuer, Critical: true, Value: build(func(b *cryptobyte.Builder) {
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { addDirectoryNames(b, [][]byte{e.CertificateIssuer}) })
		})})
	}
	return extensions
}

// extensions returns those of the list, in the RFC's order.
func (c *CRL) extensions() []pkix.Extension {
	if c.Version1 {
		return c.Extensions
	}
	integer := func(n int64) []byte {
		return build(func(b *cryptobyte.Builder) { b.AddASN1Int64(n) })
	}
	var extensions []pkix.Extension
	id := c.Issuer.SubjectKeyId
	if c.AuthorityKeyID != nil {
		id = c.AuthorityKeyID
	}
	if len(id) > 0 {
		extensions = append(extensions, pkix.Extension{Id: oidAuthorityKeyIdentifier, Value: build(func(b *cryptobyte.Builder) {
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1(cbasn1.Tag(0).ContextSpecific(), func(b *cryptobyte.Builder) { b.AddBytes(id) })
			})
		})})
	}
	if !c.NoNumber {
		extensions = append(extensions, pkix.Extension{Id: oidCRLNumber, Value: integer(max(c.Number, 1))})
	}
	if c.BaseNumber != 0 {
		extensions = append(extensions, pkix.Extension{Id: oidDeltaCRLIndicator, Critical: true, Value: integer(c.BaseNumber)})
	}
	if c.Scope != nil {
		extensions = append(extensions, c.Scope.extension())
	}
	if len(c.FreshestCRL) > 0 {
		extensions = append(extensions, FreshestCRL(c.FreshestCRL...))
	}
	return append(extensions, c.Extensions...)
}
