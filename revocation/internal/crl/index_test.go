// SPDX-License-Identifier: Apache-2.0

package crl

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/der"
)

var day = time.Date(2025, time.March, 3, 3, 3, 3, 0, time.UTC)

// encode writes an entry of revokedCertificates with the content octets of its
// serial.
func encode(serial []byte, date time.Time, reason der.Reason) []byte {
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.INTEGER, func(b *cryptobyte.Builder) { b.AddBytes(serial) })
		b.AddASN1UTCTime(date)
		if reason != 0 {
			b.AddBytes([]byte(reasonPrefix))
			b.AddUint8(uint8(reason))
		}
	})
	return b.BytesOrPanic()
}

// serialsOf makes n serials of so many content octets, none of them twice.
func serialsOf(n, octets int) (serials [][]byte) {
	random := rand.New(rand.NewPCG(uint64(n), uint64(octets)))
	seen := map[string]bool{}
	for len(serials) < n {
		b := make([]byte, octets)
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		b[0] = b[0]&0x7f | 0x40
		if !seen[string(b)] {
			seen[string(b)] = true
			serials = append(serials, b)
		}
	}
	return serials
}

func sequence(from int64, n int) (serials [][]byte) {
	for i := range n {
		serials = append(serials, der.IntegerContent(big.NewInt(from+int64(i))))
	}
	return serials
}

// Every serial that is listed is found with its date and reason, and none that is
// not.
func TestIndexFindsWhatIsListed(t *testing.T) {
	t.Parallel()
	lists := map[string][][]byte{
		"one":              sequence(1, 1),
		"all of one octet": sequence(0, 128),
		"negative ones":    sequence(-300, 300),
		"in sequence":      sequence(1<<40, 5000),
		"a few":            serialsOf(33, 16),
	}
	if !testing.Short() { // the long ones
		lists["more than a part can hold"] = serialsOf(70_000, 8)
		lists["others than the first ones"] = append(serialsOf(300, 20), serialsOf(40_000, 8)...)
		lists["many of a length seen once so far"] = append(append(serialsOf(300, 20), serialsOf(1, 19)...), serialsOf(30_000, 19)...)
	}
	for octets := 1; octets <= maxSerialLength; octets++ {
		lists["of every length"] = append(lists["of every length"], serialsOf(min(60, 1<<(6*octets)), octets)...)
	}
	for _, octets := range []int{2, 4, 7, 8, 9, 15, 16, 17, 20, 21, 24, 25, 31, 32} {
		lists[fmt.Sprintf("of %d octets", octets)] = serialsOf(3000, octets)
	}
	reasons := []der.Reason{0, 1, 2, 3, 4, 5, 6, 9, 10}
	for name, serials := range lists {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var octets []byte
			for i, serial := range serials {
				octets = append(octets, encode(serial, day.Add(-time.Duration(i)*time.Minute), reasons[i%len(reasons)])...)
			}
			for _, inPlace := range []bool{false, true} {
				requireFound(t, entryReader{v2: true, inPlace: inPlace}, octets, serials, reasons)
			}
		})
	}
}

// requireFound reads entries of the given serials, and requires that each is found with
// its date and reason, and no other.
func requireFound(t *testing.T, r entryReader, octets []byte, serials [][]byte, reasons []der.Reason) {
	t.Helper()
	present := map[string]bool{}
	for _, serial := range serials {
		present[string(serial)] = true
	}
	x := r.read(octets)
	require.NotNil(t, x, r.fault)
	require.Equal(t, len(serials), x.count)
	for i, serial := range serials {
		if w, listed := x.find(serial, 0); !listed || w.reason() != reasons[i%len(reasons)] || !der.Time(w.seconds()).Equal(day.Add(-time.Duration(i)*time.Minute)) {
			if slices.IndexFunc(serials, func(s []byte) bool { return string(s) == string(serial) }) == i {
				t.Fatalf("entry %d, serial %x: got %v %v", i, serial, listed, w)
			}
		}
		for _, change := range []int64{1, -1, 256, 1 << 32} {
			other := der.IntegerContent(new(big.Int).Add(new(big.Int).SetBytes(serial), big.NewInt(change)))
			if _, listed := x.find(other, 0); listed != present[string(other)] {
				t.Fatalf("%x: got %v", other, listed)
			}
		}
		for _, other := range [][]byte{serial[1:], append([]byte{0}, serial...), append(slices.Clone(serial), 0)} {
			if _, listed := x.find(other, 0); listed != present[string(other)] {
				t.Fatalf("%x: got %v", other, listed)
			}
		}
	}
}

// A serial that is listed many times is revoked as it is listed first, and in a
// delta CRL revoking comes before taking back.
func TestIndexOfOneSerialManyTimes(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("makes a long list")
	}
	for _, serial := range [][]byte{{0x47}, serialsOf(1, 8)[0], serialsOf(1, 20)[0]} {
		for _, n := range []int{2, 10, 40, 20_000} {
			var complete, delta []byte
			for i := range n {
				date := day.Add(-time.Duration(i) * time.Hour)
				complete = append(complete, encode(serial, date, der.ReasonSuperseded)...)
				reason := der.ReasonRemoveFromCRL
				if i == n-1 {
					reason = der.ReasonSuperseded
				}
				delta = append(delta, encode(serial, date, reason)...)
			}
			for _, inPlace := range []bool{false, true} {
				x := (&entryReader{v2: true, inPlace: inPlace}).read(complete)
				w, listed := x.find(serial, 0)
				assert.True(t, listed)
				assert.Equal(t, day, der.Time(w.seconds()))
				x = (&entryReader{v2: true, delta: true, inPlace: inPlace}).read(delta)
				w, listed = x.find(serial, 0)
				assert.True(t, listed)
				assert.Equal(t, der.ReasonSuperseded, w.reason())
			}
		}
	}
}

// A list of serials of every length, of several certificate issuers, some of them
// listed more than once and some removed, is what a map of its entries is: of one
// serial the first entry that revokes, else one that removes it.
func TestIndexIsAMapOfItsEntries(t *testing.T) {
	t.Parallel()
	reasons := []der.Reason{0, der.ReasonKeyCompromise, der.ReasonCertificateHold, der.ReasonRemoveFromCRL, der.ReasonRemoveFromCRL}
	for seed, entries := range []int{1, 2, 7, 40, 200, 200, 1000, 1000, 6000, 60_000, 60_000} {
		if entries > 6000 && testing.Short() {
			continue
		}
		for form := range 3 {
			indirect, inPlace := form == 1, form == 2 // there is none that is both
			t.Run(fmt.Sprint(seed, indirect, inPlace), func(t *testing.T) {
				t.Parallel()
				random := rand.New(rand.NewPCG(uint64(seed), uint64(entries)))
				r := entryReader{v2: true, delta: true, indirect: indirect, inPlace: inPlace}
				issuers := [][]byte{directoryName("CRL issuer")}
				if indirect {
					r.groups = issuerGroups{"CRL issuer": 0}
					issuers = append(issuers, directoryName("CA 1"), directoryName("CA 2"), directoryName("CA 3"))
				}
				type key struct {
					serial string
					group  int
				}
				var octets []byte
				var listed []key
				want := map[key]when{}
				group := 0
				for i := range entries {
					k := key{serial: string(randomSerial(random, 1+random.IntN(maxSerialLength)))}
					if seed%2 == 1 && random.IntN(4) > 0 { // most of one length, which are in parts
						k.serial = string(randomSerial(random, []int{8, 20, 7}[seed/2%3]))
					}
					if i > 0 && random.IntN(3) == 0 { // that of another entry, half of them of the first
						k.serial = listed[random.IntN(i)*random.IntN(2)].serial
					}
					named := random.IntN(3) == 0 && len(issuers) > 1
					if named {
						group = 1 + random.IntN(len(issuers)-1)
					}
					k.group = group
					date, reason := day.Add(-time.Duration(i)*time.Second), reasons[random.IntN(len(reasons))]
					if named {
						octets = append(octets, encodeOf([]byte(k.serial), date, reason, issuers[group])...)
					} else {
						octets = append(octets, encode([]byte(k.serial), date, reason)...)
					}
					listed = append(listed, k)
					w := packWhen(uint64(date.Unix()-der.Time(0).Unix()), reason)
					if old, known := want[k]; !known || old.reason() == der.ReasonRemoveFromCRL && reason != der.ReasonRemoveFromCRL {
						want[k] = w
					}
				}
				x := r.read(octets)
				require.NotNil(t, x, r.fault)
				numbers := []int{0}
				for i := range issuers[1:] {
					number, ok := r.groups[normalName(issuers[i+1])]
					if !ok {
						number = 1000 // never named
					}
					numbers = append(numbers, int(number))
				}
				check := func(k key) {
					w, known := want[k]
					got, found := x.find([]byte(k.serial), uint32(numbers[k.group]))
					if found != known || found && (got.reason() == der.ReasonRemoveFromCRL) != (w.reason() == der.ReasonRemoveFromCRL) ||
						found && w.reason() != der.ReasonRemoveFromCRL && got != w {
						t.Fatalf("serial %x of issuer %d: found %v %x, want %v %x", k.serial, k.group, found, got, known, w)
					}
				}
				for _, k := range listed {
					for k.group = range issuers {
						check(k)
						near := []byte(k.serial)
						near[random.IntN(len(near))] ^= 1 << random.IntN(8)
						check(key{string(near), k.group})
						check(key{k.serial[1:], k.group})
						check(key{k.serial + "\x00", k.group})
					}
				}
			})
		}
	}
}

// randomSerial makes the content octets of an INTEGER, many of them alike but for
// their length or an octet or two, some negative.
func randomSerial(random *rand.Rand, octets int) []byte {
	b := make([]byte, octets)
	for i := range b {
		if b[i] = []byte{0, 0, 0x7f, 0xff}[random.IntN(4)]; random.IntN(4) == 0 {
			b[i] = byte(random.Uint32())
		}
	}
	for len(b) > 1 && !minimalInteger(b[0], b[1]) {
		b[0] = byte(random.Uint32())
	}
	return b
}

func directoryName(name string) []byte {
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SET, func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddBytes([]byte{6, 3, 0x55, 4, 3})
				b.AddASN1(asn1.UTF8String, func(b *cryptobyte.Builder) { b.AddBytes([]byte(name)) })
			})
		})
	})
	return b.BytesOrPanic()
}

func normalName(name []byte) string {
	normal, ok := der.NormalName(name)
	if !ok {
		panic("not a name")
	}
	return normal
}

// encodeOf is encode with a certificateIssuer.
func encodeOf(serial []byte, date time.Time, reason der.Reason, issuer []byte) []byte {
	var b cryptobyte.Builder
	extension := func(b *cryptobyte.Builder, oid string, critical bool, value func(*cryptobyte.Builder)) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.OBJECT_IDENTIFIER, func(b *cryptobyte.Builder) { b.AddBytes([]byte(oid)) })
			if critical {
				b.AddASN1Boolean(true)
			}
			b.AddASN1(asn1.OCTET_STRING, value)
		})
	}
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.INTEGER, func(b *cryptobyte.Builder) { b.AddBytes(serial) })
		b.AddASN1UTCTime(date)
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			extension(b, der.OIDReasonCode, false, func(b *cryptobyte.Builder) { b.AddASN1Enum(int64(reason)) })
			extension(b, der.OIDCertificateIssuer, true, func(b *cryptobyte.Builder) {
				b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1(asn1.Tag(4).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) { b.AddBytes(issuer) })
				})
			})
		})
	})
	return b.BytesOrPanic()
}

// Each certificate issuer of an indirect CRL has serials of its own.
func TestIndexOfIssuers(t *testing.T) {
	t.Parallel()
	x, own := newIndex(true, nil, new([maxSerialLength + 1]int)), serialsOf(300, 20)
	for group := range uint32(300) {
		for _, serial := range [][]byte{{7}, serialsOf(1, 8)[0], own[group]} {
			x.add(x.table(len(serial)), 0, padded(serial), len(serial), group, packWhen(uint64(group), 0))
		}
	}
	x.filled()
	for group := range uint32(300) {
		for other := range uint32(300) {
			_, listed := x.find(own[group], other)
			require.Equal(t, group == other, listed, "%d %d", group, other)
		}
		for _, serial := range [][]byte{{7}, serialsOf(1, 8)[0]} {
			w, listed := x.find(serial, group)
			require.True(t, listed)
			require.EqualValues(t, group, w.seconds())
		}
	}
	_, listed := x.find([]byte{7}, 300)
	assert.False(t, listed)
}

// The entries of an indirect CRL are of at most 65,536 certificate issuers, the CRL issuer
// among them. Each counts once, and those that are known are read beyond the bound.
func TestCertificateIssuersUpToTheBound(t *testing.T) {
	t.Parallel()
	const most = 1 << 16
	r := entryReader{v2: true, indirect: true, groups: issuerGroups{}}
	for i := range most - 1 {
		r.groups.add(fmt.Sprint(i))
	}
	entries := func(names ...string) (octets []byte) {
		for i, name := range names {
			octets = append(octets, encodeOf([]byte{byte(i + 1)}, day, der.ReasonSuperseded, directoryName(name))...)
		}
		return octets
	}
	x := r.read(entries("last", "last"))
	require.NotNil(t, x, r.fault)
	require.Equal(t, most, len(r.groups)) // not Len, which would print them all
	x = r.read(entries("last"))
	require.NotNil(t, x, r.fault)
	_, listed := x.find([]byte{1}, most-1)
	assert.True(t, listed)
	assert.Nil(t, r.read(entries("last", "one more")))
	assert.Equal(t, "it has entries of more certificate issuers than are read", r.fault)
	assert.Equal(t, most, len(r.groups))
}
