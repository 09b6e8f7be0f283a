// SPDX-License-Identifier: Apache-2.0

package ocsp

import (
	"crypto"
	"crypto/fips140"
)

// hashes are the algorithms by which a CertID may name an issuer, with the
// content octets of their object identifiers.
var hashes = [...]struct {
	hash crypto.Hash
	oid  string
}{
	{crypto.SHA1, "\x2b\x0e\x03\x02\x1a"},
	{crypto.SHA256, "\x60\x86\x48\x01\x65\x03\x04\x02\x01"},
	{crypto.SHA384, "\x60\x86\x48\x01\x65\x03\x04\x02\x02"},
	{crypto.SHA512, "\x60\x86\x48\x01\x65\x03\x04\x02\x03"},
}

// hashOf returns the index of the algorithm in hashes, -1 for another.
func hashOf(oid []byte) int {
	for i := range hashes {
		if string(oid) == hashes[i].oid {
			return i
		}
	}
	return -1
}

// sum hashes data. SHA-1 is a name here and protects nothing, so it is allowed
// where GODEBUG=fips140=only would refuse it.
func sum(hash crypto.Hash, data []byte) (digest []byte) {
	fips140.WithoutEnforcement(func() {
		h := hash.New()
		h.Write(data)
		digest = h.Sum(nil)
	})
	return digest
}
