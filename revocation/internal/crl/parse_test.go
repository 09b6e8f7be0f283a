// SPDX-License-Identifier: Apache-2.0

package crl_test

import (
	"bytes"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/der"
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
func fullCRL(p *pki) revocationtest.CRL {
	return with(p.ca.crl(1, 0x80, 0xff01, 0x7fffffffffffffff), func(c *revocationtest.CRL) {
		c.Entries[1].Reason = revocation.ReasonCertificateHold
		c.Entries[2].InvalidityDate = now.AddDate(-1, 0, 0)
		c.Entries[3].Date = time.Date(2060, 1, 2, 3, 4, 5, 0, time.UTC)
		c.Entries = append(c.Entries, revocationtest.Entry{Serial: new(big.Int).Lsh(big.NewInt(1), 150)})
		c.Number = 1000
		c.Scope = &revocationtest.Scope{PointName: urls("http://crl.example/1.crl"), OnlyUserCerts: true}
		c.FreshestCRL = []revocationtest.DistributionPoint{at(urls("http://crl.example/delta.crl"))}
	})
}

func TestStrict(t *testing.T) {
	t.Parallel()
	p := newPKI(t)
	require.NoError(t, parse(fullCRL(p).DER()))

	seq := func(children ...*node) *node { return &node{tag: 0x30, children: children} }
	prim := func(tag byte, content string) *node { return &node{tag: tag, content: []byte(content)} }
	entry := func(list *node, i int) *node { return list.at(0, tbsRevoked, i) }
	for _, c := range []struct {
		name string
		edit func(list *node)
		kind error // nil: accepted
	}{
		{"as it is", func(*node) {}, nil},
		{"version 1 said aloud", func(l *node) { l.at(0, tbsVersion).content = []byte{0} }, der.ErrMalformed},
		{"version 3", func(l *node) { l.at(0, tbsVersion).content = []byte{2} }, der.ErrMalformed},
		{"a version that is not minimal", func(l *node) { l.at(0, tbsVersion).content = []byte{0, 1} }, der.ErrMalformed},
		{"version 1 with extensions", func(l *node) {
			l.at(0).children = append(slices.Clone(l.at(0).children[1:5]), l.at(0, tbsExtensions))
		}, der.ErrMalformed},
		{"version 1 with an entry's extensions", func(l *node) { l.at(0).children = slices.Clone(l.at(0).children[1:6]) }, der.ErrMalformed},
		{"version 1 with an entry's reason before many others", func(l *node) {
			reason := entry(l, 1)
			reason.at(2, 0).children[1].content = []byte{10, 1, 6}
			l.at(0).children = slices.Clone(l.at(0).children[1:6])
			plain := seq(reason.children[:2]...)
			l.at(0, tbsRevoked-1).children = []*node{reason, plain, plain, plain, plain}
		}, der.ErrMalformed},
		{"version 1 with many entries", func(l *node) {
			plain := seq(entry(l, 1).children[:2]...)
			l.at(0).children = slices.Clone(l.at(0).children[1:6])
			l.at(0, tbsRevoked-1).children = []*node{plain, plain, plain, plain, plain}
		}, nil},
		{"version 1 without either", func(l *node) { l.at(0).children = slices.Clone(l.at(0).children[1:5]) }, nil},
		{"two algorithms that differ in their parameters", func(l *node) { l.children[1].children = l.children[1].children[:1] }, der.ErrMalformed},
		{"both algorithms without their parameters", func(l *node) {
			l.children[1].children = l.children[1].children[:1]
			l.at(0, tbsAlgorithm).children = l.at(0, tbsAlgorithm).children[:1]
		}, nil},
		{"an issuer without a name", func(l *node) { l.at(0).children[tbsIssuer] = prim(0x30, "") }, der.ErrMalformed},
		{"an empty RDN in the issuer", func(l *node) { l.at(0).children[tbsIssuer] = seq(prim(0x31, "")) }, der.ErrMalformed},
		{"no nextUpdate", func(l *node) {
			l.at(0).children = slices.Delete(l.at(0).children, tbsNextUpdate, tbsNextUpdate+1)
		}, nil}, // it clears no certificate
		{"nextUpdate before thisUpdate", func(l *node) { l.at(0, tbsNextUpdate).content = []byte("260601105959Z") }, der.ErrMalformed},
		{"thisUpdate on a day that there is not", func(l *node) { l.at(0, tbsThisUpdate).content = []byte("250229120000Z") }, der.ErrMalformed},
		{"thisUpdate on the day before", func(l *node) { l.at(0, tbsThisUpdate).content = []byte("250228120000Z") }, nil},
		{"nextUpdate on a day that there is not", func(l *node) { l.at(0, tbsNextUpdate).content = []byte("270229120000Z") }, der.ErrMalformed},
		{"nextUpdate on the day before", func(l *node) { l.at(0, tbsNextUpdate).content = []byte("270228120000Z") }, nil},
		{"an empty list of entries", func(l *node) { l.at(0).children[tbsRevoked] = prim(0x30, "") }, nil},
		{"something behind the extensions", func(l *node) { l.at(0).children = append(l.at(0).children, prim(5, "")) }, der.ErrMalformed},
		{"something behind the list of extensions", func(l *node) {
			l.at(0, tbsExtensions).children = append(l.at(0, tbsExtensions).children, prim(5, ""))
		}, der.ErrMalformed},
		{"an empty list of extensions", func(l *node) { l.at(0, tbsExtensions).children[0] = prim(0x30, "") }, der.ErrMalformed},
		{"an extension twice", func(l *node) {
			list := l.at(0, tbsExtensions, 0)
			list.children = append(list.children, list.children[1])
		}, der.ErrMalformed},
		{"an extension that is FALSE aloud", func(l *node) {
			e := l.at(0, tbsExtensions, 0, 1)
			e.children = slices.Insert(e.children, 1, prim(1, "\x00"))
		}, der.ErrMalformed},
		{"an extension that is TRUE otherwise", func(l *node) {
			e := l.at(0, tbsExtensions, 0, 1)
			e.children = slices.Insert(e.children, 1, prim(1, "\x01"))
		}, der.ErrMalformed},
		{"a cRLNumber that is critical", func(l *node) {
			e := l.at(0, tbsExtensions, 0, 1)
			e.children = slices.Insert(e.children, 1, prim(1, "\xff"))
		}, nil},
		{"something behind an extension's value", func(l *node) {
			e := l.at(0, tbsExtensions, 0, 1)
			e.children = append(e.children, prim(5, ""))
		}, der.ErrMalformed},
		{"an object identifier that is not minimal", func(l *node) {
			l.at(0, tbsExtensions, 0, 1, 0).content = []byte{0x55, 0x80, 0x01}
		}, der.ErrMalformed},
		{"an object identifier that is empty", func(l *node) { l.at(0, tbsExtensions, 0, 1, 0).content = []byte{} }, der.ErrMalformed},
		{"something behind the signature", func(l *node) { l.children = append(l.children, prim(5, "")) }, der.ErrMalformed},

		{"an entry without a date", func(l *node) { entry(l, 0).children = entry(l, 0).children[:1] }, der.ErrMalformed},
		{"an entry without anything", func(l *node) { l.at(0, tbsRevoked).children[0] = prim(0x30, "") }, der.ErrMalformed},
		{"an entry that is a set", func(l *node) { entry(l, 0).tag = 0x31 }, der.ErrMalformed},
		{"a serial that is not minimal", func(l *node) { entry(l, 0).children[0].content = []byte{0, 1} }, der.ErrMalformed},
		{"a negative serial that is not minimal", func(l *node) { entry(l, 0).children[0].content = []byte{0xff, 0x80} }, der.ErrMalformed},
		{"a negative serial", func(l *node) { entry(l, 0).children[0].content = []byte{0xff, 0x01} }, nil},
		{"an empty serial", func(l *node) { entry(l, 0).children[0].content = nil }, der.ErrMalformed},
		{"a serial of 33 octets", func(l *node) { entry(l, 0).children[0].content = bytes.Repeat([]byte{1}, 33) }, der.ErrMalformed},
		{"a serial of 32 octets", func(l *node) { entry(l, 0).children[0].content = bytes.Repeat([]byte{1}, 32) }, nil},
		{"a serial that is an enumeration", func(l *node) { entry(l, 0).children[0].tag = 0x0a }, der.ErrMalformed},
		{"an entry with an empty list of extensions", func(l *node) {
			entry(l, 0).children = append(entry(l, 0).children, prim(0x30, ""))
		}, nil}, // real CAs write it
		{"an entry with something behind its extensions", func(l *node) {
			entry(l, 1).children = append(entry(l, 1).children, prim(5, ""))
		}, der.ErrMalformed},
		{"an entry's reason twice", func(l *node) {
			entry(l, 1).children[2].children = append(entry(l, 1).children[2].children, entry(l, 1).at(2, 0))
		}, der.ErrMalformed},
		{"the reason 7", func(l *node) { entry(l, 1).at(2, 0).children[1].content = []byte{10, 1, 7} }, der.ErrMalformed},
		{"the reason 11", func(l *node) { entry(l, 1).at(2, 0).children[1].content = []byte{10, 1, 11} }, der.ErrMalformed},
		{"the reason -1", func(l *node) { entry(l, 1).at(2, 0).children[1].content = []byte{10, 1, 0xff} }, der.ErrMalformed},
		{"a reason that is an integer", func(l *node) { entry(l, 1).at(2, 0).children[1].content = []byte{2, 1, 6} }, der.ErrMalformed},
		{"a reason of two octets", func(l *node) { entry(l, 1).at(2, 0).children[1].content = []byte{10, 2, 0, 6} }, der.ErrMalformed},
		{"something behind a reason", func(l *node) { entry(l, 1).at(2, 0).children[1].content = []byte{10, 1, 6, 0} }, der.ErrMalformed},
		{"removeFromCRL in a complete CRL", func(l *node) { entry(l, 1).at(2, 0).children[1].content = []byte{10, 1, 8} }, der.ErrMalformed},
		{"the reason unspecified said aloud", func(l *node) { entry(l, 1).at(2, 0).children[1].content = []byte{10, 1, 0} }, nil},
		{"an entry's unknown extension", func(l *node) { entry(l, 1).at(2, 0).children[0].content = []byte{0x2a, 0x03} }, nil},
		{"an entry's unknown extension that is critical", func(l *node) {
			e := entry(l, 1).at(2, 0)
			e.children = []*node{prim(6, "\x2a\x03"), prim(1, "\xff"), e.children[1]}
		}, der.ErrUnhandledCritical},
		{"a certificateIssuer in a CRL that is not indirect", func(l *node) {
			e := entry(l, 1).at(2, 0)
			e.children = []*node{prim(6, "\x55\x1d\x1d"), prim(1, "\xff"), prim(4, string(seq(&node{tag: 0xa4, children: []*node{l.at(0, tbsIssuer)}}).bytes()))}
		}, der.ErrMalformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			list := readNode(fullCRL(p).DER())
			c.edit(list)
			err := parse(resignedCRL(list, p))
			if c.kind == nil {
				require.NoError(t, err)
				return
			}
			requireError(t, err, c.kind)
		})
	}
}

// A signature that is not a whole number of octets is not looked at.
func TestSignatureBits(t *testing.T) {
	t.Parallel()
	list := readNode(newPKI(t).ca.crl().DER())
	list.children[2].content[0] = 1
	requireError(t, parse(list.bytes()), der.ErrMalformed)
}

// Not one octet can be cut off or be put behind, and no length may be longer
// than it needs to be.
func TestEncoding(t *testing.T) {
	t.Parallel()
	raw := fullCRL(newPKI(t)).DER()
	require.NoError(t, parse(raw))
	for n := range raw {
		requireError(t, parse(raw[:n]), der.ErrMalformed)
	}
	requireError(t, parse(append(bytes.Clone(raw), 0)), der.ErrMalformed)
	requireError(t, parse(append([]byte{0x30, 0x80}, append(bytes.Clone(raw[4:]), 0, 0)...)), der.ErrMalformed)
	requireError(t, parse(append([]byte{0x30, 0x83, 0}, raw[2:]...)), der.ErrMalformed)
}
