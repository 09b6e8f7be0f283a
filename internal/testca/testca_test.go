// SPDX-License-Identifier: Apache-2.0

package testca_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/nrlsecurity/nrlsecurity/internal/testca"
)

// Names have keys to themselves, those beyond the stored ones too; a name has one key.
func TestEachNameHasAKeyOfItsOwn(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	own := func(name string, key *rsa.PrivateKey) {
		assert.NoError(t, key.Validate())
		assert.Equal(t, 2048, key.N.BitLen())
		assert.Empty(t, seen[key.N.String()], name)
		seen[key.N.String()] = name
	}
	for i := range 63 { // with the unnamed, two more than are stored
		name := fmt.Sprint("name ", i)
		key := testca.RSA(name)
		own(name, key)
		assert.Same(t, key, testca.RSA(name))
		if i%22 == 0 {
			own("unnamed", testca.NewRSA(2048))
		}
	}
}

// What is signed twice by a key on P-256 is the same, and all signatures are of one length.
func TestSignaturesOfANameAreSteady(t *testing.T) {
	t.Parallel()
	key := testca.EC("CA")
	assert.Same(t, key, testca.EC("CA"))
	assert.NotEqual(t, key.Public(), testca.EC("another").Public())
	for i := range 20 {
		digest := sha256.Sum256([]byte{byte(i)})
		signature, err := key.Sign(nil, digest[:], crypto.SHA256)
		assert.NoError(t, err)
		again, err := key.Sign(nil, digest[:], crypto.SHA256)
		assert.NoError(t, err)
		assert.Equal(t, signature, again)
		assert.Len(t, signature, 71)
		assert.True(t, ecdsa.VerifyASN1(key.Public().(*ecdsa.PublicKey), digest[:], signature))
	}
}
