// SPDX-License-Identifier: Apache-2.0

package tlsconfig

import (
	"crypto"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/nrlsecurity/nrlsecurity/internal/bounded"
)

// examine returns a copy of cert, its leaf parsed, if a peer that follows the
// guidance could accept it: an RSA leaf for this usage, valid now, with its key
// and with every certificate issued by the one after it. The root may be left
// out, the SubCA may not. late counts the calls of its key.
func examine(cert *tls.Certificate, usage x509.ExtKeyUsage, now time.Time, late *bounded.Late) (*tls.Certificate, error) {
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
	present.PrivateKey = boundKey(signer, leaf.PublicKey.(*rsa.PublicKey), late)
	return &present, nil
}
