// SPDX-License-Identifier: Apache-2.0

package crl_test

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/crl"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/der"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/dertest"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

// replaced returns a CRL with a part of its tbsCertList replaced.
func replaced(p *pki, part int, octets []byte) []byte {
	return with(p.ca.crl(1), func(c *revocationtest.CRL) {
		c.Edit = func(tbs []byte) []byte {
			var content []byte
			for i, child := range dertest.Parse(tbs).Children {
				if i == part {
					content = append(content, octets...)
				} else {
					content = append(content, child.Bytes()...)
				}
			}
			return tlv(0x30, content)
		}
	}).DER()
}

// Whatever a CRL names is read before its signature is verified, and takes many
// times the two octets there that the shortest name does.
func TestWhatAListNamesIsBounded(t *testing.T) {
	t.Parallel()
	p := newPKI(t)
	extended := func(arc byte, value []byte) []byte {
		extension := tlv(0x30, append(tlv(6, []byte{0x55, 0x1d, arc}), tlv(4, value)...))
		return replaced(p, tbsExtensions, tlv(0xa0, tlv(0x30, extension)))
	}
	for _, c := range []struct {
		n    int
		want error
	}{{256, nil}, {257, der.ErrMalformed}, {1 << 20, der.ErrMalformed}} {
		for what, raw := range map[string][]byte{
			"names of a distribution point": extended(0x1c, tlv(0x30, tlv(0xa0, tlv(0xa0, bytes.Repeat([]byte{0x86, 0}, c.n))))),
			"points of a freshestCRL":       extended(0x2e, tlv(0x30, bytes.Repeat([]byte{0x30, 4, 0xa2, 2, 0x86, 0}, c.n))),
		} {
			assert.ErrorIs(t, parse(raw), c.want, "%d %s", c.n, what)
		}
	}
}

// An issuer's name of megabytes is not normalised.
func TestTheIssuersNameIsBounded(t *testing.T) {
	t.Parallel()
	p := newPKI(t)
	named := func(octets int) []byte {
		attribute := tlv(0x30, append(tlv(6, []byte{0x55, 4, 3}), tlv(12, bytes.Repeat([]byte("a"), octets))...))
		return replaced(p, tbsIssuer, tlv(0x30, tlv(0x31, attribute)))
	}
	require.NoError(t, parse(named(16<<10-30)))
	for _, octets := range []int{16 << 10, 1 << 22} {
		requireError(t, parse(named(octets)), der.ErrTooLarge)
	}
}

// An entry with many extensions is not searched for duplicates.
func TestAnEntrysExtensionsAreBounded(t *testing.T) {
	t.Parallel()
	p := newPKI(t)
	listed := func(n int) error {
		return parse(with(p.ca.crl(1), func(c *revocationtest.CRL) {
			for i := range n {
				c.Entries[0].Extensions = append(c.Entries[0].Extensions, pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3, i}})
			}
		}).DER())
	}
	require.NoError(t, listed(6))
	requireError(t, listed(7), der.ErrMalformed)
}

// The certificate issuers of an indirect CRL are counted, each once.
func TestCertificateIssuersAreBounded(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("makes lists that are too long")
	}
	p := newPKI(t)
	name := func(i int) []byte {
		return tlv(0x30, tlv(0x31, tlv(0x30, append(tlv(6, []byte{0x55, 4, 3}), tlv(12, fmt.Append(nil, i))...))))
	}
	listed := func(entries, names int) []byte {
		return with(inScope(p.other.crl(), revocationtest.Scope{Indirect: true}), func(c *revocationtest.CRL) {
			for i := range entries {
				c.Entries = append(c.Entries, revocationtest.Entry{Serial: big.NewInt(int64(i + 1)), CertificateIssuer: name(i % names)})
			}
		}).DER()
	}
	require.NoError(t, parse(listed(1000, 10)))
	most := 1<<16 - 1 // and the CRL issuer
	l, err := crl.Parse(listed(most, most), "test")
	require.NoError(t, err)
	for _, i := range []int{0, 1, most - 1} {
		s, err := crl.NewSubject(&x509.Certificate{RawIssuer: name(i), SerialNumber: big.NewInt(int64(i + 1))})
		require.NoError(t, err)
		_, ok := l.Find(s)
		assert.True(t, ok, i)
		s, err = crl.NewSubject(&x509.Certificate{RawIssuer: name(i), SerialNumber: big.NewInt(int64(i + 2))})
		require.NoError(t, err)
		_, ok = l.Find(s)
		assert.False(t, ok, i)
	}
	requireError(t, parse(listed(most+1, most+1)), der.ErrMalformed)
}

// An algorithm that is not accepted is named.
func TestAnAlgorithmIsNamed(t *testing.T) {
	t.Parallel()
	err := parse(with(pkiOf(t, rsaKey).ca.crl(), func(c *revocationtest.CRL) { c.SignatureAlgorithm = x509.SHA1WithRSA }).DER())
	requireError(t, err, der.ErrSignature)
	assert.ErrorContains(t, err, "1.2.840.113549.1.1.5")
}

// tlv writes one element of DER.
func tlv(tag byte, content []byte) []byte {
	return (&dertest.Node{Tag: tag, Content: content}).Bytes()
}
