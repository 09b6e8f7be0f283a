// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

// Whatever a CRL names is kept before its signature is verified, and takes many
// times the two octets there that the shortest name does.
func TestWhatACRLNamesIsBounded(t *testing.T) {
	p := newCRLPKI(t)
	extended := func(arc byte, value []byte) []byte {
		return with(p.ca.crl(), func(c *revocationtest.CRL) {
			c.Edit = func(tbs []byte) []byte {
				var content []byte
				fields := parseDER(tbs).children
				for _, child := range fields[:len(fields)-1] {
					content = append(content, child.bytes()...)
				}
				extension := tlv(0x30, append(tlv(6, []byte{0x55, 0x1d, arc}), tlv(4, value)...))
				return tlv(0x30, append(content, tlv(0xa0, tlv(0x30, extension))...))
			}
		}).DER()
	}
	for _, c := range []struct {
		n    int
		want error
	}{{256, nil}, {257, revocation.ErrMalformed}, {1 << 20, revocation.ErrMalformed}} {
		for what, der := range map[string][]byte{
			"names of a distribution point": extended(0x1c, tlv(0x30, tlv(0xa0, tlv(0xa0, bytes.Repeat([]byte{0x86, 0}, c.n))))),
			"points of a freshestCRL":       extended(0x2e, tlv(0x30, bytes.Repeat([]byte{0x30, 4, 0xa2, 2, 0x86, 0}, c.n))),
		} {
			assert.ErrorIs(t, new(revocation.CRLs).Add(der), c.want, "%d %s", c.n, what)
		}
	}
}

func tlv(tag byte, content []byte) []byte {
	n := len(content)
	b := []byte{tag}
	switch {
	case n < 0x80:
		b = append(b, byte(n))
	case n < 1<<16:
		b = append(b, 0x82, byte(n>>8), byte(n))
	default:
		b = append(b, 0x84, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
		if n < 1<<24 {
			b = append([]byte{tag}, 0x83, byte(n>>16), byte(n>>8), byte(n))
		}
	}
	return append(b, content...)
}
