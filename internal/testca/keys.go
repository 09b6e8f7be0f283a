// SPDX-License-Identifier: Apache-2.0

package testca

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	_ "embed"
	"encoding/pem"
	"sync"
)

// RSA returns the process's key of a name, of 2048 bits.
func RSA(name string) *rsa.PrivateKey { return RSAOf(name, 2048) }

// RSAOf returns the process's key of a name and a number of bits. It is the key of no
// other name. Anyone may know its private part, so that it is for tests of this module
// alone: what spinetest gives to others has keys that are made anew.
func RSAOf(name string, bits int) *rsa.PrivateKey {
	once, _ := keys.LoadOrStore(keyName{name, bits}, sync.OnceValue(func() *rsa.PrivateKey {
		if bits == 2048 {
			if key := stored.take(); key != nil {
				return key
			}
		}
		return must(rsa.GenerateKey(rand.Reader, bits))
	}))
	return once.(func() *rsa.PrivateKey)()
}

type keyName struct {
	name string
	bits int
}

var keys sync.Map // keyName to func() *rsa.PrivateKey

// stored are keys of 2048 bits that were made beforehand, because making one takes a
// hundred times as long as reading one does, and each test program wants a few. Like
// those of crypto/tls they are named so that no program takes them for its own.
var stored = pool{rest: storedKeys}

//go:generate go run ./generate
//go:embed keys.pem
var storedKeys []byte

type pool struct {
	mu   sync.Mutex
	rest []byte
}

// take returns a key that has not been taken, nil if none is left.
func (p *pool) take() *rsa.PrivateKey {
	p.mu.Lock()
	defer p.mu.Unlock()
	var block *pem.Block
	if block, p.rest = pem.Decode(p.rest); block == nil {
		return nil
	}
	return must(x509.ParsePKCS1PrivateKey(block.Bytes))
}
