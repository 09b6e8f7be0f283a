// SPDX-License-Identifier: Apache-2.0

package der

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testca"
)

// A signature that is right proves nothing if its key can be forged with.
func TestSignaturesOfWeakKeysAreRefused(t *testing.T) {
	t.Parallel()
	digest := sha256.Sum256([]byte("signed"))
	rsaSigned := &Algorithm{crypto.SHA256, verifyPKCS1v15}
	for bits, want := range map[int]string{1024: "has 1024 bits", 2040: "has 2040 bits", 2048: ""} {
		key := testca.RSAOf("signer", bits)
		signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])
		require.NoError(t, err)
		if err = rsaSigned.Verify(&key.PublicKey, digest[:], signature); want == "" {
			assert.NoError(t, err)
		} else {
			assert.ErrorContains(t, err, want)
		}
	}
	modulus := new(big.Int).Lsh(big.NewInt(1), 2047)
	for exponent, want := range map[int]string{1: "exponent 1,", 2: "exponent 2,", 65536: "exponent 65536,", 65537: "verification error"} {
		assert.ErrorContains(t, rsaSigned.Verify(&rsa.PublicKey{N: new(big.Int).SetBit(modulus, 0, 1), E: exponent}, digest[:], make([]byte, 256)), want)
	}
	assert.ErrorContains(t, rsaSigned.Verify(&rsa.PublicKey{N: new(big.Int).Lsh(modulus, 8192), E: 65537}, digest[:], nil), "has 10240 bits")

	ecSigned := &Algorithm{crypto.SHA256, verifyECDSA}
	for curve, want := range map[elliptic.Curve]string{elliptic.P224(): "has 224 bits", elliptic.P256(): ""} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		require.NoError(t, err)
		signature, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
		require.NoError(t, err)
		if err = ecSigned.Verify(&key.PublicKey, digest[:], signature); want == "" {
			assert.NoError(t, err)
		} else {
			assert.ErrorContains(t, err, want)
		}
	}
}
