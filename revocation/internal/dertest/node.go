// SPDX-License-Identifier: Apache-2.0

// Package dertest takes DER apart, for tests that change one element of a CRL or
// of an OCSP response.
package dertest

import (
	"crypto"
	"crypto/rand"
	"encoding/asn1"
	"slices"
)

// A Node is one element of DER.
type Node struct {
	Tag      byte
	Content  []byte  // of a primitive one
	Children []*Node // of a constructed one, or of an OCTET STRING that holds one
}

// Parse takes one element apart. An OCTET STRING of 100 octets and more must hold
// elements itself, as that of an OCSPResponse does. Parse panics if there is
// anything else.
func Parse(der []byte) *Node {
	var raw asn1.RawValue
	if rest, err := asn1.Unmarshal(der, &raw); err != nil || len(rest) > 0 {
		panic("not one element of DER")
	}
	n := &Node{Tag: raw.FullBytes[0], Content: raw.Bytes}
	if !raw.IsCompound && (n.Tag != asn1.TagOctetString || len(raw.Bytes) < 100) {
		return n
	}
	for rest := raw.Bytes; len(rest) > 0; {
		var child asn1.RawValue
		after, err := asn1.Unmarshal(rest, &child)
		if err != nil {
			panic(err)
		}
		n.Children = append(n.Children, Parse(rest[:len(rest)-len(after)]))
		rest = after
	}
	return n
}

// Bytes returns the DER of the element as it is now.
func (n *Node) Bytes() []byte {
	content := n.Content
	if n.Children != nil {
		content = nil
		for _, child := range n.Children {
			content = append(content, child.Bytes()...)
		}
	}
	der, err := asn1.Marshal(asn1.RawValue{Class: int(n.Tag >> 6), Tag: int(n.Tag & 0x1f), IsCompound: n.Tag&0x20 != 0, Bytes: content})
	if err != nil {
		panic(err)
	}
	return der
}

// At returns the element that the indices lead to.
func (n *Node) At(path ...int) *Node {
	for _, i := range path {
		n = n.Children[i]
	}
	return n
}

// Walk calls f for each element of n that has others in it, n first.
func (n *Node) Walk(f func(*Node)) {
	if n.Children == nil {
		return
	}
	f(n)
	for _, child := range slices.Clone(n.Children) {
		child.Walk(f)
	}
}

// Sign signs n again, which is what is signed, an algorithm (sha256WithRSAEncryption)
// and a signature, as a CertificateList and a BasicOCSPResponse are.
func (n *Node) Sign(key crypto.Signer) {
	signature, err := crypto.SignMessage(key, rand.Reader, n.Children[0].Bytes(), crypto.SHA256)
	if err != nil {
		panic(err)
	}
	n.Children[2].Content = append([]byte{0}, signature...)
}
