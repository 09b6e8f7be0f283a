// SPDX-License-Identifier: Apache-2.0

package der

import (
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// A GeneralName is one of GeneralNames (RFC 5280 section 4.2.1.6). Value is the
// normal form of a directoryName, and of any other the content octets.
type GeneralName struct {
	Tag   uint8
	Value string

	normal string // what is compared
}

// The kinds of GeneralName that name distribution points.
const (
	TagDirectoryName = 4
	TagURI           = 6
)

// maxNames bounds what is kept of a document that has not been verified yet, since
// the shortest name takes two octets there and many times that here.
const maxNames = 256

// DirectoryName returns the directoryName with a normal form.
func DirectoryName(normal string) GeneralName {
	return GeneralName{Tag: TagDirectoryName, Value: normal, normal: normal}
}

// URI returns the uniformResourceIdentifier with the given octets.
func URI(uri string) GeneralName {
	return GeneralName{Tag: TagURI, Value: uri, normal: NormalURI(uri)}
}

// ReadGeneralNames reads the content octets of GeneralNames, of which there
// must be at least one.
func ReadGeneralNames(list cryptobyte.String) (names []GeneralName, ok bool) {
	const constructed = 1<<0 | 1<<3 | 1<<TagDirectoryName | 1<<5
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
		name := GeneralName{Tag: number, Value: string(content)}
		switch number {
		case TagDirectoryName:
			if name.Value, ok = NormalName(content); !ok {
				return nil, false
			}
			name.normal = name.Value
		case TagURI:
			name.normal = NormalURI(name.Value)
		default:
			name.normal = name.Value
		}
		names = append(names, name)
	}
	return names, len(names) > 0
}

// Equal reports whether two names are the same (RFC 5280 sections 7.1 and 7.4).
func (n GeneralName) Equal(other GeneralName) bool {
	return n.Tag == other.Tag && n.normal == other.normal
}

// Key returns what is the same for equal names and for no others.
func (n GeneralName) Key() string { return string(rune('0'+n.Tag)) + n.normal }

// Share reports whether a name of a is also one of b (RFC 5280 section 6.3.3
// (b)(2)(i)).
func Share(a, b []GeneralName) bool {
	for _, x := range a {
		for _, y := range b {
			if x.Equal(y) {
				return true
			}
		}
	}
	return false
}
