// SPDX-License-Identifier: Apache-2.0

package revocationtest

import (
	"crypto/x509/pkix"
	"encoding/asn1"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/nrlsecurity/nrlsecurity/revocation"
)

// The extensions of RFC 5280 sections 4.2, 5.2 and 5.3 and of RFC 6960 section
// 4.4.1 that are made here.
var (
	oidCRLNumber                = asn1.ObjectIdentifier{2, 5, 29, 20}
	oidReasonCode               = asn1.ObjectIdentifier{2, 5, 29, 21}
	oidInvalidityDate           = asn1.ObjectIdentifier{2, 5, 29, 24}
	oidDeltaCRLIndicator        = asn1.ObjectIdentifier{2, 5, 29, 27}
	oidIssuingDistributionPoint = asn1.ObjectIdentifier{2, 5, 29, 28}
	oidCertificateIssuer        = asn1.ObjectIdentifier{2, 5, 29, 29}
	oidCRLDistributionPoints    = asn1.ObjectIdentifier{2, 5, 29, 31}
	oidAuthorityKeyIdentifier   = asn1.ObjectIdentifier{2, 5, 29, 35}
	oidFreshestCRL              = asn1.ObjectIdentifier{2, 5, 29, 46}
	oidOCSPNonce                = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 2}
)

// A PointName names a distribution point (RFC 5280 section 4.2.1.13). URLs and
// Directory are its full name; Relative is the other form, and DER allows only
// one of the two.
type PointName struct {
	URLs      []string
	Directory [][]byte                          // DER of Names, such as a certificate's RawSubject
	Relative  pkix.RelativeDistinguishedNameSET // relative to the name of the CRL issuer
}

// A DistributionPoint says where a certificate's CRL is to be had.
type DistributionPoint struct {
	PointName
	Reasons    []revocation.Reason // nil: all
	CRLIssuers [][]byte            // DER of Names; nil: the certificate's issuer
}

// CRLDistributionPoints returns the extension for the ExtraExtensions of a
// certificate's template. For one URL and nothing else, the template has a field
// of its own.
func CRLDistributionPoints(points ...DistributionPoint) pkix.Extension {
	return pkix.Extension{Id: oidCRLDistributionPoints, Value: distributionPoints(points)}
}

// FreshestCRL returns the extension that names delta CRLs, for a certificate's
// template. A CRL has a field of its own for it.
func FreshestCRL(points ...DistributionPoint) pkix.Extension {
	return pkix.Extension{Id: oidFreshestCRL, Value: distributionPoints(points)}
}

// A Scope is an issuingDistributionPoint: what a CRL speaks about (RFC 5280
// section 5.2.5). The zero value is an extension without any field, which the
// RFC forbids.
type Scope struct {
	PointName
	OnlyUserCerts      bool
	OnlyCACerts        bool
	OnlySomeReasons    []revocation.Reason // nil: all
	Indirect           bool
	OnlyAttributeCerts bool
	NotCritical        bool // the RFC wants the extension critical
}

func (s *Scope) extension() pkix.Extension {
	value := build(func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			s.addTo(b)
			addFlag(b, 1, s.OnlyUserCerts)
			addFlag(b, 2, s.OnlyCACerts)
			addReasons(b, 3, s.OnlySomeReasons)
			addFlag(b, 4, s.Indirect)
			addFlag(b, 5, s.OnlyAttributeCerts)
		})
	})
	return pkix.Extension{Id: oidIssuingDistributionPoint, Critical: !s.NotCritical, Value: value}
}

// distributionPoints writes CRLDistributionPoints.
func distributionPoints(points []DistributionPoint) []byte {
	return build(func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			for i := range points {
				b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
					points[i].addTo(b)
					addReasons(b, 1, points[i].Reasons)
					if len(points[i].CRLIssuers) > 0 {
						b.AddASN1(constructed(2), func(b *cryptobyte.Builder) { addDirectoryNames(b, points[i].CRLIssuers) })
					}
				})
			}
		})
	})
}

// addTo writes a DistributionPointName under [0], or nothing for an empty one.
func (n *PointName) addTo(b *cryptobyte.Builder) {
	full := len(n.URLs)+len(n.Directory) > 0
	if !full && len(n.Relative) == 0 {
		return
	}
	b.AddASN1(constructed(0), func(b *cryptobyte.Builder) {
		if full {
			b.AddASN1(constructed(0), func(b *cryptobyte.Builder) {
				for _, url := range n.URLs {
					b.AddASN1(cbasn1.Tag(6).ContextSpecific(), func(b *cryptobyte.Builder) { b.AddBytes([]byte(url)) })
				}
				addDirectoryNames(b, n.Directory)
			})
		}
		if len(n.Relative) > 0 {
			b.AddASN1(constructed(1), func(b *cryptobyte.Builder) {
				set, err := asn1.Marshal(n.Relative)
				if err != nil {
					panic("revocationtest: " + err.Error())
				}
				// The tag is implicit: it takes the place of the SET's.
				content := cryptobyte.String(set)
				var inner cryptobyte.String
				if !content.ReadASN1(&inner, cbasn1.SET) {
					panic("revocationtest: a relative name is not a SET")
				}
				b.AddBytes(inner)
			})
		}
	})
}

// addDirectoryNames writes GeneralNames of directory names, without their header.
func addDirectoryNames(b *cryptobyte.Builder, names [][]byte) {
	for _, name := range names {
		// Name is a CHOICE, so that its tag is explicit.
		b.AddASN1(constructed(4), func(b *cryptobyte.Builder) { b.AddBytes(name) })
	}
}

// addFlag writes a BOOLEAN DEFAULT FALSE.
func addFlag(b *cryptobyte.Builder, tag uint8, flag bool) {
	if flag {
		b.AddASN1(cbasn1.Tag(tag).ContextSpecific(), func(b *cryptobyte.Builder) { b.AddUint8(0xff) })
	}
}

// addReasons writes ReasonFlags, a named bit list: DER drops trailing zero bits.
func addReasons(b *cryptobyte.Builder, tag uint8, reasons []revocation.Reason) {
	if len(reasons) == 0 {
		return
	}
	var bits [2]byte
	last := 0
	for _, reason := range reasons {
		bit := reasonBit(reason)
		bits[bit/8] |= 0x80 >> (bit % 8)
		last = max(last, bit)
	}
	b.AddASN1(cbasn1.Tag(tag).ContextSpecific(), func(b *cryptobyte.Builder) {
		b.AddUint8(uint8(7 - last%8))
		b.AddBytes(bits[:last/8+1])
	})
}

// reasonBit returns the reason's place in ReasonFlags, whose numbers are not
// those of CRLReason. Bit 0 is "unused".
func reasonBit(reason revocation.Reason) int {
	switch reason {
	case revocation.ReasonPrivilegeWithdrawn:
		return 7
	case revocation.ReasonAACompromise:
		return 8
	}
	if reason < 0 || reason > revocation.ReasonCertificateHold {
		panic("revocationtest: no distribution point can be for " + reason.String())
	}
	return int(reason)
}

// addExtensions writes Extensions; nothing if there are none.
func addExtensions(b *cryptobyte.Builder, extensions []pkix.Extension) {
	if len(extensions) == 0 {
		return
	}
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		for _, extension := range extensions {
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(extension.Id)
				if extension.Critical {
					b.AddASN1Boolean(true)
				}
				b.AddASN1OctetString(extension.Value)
			})
		}
	})
}
