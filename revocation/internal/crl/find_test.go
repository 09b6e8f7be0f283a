// SPDX-License-Identifier: Apache-2.0

package crl_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/crl"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/der"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

// Steps (i) and (j) of RFC 5280 section 6.3.3, in indirect lists.
func TestFindInIndirectLists(t *testing.T) {
	t.Parallel()
	p := newPKI(t)
	s := p.subject(t)
	type entry = revocationtest.Entry
	serial, other := big.NewInt(leafSerial), big.NewInt(leafSerial+1)
	ca, root := p.ca.cert.RawSubject, p.root.cert.RawSubject
	attribute := append(tlv(6, []byte{0x55, 4, 3}), tlv(20, []byte("Sub CA"))...)
	teletex := tlv(0x30, tlv(0x31, tlv(0x30, attribute)))
	for _, c := range []struct {
		name    string
		entries []entry
		listed  bool
		reason  der.Reason
	}{
		{"of the certificate's issuer", []entry{{Serial: serial, CertificateIssuer: ca}}, true, 0},
		{"of the CRL issuer", []entry{{Serial: serial}}, false, 0},
		{"behind one of the certificate's issuer", []entry{{Serial: other, CertificateIssuer: ca}, {Serial: serial, Reason: revocation.ReasonKeyCompromise}}, true, der.ReasonKeyCompromise},
		{"behind one of another issuer", []entry{{Serial: other, CertificateIssuer: ca}, {Serial: serial, CertificateIssuer: root}}, false, 0},
		{"of an issuer that may be the certificate's", []entry{{Serial: serial, CertificateIssuer: teletex}}, true, 0},
		{"removed of an issuer that may be the certificate's", []entry{{Serial: serial, CertificateIssuer: teletex, Reason: revocation.ReasonRemoveFromCRL}}, false, 0},
		{"removed, and revoked of an issuer that may be the certificate's", []entry{
			{Serial: serial, CertificateIssuer: ca, Reason: revocation.ReasonRemoveFromCRL}, {Serial: serial, CertificateIssuer: teletex, Reason: revocation.ReasonSuperseded},
		}, true, der.ReasonSuperseded},
		{"removed", []entry{{Serial: serial, CertificateIssuer: ca, Reason: revocation.ReasonRemoveFromCRL}}, true, der.ReasonRemoveFromCRL},
	} {
		l := read(t, with(inScope(p.other.crl(), revocationtest.Scope{Indirect: true}), func(l *revocationtest.CRL) {
			l.Entries, l.Number, l.BaseNumber = c.entries, 2, 1
		}))
		found, listed := l.Find(s)
		assert.Equal(t, c.listed, listed, c.name)
		assert.Equal(t, c.reason, found.Reason, c.name)
	}
	_, listed := read(t, p.other.crl(leafSerial)).Find(s)
	assert.False(t, listed, "a list of another issuer that is not indirect")
}

// A look-up in an indirect list of many CAs costs no more than in one of a few: the
// names of all others are compared only if they can be spelt in more than one way.
func TestFindInAListOfManyIssuers(t *testing.T) {
	p := newPKI(t)
	s := p.subject(t)
	allocations := func(issuers int) float64 {
		l := read(t, with(inScope(p.other.crl(), revocationtest.Scope{Indirect: true}), func(l *revocationtest.CRL) {
			l.Entries = []revocationtest.Entry{{Serial: big.NewInt(leafSerial + 1), CertificateIssuer: p.ca.cert.RawSubject}}
			for i := range issuers {
				name, err := asn1.Marshal(pkix.Name{CommonName: fmt.Sprintf("Issuing CA %d", i)}.ToRDNSequence())
				require.NoError(t, err)
				l.Entries = append(l.Entries, revocationtest.Entry{Serial: big.NewInt(leafSerial), CertificateIssuer: name})
			}
		}))
		return testing.AllocsPerRun(10, func() {
			if _, listed := l.Find(s); listed {
				t.Error("listed by another CA")
			}
		})
	}
	assert.Equal(t, allocations(1), allocations(1000))
}

// Points that name neither a place nor an issuer are refused.
func TestPointsThatAreNotWellFormed(t *testing.T) {
	t.Parallel()
	p := newPKI(t)
	for _, value := range []string{
		"", "\x30\x00", "\x30\x02\x30\x00", "\x30\x06\x30\x04\x81\x02\x06\x40", "\x30\x06\x30\x04\xa0\x02\xa0\x00",
		"\x30\x09\x30\x07\xa0\x05\xa0\x03\x86\x01a\x00", "\x30\x0b\x30\x09\xa0\x05\xa0\x03\x86\x01a\x83\x00",
	} {
		for _, arc := range []int{31, 46} {
			_, err := crl.NewSubject(&x509.Certificate{
				RawIssuer: p.ca.cert.RawSubject, SerialNumber: big.NewInt(1), Extensions: []pkix.Extension{{Id: []int{2, 5, 29, arc}, Value: []byte(value)}},
			})
			require.ErrorIs(t, err, der.ErrMalformed, "%x", value)
		}
	}
}
