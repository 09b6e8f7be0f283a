// SPDX-License-Identifier: Apache-2.0

package openssl

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
)

// useSigner makes the context sign with key.
func (c *sslContext) useSigner(key crypto.Signer) error {
	public, ok := key.Public().(*rsa.PublicKey)
	if !ok {
		return fmt.Errorf("the key signs as %T, not as RSA", key.Public())
	}
	l := c.lib
	var object uintptr
	err := l.scratch(func(bio uintptr) error {
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
