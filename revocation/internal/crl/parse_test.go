// SPDX-License-Identifier: Apache-2.0

package crl_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/crltest"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/der"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/dertest"
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
	return crltest.Full(p.ca.crl(1, 0x80, 0xff01, 0x7fffffffffffffff))
}

func TestStrict(t *testing.T) {
	t.Parallel()
	p := pkiOf(t, rsaKey)
	require.NoError(t, parse(fullCRL(p).DER()))

	seq := func(children ...*dertest.Node) *dertest.Node { return &dertest.Node{Tag: 0x30, Children: children} }
	prim := func(tag byte, content string) *dertest.Node { return &dertest.Node{Tag: tag, Content: []byte(content)} }
	entry := func(list *dertest.Node, i int) *dertest.Node { return list.At(0, tbsRevoked, i) }
	for _, c := range []struct {
		name string
		edit func(list *dertest.Node)
		kind error // nil: accepted
	}{
		{"as it is", func(*dertest.Node) {}, nil},
		{"version 1 said aloud", func(l *dertest.Node) { l.At(0, tbsVersion).Content = []byte{0} }, der.ErrMalformed},
		{"version 3", func(l *dertest.Node) { l.At(0, tbsVersion).Content = []byte{2} }, der.ErrMalformed},
		{"a version that is not minimal", func(l *dertest.Node) { l.At(0, tbsVersion).Content = []byte{0, 1} }, der.ErrMalformed},
		{"version 1 with extensions", func(l *dertest.Node) {
			l.At(0).Children = append(slices.Clone(l.At(0).Children[1:5]), l.At(0, tbsExtensions))
		}, der.ErrMalformed},
		{"version 1 with an entry's extensions", func(l *dertest.Node) { l.At(0).Children = slices.Clone(l.At(0).Children[1:6]) }, der.ErrMalformed},
		{"version 1 with an entry's reason before many others", func(l *dertest.Node) {
			reason := entry(l, 1)
			reason.At(2, 0).Children[1].Content = []byte{10, 1, 6}
			l.At(0).Children = slices.Clone(l.At(0).Children[1:6])
			plain := seq(reason.Children[:2]...)
			l.At(0, tbsRevoked-1).Children = []*dertest.Node{reason, plain, plain, plain, plain}
		}, der.ErrMalformed},
		{"version 1 with many entries", func(l *dertest.Node) {
			plain := seq(entry(l, 1).Children[:2]...)
			l.At(0).Children = slices.Clone(l.At(0).Children[1:6])
			l.At(0, tbsRevoked-1).Children = []*dertest.Node{plain, plain, plain, plain, plain}
		}, nil},
		{"version 1 without either", func(l *dertest.Node) { l.At(0).Children = slices.Clone(l.At(0).Children[1:5]) }, nil},
		{"two algorithms that differ in their parameters", func(l *dertest.Node) { l.Children[1].Children = l.Children[1].Children[:1] }, der.ErrMalformed},
		{"both algorithms without their parameters", func(l *dertest.Node) {
			l.Children[1].Children = l.Children[1].Children[:1]
			l.At(0, tbsAlgorithm).Children = l.At(0, tbsAlgorithm).Children[:1]
		}, nil},
		{"an issuer without a name", func(l *dertest.Node) { l.At(0).Children[tbsIssuer] = prim(0x30, "") }, der.ErrMalformed},
		{"an empty RDN in the issuer", func(l *dertest.Node) { l.At(0).Children[tbsIssuer] = seq(prim(0x31, "")) }, der.ErrMalformed},
		{"no nextUpdate", func(l *dertest.Node) {
			l.At(0).Children = slices.Delete(l.At(0).Children, tbsNextUpdate, tbsNextUpdate+1)
		}, nil}, // it clears no certificate
		{"nextUpdate before thisUpdate", func(l *dertest.Node) { l.At(0, tbsNextUpdate).Content = []byte("260601105959Z") }, der.ErrMalformed},
		{"thisUpdate on a day that there is not", func(l *dertest.Node) { l.At(0, tbsThisUpdate).Content = []byte("250229120000Z") }, der.ErrMalformed},
		{"thisUpdate on the day before", func(l *dertest.Node) { l.At(0, tbsThisUpdate).Content = []byte("250228120000Z") }, nil},
		{"nextUpdate on a day that there is not", func(l *dertest.Node) { l.At(0, tbsNextUpdate).Content = []byte("270229120000Z") }, der.ErrMalformed},
		{"nextUpdate on the day before", func(l *dertest.Node) { l.At(0, tbsNextUpdate).Content = []byte("270228120000Z") }, nil},
		{"an empty list of entries", func(l *dertest.Node) { l.At(0).Children[tbsRevoked] = prim(0x30, "") }, nil},
		{"something behind the extensions", func(l *dertest.Node) { l.At(0).Children = append(l.At(0).Children, prim(5, "")) }, der.ErrMalformed},
		{"something behind the list of extensions", func(l *dertest.Node) {
			l.At(0, tbsExtensions).Children = append(l.At(0, tbsExtensions).Children, prim(5, ""))
		}, der.ErrMalformed},
		{"an empty list of extensions", func(l *dertest.Node) { l.At(0, tbsExtensions).Children[0] = prim(0x30, "") }, der.ErrMalformed},
		{"an extension twice", func(l *dertest.Node) {
			list := l.At(0, tbsExtensions, 0)
			list.Children = append(list.Children, list.Children[1])
		}, der.ErrMalformed},
		{"an extension that is FALSE aloud", func(l *dertest.Node) {
			e := l.At(0, tbsExtensions, 0, 1)
			e.Children = slices.Insert(e.Children, 1, prim(1, "\x00"))
		}, der.ErrMalformed},
		{"an extension that is TRUE otherwise", func(l *dertest.Node) {
			e := l.At(0, tbsExtensions, 0, 1)
			e.Children = slices.Insert(e.Children, 1, prim(1, "\x01"))
		}, der.ErrMalformed},
		{"a cRLNumber that is critical", func(l *dertest.Node) {
			e := l.At(0, tbsExtensions, 0, 1)
			e.Children = slices.Insert(e.Children, 1, prim(1, "\xff"))
		}, nil},
		{"something behind an extension's value", func(l *dertest.Node) {
			e := l.At(0, tbsExtensions, 0, 1)
			e.Children = append(e.Children, prim(5, ""))
		}, der.ErrMalformed},
		{"an object identifier that is not minimal", func(l *dertest.Node) {
			l.At(0, tbsExtensions, 0, 1, 0).Content = []byte{0x55, 0x80, 0x01}
		}, der.ErrMalformed},
		{"an object identifier that is empty", func(l *dertest.Node) { l.At(0, tbsExtensions, 0, 1, 0).Content = []byte{} }, der.ErrMalformed},
		{"something behind the signature", func(l *dertest.Node) { l.Children = append(l.Children, prim(5, "")) }, der.ErrMalformed},

		{"an entry without a date", func(l *dertest.Node) { entry(l, 0).Children = entry(l, 0).Children[:1] }, der.ErrMalformed},
		{"an entry without anything", func(l *dertest.Node) { l.At(0, tbsRevoked).Children[0] = prim(0x30, "") }, der.ErrMalformed},
		{"an entry that is a set", func(l *dertest.Node) { entry(l, 0).Tag = 0x31 }, der.ErrMalformed},
		{"a serial that is not minimal", func(l *dertest.Node) { entry(l, 0).Children[0].Content = []byte{0, 1} }, der.ErrMalformed},
		{"a negative serial that is not minimal", func(l *dertest.Node) { entry(l, 0).Children[0].Content = []byte{0xff, 0x80} }, der.ErrMalformed},
		{"a negative serial", func(l *dertest.Node) { entry(l, 0).Children[0].Content = []byte{0xff, 0x01} }, nil},
		{"an empty serial", func(l *dertest.Node) { entry(l, 0).Children[0].Content = nil }, der.ErrMalformed},
		{"a serial of 33 octets", func(l *dertest.Node) { entry(l, 0).Children[0].Content = bytes.Repeat([]byte{1}, 33) }, der.ErrMalformed},
		{"a serial of 32 octets", func(l *dertest.Node) { entry(l, 0).Children[0].Content = bytes.Repeat([]byte{1}, 32) }, nil},
		{"a serial that is an enumeration", func(l *dertest.Node) { entry(l, 0).Children[0].Tag = 0x0a }, der.ErrMalformed},
		{"an entry with an empty list of extensions", func(l *dertest.Node) {
			entry(l, 0).Children = append(entry(l, 0).Children, prim(0x30, ""))
		}, nil}, // real CAs write it
		{"an entry with something behind its extensions", func(l *dertest.Node) {
			entry(l, 1).Children = append(entry(l, 1).Children, prim(5, ""))
		}, der.ErrMalformed},
		{"an entry's reason twice", func(l *dertest.Node) {
			entry(l, 1).Children[2].Children = append(entry(l, 1).Children[2].Children, entry(l, 1).At(2, 0))
		}, der.ErrMalformed},
		{"the reason 7", func(l *dertest.Node) { entry(l, 1).At(2, 0).Children[1].Content = []byte{10, 1, 7} }, der.ErrMalformed},
		{"the reason 11", func(l *dertest.Node) { entry(l, 1).At(2, 0).Children[1].Content = []byte{10, 1, 11} }, der.ErrMalformed},
		{"the reason -1", func(l *dertest.Node) { entry(l, 1).At(2, 0).Children[1].Content = []byte{10, 1, 0xff} }, der.ErrMalformed},
		{"a reason that is an integer", func(l *dertest.Node) { entry(l, 1).At(2, 0).Children[1].Content = []byte{2, 1, 6} }, der.ErrMalformed},
		{"a reason of two octets", func(l *dertest.Node) { entry(l, 1).At(2, 0).Children[1].Content = []byte{10, 2, 0, 6} }, der.ErrMalformed},
		{"something behind a reason", func(l *dertest.Node) { entry(l, 1).At(2, 0).Children[1].Content = []byte{10, 1, 6, 0} }, der.ErrMalformed},
		{"removeFromCRL in a complete CRL", func(l *dertest.Node) { entry(l, 1).At(2, 0).Children[1].Content = []byte{10, 1, 8} }, der.ErrMalformed},
		{"the reason unspecified said aloud", func(l *dertest.Node) { entry(l, 1).At(2, 0).Children[1].Content = []byte{10, 1, 0} }, nil},
		{"an entry's unknown extension", func(l *dertest.Node) { entry(l, 1).At(2, 0).Children[0].Content = []byte{0x2a, 0x03} }, nil},
		{"an entry's unknown extension that is critical", func(l *dertest.Node) {
			e := entry(l, 1).At(2, 0)
			e.Children = []*dertest.Node{prim(6, "\x2a\x03"), prim(1, "\xff"), e.Children[1]}
		}, der.ErrUnhandledCritical},
		{"a certificateIssuer in a CRL that is not indirect", func(l *dertest.Node) {
			e := entry(l, 1).At(2, 0)
			e.Children = []*dertest.Node{prim(6, "\x55\x1d\x1d"), prim(1, "\xff"), prim(4, string(seq(&dertest.Node{Tag: 0xa4, Children: []*dertest.Node{l.At(0, tbsIssuer)}}).Bytes()))}
		}, der.ErrMalformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			list := dertest.Parse(fullCRL(p).DER())
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
	list := dertest.Parse(newPKI(t).ca.crl().DER())
	list.Children[2].Content[0] = 1
	requireError(t, parse(list.Bytes()), der.ErrMalformed)
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
