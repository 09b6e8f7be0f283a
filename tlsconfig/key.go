// SPDX-License-Identifier: Apache-2.0

package tlsconfig

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"io"
	"slices"

	"github.com/nrlsecurity/nrlsecurity/internal/bounded"
)

// trySigning finds a key that cannot do what each handshake would ask of it: one
// that was damaged, or a token's that has no RSASSA-PSS and does not say so by
// SupportedSignatureAlgorithms.
func trySigning(signer crypto.Signer, public *rsa.PublicKey, supported []tls.SignatureScheme) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("it panicked: %v", r)
		}
	}()
	digest := sha256.Sum256([]byte("nrlsecurity: does this key sign?"))
	able := func(scheme tls.SignatureScheme) bool { return supported == nil || slices.Contains(supported, scheme) }
	if able(tls.PKCS1WithSHA256) {
		signature, err := signer.Sign(rand.Reader, digest[:], crypto.SHA256)
		if err == nil {
			err = rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], signature)
		}
		if err != nil {
			return fmt.Errorf("PKCS #1 v1.5 with SHA-256: %w", err)
		}
	}
	if able(tls.PSSWithSHA256) {
		opts := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}
		signature, err := signer.Sign(rand.Reader, digest[:], opts)
		if err == nil {
			err = rsa.VerifyPSS(public, crypto.SHA256, digest[:], signature, opts)
		}
		if err != nil {
			return fmt.Errorf("RSASSA-PSS with SHA-256, which SupportedSignatureAlgorithms does not exclude: %w", err)
		}
	}
	return nil
}

// boundKey returns signer as a handshake is to have it. A key that signs elsewhere, such
// as a token's, may hang, and crypto/tls gives it no context: any client that connects
// would hold a goroutine and a connection for as long.
func boundKey(signer crypto.Signer, public *rsa.PublicKey, late *bounded.Late) crypto.Signer {
	if _, here := signer.(*rsa.PrivateKey); here {
		return signer
	}
	key := &boundedKey{signer: signer, public: public, late: late}
	if hashing, ok := signer.(crypto.MessageSigner); ok {
		return &boundedMessageKey{key, hashing}
	}
	return key
}

// A boundedKey waits for its signer no longer than defaultTimeout.
type boundedKey struct {
	signer crypto.Signer
	public *rsa.PublicKey
	late   *bounded.Late
}

// Public implements crypto.Signer without asking the signer.
func (k *boundedKey) Public() crypto.PublicKey { return k.public }

// Sign implements crypto.Signer.
func (k *boundedKey) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return k.call(k.signer.Sign, random, digest, opts)
}

func (k *boundedKey) call(sign func(io.Reader, []byte, crypto.SignerOpts) ([]byte, error), random io.Reader, b []byte, opts crypto.SignerOpts) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), defaultTimeout)
	defer cancel()
	b = bytes.Clone(b) // the caller's is its own again when this returns
	var signature []byte
	err, silent := bounded.Call(ctx, k.late, bounded.Of{Callee: k.signer}, func() (err error) {
		signature, err = sign(random, b, opts)
		return err
	})
	if silent != nil {
		return nil, fmt.Errorf("the private key has not signed, for which it has %v: %w", defaultTimeout, silent)
	}
	return signature, err
}

// A boundedMessageKey is the same of a key that hashes what it signs by itself.
type boundedMessageKey struct {
	*boundedKey
	hashing crypto.MessageSigner
}

// SignMessage implements crypto.MessageSigner.
func (k *boundedMessageKey) SignMessage(random io.Reader, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	return k.call(k.hashing.SignMessage, random, message, opts)
}

var errKeySilent = fmt.Errorf("the private key was asked to sign and has not answered within %v", defaultTimeout)
