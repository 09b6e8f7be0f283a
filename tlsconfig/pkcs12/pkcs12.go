// SPDX-License-Identifier: Apache-2.0

// Package pkcs12 presents the own certificate from a PKCS #12 file (.p12, .pfx; RFC
// 7292), as keystores of Java and Windows write it, whose key is encrypted with a
// password. Reading is software.sslmate.com/src/go-pkcs12's.
package pkcs12

import (
	"bytes"
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/nrlsecurity/nrlsecurity/internal/files"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// File presents the key in the file with its certificate and the CAs beside it,
// whatever their order there. The file must hold one key; of several certificates of
// that key it is the one whose notBefore is the latest. It is looked at again as
// that of tlsconfig.CertificateFiles is: at most once a second, and while what it holds
// is damaged the last good certificate stays in use and is returned with the error.
//
// password is asked each time that the file has changed, and at most once a second
// while it cannot be read with the last one; it is not kept; nil: the password is empty. Files that are not regular or of more than 1 MiB are refused.
func File(name string, password func(context.Context) (string, error)) tlsconfig.CertificateSource {
	return files.Source(func(ctx context.Context, contents [][]byte) (*tls.Certificate, error) {
		said := ""
		if password != nil {
			var err error
			if said, err = password(ctx); err != nil {
				return nil, fmt.Errorf("%s: the password: %w", name, err)
			}
		}
		cert, err := decode(contents[0], said)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		return cert, nil
	}, name)
}

// decode returns the key's certificate, followed by those that issued it.
func decode(data []byte, password string) (cert *tls.Certificate, err error) {
	defer func() {
		if r := recover(); r != nil { // of a library that reads what others wrote
			cert, err = nil, fmt.Errorf("reading it panicked: %v", r)
		}
	}()
	key, first, others, err := pkcs12.DecodeChain(data, password)
	if err != nil {
		return nil, err
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("its key is a %T, which cannot sign", key)
	}
	public, ok := signer.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok {
		return nil, fmt.Errorf("its key is a %T", key)
	}
	var rest []*x509.Certificate
	var leaf *x509.Certificate
	for _, c := range append([]*x509.Certificate{first}, others...) {
		if !public.Equal(c.PublicKey) {
			rest = append(rest, c)
		} else if leaf == nil || c.NotBefore.After(leaf.NotBefore) {
			leaf = c
		}
	}
	if leaf == nil {
		return nil, errors.New("none of its certificates is the key's")
	}
	chain := &tls.Certificate{PrivateKey: key, Leaf: leaf, Certificate: [][]byte{leaf.Raw}}
	for last := leaf; ; {
		next := issuer(last, rest)
		if next == nil || len(chain.Certificate) > len(rest) {
			return chain, nil
		}
		chain.Certificate = append(chain.Certificate, next.Raw)
		last = next
	}
}

// issuer returns the certificate that issued c; nil: it is not there, or c is a root.
func issuer(c *x509.Certificate, among []*x509.Certificate) *x509.Certificate {
	if bytes.Equal(c.RawIssuer, c.RawSubject) {
		return nil
	}
	for _, ca := range among {
		if bytes.Equal(c.RawIssuer, ca.RawSubject) && c.CheckSignatureFrom(ca) == nil {
			return ca
		}
	}
	return nil
}
