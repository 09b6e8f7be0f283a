// SPDX-License-Identifier: Apache-2.0

package openssl

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"sync"
	"unsafe"
)

// Keys that cannot be exported sign through OpenSSL's RSA_METHOD, which hands a
// digest over for PKCS #1 v1.5, but for RSASSA-PSS only the padded block, for which
// crypto.Signer has no operation. So a context with such a key signs, and asks to
// be signed for, with PKCS #1 v1.5 alone.
const signerAlgorithms = "RSA+SHA256:RSA+SHA384:RSA+SHA512"

// signers finds the Go side of an RSA of libcrypto's.
var signers sync.Map // uintptr to storedKey

// A storedKey keeps the size that libcrypto has made room for, whatever Public
// says later.
type storedKey struct {
	crypto.Signer
	size int
}

// digests are by the identifiers of openssl/obj_mac.h.
var digests = map[int32]crypto.Hash{672: crypto.SHA256, 673: crypto.SHA384, 674: crypto.SHA512}

// signDigest is RSA_METHOD's sign. What goes wrong, a panic included, is a
// handshake that fails with an internal_error alert.
func signDigest(nid int32, digest *byte, digestLen uint32, signature *byte, signatureLen *uint32, key uintptr) (ok int32) {
	defer func() {
		if recover() != nil {
			ok = 0
		}
	}()
	value, found := signers.Load(key)
	hash, known := digests[nid]
	if !found || !known || int(digestLen) != hash.Size() {
		return 0
	}
	signer := value.(storedKey)
	// A copy: libssl's is gone when this returns, a worker of the signer's may not be.
	out, err := signer.Sign(rand.Reader, bytes.Clone(unsafe.Slice(digest, digestLen)), hash)
	if err != nil || len(out) != signer.size {
		return 0
	}
	copy(unsafe.Slice(signature, signer.size), out) // RSA_sign's caller has RSA_size bytes there
	*signatureLen = uint32(signer.size)
	return 1
}

// useSigner makes the context sign with key.
func (c *sslContext) useSigner(key crypto.Signer) error {
	public, ok := key.Public().(*rsa.PublicKey)
	if !ok {
		return fmt.Errorf("the key signs as %T, not as RSA", key.Public())
	}
	l := c.lib
	algorithms := cString(signerAlgorithms)
	err := l.protected("SSL_CTX_set1_sigalgs_list", func() bool {
		return int64(call(l.ctxCtrl, c.ctx, ctrlSignatureAlgorithms, 0, uintptr(pointer(algorithms)))) == 1 &&
			int64(call(l.ctxCtrl, c.ctx, ctrlClientAlgorithms, 0, uintptr(pointer(algorithms)))) == 1
	})
	if err != nil {
		return err
	}
	var object uintptr
	err = l.scratch(func(bio uintptr) error {
		if err := l.write(bio, x509.MarshalPKCS1PublicKey(public)); err != nil {
			return err
		}
		return l.protected("d2i_RSAPublicKey_bio", func() bool {
			object = call(l.d2iRSAPublicKeyBio, bio, 0)
			return object != 0
		})
	})
	if err != nil {
		return err
	}
	l.live.keys.Add(1)
	var pkey uintptr
	err = l.protected("EVP_PKEY_assign", func() bool {
		const typeRSA = 6
		pkey = call(l.pkeyNew)
		return pkey != 0 && int32(call(l.rsaSetMethod, object, l.signMethod)) == 1 && int32(call(l.pkeyAssign, pkey, typeRSA, object)) == 1
	})
	if err != nil {
		call(l.pkeyFree, pkey) // which does nothing for 0
		call(l.rsaFree, object)
		l.live.keys.Add(-1)
		return err
	}
	// The context takes a reference to pkey, and with it to the RSA, of its own.
	c.signer = object
	signers.Store(object, storedKey{key, public.Size()})
	defer func() {
		call(l.pkeyFree, pkey)
		l.live.keys.Add(-1)
	}()
	return c.useKey(pkey)
}
