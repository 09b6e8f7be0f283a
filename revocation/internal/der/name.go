// SPDX-License-Identifier: Apache-2.0

package der

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// Names are compared as RFC 5280 section 7.1 asks: attribute by attribute, the
// attributes of one RDN in any order, strings without regard to case, to
// leading, trailing and repeated spaces, and to whether they are a
// PrintableString, UTF8String, IA5String, VisibleString or BMPString. Values of
// any other type are equal only octet by octet. It is done on a normalised
// form, the same for all names that are equal.
//
// Characters that Unicode can write in more than one way are not unified: NFKC
// is the one step of stringprep (RFC 4518) that is left out.

// NormalName returns the normal form of a Name in DER, "" if it has no RDN. It
// is not ok if der is anything but one well-formed Name.
func NormalName(der []byte) (normal string, ok bool) {
	input := cryptobyte.String(der)
	var rdns, rdn cryptobyte.String
	if !input.ReadASN1(&rdns, asn1.SEQUENCE) || !input.Empty() {
		return "", false
	}
	b := make([]byte, 0, 2*len(der))
	for !rdns.Empty() {
		if !rdns.ReadASN1(&rdn, asn1.SET) {
			return "", false
		}
		if b, ok = appendRDN(b, rdn); !ok {
			return "", false
		}
	}
	return string(b), true
}

// NormalRDN returns the normal form of the content octets of a
// RelativeDistinguishedName. That of a Name is those of its RDNs, one after the
// other.
func NormalRDN(rdn cryptobyte.String) (normal string, ok bool) {
	b, ok := appendRDN(nil, rdn)
	return string(b), ok
}

// appendRDN appends the attributes of an RDN, sorted, behind their number.
func appendRDN(b []byte, rdn cryptobyte.String) ([]byte, bool) {
	var attributes [][]byte
	number := len(b)
	b = append(b, 0)
	for !rdn.Empty() {
		start := len(b)
		var ok bool
		if b, ok = appendAttribute(b, &rdn); !ok || b[number] == 255 {
			return nil, false
		}
		b[number]++
		if !rdn.Empty() || attributes != nil {
			attributes = append(attributes, bytes.Clone(b[start:]))
		}
	}
	if attributes != nil {
		slices.SortFunc(attributes, bytes.Compare)
		b = append(b[:number+1], bytes.Join(attributes, nil)...)
	}
	return b, b[number] > 0
}

// appendAttribute appends the type and the value of an attribute, each behind
// its length; the value is text, or the octets of any other element.
func appendAttribute(b []byte, rdn *cryptobyte.String) ([]byte, bool) {
	var attribute, oid, content, element cryptobyte.String
	var tag asn1.Tag
	if !rdn.ReadASN1(&attribute, asn1.SEQUENCE) ||
		!attribute.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) || !validObjectIdentifier(oid) ||
		!attribute.ReadAnyASN1Element(&element, &tag) || !attribute.Empty() {
		return nil, false
	}
	content = element
	if !content.ReadASN1(&content, tag) {
		return nil, false
	}
	b = binary.BigEndian.AppendUint32(b, uint32(len(oid)))
	b = append(b, oid...)
	length := len(b)
	b = append(b, 0, 0, 0, 0, '~')
	text, ok := appendText(b, tag, content)
	if !ok {
		b[len(b)-1] = '='
		text = append(b, element...)
	}
	binary.BigEndian.PutUint32(text[length:], uint32(len(text)-length))
	return text, true
}

// appendText appends a string of the given type in UTF-8, with its case and its
// spaces folded. It is not ok for types that are not strings or have no certain
// meaning.
func appendText(b []byte, tag asn1.Tag, content []byte) (_ []byte, ok bool) {
	const visibleString, bmpString = asn1.Tag(26), asn1.Tag(30)
	switch tag {
	case asn1.PrintableString, asn1.IA5String, visibleString, asn1.UTF8String:
	case bmpString:
		if len(content)%2 != 0 {
			return nil, false
		}
		units := make([]uint16, len(content)/2)
		for i := range units {
			units[i] = binary.BigEndian.Uint16(content[2*i:])
		}
		runes := utf16.Decode(units)
		if slices.Contains(runes, unicode.ReplacementChar) {
			return nil, false // half a surrogate pair: which one would be lost
		}
		content = []byte(string(runes))
	default:
		return nil, false
	}
	if !utf8.Valid(content) {
		return nil, false
	}
	start, space := len(b), false
	for len(content) > 0 {
		r, size := utf8.DecodeRune(content)
		content = content[size:]
		if unicode.IsSpace(r) {
			space = true
			continue
		}
		if space && len(b) > start {
			b = append(b, ' ')
		}
		space = false
		b = utf8.AppendRune(b, foldCase(r))
	}
	return b, true
}

// foldCase returns the smallest of the characters that differ from r in nothing
// but case.
func foldCase(r rune) rune {
	least := r
	for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
		least = min(least, other)
	}
	return least
}

// MayBeEqual says whether two names, whose normal forms differ, may be equal by
// RFC 5280 section 7.1 all the same: they differ in nothing but values that were
// kept as octets or have characters beyond ASCII.
func MayBeEqual(a, b string) bool {
	x, y := cryptobyte.String(a), cryptobyte.String(b)
	for !x.Empty() && !y.Empty() {
		var n, m uint8
		if !x.ReadUint8(&n) || !y.ReadUint8(&m) || n != m {
			return false
		}
		for range n {
			xType, xValue, ok := readAttribute(&x)
			yType, yValue, also := readAttribute(&y)
			if !ok || !also || xType != yType || xValue != yValue && plainText(xValue) && plainText(yValue) {
				return false
			}
		}
	}
	return x.Empty() && y.Empty()
}

// IsPlain reports whether all values of a name's normal form are text in ASCII. Of two
// names that differ and may be equal, at least one is not plain.
func IsPlain(name string) bool {
	s := cryptobyte.String(name)
	for !s.Empty() {
		var n uint8
		if !s.ReadUint8(&n) {
			return false
		}
		for range n {
			if _, value, ok := readAttribute(&s); !ok || !plainText(value) {
				return false
			}
		}
	}
	return true
}

// readAttribute reads what appendAttribute appends.
func readAttribute(s *cryptobyte.String) (oid, value string, ok bool) {
	var n uint32
	var b []byte
	if !s.ReadUint32(&n) || !s.ReadBytes(&b, int(n)) {
		return "", "", false
	}
	oid = string(b)
	if !s.ReadUint32(&n) || !s.ReadBytes(&b, int(n)-4) {
		return "", "", false
	}
	return oid, string(b), true
}

// plainText says whether a value of a normal form is text in ASCII.
func plainText(value string) bool {
	return value[0] == '~' && !strings.ContainsFunc(value, func(r rune) bool { return r >= utf8.RuneSelf })
}
