// SPDX-License-Identifier: Apache-2.0

package crl

import (
	"slices"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/der"
)

// maxPoints bounds what is kept of a document that has not been verified yet.
const maxPoints = 256

// A pointName is a DistributionPointName.
type pointName struct {
	present  bool
	full     []der.GeneralName
	relative string // normal form of an RDN; it goes behind the CRL issuer's name
}

// readPointName reads an optional [0] DistributionPointName.
func readPointName(s *cryptobyte.String) (name pointName, ok bool) {
	var outer, inner cryptobyte.String
	if !s.ReadOptionalASN1(&outer, &name.present, asn1.Tag(0).ContextSpecific().Constructed()) {
		return name, false
	}
	if !name.present {
		return name, true
	}
	if outer.PeekASN1Tag(asn1.Tag(0).ContextSpecific().Constructed()) {
		if !outer.ReadASN1(&inner, asn1.Tag(0).ContextSpecific().Constructed()) || !outer.Empty() {
			return name, false
		}
		name.full, ok = der.ReadGeneralNames(inner)
		return name, ok
	}
	if !outer.ReadASN1(&inner, asn1.Tag(1).ContextSpecific().Constructed()) || !outer.Empty() {
		return name, false
	}
	name.relative, ok = der.NormalRDN(inner)
	return name, ok
}

// names returns the point's names; issuer is the normal form of the name that a
// relative one goes behind.
func (n *pointName) names(issuer string) []der.GeneralName {
	if n.relative != "" {
		return []der.GeneralName{der.DirectoryName(issuer + n.relative)}
	}
	return n.full
}

// A Point is one of CRLDistributionPoints (RFC 5280 section 4.2.1.13) or of a
// freshestCRL extension.
type Point struct {
	name      pointName
	reasons   Reasons           // AllReasons if there is none
	crlIssuer []der.GeneralName // nil: the certificate issuer
}

// OwnPoint returns the point of section 6.3.3 that stands for any CRL of the
// certificate issuer, given by the normal form of its name.
func OwnPoint(issuer string) Point {
	p := Point{reasons: AllReasons}
	p.name.present = true
	p.name.full = []der.GeneralName{der.DirectoryName(issuer)}
	return p
}

// readPoints reads a CRLDistributionPoints, of which freshestCRL has the syntax
// too.
func readPoints(content cryptobyte.String) (points []Point, ok bool) {
	var list cryptobyte.String
	if !content.ReadASN1(&list, asn1.SEQUENCE) || !content.Empty() {
		return nil, false
	}
	for !list.Empty() {
		var fields, flags, issuer cryptobyte.String
		var hasReasons, hasIssuer bool
		if len(points) == maxPoints || !list.ReadASN1(&fields, asn1.SEQUENCE) {
			return nil, false
		}
		point := Point{reasons: AllReasons}
		if point.name, ok = readPointName(&fields); !ok ||
			!fields.ReadOptionalASN1(&flags, &hasReasons, asn1.Tag(1).ContextSpecific()) ||
			!fields.ReadOptionalASN1(&issuer, &hasIssuer, asn1.Tag(2).ContextSpecific().Constructed()) ||
			!fields.Empty() {
			return nil, false
		}
		if hasReasons {
			if point.reasons, ok = readReasons(flags); !ok {
				return nil, false
			}
		}
		if hasIssuer {
			if point.crlIssuer, ok = der.ReadGeneralNames(issuer); !ok {
				return nil, false
			}
		}
		// A point of reasons alone names neither a place nor an issuer.
		if !point.name.present && !hasIssuer {
			return nil, false
		}
		points = append(points, point)
	}
	return points, len(points) > 0
}

// Reasons returns the reasons that the point is for.
func (p *Point) Reasons() Reasons { return p.reasons }

// issuerName returns the name that a relative distribution point name goes
// behind: the CRL issuer's, which is the certificate issuer's unless the point
// says otherwise. With several it may not be relative; then it matches nothing.
func (p *Point) issuerName(certificateIssuer string) string {
	if p.crlIssuer == nil {
		return certificateIssuer
	}
	if len(p.crlIssuer) == 1 && p.crlIssuer[0].Tag == der.TagDirectoryName {
		return p.crlIssuer[0].Value
	}
	return "\x00"
}

// CRLIssuers returns the normal forms of the names that may issue the point's
// CRLs: those of cRLIssuer, else the certificate issuer's.
func (p *Point) CRLIssuers(certificateIssuer string) (names []string) {
	if p.crlIssuer == nil {
		return []string{certificateIssuer}
	}
	for _, name := range p.crlIssuer {
		if name.Tag == der.TagDirectoryName {
			names = append(names, name.Value)
		}
	}
	return names
}

// Keys returns what identifies each name of the point, the same for names that
// are equal (RFC 5280 sections 7.1 and 7.4).
func (p *Point) Keys(certificateIssuer string) (keys []string) {
	for _, name := range p.name.names(p.issuerName(certificateIssuer)) {
		if key := name.Key(); !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	return keys
}

// URLs returns the http and https URLs of the point in their order, and the
// other URIs, which are passed over.
func (p *Point) URLs() (urls, passedOver []string) {
	for _, name := range p.name.full {
		if name.Tag != der.TagURI {
			continue
		}
		scheme, _, _ := strings.Cut(name.Value, ":")
		if strings.EqualFold(scheme, "http") || strings.EqualFold(scheme, "https") {
			urls = append(urls, name.Value)
		} else {
			passedOver = append(passedOver, name.Value)
		}
	}
	return urls, passedOver
}

// describe writes names for an error.
func describe(names []der.GeneralName) string {
	var texts []string
	for _, name := range names {
		if name.Tag == der.TagURI {
			texts = append(texts, name.Value)
		} else {
			texts = append(texts, "a directory name")
		}
	}
	if len(texts) == 0 {
		return "no name"
	}
	return strings.Join(texts, ", ")
}
