// SPDX-License-Identifier: Apache-2.0

package crl

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/der"
)

// An index whose rows say where their entries are tells of entries of every form what one
// tells whose rows have all of them, and takes less memory than the serials.
func TestEntriesOfEveryFormAreReadInPlace(t *testing.T) {
	t.Parallel()
	reasonCode := []byte(reasonPrefix[2:] + "\x04")
	private := func(octets int) []byte { // an extension that is not critical
		var b cryptobyte.Builder
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.OBJECT_IDENTIFIER, func(b *cryptobyte.Builder) { b.AddBytes([]byte{0x2a, 3}) })
			b.AddASN1OctetString(bytes.Repeat([]byte{0x30}, octets))
		})
		return b.BytesOrPanic()
	}
	utc := func(b *cryptobyte.Builder) { b.AddASN1UTCTime(day) }
	generalized := func(b *cryptobyte.Builder) { b.AddASN1GeneralizedTime(day) }
	forms := []struct {
		name       string
		date       func(*cryptobyte.Builder)
		extensions []byte // nil: no crlEntryExtensions
		reason     der.Reason
	}{
		{"plain", utc, nil, 0},
		{"with a reason", utc, reasonCode, der.ReasonSuperseded},
		{"without extensions among the extensions", utc, []byte{}, 0},
		{"with an extension as long as a reason", utc, private(4), 0},
		{"with GeneralizedTime", generalized, nil, 0},
		{"with GeneralizedTime and a reason", generalized, reasonCode, der.ReasonSuperseded},
		{"with a length of two octets", utc, append(private(150), reasonCode...), der.ReasonSuperseded},
		{"with a length of three octets", utc, append(private(300), reasonCode...), der.ReasonSuperseded},
		{"with a length of four octets", utc, append(private(70_000), reasonCode...), der.ReasonSuperseded},
	}
	serials := append(serialsOf(len(forms), 20), serialsOf(3000, 20)...)
	var octets []byte
	for i, form := range forms {
		var b cryptobyte.Builder
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.INTEGER, func(b *cryptobyte.Builder) { b.AddBytes(serials[i]) })
			form.date(b)
			if form.extensions != nil {
				b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddBytes(form.extensions) })
			}
		})
		octets = append(octets, b.BytesOrPanic()...)
	}
	for _, serial := range serials[len(forms):] {
		octets = append(octets, encode(serial, day, 0)...)
	}
	reader := entryReader{v2: true, inPlace: true}
	inPlace := reader.read(octets)
	require.NotNil(t, inPlace, reader.fault)
	require.NotNil(t, inPlace.octets)
	apart := (&entryReader{v2: true}).read(octets)
	for i, form := range forms {
		for _, x := range []*index{inPlace, apart} {
			w, listed := x.find(serials[i], 0)
			assert.True(t, listed, form.name)
			assert.Equal(t, form.reason, w.reason(), form.name)
			assert.Equal(t, day, der.Time(w.seconds()), form.name)
		}
	}
	all := map[string]when{}
	apart.each(func(serial []byte, group uint32, w when) bool { all[string(serial)] = w; return true })
	require.Len(t, all, len(serials))
	inPlace.each(func(serial []byte, group uint32, w when) bool {
		assert.Equal(t, all[string(serial)], w)
		delete(all, string(serial))
		return true
	})
	assert.Empty(t, all)
	assert.Len(t, inPlace.tables[20].parts[0].rows, len(serials)*(placeLength+whenLength))
}

// A look-up of a certificate that is not listed allocates nothing.
func TestLookUpInPlaceAllocatesNothing(t *testing.T) {
	serials := serialsOf(2000, 20)
	var octets []byte
	for _, serial := range serials[1:] {
		octets = append(octets, encode(serial, day.Add(time.Hour), der.ReasonSuperseded)...)
	}
	x := (&entryReader{v2: true, inPlace: true}).read(octets)
	assert.Zero(t, testing.AllocsPerRun(10, func() { x.find(serials[0], 0) }))
}
