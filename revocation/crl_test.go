// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

// Where the parts of a tbsCertList are.
const (
	tbsVersion = iota
	tbsAlgorithm
	tbsIssuer
	tbsThisUpdate
	tbsNextUpdate
	tbsRevoked
	tbsExtensions
)

// fullCRL has an entry of every kind, and every extension of a complete CRL.
func fullCRL(p *crlPKI) revocationtest.CRL {
	return with(p.ca.crl(1, 0x80, 0xff01, 0x7fffffffffffffff), func(c *revocationtest.CRL) {
		c.Entries[1].Reason = revocation.ReasonCertificateHold
		c.Entries[2].InvalidityDate = ocspNow.AddDate(-1, 0, 0)
		c.Entries[3].Date = time.Date(2060, 1, 2, 3, 4, 5, 0, time.UTC)
		c.Entries = append(c.Entries, revocationtest.Entry{Serial: new(big.Int).Lsh(big.NewInt(1), 150)})
		c.Number = 1000
		c.Scope = &revocationtest.Scope{PointName: urls("http://crl.example/1.crl"), OnlyUserCerts: true}
		c.FreshestCRL = []revocationtest.DistributionPoint{at(urls("http://crl.example/delta.crl"))}
	})
}

// resignedCRL signs the edited list.
func resignedCRL(list *derNode, p *crlPKI) []byte {
	signature, err := crypto.SignMessage(p.ca.key, rand.Reader, list.children[0].bytes(), crypto.SHA256)
	if err != nil {
		panic(err)
	}
	list.children[2].content = append([]byte{0}, signature...)
	return list.bytes()
}

func requireCRLError(t *testing.T, err, kind error) {
	t.Helper()
	var crlError *revocation.CRLError
	require.ErrorAs(t, err, &crlError)
	require.ErrorIs(t, err, kind)
	require.Equal(t, "added", crlError.Source)
	require.NotEmpty(t, crlError.Detail)
}

func TestCRLStrict(t *testing.T) {
	p := newCRLPKI(t)
	require.NoError(t, new(revocation.CRLs).Add(fullCRL(p).DER()))

	seq := func(children ...*derNode) *derNode { return &derNode{tag: 0x30, children: children} }
	prim := func(tag byte, content string) *derNode { return &derNode{tag: tag, content: []byte(content)} }
	entry := func(list *derNode, i int) *derNode { return list.at(0, tbsRevoked, i) }
	for _, c := range []struct {
		name string
		edit func(list *derNode)
		kind error // nil: accepted
	}{
		{"as it is", func(*derNode) {}, nil},
		{"version 1 said aloud", func(l *derNode) { l.at(0, tbsVersion).content = []byte{0} }, revocation.ErrMalformed},
		{"version 3", func(l *derNode) { l.at(0, tbsVersion).content = []byte{2} }, revocation.ErrMalformed},
		{"a version that is not minimal", func(l *derNode) { l.at(0, tbsVersion).content = []byte{0, 1} }, revocation.ErrMalformed},
		{"version 1 with extensions", func(l *derNode) {
			l.at(0).children = append(slices.Clone(l.at(0).children[1:5]), l.at(0, tbsExtensions))
		}, revocation.ErrMalformed},
		{"version 1 with an entry's extensions", func(l *derNode) { l.at(0).children = slices.Clone(l.at(0).children[1:6]) }, revocation.ErrMalformed},
		{"version 1 with an entry's reason before many others", func(l *derNode) {
			reason := entry(l, 1)
			reason.at(2, 0).children[1].content = []byte{10, 1, 6}
			l.at(0).children = slices.Clone(l.at(0).children[1:6])
			plain := seq(reason.children[:2]...)
			l.at(0, tbsRevoked-1).children = []*derNode{reason, plain, plain, plain, plain}
		}, revocation.ErrMalformed},
		{"version 1 with many entries", func(l *derNode) {
			plain := seq(entry(l, 1).children[:2]...)
			l.at(0).children = slices.Clone(l.at(0).children[1:6])
			l.at(0, tbsRevoked-1).children = []*derNode{plain, plain, plain, plain, plain}
		}, nil},
		{"version 1 without either", func(l *derNode) { l.at(0).children = slices.Clone(l.at(0).children[1:5]) }, nil},
		{"two algorithms that differ in their parameters", func(l *derNode) { l.children[1].children = l.children[1].children[:1] }, revocation.ErrMalformed},
		{"both algorithms without their parameters", func(l *derNode) {
			l.children[1].children = l.children[1].children[:1]
			l.at(0, tbsAlgorithm).children = l.at(0, tbsAlgorithm).children[:1]
		}, nil},
		{"an issuer without a name", func(l *derNode) { l.at(0).children[tbsIssuer] = prim(0x30, "") }, revocation.ErrMalformed},
		{"an empty RDN in the issuer", func(l *derNode) { l.at(0).children[tbsIssuer] = seq(prim(0x31, "")) }, revocation.ErrMalformed},
		{"no nextUpdate", func(l *derNode) {
			l.at(0).children = slices.Delete(l.at(0).children, tbsNextUpdate, tbsNextUpdate+1)
		}, nil}, // it clears nobody
		{"nextUpdate before thisUpdate", func(l *derNode) { l.at(0, tbsNextUpdate).content = []byte("260601105959Z") }, revocation.ErrMalformed},
		{"thisUpdate on a day that there is not", func(l *derNode) { l.at(0, tbsThisUpdate).content = []byte("250229120000Z") }, revocation.ErrMalformed},
		{"thisUpdate on the day before", func(l *derNode) { l.at(0, tbsThisUpdate).content = []byte("250228120000Z") }, nil},
		{"nextUpdate on a day that there is not", func(l *derNode) { l.at(0, tbsNextUpdate).content = []byte("270229120000Z") }, revocation.ErrMalformed},
		{"nextUpdate on the day before", func(l *derNode) { l.at(0, tbsNextUpdate).content = []byte("270228120000Z") }, nil},
		{"an empty list of entries", func(l *derNode) { l.at(0).children[tbsRevoked] = prim(0x30, "") }, nil},
		{"something behind the extensions", func(l *derNode) { l.at(0).children = append(l.at(0).children, prim(5, "")) }, revocation.ErrMalformed},
		{"something behind the list of extensions", func(l *derNode) {
			l.at(0, tbsExtensions).children = append(l.at(0, tbsExtensions).children, prim(5, ""))
		}, revocation.ErrMalformed},
		{"an empty list of extensions", func(l *derNode) { l.at(0, tbsExtensions).children[0] = prim(0x30, "") }, revocation.ErrMalformed},
		{"an extension twice", func(l *derNode) {
			list := l.at(0, tbsExtensions, 0)
			list.children = append(list.children, list.children[1])
		}, revocation.ErrMalformed},
		{"an extension that is FALSE aloud", func(l *derNode) {
			e := l.at(0, tbsExtensions, 0, 1)
			e.children = slices.Insert(e.children, 1, prim(1, "\x00"))
		}, revocation.ErrMalformed},
		{"an extension that is TRUE otherwise", func(l *derNode) {
			e := l.at(0, tbsExtensions, 0, 1)
			e.children = slices.Insert(e.children, 1, prim(1, "\x01"))
		}, revocation.ErrMalformed},
		{"a cRLNumber that is critical", func(l *derNode) {
			e := l.at(0, tbsExtensions, 0, 1)
			e.children = slices.Insert(e.children, 1, prim(1, "\xff"))
		}, nil},
		{"something behind an extension's value", func(l *derNode) {
			e := l.at(0, tbsExtensions, 0, 1)
			e.children = append(e.children, prim(5, ""))
		}, revocation.ErrMalformed},
		{"an object identifier that is not minimal", func(l *derNode) {
			l.at(0, tbsExtensions, 0, 1, 0).content = []byte{0x55, 0x80, 0x01}
		}, revocation.ErrMalformed},
		{"an object identifier that is empty", func(l *derNode) { l.at(0, tbsExtensions, 0, 1, 0).content = []byte{} }, revocation.ErrMalformed},
		{"something behind the signature", func(l *derNode) { l.children = append(l.children, prim(5, "")) }, revocation.ErrMalformed},

		{"an entry without a date", func(l *derNode) { entry(l, 0).children = entry(l, 0).children[:1] }, revocation.ErrMalformed},
		{"an entry without anything", func(l *derNode) { l.at(0, tbsRevoked).children[0] = prim(0x30, "") }, revocation.ErrMalformed},
		{"an entry that is a set", func(l *derNode) { entry(l, 0).tag = 0x31 }, revocation.ErrMalformed},
		{"a serial that is not minimal", func(l *derNode) { entry(l, 0).children[0].content = []byte{0, 1} }, revocation.ErrMalformed},
		{"a negative serial that is not minimal", func(l *derNode) { entry(l, 0).children[0].content = []byte{0xff, 0x80} }, revocation.ErrMalformed},
		{"a negative serial", func(l *derNode) { entry(l, 0).children[0].content = []byte{0xff, 0x01} }, nil},
		{"an empty serial", func(l *derNode) { entry(l, 0).children[0].content = nil }, revocation.ErrMalformed},
		{"a serial of 33 octets", func(l *derNode) { entry(l, 0).children[0].content = bytes.Repeat([]byte{1}, 33) }, revocation.ErrMalformed},
		{"a serial of 32 octets", func(l *derNode) { entry(l, 0).children[0].content = bytes.Repeat([]byte{1}, 32) }, nil},
		{"a serial that is an enumeration", func(l *derNode) { entry(l, 0).children[0].tag = 0x0a }, revocation.ErrMalformed},
		{"an entry with an empty list of extensions", func(l *derNode) {
			entry(l, 0).children = append(entry(l, 0).children, prim(0x30, ""))
		}, nil}, // real CAs write it
		{"an entry with something behind its extensions", func(l *derNode) {
			entry(l, 1).children = append(entry(l, 1).children, prim(5, ""))
		}, revocation.ErrMalformed},
		{"an entry's reason twice", func(l *derNode) {
			entry(l, 1).children[2].children = append(entry(l, 1).children[2].children, entry(l, 1).at(2, 0))
		}, revocation.ErrMalformed},
		{"the reason 7", func(l *derNode) { entry(l, 1).at(2, 0).children[1].content = []byte{10, 1, 7} }, revocation.ErrMalformed},
		{"the reason 11", func(l *derNode) { entry(l, 1).at(2, 0).children[1].content = []byte{10, 1, 11} }, revocation.ErrMalformed},
		{"the reason -1", func(l *derNode) { entry(l, 1).at(2, 0).children[1].content = []byte{10, 1, 0xff} }, revocation.ErrMalformed},
		{"a reason that is an integer", func(l *derNode) { entry(l, 1).at(2, 0).children[1].content = []byte{2, 1, 6} }, revocation.ErrMalformed},
		{"a reason of two octets", func(l *derNode) { entry(l, 1).at(2, 0).children[1].content = []byte{10, 2, 0, 6} }, revocation.ErrMalformed},
		{"something behind a reason", func(l *derNode) { entry(l, 1).at(2, 0).children[1].content = []byte{10, 1, 6, 0} }, revocation.ErrMalformed},
		{"removeFromCRL in a complete CRL", func(l *derNode) { entry(l, 1).at(2, 0).children[1].content = []byte{10, 1, 8} }, revocation.ErrMalformed},
		{"the reason unspecified said aloud", func(l *derNode) { entry(l, 1).at(2, 0).children[1].content = []byte{10, 1, 0} }, nil},
		{"an entry's unknown extension", func(l *derNode) { entry(l, 1).at(2, 0).children[0].content = []byte{0x2a, 0x03} }, nil},
		{"an entry's unknown extension that is critical", func(l *derNode) {
			e := entry(l, 1).at(2, 0)
			e.children = []*derNode{prim(6, "\x2a\x03"), prim(1, "\xff"), e.children[1]}
		}, revocation.ErrUnhandledCritical},
		{"a certificateIssuer in a CRL that is not indirect", func(l *derNode) {
			e := entry(l, 1).at(2, 0)
			e.children = []*derNode{prim(6, "\x55\x1d\x1d"), prim(1, "\xff"), prim(4, string(seq(&derNode{tag: 0xa4, children: []*derNode{l.at(0, tbsIssuer)}}).bytes()))}
		}, revocation.ErrMalformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			list := parseDER(fullCRL(p).DER())
			c.edit(list)
			err := new(revocation.CRLs).Add(resignedCRL(list, p))
			if c.kind == nil {
				require.NoError(t, err)
				return
			}
			requireCRLError(t, err, c.kind)
		})
	}
}

// A signature that is not a whole number of octets is not looked at.
func TestCRLSignatureBits(t *testing.T) {
	list := parseDER(newCRLPKI(t).ca.crl().DER())
	list.children[2].content[0] = 1
	requireCRLError(t, new(revocation.CRLs).Add(list.bytes()), revocation.ErrMalformed)
}

// Not one octet can be cut off or be put behind, and no length may be longer
// than it needs to be.
func TestCRLEncoding(t *testing.T) {
	der := fullCRL(newCRLPKI(t)).DER()
	require.NoError(t, new(revocation.CRLs).Add(der))
	for n := range der {
		requireCRLError(t, new(revocation.CRLs).Add(der[:n]), revocation.ErrMalformed)
	}
	requireCRLError(t, new(revocation.CRLs).Add(append(bytes.Clone(der), 0)), revocation.ErrMalformed)
	requireCRLError(t, new(revocation.CRLs).Add(append([]byte{0x30, 0x80}, append(bytes.Clone(der[4:]), 0, 0)...)), revocation.ErrMalformed)
	requireCRLError(t, new(revocation.CRLs).Add(append([]byte{0x30, 0x83, 0}, der[2:]...)), revocation.ErrMalformed)
}

func TestCRLInPEM(t *testing.T) {
	der := newCRLPKI(t).ca.crl().DER()
	block := pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})
	require.NoError(t, new(revocation.CRLs).Add(block))
	require.NoError(t, new(revocation.CRLs).Add(append([]byte("\r\n"), append(block, '\n')...)))
	require.NoError(t, new(revocation.CRLs).Add(append(bytes.Clone(block), block...)), "several blocks, which nginx wants")
	require.NoError(t, new(revocation.CRLs).Add(append(bytes.Clone(block), '.')), "text beside the block, which openssl crl -text writes")
	for name, data := range map[string][]byte{
		"a block of another type":       pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		"a block with headers":          pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Headers: map[string]string{"a": "b"}, Bytes: der}),
		"a block that does not end":     block[:len(block)-10],
		"a block with something behind": pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: append(bytes.Clone(der), 0)}),
		"nothing":                       nil,
		"text":                          []byte("<html>"),
	} {
		t.Run(name, func(t *testing.T) {
			requireCRLError(t, new(revocation.CRLs).Add(data), revocation.ErrMalformed)
		})
	}
}

func TestCRLTime(t *testing.T) {
	p := newCRLPKI(t)
	for _, c := range []struct {
		tag   byte
		value string
		want  string // RFC 3339; empty: refused
	}{
		{0x17, "500101000000Z", "1950-01-01T00:00:00Z"},
		{0x17, "991231235959Z", "1999-12-31T23:59:59Z"},
		{0x17, "000229120000Z", "2000-02-29T12:00:00Z"},
		{0x17, "240229120000Z", "2024-02-29T12:00:00Z"},
		{0x17, "491231235959Z", "2049-12-31T23:59:59Z"},
		{0x18, "20500101000000Z", "2050-01-01T00:00:00Z"},
		{0x18, "41270101000000Z", "4127-01-01T00:00:00Z"},
		{0x17, "250229120000Z", ""},
		{0x17, "250431120000Z", ""},
		{0x17, "250001120000Z", ""},
		{0x17, "251301120000Z", ""},
		{0x17, "251601120000Z", ""},
		{0x17, "250100120000Z", ""},
		{0x17, "250132120000Z", ""},
		{0x17, "250101240000Z", ""},
		{0x17, "250101126000Z", ""},
		{0x17, "250101120060Z", ""},
		{0x17, "2501011200Z", ""},
		{0x17, "250101120000+0000", ""},
		{0x17, "250101120000", ""},
		{0x17, "250101120000z", ""},
		{0x17, "25010112000 Z", ""},
		{0x17, "+50101120000Z", ""},
		{0x17, "2501011200/0Z", ""},
		{0x17, "2501011200:0Z", ""},
		{0x17, "2:0101120000Z", ""},
		{0x17, "2501010:0000Z", ""},
		{0x17, "25010112000:Z", ""},
		{0x17, "20500101000000Z", ""},
		{0x16, "20500101000000Z", ""},
		{0x18, "20491231235959Z", "2049-12-31T23:59:59Z"},
		{0x18, "20501231235959.5Z", ""},
		{0x18, "205012312359Z", ""},
		{0x18, "+0500101000000Z", ""},
		{0x18, "20500230000000Z", ""},
		{0x18, "500101000000Z", ""},
		{0x18, "41280101000000Z", ""},
	} {
		for _, long := range []bool{false, true} {
			t.Run(fmt.Sprintf("%02x %s, many entries: %v", c.tag, c.value, long), func(t *testing.T) {
				crl := p.ca.crl(leafSerial)
				if long { // so that the entry is read by the short way where that can be
					crl = p.ca.crl(leafSerial, 1, 2, 3, 4, 5)
				}
				list := parseDER(crl.DER())
				date := list.at(0, tbsRevoked, 0, 1)
				date.tag, date.content = c.tag, []byte(c.value)
				crls := &revocation.CRLs{}
				err := crls.Add(resignedCRL(list, p))
				if c.want == "" {
					requireCRLError(t, err, revocation.ErrMalformed)
					return
				}
				require.NoError(t, err)
				answer, err := crls.Status(t.Context(), revocation.Query{Path: p.leaf(t), At: ocspNow})
				require.NoError(t, err)
				require.Equal(t, c.want, answer.Revocation.Time.Format(time.RFC3339))
			})
		}
	}
}

func TestCRLExtensions(t *testing.T) {
	p := newCRLPKI(t)
	extension := func(critical bool, value string, id ...int) pkix.Extension {
		return pkix.Extension{Id: append(asn1.ObjectIdentifier{2, 5, 29}, id...), Critical: critical, Value: []byte(value)}
	}
	for _, c := range []struct {
		name      string
		extension pkix.Extension
		kind      error
	}{
		{"an unknown extension", pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3}}, nil},
		{"an unknown extension that is critical", pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true}, revocation.ErrUnhandledCritical},
		{"an issuerAltName that is critical", extension(true, "\x30\x03\x82\x01a", 18), revocation.ErrUnhandledCritical},
		{"an issuerAltName", extension(false, "\x30\x03\x82\x01a", 18), nil},

		{"a number of 20 octets", extension(false, "\x02\x14"+strings.Repeat("\x01", 20), 20), nil},
		{"a number of 21 octets", extension(false, "\x02\x15"+strings.Repeat("\x01", 21), 20), revocation.ErrMalformed},
		{"a negative number", extension(false, "\x02\x01\xff", 20), revocation.ErrMalformed},
		{"a number that is not minimal", extension(false, "\x02\x02\x00\x01", 20), revocation.ErrMalformed},
		{"a number with something behind", extension(false, "\x02\x01\x01\x00", 20), revocation.ErrMalformed},
		{"a number that is not an integer", extension(false, "\x04\x01\x01", 20), revocation.ErrMalformed},

		{"an empty authorityKeyIdentifier", extension(false, "\x30\x00", 35), nil},
		{"an authorityKeyIdentifier with something behind", extension(false, "\x30\x00\x00", 35), revocation.ErrMalformed},
		{"an authorityKeyIdentifier with an unknown field", extension(false, "\x30\x02\x83\x00", 35), revocation.ErrMalformed},
		{"an authorityKeyIdentifier with a serial but no issuer", extension(false, "\x30\x03\x82\x01\x01", 35), revocation.ErrMalformed},

		{"an empty issuingDistributionPoint", extension(true, "\x30\x00", 28), revocation.ErrMalformed},
		{"onlyContainsUserCerts", extension(true, "\x30\x03\x81\x01\xff", 28), nil},
		{"onlyContainsUserCerts, not critical", extension(false, "\x30\x03\x81\x01\xff", 28), nil},
		{"onlyContainsUserCerts, FALSE aloud", extension(true, "\x30\x03\x81\x01\x00", 28), revocation.ErrMalformed},
		{"onlyContainsUserCerts, TRUE otherwise", extension(true, "\x30\x03\x81\x01\x01", 28), revocation.ErrMalformed},
		{"onlyContainsUserCerts and onlyContainsCACerts", extension(true, "\x30\x06\x81\x01\xff\x82\x01\xff", 28), revocation.ErrMalformed},
		{"onlyContainsUserCerts and onlyContainsAttributeCerts", extension(true, "\x30\x06\x81\x01\xff\x85\x01\xff", 28), revocation.ErrMalformed},
		{"onlyContainsCACerts and onlyContainsAttributeCerts", extension(true, "\x30\x06\x82\x01\xff\x85\x01\xff", 28), revocation.ErrMalformed},
		{"indirectCRL and onlyContainsUserCerts", extension(true, "\x30\x06\x81\x01\xff\x84\x01\xff", 28), nil},
		{"onlyContainsUserCerts of two octets", extension(true, "\x30\x04\x81\x02\xff\xff", 28), revocation.ErrMalformed},
		{"onlyContainsUserCerts of none", extension(true, "\x30\x02\x81\x00", 28), revocation.ErrMalformed},
		{"the fields in another order", extension(true, "\x30\x06\x84\x01\xff\x81\x01\xff", 28), revocation.ErrMalformed},
		{"a field twice", extension(true, "\x30\x06\x81\x01\xff\x81\x01\xff", 28), revocation.ErrMalformed},
		{"an unknown field", extension(true, "\x30\x03\x86\x01\xff", 28), revocation.ErrMalformed},
		{"onlySomeReasons", extension(true, "\x30\x04\x83\x02\x06\x40", 28), nil},
		{"onlySomeReasons without a count of unused bits", extension(true, "\x30\x02\x83\x00", 28), revocation.ErrMalformed},
		{"onlySomeReasons, the last of them", extension(true, "\x30\x05\x83\x03\x07\x00\x80", 28), nil},
		{"onlySomeReasons of more bits than there are reasons", extension(true, "\x30\x06\x83\x04\x07\x00\x80\x80", 28), revocation.ErrMalformed},
		{"onlySomeReasons with trailing zero bits", extension(true, "\x30\x04\x83\x02\x05\x40", 28), revocation.ErrMalformed},
		{"onlySomeReasons with bits that are not used", extension(true, "\x30\x04\x83\x02\x06\x41", 28), revocation.ErrMalformed},
		{"onlySomeReasons of eight unused bits", extension(true, "\x30\x04\x83\x02\x08\x40", 28), revocation.ErrMalformed},
		{"onlySomeReasons, empty, of unused bits", extension(true, "\x30\x03\x83\x01\x01", 28), revocation.ErrMalformed},
		{"an empty distribution point name", extension(true, "\x30\x02\xa0\x00", 28), revocation.ErrMalformed},
		{"a full name without names", extension(true, "\x30\x04\xa0\x02\xa0\x00", 28), revocation.ErrMalformed},
		{"a relative name without attributes", extension(true, "\x30\x04\xa0\x02\xa1\x00", 28), revocation.ErrMalformed},
		{"a relative name", extension(true, "\x30\x0e\xa0\x0c\xa1\x0a\x30\x08\x06\x03\x55\x04\x03\x0c\x01a", 28), nil},
		{"a relative name with something behind", extension(true, "\x30\x10\xa0\x0e\xa1\x0a\x30\x08\x06\x03\x55\x04\x03\x0c\x01a\x05\x00", 28), revocation.ErrMalformed},
		{"an empty directory name", extension(true, "\x30\x08\xa0\x06\xa0\x04\xa4\x02\x30\x00", 28), nil},
		{"a directory name that is a set", extension(true, "\x30\x08\xa0\x06\xa0\x04\xa4\x02\x31\x00", 28), revocation.ErrMalformed},
		{"a name of a kind that there is not", extension(true, "\x30\x07\xa0\x05\xa0\x03\x89\x01a", 28), revocation.ErrMalformed},
		{"an issuingDistributionPoint with something behind", extension(true, "\x30\x03\x81\x01\xff\x00", 28), revocation.ErrMalformed},

		{"a freshestCRL that is malformed", extension(false, "\x30\x00", 46), revocation.ErrMalformed},
		{"a deltaCRLIndicator", extension(true, "\x02\x01\x01", 27), nil},
		{"a deltaCRLIndicator that is negative", extension(true, "\x02\x01\xff", 27), revocation.ErrMalformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			crl := with(p.ca.crl(), func(crl *revocationtest.CRL) {
				crl.Extensions = []pkix.Extension{c.extension}
				if c.extension.Id[len(c.extension.Id)-1] == 20 {
					crl.NoNumber = true
				}
				if c.extension.Id[len(c.extension.Id)-1] == 35 {
					crl.AuthorityKeyID = []byte{}
				}
			})
			err := new(revocation.CRLs).Add(crl.DER())
			if c.kind == nil {
				require.NoError(t, err)
				return
			}
			requireCRLError(t, err, c.kind)
		})
	}
	many := func(n int) (extensions []pkix.Extension) {
		for i := range n {
			extensions = append(extensions, pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3, i}})
		}
		return extensions
	}
	few := with(p.ca.crl(), func(c *revocationtest.CRL) { c.Extensions = many(30) })
	require.NoError(t, new(revocation.CRLs).Add(few.DER()))
	tooMany := with(p.ca.crl(), func(c *revocationtest.CRL) { c.Extensions = many(31) })
	requireCRLError(t, new(revocation.CRLs).Add(tooMany.DER()), revocation.ErrMalformed)
}

func TestDeltaCRLExtensions(t *testing.T) {
	p := newCRLPKI(t)
	delta := func(change func(*revocationtest.CRL)) error {
		return new(revocation.CRLs).Add(with(p.ca.crl(leafSerial), func(c *revocationtest.CRL) {
			c.BaseNumber, c.Number = 1, 2
			change(c)
		}).DER())
	}
	require.NoError(t, delta(func(c *revocationtest.CRL) { c.Entries[0].Reason = revocation.ReasonRemoveFromCRL }))
	requireCRLError(t, delta(func(c *revocationtest.CRL) { c.NoNumber = true }), revocation.ErrMalformed)
	requireCRLError(t, delta(func(c *revocationtest.CRL) {
		c.FreshestCRL = []revocationtest.DistributionPoint{at(urls("http://crl.example/delta.crl"))}
	}), revocation.ErrMalformed)
}

func TestIndirectCRLEntries(t *testing.T) {
	p := newCRLPKI(t)
	behind := ""
	issuer := func(critical bool, names ...string) error {
		value := &derNode{tag: 0x30}
		for _, name := range names {
			value.children = append(value.children, parseDER([]byte(name)))
		}
		if len(names) == 0 {
			value.content = []byte{}
		}
		return new(revocation.CRLs).Add(with(inScope(p.other.crl(1), revocationtest.Scope{Indirect: true}), func(c *revocationtest.CRL) {
			c.Entries[0].Extensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 29}, Critical: critical, Value: append(value.bytes(), behind...)}}
		}).DER())
	}
	directoryName := func(name []byte) string {
		return string((&derNode{tag: 0xa4, children: []*derNode{parseDER(name)}}).bytes())
	}
	ca, root := directoryName(p.ca.cert.RawSubject), directoryName(p.root.cert.RawSubject)
	require.NoError(t, issuer(true, ca))
	require.NoError(t, issuer(true, "\x82\x01a", ca))
	requireCRLError(t, issuer(false, ca), revocation.ErrMalformed)
	requireCRLError(t, issuer(true, ca, root), revocation.ErrMalformed)
	requireCRLError(t, issuer(true), revocation.ErrMalformed)
	requireCRLError(t, issuer(true, "\x82\x01a"), revocation.ErrMalformed)
	requireCRLError(t, issuer(true, "\xa4\x02\x30\x00"), revocation.ErrMalformed)
	behind = "\x05\x00"
	requireCRLError(t, issuer(true, ca), revocation.ErrMalformed)
}

func TestCRLSignatureAlgorithms(t *testing.T) {
	p := newCRLPKI(t)
	ecdsaKey := ocspECDSA(t)
	ecdsaCA := ocspIssue(t, crlCA("Sub CA", 2), ecdsaKey, p.root)
	for _, c := range []struct {
		algorithm x509.SignatureAlgorithm
		issuer    *ocspParty
		accepted  bool
	}{
		{x509.SHA256WithRSA, p.ca, true},
		{x509.SHA384WithRSA, p.ca, true},
		{x509.SHA512WithRSA, p.ca, true},
		{x509.SHA256WithRSAPSS, p.ca, true},
		{x509.SHA384WithRSAPSS, p.ca, true},
		{x509.SHA512WithRSAPSS, p.ca, true},
		{x509.ECDSAWithSHA256, ecdsaCA, true},
		{x509.ECDSAWithSHA384, ecdsaCA, true},
		{x509.ECDSAWithSHA512, ecdsaCA, true},
		{x509.SHA1WithRSA, p.ca, false},
		{x509.ECDSAWithSHA1, ecdsaCA, false},
	} {
		t.Run(c.algorithm.String(), func(t *testing.T) {
			path := p.leaf(t)
			path[1] = c.issuer.cert
			list := with(c.issuer.crl(), func(crl *revocationtest.CRL) { crl.SignatureAlgorithm = c.algorithm })
			crls := &revocation.CRLs{}
			if err := crls.Add(list.DER()); !c.accepted {
				requireCRLError(t, err, revocation.ErrSignature)
				return
			}
			good.require(t, crlsOf(t, list), path, ocspNow)
			list.BrokenSignature = true
			unknown(revocation.ErrSignature).require(t, crlsOf(t, list), path, ocspNow)
			list.BrokenSignature, list.NoSignature = false, true
			unknown(revocation.ErrSignature).require(t, crlsOf(t, list), path, ocspNow)
		})
	}
	inner := with(p.ca.crl(), func(crl *revocationtest.CRL) { crl.InnerAlgorithm = x509.SHA384WithRSA })
	requireCRLError(t, new(revocation.CRLs).Add(inner.DER()), revocation.ErrMalformed)
	// An RSA signature does not become one of ECDSA by its algorithm, nor the
	// other way round.
	path := p.leaf(t)
	path[1] = ecdsaCA.cert
	unknown(revocation.ErrSignature).require(t, crlsOf(t, p.ca.crl()), path, ocspNow)
	unknown(revocation.ErrSignature).require(t, crlsOf(t, ecdsaCA.crl()), p.leaf(t), ocspNow)
	pss := with(p.ca.crl(), func(crl *revocationtest.CRL) { crl.SignatureAlgorithm = x509.SHA256WithRSAPSS })
	unknown(revocation.ErrSignature).require(t, crlsOf(t, pss), path, ocspNow)

	// The algorithm names the length of the salt.
	for length, want := range map[int]crlVerdict{32: good, 20: unknown(revocation.ErrSignature), 0x40: unknown(revocation.ErrSignature)} {
		list := parseDER(pss.DER())
		digest := sha256.Sum256(list.children[0].bytes())
		signature, err := rsa.SignPSS(rand.Reader, p.ca.key.(*rsa.PrivateKey), crypto.SHA256, digest[:], &rsa.PSSOptions{SaltLength: length})
		require.NoError(t, err)
		list.children[2].content = append([]byte{0}, signature...)
		crls := &revocation.CRLs{}
		require.NoError(t, crls.Add(list.bytes()))
		want.require(t, crls, p.leaf(t), ocspNow)
	}
}

// Of a long CRL, which is hashed while it is read, all is signed.
func TestCRLSignatureOfMany(t *testing.T) {
	p := newCRLPKI(t)
	list := p.ca.crl()
	for _, serial := range sequence(leafSerial+1, 5000) {
		list.Entries = append(list.Entries, revocationtest.Entry{Serial: serial})
	}
	der := list.DER()
	require.Greater(t, len(der), 64<<10)
	good.require(t, crlsOf(t, list), p.leaf(t), ocspNow)
	last := bytes.LastIndex(der, revocation.IntegerContent(list.Entries[4999].Serial))
	der[last]--
	crls := &revocation.CRLs{}
	require.NoError(t, crls.Add(der))
	unknown(revocation.ErrSignature).require(t, crls, p.leaf(t), ocspNow)
}

// Whatever octets of a CRL are changed, it is no longer believed.
func TestCRLTampered(t *testing.T) {
	p := newCRLPKI(t)
	der := p.ca.crl(1).DER()
	path := p.leaf(t)
	for i := range der {
		changed := bytes.Clone(der)
		changed[i] ^= 1
		crls := &revocation.CRLs{}
		if crls.Add(changed) != nil {
			continue
		}
		answer, err := crls.Status(t.Context(), revocation.Query{Path: path, At: ocspNow})
		assert.Error(t, err, "octet %d", i)
		assert.Equal(t, revocation.Answer{}, answer, "octet %d", i)
	}
}

func TestADamagedPEMBlockIsNotPassedOver(t *testing.T) {
	p := newCRLPKI(t)
	block := pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: p.ca.crl().DER()})
	broken := bytes.Replace(bytes.Clone(block), []byte("MII"), []byte("M!!"), 1)
	require.Error(t, new(revocation.CRLs).Add(broken))
	require.Error(t, new(revocation.CRLs).Add(append(bytes.Clone(broken), block...)))
}
