// SPDX-License-Identifier: Apache-2.0

package testca

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	_ "embed"
	"encoding/base64"
	"io"
	"math/big"
	"runtime/debug"
	"sync"
	"testing"
)

// RSA returns the process's key of a name, of 2048 bits.
func RSA(name string) *rsa.PrivateKey { return RSAOf(name, 2048) }

// RSAOf returns the process's key of a name and a number of bits. It is the key of no
// other name. Anyone may know its private part, so that it is for tests of this module
// alone: what spinetest gives to others has keys of NewRSA.
func RSAOf(name string, bits int) *rsa.PrivateKey {
	once, _ := keys.LoadOrStore(keyName{name, bits}, sync.OnceValue(func() *rsa.PrivateKey { return storedOrNew(bits) }))
	return once.(func() *rsa.PrivateKey)()
}

type keyName struct {
	name string
	bits int
}

var keys sync.Map // keyName to func() *rsa.PrivateKey

// EC returns the process's key of a name, on P-256. It signs in a thirtieth of the time that
// RSA takes, and is for tests to which the kind of key makes no difference: as with RSA by
// PKCS #1 version 1.5, what is signed twice has the same signature, and all signatures have
// one length.
func EC(name string) crypto.Signer {
	key, _ := ecKeys.LoadOrStore(name, sync.OnceValue(func() crypto.Signer { return &steady{PrivateKey: ECDSA()} }))
	return key.(func() crypto.Signer)()
}

var ecKeys sync.Map // string to func() crypto.Signer

// steady is a key that signs each digest once.
type steady struct {
	*ecdsa.PrivateKey
	signatures sync.Map // string to []byte
}

// Sign signs until the signature's length, that of two integers in DER, is the one that
// every second has. It takes its randomness where it likes, since crypto/ecdsa signs the
// same each time without any.
func (k *steady) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	signature, _ := k.signatures.Load(string(digest))
	for signature == nil {
		fresh, err := k.PrivateKey.Sign(rand.Reader, digest, opts)
		if err != nil {
			return nil, err
		}
		if len(fresh) == 71 {
			signature, _ = k.signatures.LoadOrStore(string(digest), fresh)
		}
	}
	return bytes.Clone(signature.([]byte)), nil
}

// NewRSA returns a key that was returned to no other caller. It is made anew but in the
// tests of this module, which take stored ones.
func NewRSA(bits int) *rsa.PrivateKey {
	if testsOfThisModule() {
		return storedOrNew(bits)
	}
	return must(rsa.GenerateKey(rand.Reader, bits))
}

// testsOfThisModule reports whether the program is the tests of a package of this module,
// which its developers run. The tests of a module that imports it are not.
var testsOfThisModule = sync.OnceValue(func() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && testing.Testing() && info.Main.Path == "github.com/nrlsecurity/nrlsecurity"
})

func storedOrNew(bits int) *rsa.PrivateKey {
	if bits == 2048 {
		if key := stored.take(); key != nil {
			return key
		}
	}
	return must(rsa.GenerateKey(rand.Reader, bits))
}

// stored are keys of 2048 bits that were made beforehand, because making one takes a
// hundred times as long as reading one does, and each test program wants a few. Each is
// a line: its two primes in Base64.
var stored = pool{rest: storedKeys}

//go:generate go run ./generate
//go:embed testingkeys.txt
var storedKeys []byte

type pool struct {
	mu   sync.Mutex
	rest []byte
}

// take returns a key that has not been taken, nil if none is left.
func (p *pool) take() *rsa.PrivateKey {
	p.mu.Lock()
	line, rest, found := bytes.Cut(p.rest, []byte("\n"))
	p.rest = rest
	p.mu.Unlock()
	if !found {
		return nil
	}
	primes := must(base64.StdEncoding.AppendDecode(nil, line))
	return fromPrimes(new(big.Int).SetBytes(primes[:len(primes)/2]), new(big.Int).SetBytes(primes[len(primes)/2:]))
}

// fromPrimes returns the key of two primes with the usual public exponent.
func fromPrimes(p, q *big.Int) *rsa.PrivateKey {
	one, exponent := big.NewInt(1), big.NewInt(65537)
	phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
	key := &rsa.PrivateKey{
		PublicKey: rsa.PublicKey{N: new(big.Int).Mul(p, q), E: int(exponent.Int64())},
		D:         new(big.Int).ModInverse(exponent, phi),
		Primes:    []*big.Int{p, q},
	}
	key.Precompute()
	return key
}
