// SPDX-License-Identifier: Apache-2.0

package openssl

import (
	"crypto"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
)

// present gives the context the certificate that this end presents, with its key.
func (c *sslContext) present(cert *tls.Certificate) error {
	if len(cert.Certificate) == 0 {
		return errors.New("no certificate in it")
	}
	err := c.lib.withCertificate(cert.Certificate[0], func(x uintptr) error {
		return c.lib.protected("SSL_CTX_use_certificate", func() bool {
			return int32(call(c.lib.ctxUseCertificate, c.ctx, x)) == 1
		})
	})
	if err != nil {
		return err
	}
	for _, der := range cert.Certificate[1:] {
		err := c.lib.withCertificate(der, func(x uintptr) error {
			return c.lib.protected("SSL_CTX_add1_chain_cert", func() bool {
				return int64(call(c.lib.ctxCtrl, c.ctx, ctrlChainCertificate, 1, x)) == 1
			})
		})
		if err != nil {
			return err
		}
	}
	if key, ok := cert.PrivateKey.(*rsa.PrivateKey); ok {
		// One without its primes cannot be encoded, and signs in Go.
		if der, err := x509.MarshalPKCS8PrivateKey(key); err == nil {
			defer clear(der)
			if err := c.signBy(cert.SupportedSignatureAlgorithms, false); err != nil {
				return err
			}
			return c.lib.withKey(der, c.useKey)
		}
	}
	if key, ok := cert.PrivateKey.(crypto.Signer); ok {
		if err := c.signBy(cert.SupportedSignatureAlgorithms, true); err != nil {
			return err
		}
		return c.useSigner(key)
	}
	return fmt.Errorf("the key is a %T, neither an *rsa.PrivateKey nor a crypto.Signer", cert.PrivateKey)
}

// request names ca in the CertificateRequest.
func (c *sslContext) request(ca *x509.Certificate) error {
	return c.lib.withCertificate(ca.Raw, func(x uintptr) error {
		return c.lib.protected("SSL_CTX_add_client_CA", func() bool {
			return int32(call(c.lib.ctxAddClientCA, c.ctx, x)) == 1
		})
	})
}
