// SPDX-License-Identifier: Apache-2.0

package der

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	_ "crypto/sha256" // the hashes of algorithms
	_ "crypto/sha512"
	"fmt"
	"runtime"
)

// A Algorithm is an AlgorithmIdentifier that a CRL may be signed with.
// None has parameters to choose, so one is known by its DER.
type Algorithm struct {
	Hash   crypto.Hash
	verify func(key crypto.PublicKey, hash crypto.Hash, digest, signature []byte) error
}

// algorithms is by the DER of the AlgorithmIdentifier. SHA-1 and MD5
// are left out because signatures with them can be forged, Ed25519 because it
// signs the CRL itself, which is not kept once it has been read.
var algorithms = map[string]*Algorithm{
	"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x05\x00": {crypto.SHA256, verifyPKCS1v15},
	"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c\x05\x00": {crypto.SHA384, verifyPKCS1v15},
	"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d\x05\x00": {crypto.SHA512, verifyPKCS1v15},
	// Without parameters they mean the same (RFC 4055 section 5).
	"\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b": {crypto.SHA256, verifyPKCS1v15},
	"\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c": {crypto.SHA384, verifyPKCS1v15},
	"\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d": {crypto.SHA512, verifyPKCS1v15},
	pssIdentifier(1, 32): {crypto.SHA256, verifyPSS},
	pssIdentifier(2, 48): {crypto.SHA384, verifyPSS},
	pssIdentifier(3, 64): {crypto.SHA512, verifyPSS},
	"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02": {crypto.SHA256, verifyECDSA},
	"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x03": {crypto.SHA384, verifyECDSA},
	"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x04": {crypto.SHA512, verifyECDSA},
}

// pssIdentifier is the AlgorithmIdentifier of RSASSA-PSS with the hash
// 2.16.840.1.101.3.4.2.arc for both purposes and a salt as long as the hash
// (RFC 4055 section 3.1).
func pssIdentifier(arc, salt byte) string {
	hash := "\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02" + string(rune(arc)) + "\x05\x00"
	return "\x30\x41\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a\x30\x34" +
		"\xa0\x0f" + hash +
		"\xa1\x1c\x30\x1a\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08" + hash +
		"\xa2\x03\x02\x01" + string(rune(salt))
}

func verifyPKCS1v15(key crypto.PublicKey, hash crypto.Hash, digest, signature []byte) error {
	if key, ok := key.(*rsa.PublicKey); ok {
		return rsa.VerifyPKCS1v15(key, hash, digest, signature)
	}
	return fmt.Errorf("the signature is one of RSA, the key a %T", key)
}

func verifyPSS(key crypto.PublicKey, hash crypto.Hash, digest, signature []byte) error {
	if key, ok := key.(*rsa.PublicKey); ok {
		return rsa.VerifyPSS(key, hash, digest, signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	}
	return fmt.Errorf("the signature is one of RSA-PSS, the key a %T", key)
}

func verifyECDSA(key crypto.PublicKey, _ crypto.Hash, digest, signature []byte) error {
	if key, ok := key.(*ecdsa.PublicKey); ok {
		if ecdsa.VerifyASN1(key, digest, signature) {
			return nil
		}
		return fmt.Errorf("ecdsa: verification error")
	}
	return fmt.Errorf("the signature is one of ECDSA, the key a %T", key)
}

// besideSize is the length from which a CRL is hashed on a second processor
// while it is read.
const besideSize = 64 << 10

// DigestBeside hashes data, on a second processor if that is worth it, and
// returns a function that waits for the digest. It must be called.
func DigestBeside(hash crypto.Hash, data []byte) func() []byte {
	sum := func() []byte {
		h := hash.New()
		h.Write(data)
		return h.Sum(nil)
	}
	if len(data) < besideSize || runtime.GOMAXPROCS(0) == 1 {
		return sum
	}
	result := make(chan []byte, 1)
	go func() { result <- sum() }()
	return func() []byte { return <-result }
}

// SignatureAlgorithm returns the algorithm that the DER of an
// AlgorithmIdentifier names, nil if it is none that is accepted.
func SignatureAlgorithm(der []byte) *Algorithm { return algorithms[string(der)] }

// Verify returns nil if the signature of what digest is the hash of verifies
// with the key, and the key is one that cannot be forged with.
func (a *Algorithm) Verify(key crypto.PublicKey, digest, signature []byte) error {
	if err := sound(key); err != nil {
		return err
	}
	return a.verify(key, a.Hash, digest, signature)
}

// The bounds are those of tlsconfig for a CA's keys. An issuer of indirect CRLs and
// a delegated responder are pinned nowhere, and a single weak key of theirs would
// undo what the CA revokes.
const (
	minRSABits   = 2048
	maxRSABits   = 8192
	minCurveBits = 256
)

func sound(key crypto.PublicKey) error {
	switch key := key.(type) {
	case *rsa.PublicKey:
		if bits := key.N.BitLen(); bits < minRSABits || bits > maxRSABits {
			return fmt.Errorf("the signer's RSA key has %d bits, not %d to %d", bits, minRSABits, maxRSABits)
		}
		if key.E < 3 || key.E%2 == 0 {
			return fmt.Errorf("the signer's RSA key has the public exponent %d, which is not odd and at least 3 (RFC 8017 section 3.1)", key.E)
		}
	case *ecdsa.PublicKey:
		if bits := key.Params().BitSize; bits < minCurveBits {
			return fmt.Errorf("the signer's ECDSA key has %d bits, fewer than %d", bits, minCurveBits)
		}
	}
	return nil
}
