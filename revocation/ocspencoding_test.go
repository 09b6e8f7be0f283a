// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"crypto"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ocsp"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/dertest"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

// resigned returns the OCSPResponse, its ResponseData signed again.
func resigned(response *dertest.Node, key crypto.Signer) []byte {
	response.At(basicResponse...).Sign(key)
	return response.Bytes()
}

// fullOCSP is a good response with every field that there is, but nonsense in
// none of them.
func fullOCSP(p *ocspPKI) *revocationtest.OCSPResponse {
	r := p.responder.by(p.good())
	r.Extensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3, 4}, Value: []byte{5, 0}}}
	r.Answers = append(r.Answers, p.answer(ocsp.Revoked))
	r.Answers[0].Extensions = r.Extensions
	r.Answers[1].Serial = big.NewInt(5)
	r.Answers[1].Reason = revocation.ReasonKeyCompromise
	return r
}

// TestOCSPNothingLeftOver puts a NULL behind the last element of every element
// that holds others in turn, and signs the response again.
func TestOCSPNothingLeftOver(t *testing.T) {
	p := newOCSPPKI(t)
	ask := func(der []byte) error {
		_, err := (&revocation.OCSP{}).Status(t.Context(), revocation.Query{Path: p.path(), At: ocspNow, Stapled: der})
		return err
	}
	for _, byKey := range []bool{false, true} {
		m := fullOCSP(p)
		m.ByKey = byKey
		tree := dertest.Parse(m.DER())
		require.NoError(t, ask(resigned(tree, p.responder.key)))
		tampered := 0
		tree.Walk(func(n *dertest.Node) {
			n.Children = append(n.Children, &dertest.Node{Tag: 5})
			err := ask(resigned(tree, p.responder.key))
			n.Children = n.Children[:len(n.Children)-1]
			require.Error(t, err, "element %x", n.Bytes())
			kind := slices.IndexFunc([]error{
				revocation.ErrMalformed,
				revocation.ErrSignature, // in the signature's algorithm and the responder's name
				revocation.ErrResponder, // in the responder's certificate
			}, func(kind error) bool { return errors.Is(err, kind) })
			require.GreaterOrEqual(t, kind, 0, "element %x: %v", n.Bytes(), err)
			tampered++
		})
		require.Greater(t, tampered, 40)
	}
}

// TestOCSPEncoding: what is signed well, but not strict DER of the type.
func TestOCSPEncoding(t *testing.T) {
	p := newOCSPPKI(t)
	data := func(n *dertest.Node) *dertest.Node { return n.At(basicResponse...).Children[0] }
	single := func(n *dertest.Node) *dertest.Node { return data(n).At(2, 0) }
	for _, test := range []struct {
		name string
		edit func(n *dertest.Node)
		kind error
	}{
		{"nothing", func(*dertest.Node) {}, nil},
		{"version spelt out", func(n *dertest.Node) {
			data(n).Children = slices.Insert(data(n).Children, 0, dertest.Parse([]byte{0xa0, 3, 2, 1, 0}))
		}, nil}, // real responders write it
		{"version 2", func(n *dertest.Node) {
			data(n).Children = slices.Insert(data(n).Children, 0, dertest.Parse([]byte{0xa0, 3, 2, 1, 1}))
		}, revocation.ErrMalformed},
		{"another type of response", func(n *dertest.Node) { n.At(1, 0, 0).Content[8]++ }, revocation.ErrMalformed},
		{"time with a fraction", func(n *dertest.Node) { data(n).Children[1].Content = []byte("20260601110000.1Z") }, revocation.ErrMalformed},
		{"time with an offset", func(n *dertest.Node) { data(n).Children[1].Content = []byte("20260601120000+0100") }, revocation.ErrMalformed},
		{"time without seconds", func(n *dertest.Node) { data(n).Children[1].Content = []byte("202606011200Z") }, revocation.ErrMalformed},
		{"a day that there is not", func(n *dertest.Node) { data(n).Children[1].Content = []byte("20260230120000Z") }, revocation.ErrMalformed},
		{"UTCTime", func(n *dertest.Node) {
			*data(n).Children[1] = dertest.Node{Tag: 0x17, Content: []byte("260601110000Z")}
		}, revocation.ErrMalformed},
		{"good with contents", func(n *dertest.Node) { single(n).Children[1].Content = []byte{0} }, revocation.ErrMalformed},
		{"good, constructed", func(n *dertest.Node) { single(n).Children[1].Tag = 0xa0 }, revocation.ErrMalformed},
		{"a status that there is not", func(n *dertest.Node) { single(n).Children[1].Tag = 0x83 }, revocation.ErrMalformed},
		{"serial number padded", func(n *dertest.Node) {
			single(n).At(0, 3).Content = append([]byte{0}, single(n).At(0, 3).Content...)
			single(n).At(0, 3).Content[1] = 1
		}, revocation.ErrMalformed},
		{"serial number negative", func(n *dertest.Node) { single(n).At(0, 3).Content[0] = 0x80 }, revocation.ErrMalformed},
		{"responderID of neither kind", func(n *dertest.Node) { data(n).Children[0].Tag = 0xa3 }, revocation.ErrMalformed},
		{"hash with parameters", func(n *dertest.Node) { single(n).At(0, 0).Children[1] = &dertest.Node{Tag: 2, Content: []byte{1}} }, revocation.ErrMalformed},
		{"hash with a NULL that is not empty", func(n *dertest.Node) { single(n).At(0, 0).Children[1].Content = []byte{0} }, revocation.ErrMalformed},
		{"responderID by the 19 octets of a hash", func(n *dertest.Node) {
			data(n).Children[0] = &dertest.Node{Tag: 0xa2, Children: []*dertest.Node{{Tag: 4, Content: make([]byte, 19)}}}
		}, revocation.ErrMalformed},
		{"responderID by the hash of another key", func(n *dertest.Node) {
			data(n).Children[0] = &dertest.Node{Tag: 0xa2, Children: []*dertest.Node{{Tag: 4, Content: make([]byte, 20)}}}
		}, revocation.ErrSignature},
		{"hash without NULL", func(n *dertest.Node) { single(n).At(0, 0).Children = single(n).At(0, 0).Children[:1] }, nil},
		{"critical spelt out as false", func(n *dertest.Node) {
			extension := data(n).At(3, 0, 0)
			extension.Children = slices.Insert(extension.Children, 1, dertest.Parse([]byte{1, 1, 0}))
		}, revocation.ErrMalformed},
		{"no extensions in the field", func(n *dertest.Node) { *data(n).At(3, 0) = dertest.Node{Tag: 0x30} }, revocation.ErrMalformed},
		{"signature of seven bits", func(n *dertest.Node) {
			// Set after signing, see below.
		}, revocation.ErrMalformed},
	} {
		t.Run(test.name, func(t *testing.T) {
			tree := dertest.Parse(fullOCSP(p).DER())
			test.edit(tree)
			der := resigned(tree, p.responder.key)
			if test.name == "signature of seven bits" {
				tree.At(basicResponse...).Children[2].Content[0] = 1
				der = tree.Bytes()
			}
			_, err := (&revocation.OCSP{}).Status(t.Context(), revocation.Query{Path: p.path(), At: ocspNow, Stapled: der})
			if test.kind == nil {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, test.kind)
			}
		})
	}
	for name, edit := range map[string]func([]byte) []byte{
		"a byte after it": func(der []byte) []byte { return append(der, 0) },
		"cut short":       func(der []byte) []byte { return der[:len(der)-1] },
		"length not minimal": func(der []byte) []byte {
			return slices.Concat(der[:1], []byte{0x83, 0}, der[2:]) // was 0x82 and two octets
		},
	} {
		t.Run(name, func(t *testing.T) {
			der := edit(fullOCSP(p).DER())
			_, err := (&revocation.OCSP{}).Status(t.Context(), revocation.Query{Path: p.path(), At: ocspNow, Stapled: der})
			require.ErrorIs(t, err, revocation.ErrMalformed)
		})
	}
	t.Run("changed after signing", func(t *testing.T) {
		tree := dertest.Parse(fullOCSP(p).DER())
		data(tree).Children[1].Content[13]++ // the second of producedAt
		_, err := (&revocation.OCSP{}).Status(t.Context(), revocation.Query{Path: p.path(), At: ocspNow, Stapled: tree.Bytes()})
		require.ErrorIs(t, err, revocation.ErrSignature)
	})
}

// basicResponse leads to the BasicOCSPResponse of an OCSPResponse.
var basicResponse = []int{1, 0, 1, 0}
