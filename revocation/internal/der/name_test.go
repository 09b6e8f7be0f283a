// SPDX-License-Identifier: Apache-2.0

package der_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/der"
)

// rdnSequence makes a Name; each RDN is its attributes, of an OID's last arc, a
// string type and a value.
func rdnSequence(rdns ...[]attribute) []byte {
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		for _, attributes := range rdns {
			b.AddASN1(asn1.SET, func(b *cryptobyte.Builder) {
				for _, a := range attributes {
					b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
						b.AddASN1(asn1.OBJECT_IDENTIFIER, func(b *cryptobyte.Builder) { b.AddBytes([]byte{0x55, 4, a.arc}) })
						b.AddASN1(asn1.Tag(a.tag), func(b *cryptobyte.Builder) { b.AddBytes([]byte(a.value)) })
					})
				}
			})
		}
	})
	return b.BytesOrPanic()
}

type attribute struct {
	arc, tag byte
	value    string
}

func TestNamesCompared(t *testing.T) {
	t.Parallel()
	const utf8, printable, ia5, t61, bmp = 12, 19, 22, 20, 30
	one := func(tag byte, value string) []byte { return rdnSequence([]attribute{{3, tag, value}}) }
	for _, c := range []struct {
		name  string
		a, b  []byte
		equal bool
	}{
		{"the same", one(utf8, "Sub CA"), one(utf8, "Sub CA"), true},
		{"in other letters", one(utf8, "Sub CA"), one(utf8, "sUB ca"), true},
		{"in other letters that are not ASCII", one(utf8, "ÄÉ σΣ"), one(utf8, "äé ςσ"), true},
		{"the Kelvin sign", one(utf8, "\u212a"), one(utf8, "k"), true},
		{"with more space", one(utf8, "  Sub \t  CA "), one(utf8, "Sub CA"), true},
		{"with no space", one(utf8, "SubCA"), one(utf8, "Sub CA"), false},
		{"of other string types", one(printable, "Sub CA"), one(ia5, "Sub CA"), true},
		{"of two octets a character", one(bmp, "\x00S\x00u\x00b\x20\x03\x00C\x00A"), one(utf8, "Sub CA"), true},
		{"of half a character", one(bmp, "\x00S\x00"), one(utf8, "S"), false},
		{"in Teletex", one(t61, "Sub CA"), one(utf8, "Sub CA"), false},
		{"in Teletex, the same", one(t61, "Sub CA"), one(t61, "Sub CA"), true},
		{"in Teletex, in other letters", one(t61, "Sub CA"), one(t61, "sub ca"), false},
		{"not UTF-8", one(utf8, "\xff"), one(utf8, "\xfe"), false},
		{"not UTF-8, the same", one(utf8, "\xff"), one(utf8, "\xff"), true},
		{"something left out", one(utf8, "Sub CA"), one(utf8, "Sub C"), false},
		{"of another type", one(utf8, "UK"), rdnSequence([]attribute{{6, utf8, "UK"}}), false},
		{"in another order", rdnSequence([]attribute{{3, utf8, "a"}}, []attribute{{3, utf8, "b"}}), rdnSequence([]attribute{{3, utf8, "b"}}, []attribute{{3, utf8, "a"}}), false},
		{"in another order within an RDN", rdnSequence([]attribute{{3, utf8, "a"}, {6, utf8, "b"}}), rdnSequence([]attribute{{6, utf8, "B"}, {3, utf8, "A"}}), true},
		{"text that reads like a Teletex string", one(utf8, "\x14\x01A"), one(t61, "A"), false},
		{"one RDN or two", rdnSequence([]attribute{{3, utf8, "a"}, {3, utf8, "b"}}), rdnSequence([]attribute{{3, utf8, "a"}}, []attribute{{3, utf8, "b"}}), false},
		{"a value that looks like two", rdnSequence([]attribute{{3, utf8, "a\x00\x00\x00\x03"}}), rdnSequence([]attribute{{3, utf8, "a"}}), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, okA := der.NormalName(c.a)
			b, okB := der.NormalName(c.b)
			assert.True(t, okA && okB)
			assert.Equal(t, c.equal, a == b)
		})
	}
	many := func(n int) []byte { return rdnSequence(slices.Repeat([]attribute{{3, utf8, "a"}}, n)) }
	_, ok := der.NormalName(many(255))
	assert.True(t, ok)
	for _, n := range []int{256, 257} {
		_, ok := der.NormalName(many(n))
		assert.False(t, ok, n)
	}
	_, ok = der.NormalName([]byte("\x30\x0b\x31\x09\x30\x07\x06\x02\x55\x04\x0c\x01a"))
	assert.True(t, ok)
	for _, octets := range []string{
		"\x30\x0d\x31\x0b\x30\x09\x06\x02\x55\x04\x0c\x01a\x05\x00", // something behind the value
		"\x30\x0b\x31\x09\x30\x07\x06\x02\x55\x84\x0c\x01a",         // a type that does not end
		"\x30\x09\x31\x07\x30\x05\x06\x00\x0c\x01a",                 // a type that is empty
	} {
		_, ok := der.NormalName([]byte(octets))
		assert.False(t, ok, "%x", octets)
	}
	for _, octets := range []string{"", "\x30", "\x31\x00", "\x30\x00\x00", "\x30\x02\x31\x00", "\x30\x02\x30\x00", "\x30\x04\x31\x02\x30\x00"} {
		_, ok := der.NormalName([]byte(octets))
		assert.False(t, ok, "%x", octets)
	}
	empty, ok := der.NormalName([]byte("\x30\x00"))
	assert.True(t, ok)
	assert.Empty(t, empty)
}

func TestHalfASurrogatePairIsKeptAsItIs(t *testing.T) {
	t.Parallel()
	const bmp = 30
	a, _ := der.NormalName(rdnSequence([]attribute{{3, bmp, "\xd8\x00\x00A"}}))
	b, _ := der.NormalName(rdnSequence([]attribute{{3, bmp, "\xd8\x01\x00A"}}))
	require.NotEqual(t, a, b)
}

// Where the normal forms differ, names may be equal all the same if a value was
// kept as octets or has characters beyond ASCII.
func TestNamesThatMayBeEqual(t *testing.T) {
	t.Parallel()
	const utf8, t61 = 12, 20
	normal := func(rdns ...[]attribute) string {
		n, ok := der.NormalName(rdnSequence(rdns...))
		require.True(t, ok)
		return n
	}
	plain := normal([]attribute{{3, utf8, "Sub CA"}})
	for _, c := range []struct {
		name string
		a, b string
		want bool
	}{
		{"two plain texts", plain, normal([]attribute{{3, utf8, "Sub CB"}}), false},
		{"a Teletex string", plain, normal([]attribute{{3, t61, "Sub CA"}}), true},
		{"two ways to write a character", normal([]attribute{{3, utf8, "\u00e9"}}), normal([]attribute{{3, utf8, "e\u0301"}}), true},
		{"another type", plain, normal([]attribute{{6, t61, "Sub CA"}}), false},
		{"more RDNs", plain, normal([]attribute{{3, t61, "Sub CA"}}, []attribute{{3, utf8, "a"}}), false},
		{"more attributes", plain, normal([]attribute{{3, t61, "Sub CA"}, {3, utf8, "a"}}), false},
		{"a plain text that differs beside one in doubt", normal([]attribute{{6, utf8, "a"}}, []attribute{{3, utf8, "x"}}), normal([]attribute{{6, utf8, "b"}}, []attribute{{3, t61, "x"}}), false},
	} {
		assert.Equal(t, c.want, der.MayBeEqual(c.a, c.b), c.name)
		assert.Equal(t, c.want, der.MayBeEqual(c.b, c.a), c.name)
		if c.want {
			assert.False(t, der.IsPlain(c.a) && der.IsPlain(c.b), c.name)
		}
	}
	assert.True(t, der.IsPlain(plain))
	assert.True(t, der.IsPlain(normal([]attribute{{3, utf8, "a"}, {6, utf8, "b"}}, []attribute{{3, utf8, "c"}})))
	assert.False(t, der.IsPlain(normal([]attribute{{3, utf8, "a"}, {6, t61, "b"}}, []attribute{{3, utf8, "c"}})))
	assert.False(t, der.IsPlain(normal([]attribute{{3, utf8, "a"}}, []attribute{{3, utf8, "\u00e9"}})))
}
