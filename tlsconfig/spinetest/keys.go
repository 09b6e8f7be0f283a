// SPDX-License-Identifier: Apache-2.0

package spinetest

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"encoding/asn1"
	"errors"
	"io"
	"sync"

	"github.com/nrlsecurity/nrlsecurity/internal/testca"
)

// leafKeys are the keys of leaves by FQDN and size. That certificates of one
// system share a key is no more than a renewal without a new key does, and a
// certificate that differs in one way should not differ in its key as well.
var leafKeys sync.Map

type leafKey struct {
	name string
	bits int // of RSA; zero: ECDSA
	weak int // public exponent; zero: the usual one. See keyless
}

func (k leafKey) get() crypto.Signer {
	once, _ := leafKeys.LoadOrStore(k, sync.OnceValue(func() crypto.Signer {
		if k.bits == 0 {
			return testca.ECDSA()
		}
		if k.weak != 0 {
			public := leafKey{name: k.name, bits: k.bits}.get().Public().(*rsa.PublicKey)
			return keyless{&rsa.PublicKey{N: public.N, E: k.weak}}
		}
		return testca.NewRSA(k.bits)
	}))
	return once.(func() crypto.Signer)()
}

// A keyless signer needs no private key: with the public exponent 1, a padded
// digest is its own signature (RFC 8017 section 9.2).
type keyless struct{ public *rsa.PublicKey }

func (k keyless) Public() crypto.PublicKey { return k.public }

func (k keyless) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	type algorithm struct {
		OID        asn1.ObjectIdentifier
		Parameters asn1.RawValue
	}
	oid, ok := map[crypto.Hash]asn1.ObjectIdentifier{
		crypto.SHA256: {2, 16, 840, 1, 101, 3, 4, 2, 1},
		crypto.SHA384: {2, 16, 840, 1, 101, 3, 4, 2, 2},
		crypto.SHA512: {2, 16, 840, 1, 101, 3, 4, 2, 3},
	}[opts.HashFunc()]
	if !ok {
		return nil, errors.New("spinetest: not a hash of TLS 1.2's")
	}
	info, err := asn1.Marshal(struct {
		Algorithm algorithm
		Digest    []byte
	}{algorithm{oid, asn1.NullRawValue}, digest})
	if err != nil {
		return nil, err
	}
	// 00 01 ff ... ff 00 DigestInfo
	padded := bytes.Repeat([]byte{0xff}, k.public.Size())
	padded[0], padded[1], padded[len(padded)-len(info)-1] = 0, 1, 0
	copy(padded[len(padded)-len(info):], info)
	return padded, nil
}
