// SPDX-License-Identifier: Apache-2.0

// Generate writes the RSA keys that the module's own tests share to keys.pem.
package main

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"log"
	"os"
)

func main() {
	var text bytes.Buffer
	for range 16 { // a test program that takes more makes the rest itself
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			log.Fatal(err)
		}
		block := &pem.Block{Type: "RSA TESTING KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}
		if err := pem.Encode(&text, block); err != nil {
			log.Fatal(err)
		}
	}
	if err := os.WriteFile("keys.pem", text.Bytes(), 0o644); err != nil {
		log.Fatal(err)
	}
}
