// SPDX-License-Identifier: Apache-2.0

// Package testca makes keys, certificates and their files for tests. A Spine to connect to is
// tlsconfig/spinetest; this is for tests that want to say themselves what is in a
// certificate. What cannot be made panics.
package testca

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
)

// ECDSA returns a new key on P-256, which takes no time.
func ECDSA() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) }

// CA returns the template of a CA, which lacks only its validity.
func CA(name string, serial int64) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
}

// Sign returns the certificate of a template, for the key public, that the parent
// signs by its key. A nil parent is the template, which signs itself.
func Sign(template, parent *x509.Certificate, public crypto.PublicKey, by crypto.Signer) *x509.Certificate {
	if parent == nil {
		parent = template
	}
	return must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, template, parent, public, by))))
}

// PEM returns DER as PEM of one kind, such as CERTIFICATE.
func PEM(kind string, ders ...[]byte) []byte {
	var text []byte
	for _, der := range ders {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})...)
	}
	return text
}

// WritePEM writes it to a file of the folder dir and returns the file's path.
func WritePEM(dir, name, kind string, ders ...[]byte) string {
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, PEM(kind, ders...), 0o600); err != nil {
		panic("testca: " + err.Error())
	}
	return file
}

func must[T any](value T, err error) T {
	if err != nil {
		panic("testca: " + err.Error())
	}
	return value
}
