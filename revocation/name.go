package revocation

import (
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

// normalName returns the normal form of a Name in DER, "" if it has no RDN. It
// is not ok if der is anything but one well-formed Name.
func normalName(der []byte) (normal string, ok bool) {
	input := cryptobyte.String(der)
	var rdns cryptobyte.String
	if !input.ReadASN1(&rdns, asn1.SEQUENCE) || !input.Empty() {
		return "", false
	}
	for !rdns.Empty() {
		var rdn cryptobyte.String
		if !rdns.ReadASN1(&rdn, asn1.SET) {
			return "", false
		}
		part, ok := normalRDN(rdn)
		if !ok {
			return "", false
		}
		normal += part
	}
	return normal, true
}

// normalRDN returns the normal form of the content octets of a
// RelativeDistinguishedName. That of a Name is those of its RDNs, one after the
// other.
func normalRDN(rdn cryptobyte.String) (normal string, ok bool) {
	if rdn.Empty() {
		return "", false
	}
	var attributes []string
	for !rdn.Empty() {
		var attribute, oid, content, element cryptobyte.String
		var tag asn1.Tag
		if !rdn.ReadASN1(&attribute, asn1.SEQUENCE) ||
			!attribute.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) || !validObjectIdentifier(oid) ||
			!attribute.ReadAnyASN1Element(&element, &tag) || !attribute.Empty() {
			return "", false
		}
		value := "=" + string(element)
		content = element
		if content.ReadASN1(&content, tag) {
			if text, ok := normalText(tag, content); ok {
				value = "~" + text
			}
		}
		attributes = append(attributes, lengthPrefixed(string(oid))+lengthPrefixed(value))
	}
	slices.Sort(attributes)
	return lengthPrefixed(strings.Join(attributes, "")), true
}

func lengthPrefixed(s string) string {
	return string(binary.BigEndian.AppendUint32(nil, uint32(len(s)))) + s
}

// normalText folds the case and the spaces of a string of the given type. It is
// not ok for types that are not strings or have no certain meaning.
func normalText(tag asn1.Tag, content []byte) (text string, ok bool) {
	const visibleString, bmpString = asn1.Tag(26), asn1.Tag(30)
	switch tag {
	case asn1.PrintableString, asn1.IA5String, visibleString, asn1.UTF8String:
		if text = string(content); !utf8.ValidString(text) {
			return "", false
		}
	case bmpString:
		if len(content)%2 != 0 {
			return "", false
		}
		units := make([]uint16, len(content)/2)
		for i := range units {
			units[i] = binary.BigEndian.Uint16(content[2*i:])
		}
		text = string(utf16.Decode(units))
	default:
		return "", false
	}
	return strings.Map(foldCase, strings.Join(strings.FieldsFunc(text, unicode.IsSpace), " ")), true
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
