// SPDX-License-Identifier: Apache-2.0

package ocsp

import (
	"bytes"
	"crypto"
	"crypto/fips140"
	_ "crypto/sha1" // names issuers and responders; no signature is made with it
	_ "crypto/sha256"
	_ "crypto/sha512"
	"crypto/x509"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
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

// An Issuer is a CA as CertIDs and ResponderIDs name it.
type Issuer struct {
	Cert  *x509.Certificate
	names [len(hashes)][]byte
	keys  [len(hashes)][]byte
}

// NewIssuer returns the Issuer of a CA's certificate; it is not ok if that has no
// key that can be read.
func NewIssuer(cert *x509.Certificate) (i *Issuer, ok bool) {
	key, ok := publicKeyBits(cert)
	if !ok {
		return nil, false
	}
	i = &Issuer{Cert: cert}
	for n, algorithm := range hashes {
		i.names[n], i.keys[n] = sum(algorithm.hash, cert.RawSubject), sum(algorithm.hash, key)
	}
	return i, true
}

// publicKeyBits returns the subjectPublicKey, the BIT STRING without its count of
// unused bits, which is what key hashes are made of.
func publicKeyBits(cert *x509.Certificate) (key []byte, ok bool) {
	input := cryptobyte.String(cert.RawSubjectPublicKeyInfo)
	var info cryptobyte.String
	ok = input.ReadASN1(&info, asn1.SEQUENCE) &&
		info.SkipASN1(asn1.SEQUENCE) &&
		info.ReadASN1BitStringAsBytes(&key)
	return key, ok
}

// matches compares all of a CertID: hash algorithm, issuer's name, issuer's key
// and serial number (big-endian, no leading zeros).
func (i *Issuer) matches(id *certID, serial []byte) bool {
	return id.hash >= 0 &&
		bytes.Equal(id.name, i.names[id.hash]) &&
		bytes.Equal(id.key, i.keys[id.hash]) &&
		bytes.Equal(id.serial, serial)
}
