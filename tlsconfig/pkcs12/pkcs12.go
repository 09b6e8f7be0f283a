// SPDX-License-Identifier: Apache-2.0

// Package pkcs12 presents the own certificate from a PKCS #12 file (.p12, .pfx; RFC
// 7292), as keystores of Java and Windows write it, whose key is encrypted with a
// password. Reading is software.sslmate.com/src/go-pkcs12's.
package pkcs12

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// maxFile is far more than a chain and its key need.
const maxFile = 1 << 20

// rereadEvery bounds how often handshakes read the file.
const rereadEvery = time.Second

// File presents the key in the file with its certificate and the CAs beside it,
// whatever their order there. The file must hold one key; of several certificates of
// that key it is the one whose notBefore is the latest. It is looked at again as
// that of tlsconfig.CertificateFiles is: at most once a second, and while what it holds
// is damaged the last good certificate stays in use and is returned with the error.
//
// password is asked each time that the file has changed, and is not kept; nil: the
// password is empty. Files of more than 1 MiB are refused.
func File(name string, password func(context.Context) (string, error)) tlsconfig.CertificateSource {
	return (&file{name: name, password: password}).get
}

type file struct {
	name     string
	password func(context.Context) (string, error)

	mu   sync.Mutex
	at   time.Time // of the last look; zero: there was none
	sum  [sha256.Size]byte
	cert *tls.Certificate // the last good one
	err  error            // why cert is not what the file holds now
}

func (f *file) get(ctx context.Context) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if age := time.Since(f.at); f.at.IsZero() || age < 0 || age >= rereadEvery {
		f.look(ctx)
		f.at = time.Now()
	}
	return f.cert, f.err
}

func (f *file) look(ctx context.Context) {
	data, err := read(f.name)
	if err != nil {
		f.err = err
		return
	}
	sum := sha256.Sum256(data)
	if f.err == nil && f.cert != nil && sum == f.sum {
		return
	}
	password := ""
	if f.password != nil {
		if password, err = f.password(ctx); err != nil {
			f.err = fmt.Errorf("%s: the password: %w", f.name, err)
			return
		}
	}
	cert, err := decode(data, password)
	if err != nil {
		f.err = fmt.Errorf("%s: %w", f.name, err)
		return
	}
	f.cert, f.sum, f.err = cert, sum, nil
}

func read(name string) ([]byte, error) {
	in, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	data, err := io.ReadAll(io.LimitReader(in, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("%s is larger than %d bytes", name, maxFile)
	}
	return data, err
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
