// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"crypto"
	"crypto/rand"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ocsp"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

// A derNode is one element of DER, taken apart.
type derNode struct {
	tag      byte
	content  []byte     // of a primitive one
	children []*derNode // of a constructed one, or of an OCTET STRING that holds one
}

func parseDER(der []byte) *derNode {
	var raw asn1.RawValue
	if rest, err := asn1.Unmarshal(der, &raw); err != nil || len(rest) > 0 {
		panic("not one element of DER")
	}
	n := &derNode{tag: raw.FullBytes[0], content: raw.Bytes}
	if !raw.IsCompound && (n.tag != 4 || len(raw.Bytes) < 100) {
		return n
	}
	for rest := raw.Bytes; len(rest) > 0; {
		var child asn1.RawValue
		after, err := asn1.Unmarshal(rest, &child)
		if err != nil {
			panic(err)
		}
		n.children = append(n.children, parseDER(rest[:len(rest)-len(after)]))
		rest = after
	}
	return n
}

func (n *derNode) bytes() []byte {
	content := n.content
	if n.children != nil {
		content = nil
		for _, child := range n.children {
			content = append(content, child.bytes()...)
		}
	}
	der, err := asn1.Marshal(asn1.RawValue{Class: int(n.tag >> 6), Tag: int(n.tag & 0x1f), IsCompound: n.tag&0x20 != 0, Bytes: content})
	if err != nil {
		panic(err)
	}
	return der
}

// at returns the element that the indices lead to.
func (n *derNode) at(path ...int) *derNode {
	for _, i := range path {
		n = n.children[i]
	}
	return n
}

// resigned returns the OCSPResponse, its ResponseData signed again.
func (n *derNode) resigned(key crypto.Signer) []byte {
	basic := n.at(basicResponse...)
	signature, err := crypto.SignMessage(key, rand.Reader, basic.children[0].bytes(), crypto.SHA256)
	if err != nil {
		panic(err)
	}
	basic.children[2].content = append([]byte{0}, signature...)
	return n.bytes()
}

// walk calls f for each element below n that holds others.
func (n *derNode) walk(f func(*derNode)) {
	if n.children == nil {
		return
	}
	f(n)
	for _, child := range slices.Clone(n.children) {
		child.walk(f)
	}
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
		tree := parseDER(m.DER())
		require.NoError(t, ask(tree.resigned(p.responder.key)))
		tampered := 0
		tree.walk(func(n *derNode) {
			n.children = append(n.children, &derNode{tag: 5})
			err := ask(tree.resigned(p.responder.key))
			n.children = n.children[:len(n.children)-1]
			require.Error(t, err, "element %x", n.bytes())
			kind := slices.IndexFunc([]error{
				revocation.ErrMalformed,
				revocation.ErrSignature, // in the signature's algorithm and the responder's name
				revocation.ErrResponder, // in the responder's certificate
			}, func(kind error) bool { return errors.Is(err, kind) })
			require.GreaterOrEqual(t, kind, 0, "element %x: %v", n.bytes(), err)
			tampered++
		})
		require.Greater(t, tampered, 40)
	}
}

// TestOCSPEncoding: what is signed well, but not strict DER of the type.
func TestOCSPEncoding(t *testing.T) {
	p := newOCSPPKI(t)
	data := func(n *derNode) *derNode { return n.at(basicResponse...).children[0] }
	single := func(n *derNode) *derNode { return data(n).at(2, 0) }
	for _, test := range []struct {
		name string
		edit func(n *derNode)
		kind error
	}{
		{"nothing", func(*derNode) {}, nil},
		{"version spelt out", func(n *derNode) {
			data(n).children = slices.Insert(data(n).children, 0, parseDER([]byte{0xa0, 3, 2, 1, 0}))
		}, nil}, // real responders write it
		{"version 2", func(n *derNode) {
			data(n).children = slices.Insert(data(n).children, 0, parseDER([]byte{0xa0, 3, 2, 1, 1}))
		}, revocation.ErrMalformed},
		{"another type of response", func(n *derNode) { n.at(1, 0, 0).content[8]++ }, revocation.ErrMalformed},
		{"time with a fraction", func(n *derNode) { data(n).children[1].content = []byte("20260601110000.1Z") }, revocation.ErrMalformed},
		{"time with an offset", func(n *derNode) { data(n).children[1].content = []byte("20260601120000+0100") }, revocation.ErrMalformed},
		{"time without seconds", func(n *derNode) { data(n).children[1].content = []byte("202606011200Z") }, revocation.ErrMalformed},
		{"a day that there is not", func(n *derNode) { data(n).children[1].content = []byte("20260230120000Z") }, revocation.ErrMalformed},
		{"UTCTime", func(n *derNode) { *data(n).children[1] = derNode{tag: 0x17, content: []byte("260601110000Z")} }, revocation.ErrMalformed},
		{"good with contents", func(n *derNode) { single(n).children[1].content = []byte{0} }, revocation.ErrMalformed},
		{"good, constructed", func(n *derNode) { single(n).children[1].tag = 0xa0 }, revocation.ErrMalformed},
		{"a status that there is not", func(n *derNode) { single(n).children[1].tag = 0x83 }, revocation.ErrMalformed},
		{"serial number padded", func(n *derNode) {
			single(n).at(0, 3).content = append([]byte{0}, single(n).at(0, 3).content...)
			single(n).at(0, 3).content[1] = 1
		}, revocation.ErrMalformed},
		{"serial number negative", func(n *derNode) { single(n).at(0, 3).content[0] = 0x80 }, revocation.ErrMalformed},
		{"responderID of neither kind", func(n *derNode) { data(n).children[0].tag = 0xa3 }, revocation.ErrMalformed},
		{"hash with parameters", func(n *derNode) { single(n).at(0, 0).children[1] = &derNode{tag: 2, content: []byte{1}} }, revocation.ErrMalformed},
		{"hash with a NULL that is not empty", func(n *derNode) { single(n).at(0, 0).children[1].content = []byte{0} }, revocation.ErrMalformed},
		{"responderID by the 19 octets of a hash", func(n *derNode) {
			data(n).children[0] = &derNode{tag: 0xa2, children: []*derNode{{tag: 4, content: make([]byte, 19)}}}
		}, revocation.ErrMalformed},
		{"responderID by the hash of another key", func(n *derNode) {
			data(n).children[0] = &derNode{tag: 0xa2, children: []*derNode{{tag: 4, content: make([]byte, 20)}}}
		}, revocation.ErrSignature},
		{"hash without NULL", func(n *derNode) { single(n).at(0, 0).children = single(n).at(0, 0).children[:1] }, nil},
		{"critical spelt out as false", func(n *derNode) {
			extension := data(n).at(3, 0, 0)
			extension.children = slices.Insert(extension.children, 1, parseDER([]byte{1, 1, 0}))
		}, revocation.ErrMalformed},
		{"no extensions in the field", func(n *derNode) { *data(n).at(3, 0) = derNode{tag: 0x30} }, revocation.ErrMalformed},
		{"signature of seven bits", func(n *derNode) {
			// Set after signing, see below.
		}, revocation.ErrMalformed},
	} {
		t.Run(test.name, func(t *testing.T) {
			tree := parseDER(fullOCSP(p).DER())
			test.edit(tree)
			der := tree.resigned(p.responder.key)
			if test.name == "signature of seven bits" {
				tree.at(basicResponse...).children[2].content[0] = 1
				der = tree.bytes()
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
		tree := parseDER(fullOCSP(p).DER())
		data(tree).children[1].content[13]++ // the second of producedAt
		_, err := (&revocation.OCSP{}).Status(t.Context(), revocation.Query{Path: p.path(), At: ocspNow, Stapled: tree.bytes()})
		require.ErrorIs(t, err, revocation.ErrSignature)
	})
}

// basicResponse leads to the BasicOCSPResponse of an OCSPResponse.
var basicResponse = []int{1, 0, 1, 0}
