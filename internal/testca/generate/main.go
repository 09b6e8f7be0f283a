// SPDX-License-Identifier: Apache-2.0

// Generate writes the RSA keys that the module's own tests share to testingkeys.txt.
package main

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"log"
	"os"
)

func main() {
	var text bytes.Buffer
	for range 64 { // a test program that takes more makes the rest itself
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			log.Fatal(err)
		}
		primes := make([]byte, 256)
		key.Primes[0].FillBytes(primes[:128])
		key.Primes[1].FillBytes(primes[128:])
		text.WriteString(base64.StdEncoding.EncodeToString(primes) + "\n")
	}
	if err := os.WriteFile("testingkeys.txt", text.Bytes(), 0o644); err != nil {
		log.Fatal(err)
	}
}
