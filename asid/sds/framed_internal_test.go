// SPDX-License-Identifier: Apache-2.0

package sds

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
)

// bytesConn is a connection from which only bytes are read.
type bytesConn struct {
	net.Conn
	io.Reader
}

func (c bytesConn) Read(p []byte) (int, error) { return c.Reader.Read(p) }

func TestMessagesOfTheDirectoryAreBounded(t *testing.T) {
	t.Parallel()
	long := append([]byte{0x30, 0x82, 0x01, 0x00}, make([]byte, 256)...)
	for name, c := range map[string]struct {
		sent []byte
		want int // bytes that are passed on
		err  error
	}{
		"two messages":             {[]byte{0x30, 2, 5, 0, 0x30, 3, 2, 1, 1}, 9, io.EOF},
		"a long length":            {long, len(long), io.EOF},
		"nothing":                  {nil, 0, io.EOF},
		"half a header":            {[]byte{0x30}, 0, io.ErrUnexpectedEOF},
		"half a length":            {[]byte{0x30, 0x82, 1}, 0, io.ErrUnexpectedEOF},
		"half a message":           {[]byte{0x30, 3, 2, 1}, 4, io.EOF},
		"no SEQUENCE":              {[]byte{0x31, 2, 5, 0}, 0, nil},
		"an indefinite length":     {[]byte{0x30, 0x80, 5, 0, 0, 0}, 0, nil},
		"a length of five octets":  {[]byte{0x30, 0x85, 0, 0, 0, 0, 2, 5, 0}, 0, nil},
		"one byte too many":        {[]byte{0x30, 0x82, 0x01, 0x01}, 0, nil},
		"a length below zero":      {[]byte{0x30, 0x84, 0xFF, 0xFF, 0xFF, 0xFF}, 0, nil},
		"a message without a byte": {[]byte{0x30, 0}, 0, nil},
	} {
		for _, reader := range []io.Reader{bytes.NewReader(c.sent), iotest.OneByteReader(bytes.NewReader(c.sent))} {
			f := &framed{Conn: bytesConn{Reader: reader}, most: 256, timeout: time.Second}
			f.begin()
			got, err := io.ReadAll(f)
			assert.Equal(t, string(c.sent[:c.want]), string(got), name)
			switch c.err {
			case io.EOF:
				assert.NoError(t, err, name)
			case nil:
				assert.Error(t, err, name)
			default:
				assert.ErrorIs(t, err, c.err, name)
			}
		}
	}
}

// A directory may send message after message, entries or referrals, each within its
// bound.
func TestAnAnswerOfTheDirectoryIsBoundedAsAWhole(t *testing.T) {
	t.Parallel()
	const size = 1 << 20
	message := append([]byte{0x30, 0x83, 0x0F, 0xFF, 0xFB}, make([]byte, size-5)...)
	endless := func() *framed {
		return &framed{Conn: bytesConn{Reader: &again{message, 0}}, most: size, timeout: time.Second}
	}
	read := func(f *framed) int64 {
		n, err := io.Copy(io.Discard, f)
		assert.ErrorContains(t, err, "more than 67108864 bytes")
		return n
	}
	one := endless()
	one.begin()
	assert.EqualValues(t, maxAnswer, read(one))

	two := endless()
	two.begin()
	two.begin()
	assert.EqualValues(t, 2*maxAnswer, read(two))

	left := endless()
	left.begin()
	left.begin()
	left.end()
	assert.EqualValues(t, maxAnswer, read(left))

	after := endless() // what the first left is not the second's
	after.begin()
	_, err := io.CopyN(io.Discard, after, size)
	require.NoError(t, err)
	after.end()
	after.begin()
	assert.EqualValues(t, maxAnswer, read(after))

	assert.Zero(t, read(endless()), "there was no question")
}

// again reads the same bytes again and again.
type again struct {
	text []byte
	at   int
}

func (a *again) Read(p []byte) (int, error) {
	n := copy(p, a.text[a.at:])
	a.at = (a.at + n) % len(a.text)
	return n, nil
}

func TestRetryAfterIsReadInBothForms(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 28, 6, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "2": 2 * time.Second, "0": 0, "-1": 0, "1.5": 0, "9999999": time.Hour, "soon": 0,
		"Sat, 28 Nov 2026 06:00:30 GMT": 30 * time.Second,
	} {
		assert.Equal(t, want, retryAfter(value, now), value)
	}
}

func FuzzReadBundle(f *testing.F) {
	f.Add([]byte(`{"resourceType":"Bundle","type":"searchset","total":1,"entry":[{"resource":{"resourceType":"Device",
		"identifier":[{"system":"https://fhir.nhs.uk/Id/nhsSpineASID","value":"200000000205"}],
		"extension":[{"url":"` + interactionExtension + `","valueReference":{"identifier":{"value":"urn:nhs:a"}}}]}}]}`))
	f.Add([]byte(`{"resourceType":"Bundle","type":"searchset","total":0}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		resources, err := readBundle(text, "Device")
		if err != nil {
			_, ok := errors.AsType[*Error](err)
			require.True(t, ok, "%T", err)
			return
		}
		devices, _, err := readDevices(resources, "urn:nhs:a", "")
		if err != nil {
			return
		}
		for _, d := range devices {
			assert.False(t, d.asid.IsZero())
			assert.Len(t, d.asid.String(), 12)
			assert.Contains(t, d.interactions, asid.InteractionID("urn:nhs:a"))
		}
	})
}
