// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"crypto/x509"
	encodingasn1 "encoding/asn1"
	"fmt"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// reasons is a set of revocation reasons. Bit n stands for bit n of ReasonFlags
// (RFC 5280 section 4.2.1.13), so bit 0 is unused.
type reasons uint16

// allReasons are those that CRLs can be partitioned by: keyCompromise to
// aACompromise.
const allReasons reasons = 1<<9 - 2

func (r reasons) String() string {
	names := [...]string{
		1: "keyCompromise", 2: "cACompromise", 3: "affiliationChanged", 4: "superseded",
		5: "cessationOfOperation", 6: "certificateHold", 7: "privilegeWithdrawn", 8: "aACompromise",
	}
	var set []string
	for bit, name := range names {
		if r>>bit&1 != 0 && name != "" {
			set = append(set, name)
		}
	}
	return strings.Join(set, ", ")
}

// readReasons reads the content octets of a ReasonFlags. In DER a named bit
// list has no trailing zero bits.
func readReasons(content cryptobyte.String) (set reasons, ok bool) {
	if len(content) == 0 || len(content) > 3 {
		return 0, false
	}
	unused, octets := content[0], content[1:]
	if len(octets) == 0 {
		return 0, unused == 0
	}
	last := octets[len(octets)-1]
	if unused > 7 || last&(1<<unused-1) != 0 || last>>unused&1 == 0 {
		return 0, false
	}
	for bit := range len(octets) * 8 {
		if octets[bit/8]>>(7-bit%8)&1 != 0 {
			set |= 1 << bit
		}
	}
	return set & allReasons, true
}

// A generalName is one of GeneralNames (RFC 5280 section 4.2.1.6). The value of
// a directoryName is its normal form, that of any other the content octets.
type generalName struct {
	tag   uint8
	value string
}

const (
	tagDirectoryName = 4
	tagURI           = 6

	// maxNames and maxPoints bound what is kept of a CRL that nobody has
	// verified yet, since the shortest name takes two octets there and many
	// times that here.
	maxNames  = 256
	maxPoints = 256
)

// readGeneralNames reads the content octets of GeneralNames, of which there
// must be at least one.
func readGeneralNames(list cryptobyte.String) (names []generalName, ok bool) {
	const constructed = 1<<0 | 1<<3 | 1<<tagDirectoryName | 1<<5
	for !list.Empty() {
		var content cryptobyte.String
		var tag asn1.Tag
		if len(names) == maxNames || !list.ReadAnyASN1(&content, &tag) {
			return nil, false
		}
		number := uint8(tag & 0x1f)
		want := asn1.Tag(number).ContextSpecific()
		if number > 8 {
			return nil, false
		}
		if constructed>>number&1 != 0 {
			want = want.Constructed()
		}
		if tag != want {
			return nil, false
		}
		name := generalName{tag: number, value: string(content)}
		if number == tagDirectoryName {
			if name.value, ok = normalName(content); !ok {
				return nil, false
			}
		}
		names = append(names, name)
	}
	return names, len(names) > 0
}

// share says whether a name of a is also one of b (RFC 5280 section 6.3.3 (b)(2)(i)).
func share(a, b []generalName) bool {
	for _, x := range a {
		for _, y := range b {
			if x == y {
				return true
			}
		}
	}
	return false
}

// hasDirectoryName says whether one of the names is the directory name with the
// given normal form.
func hasDirectoryName(names []generalName, normal string) bool {
	return share(names, []generalName{{tag: tagDirectoryName, value: normal}})
}

// A pointName is a DistributionPointName.
type pointName struct {
	present  bool
	full     []generalName
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
		name.full, ok = readGeneralNames(inner)
		return name, ok
	}
	if !outer.ReadASN1(&inner, asn1.Tag(1).ContextSpecific().Constructed()) || !outer.Empty() {
		return name, false
	}
	name.relative, ok = normalRDN(inner)
	return name, ok
}

// names returns the point's names; issuer is the normal form of the name that a
// relative one goes behind.
func (n *pointName) names(issuer string) []generalName {
	if n.relative != "" {
		return []generalName{{tag: tagDirectoryName, value: issuer + n.relative}}
	}
	return n.full
}

// A distributionPoint is one of CRLDistributionPoints (RFC 5280 section
// 4.2.1.13) or of a freshestCRL extension.
type distributionPoint struct {
	name      pointName
	reasons   reasons       // allReasons if there is none
	crlIssuer []generalName // nil: the certificate issuer
}

// readDistributionPoints reads a CRLDistributionPoints, of which freshestCRL has
// the syntax too.
func readDistributionPoints(der cryptobyte.String) (points []distributionPoint, ok bool) {
	var list cryptobyte.String
	if !der.ReadASN1(&list, asn1.SEQUENCE) || !der.Empty() {
		return nil, false
	}
	for !list.Empty() {
		var fields, flags, issuer cryptobyte.String
		var hasReasons, hasIssuer bool
		if len(points) == maxPoints || !list.ReadASN1(&fields, asn1.SEQUENCE) {
			return nil, false
		}
		point := distributionPoint{reasons: allReasons}
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
			if point.crlIssuer, ok = readGeneralNames(issuer); !ok {
				return nil, false
			}
		}
		// A point of reasons only says nothing about where or by whom.
		if !point.name.present && !hasIssuer {
			return nil, false
		}
		points = append(points, point)
	}
	return points, len(points) > 0
}

// issuerName returns the name that a relative distribution point name goes
// behind: the CRL issuer's, which is the certificate issuer's unless the point
// says otherwise. With several it may not be relative; then it matches nothing.
func (p *distributionPoint) issuerName(certificateIssuer string) string {
	if p.crlIssuer == nil {
		return certificateIssuer
	}
	if len(p.crlIssuer) == 1 && p.crlIssuer[0].tag == tagDirectoryName {
		return p.crlIssuer[0].value
	}
	return "\x00"
}

// urls returns the http and https URLs of the point in their order, and the
// names that are passed over.
func (p *distributionPoint) urls() (urls, passedOver []string) {
	for _, name := range p.name.full {
		if name.tag != tagURI {
			continue
		}
		scheme, _, _ := strings.Cut(name.value, ":")
		if strings.EqualFold(scheme, "http") || strings.EqualFold(scheme, "https") {
			urls = append(urls, name.value)
		} else {
			passedOver = append(passedOver, name.value)
		}
	}
	return urls, passedOver
}

// A scope is what a CRL covers: an issuingDistributionPoint (RFC 5280 section
// 5.2.5). The zero value is that of a CRL without the extension.
type scope struct {
	raw            string // the extension's value
	name           pointName
	userCerts      bool
	caCerts        bool
	attributeCerts bool
	someReasons    bool
	reasons        reasons // with someReasons
	indirect       bool
}

// readScope reads an IssuingDistributionPoint and returns what is wrong, or "".
func readScope(der cryptobyte.String) (s scope, fault string) {
	const malformed = "the issuingDistributionPoint is not well formed"
	s.raw = string(der)
	var fields, flags cryptobyte.String
	if !der.ReadASN1(&fields, asn1.SEQUENCE) || !der.Empty() {
		return s, malformed
	}
	if fields.Empty() {
		return s, "the issuingDistributionPoint is empty"
	}
	var ok [5]bool
	s.name, ok[0] = readPointName(&fields)
	s.userCerts, ok[1] = readBool(&fields, 1)
	s.caCerts, ok[2] = readBool(&fields, 2)
	if !fields.ReadOptionalASN1(&flags, &s.someReasons, asn1.Tag(3).ContextSpecific()) {
		return s, malformed
	}
	s.indirect, ok[3] = readBool(&fields, 4)
	s.attributeCerts, ok[4] = readBool(&fields, 5)
	if ok != [5]bool{true, true, true, true, true} || !fields.Empty() {
		return s, malformed
	}
	if s.someReasons {
		if s.reasons, ok[0] = readReasons(flags); !ok[0] {
			return s, malformed
		}
	}
	kinds := 0
	for _, only := range []bool{s.userCerts, s.caCerts, s.attributeCerts} {
		if only {
			kinds++
		}
	}
	if kinds > 1 {
		return s, "the issuingDistributionPoint asserts more than one of onlyContainsUserCerts, onlyContainsCACerts and onlyContainsAttributeCerts"
	}
	return s, ""
}

// The certificate extensions that name CRLs.
var (
	idCRLDistributionPoints = encodingasn1.ObjectIdentifier{2, 5, 29, 31}
	idFreshestCRL           = encodingasn1.ObjectIdentifier{2, 5, 29, 46}
)

// A subject is a certificate as the search for its CRLs sees it.
type subject struct {
	cert   *x509.Certificate
	issuer string // normal form
	serial []byte // content octets
	points []distributionPoint
	fresh  []distributionPoint // of its freshestCRL extension
}

// newSubject reads what the search needs of a certificate.
func newSubject(cert *x509.Certificate) (*subject, error) {
	s := &subject{cert: cert, serial: integerContent(cert.SerialNumber)}
	var ok bool
	if s.issuer, ok = normalName(cert.RawIssuer); !ok || s.issuer == "" {
		return nil, fmt.Errorf("%w: issuer of the certificate", ErrMalformed)
	}
	for _, extension := range cert.Extensions {
		switch {
		case extension.Id.Equal(idCRLDistributionPoints):
			if s.points, ok = readDistributionPoints(extension.Value); !ok {
				return nil, fmt.Errorf("%w: cRLDistributionPoints of the certificate", ErrMalformed)
			}
		case extension.Id.Equal(idFreshestCRL):
			if s.fresh, ok = readDistributionPoints(extension.Value); !ok {
				return nil, fmt.Errorf("%w: freshestCRL of the certificate", ErrMalformed)
			}
		}
	}
	return s, nil
}

// covers returns the reasons for which the CRL is authoritative for the
// certificate by the given distribution point, or why it is not (RFC 5280
// section 6.3.3 (b) and (d)).
func (c *crl) covers(s *subject, p *distributionPoint) (reasons, string) {
	if p.crlIssuer != nil {
		if !hasDirectoryName(p.crlIssuer, c.issuer) {
			return 0, "its issuer is not the cRLIssuer of the distribution point"
		}
		if !c.scope.indirect {
			return 0, "the distribution point names a cRLIssuer, but it is not indirect"
		}
	} else if c.issuer != s.issuer {
		return 0, "its issuer is not that of the certificate"
	}
	if c.scope.name.present {
		names := p.crlIssuer
		if p.name.present {
			names = p.name.names(p.issuerName(s.issuer))
		}
		if !share(c.scope.name.names(c.issuer), names) {
			return 0, "its distribution point is not that of the certificate"
		}
	}
	ca := s.cert.BasicConstraintsValid && s.cert.IsCA
	switch {
	case c.scope.userCerts && ca:
		return 0, "it covers end entity certificates only"
	case c.scope.caCerts && !ca:
		return 0, "it covers CA certificates only"
	case c.scope.attributeCerts:
		return 0, "it covers attribute certificates only"
	}
	if c.scope.someReasons {
		return p.reasons & c.scope.reasons, ""
	}
	return p.reasons, ""
}

// lookUp returns the CRL's entry for the certificate.
func (c *crl) lookUp(s *subject) (when, bool) {
	group, ok := uint32(0), c.issuer == s.issuer
	if c.scope.indirect {
		group, ok = c.groups[s.issuer]
	}
	if c.entries == nil {
		return 0, false
	}
	if ok {
		if w, listed := c.entries.find(s.serial, group); listed {
			return w, true
		}
	}
	// Where it is not certain that a certificateIssuer is another name than that
	// of the certificate's issuer, it must not be taken for another.
	for name, group := range c.groups {
		if name == s.issuer || !mayBeEqual(name, s.issuer) {
			continue
		}
		if w, listed := c.entries.find(s.serial, group); listed && w.reason() != ReasonRemoveFromCRL {
			return w, true
		}
	}
	return 0, false
}
