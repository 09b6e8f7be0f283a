// SPDX-License-Identifier: Apache-2.0

package encryptedkey_test

import (
	"context"
	"encoding/pem"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/youmark/pkcs8"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/encryptedkey"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/spinetest"
)

// A server whose key is encrypted, with a password that a secret store knows.
func ExampleFiles() {
	pki := spinetest.NewPKI()
	defer pki.Close()
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	certFile, keyFile := filepath.Join(dir, "provider.pem"), filepath.Join(dir, "provider.key")
	writeEncrypted(pki, certFile, keyFile, "sesame")

	endpoint := &tlsconfig.Endpoint{
		Certificate: encryptedkey.Files(certFile, keyFile, func(context.Context) (string, error) { return "sesame", nil }),
		Verifier:    tlsconfig.Verifier{Pins: pki.Pins(), FQDNs: []string{"ssp.nhs.uk"}, Revocation: pki.Checker()},
	}
	_, err = endpoint.ServerConfig()
	fmt.Println("with the password:", err)
	endpoint.Certificate = encryptedkey.Files(certFile, keyFile, func(context.Context) (string, error) { return "open", nil })
	_, err = endpoint.ServerConfig()
	fmt.Println("with another, refused:", err != nil)
	// Output:
	// with the password: <nil>
	// with another, refused: true
}

// writeEncrypted writes a certificate of the PKI's and its key, as "openssl pkcs8 -topk8" does.
func writeEncrypted(pki *spinetest.PKI, certFile, keyFile, password string) {
	cert := pki.Issue("provider.nhs.uk")
	var chain []byte
	for _, der := range cert.Certificate {
		chain = append(chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	key, err := pkcs8.MarshalPrivateKey(cert.PrivateKey, []byte(password), nil)
	if err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(certFile, chain, 0o600); err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: key}), 0o600); err != nil {
		log.Fatal(err)
	}
}
