// SPDX-License-Identifier: Apache-2.0

package ocsp

import (
	"bytes"
	_ "crypto/sha1" // names issuers and responders; no signature is made with it
	_ "crypto/sha256"
	_ "crypto/sha512"
	"crypto/x509"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

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
