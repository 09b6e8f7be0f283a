// SPDX-License-Identifier: Apache-2.0

package spinetest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"sync"
)

// leafKeys are the keys of leaves by FQDN and size. That certificates of one
// system share a key is no more than a renewal without a new key does, and a
// certificate that differs in one way should not differ in its key as well.
var leafKeys sync.Map

type leafKey struct {
	name string
	bits int // of RSA; zero: ECDSA
}

func (k leafKey) get() crypto.Signer {
	once, _ := leafKeys.LoadOrStore(k, sync.OnceValue(func() crypto.Signer {
		if k.bits == 0 {
			key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
			if err != nil {
				panic("spinetest: " + err.Error())
			}
			return key
		}
		return newKey(k.bits)
	}))
	return once.(func() crypto.Signer)()
}

func newKey(bits int) *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		panic("spinetest: " + err.Error())
	}
	return key
}
