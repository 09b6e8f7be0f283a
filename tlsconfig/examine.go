// SPDX-License-Identifier: Apache-2.0

package tlsconfig

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"
)

// examine returns a copy of cert, its leaf parsed, if a peer that follows the
// guidance could accept it: an RSA leaf for this usage, valid now, with its key
// and with every certificate issued by the one after it. The root may be left
// out, the SubCA may not.
func examine(cert *tls.Certificate, usage x509.ExtKeyUsage, now time.Time) (*tls.Certificate, error) {
	if len(cert.Certificate) == 0 {
		return nil, errors.New("there is no certificate in it")
	}
	chain := make([]*x509.Certificate, len(cert.Certificate))
	for i, der := range cert.Certificate {
		var err error
		if chain[i], err = x509.ParseCertificate(der); err != nil {
			return nil, err
		}
	}
	leaf := chain[0]
	if err := checkKey(leaf); err != nil {
		return nil, errors.New(err.Detail)
	}
	signer, ok := cert.PrivateKey.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("the private key is a %T, which cannot sign", cert.PrivateKey)
	}
	if !leaf.PublicKey.(*rsa.PublicKey).Equal(signer.Public()) {
		return nil, errors.New("the private key is not that of the leaf")
	}
	if err := trySigning(signer, leaf.PublicKey.(*rsa.PublicKey), cert.SupportedSignatureAlgorithms); err != nil {
		return nil, fmt.Errorf("the private key makes no signature of the leaf's: %w", err)
	}
	if err := checkUsage(leaf, usage); err != nil {
		return nil, errors.New(err.Detail)
	}
	if err := checkValidity(leaf, now); err != nil {
		return nil, errors.New(err.Detail)
	}
	if len(chain) == 1 {
		return nil, errors.New("the leaf comes without the SubCA that issued it")
	}
	for i, c := range chain[:len(chain)-1] {
		if !strongSignature(c.SignatureAlgorithm) {
			return nil, fmt.Errorf("%q is signed with %v, not with SHA-256 or better", clip(c.Subject.String()), c.SignatureAlgorithm)
		}
		if err := c.CheckSignatureFrom(chain[i+1]); err != nil {
			return nil, fmt.Errorf("%q was not issued by %q, which comes after it: %w",
				clip(c.Subject.String()), clip(chain[i+1].Subject.String()), err)
		}
	}
	present := *cert
	present.Leaf = leaf
	return &present, nil
}

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
