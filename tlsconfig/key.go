// SPDX-License-Identifier: Apache-2.0

package tlsconfig

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"fmt"
	"io"
	"slices"

	"github.com/nrlsecurity/nrlsecurity/internal/bounded"
)

// signatures are those that the suites take of an RSA key in TLS 1.2, by their padding.
var signatures = []struct {
	padding string
	pss     bool
	schemes [3]tls.SignatureScheme // as hashes
}{
	{"PKCS #1 v1.5", false, [...]tls.SignatureScheme{tls.PKCS1WithSHA256, tls.PKCS1WithSHA384, tls.PKCS1WithSHA512}},
	{"RSASSA-PSS", true, [...]tls.SignatureScheme{tls.PSSWithSHA256, tls.PSSWithSHA384, tls.PSSWithSHA512}},
}

var hashes = [...]crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512}

// trySigning finds a key that cannot do what each handshake would ask of it: one
// that was damaged, or a token's that has no RSASSA-PSS and does not say so by
// SupportedSignatureAlgorithms. Of each padding one signature is tried.
func trySigning(signer crypto.Signer, public *rsa.PublicKey, supported []tls.SignatureScheme) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("it panicked: %v", r)
		}
	}()
	able := func(scheme tls.SignatureScheme) bool { return supported == nil || slices.Contains(supported, scheme) }
	tried := false
	for _, s := range signatures {
		i := slices.IndexFunc(s.schemes[:], able)
		if i < 0 {
			continue
		}
		tried = true
		if err := tryOne(signer, public, hashes[i], s.pss); err != nil {
			return fmt.Errorf("%s with %v, which SupportedSignatureAlgorithms does not exclude: %w", s.padding, hashes[i], err)
		}
	}
	if !tried {
		return fmt.Errorf("SupportedSignatureAlgorithms %v names none of an RSA key's with SHA-256 or better", supported)
	}
	return nil
}

// tryOne has the key sign in both ways: crypto/tls hands a message to a key that hashes
// by itself, and libssl hands a digest to every key.
func tryOne(signer crypto.Signer, public *rsa.PublicKey, hash crypto.Hash, pss bool) error {
	message := []byte("nrlsecurity: does this key sign?")
	h := hash.New()
	h.Write(message)
	digest := h.Sum(nil)
	opts := crypto.SignerOpts(hash)
	verify := func(signature []byte) error { return rsa.VerifyPKCS1v15(public, hash, digest, signature) }
	if pss {
		salted := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: hash}
		opts, verify = salted, func(signature []byte) error { return rsa.VerifyPSS(public, hash, digest, signature, salted) }
	}
	signature, err := signer.Sign(rand.Reader, bytes.Clone(digest), opts)
	if err == nil {
		err = verify(signature)
	}
	if hashing, ok := signer.(crypto.MessageSigner); ok && err == nil {
		if signature, err = hashing.SignMessage(rand.Reader, message, opts); err == nil {
			err = verify(signature)
		}
	}
	return err
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
