// SPDX-License-Identifier: Apache-2.0

package tlsconfig

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"time"

	"github.com/nrlsecurity/nrlsecurity/internal/files"
	"github.com/nrlsecurity/nrlsecurity/internal/pemtext"
)

// A CertificateSource returns this end's own certificate: the leaf, the chain
// that issued it, and the key. It is called for handshakes in which the
// certificate may be needed, by one of them at a time, and must be safe for concurrent
// use, since several endpoints may share it. While nothing has changed it should
// return the same pointer, so that the certificate is examined once; what it returned
// must not be changed. A handshake waits no more than two seconds for it while there is
// a certificate that is valid; what it returns later is presented from then on. Its
// context ends after ten seconds. A source that goes on for another second is logged,
// and asked again beside that call; four calls may go on at once.
//
// It may return a certificate and an error: the last good certificate and why
// there is none newer. An Endpoint in use presents that certificate and logs
// the error; an Endpoint that is being built refuses it. An Endpoint in use also
// goes on with what it has if the source returns nothing but an error, or panics.
//
// A key that cannot sign by RSASSA-PSS, as those of some tokens, is presented with
// SupportedSignatureAlgorithms naming what it can do: tls.PKCS1WithSHA256 and its
// kin. An Endpoint has each new key sign once by each padding, and refuses one that fails or takes
// longer than ten seconds. A handshake waits no longer than that for it either. A key
// that is a crypto.MessageSigner has to sign digests, too, whatever the engine.
type CertificateSource func(ctx context.Context) (*tls.Certificate, error)

// StaticCertificate always presents cert, such as tls.X509KeyPair returns it.
func StaticCertificate(cert tls.Certificate) CertificateSource {
	return func(context.Context) (*tls.Certificate, error) { return &cert, nil }
}

// grace is how long after the end of its context a source may answer: with that
// context's error, if it minds it.
const grace = time.Second

var errSourceSilent = errors.New("the source has not answered, although its context has ended")

// ask calls the source, whose panic is an error.
func (s CertificateSource) ask(ctx context.Context) (cert *tls.Certificate, err error) {
	defer func() {
		if r := recover(); r != nil {
			cert, err = nil, fmt.Errorf("the source panicked: %v", r)
		}
	}()
	cert, err = s(ctx)
	if cert == nil && err == nil {
		err = errors.New("the source returned neither a certificate nor an error")
	}
	return cert, err
}

// An answer is what asking for a certificate, or examining it, ends with.
type answer struct {
	cert *tls.Certificate
	err  error
}

// within waits for the answer no longer than limit; then it returns silent.
func within(limit time.Duration, answers <-chan answer, silent error) (*tls.Certificate, error) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case a := <-answers:
		return a.cert, a.err
	case <-timer.C:
		return nil, silent
	}
}

// CertificateFiles presents the PEM certificate chain and key in two regular files,
// which may be one. A handshake reads the files again if a second has passed
// since the last look; when what they hold has changed and belongs together,
// the new pair is presented. A pair that is damaged, unreadable or mismatched
// is never presented: the last good one stays in use and is returned with the
// error. Files of more than 1 MiB are refused, and so are encrypted keys: package
// tlsconfig/encryptedkey reads those with their password, and tlsconfig/pkcs12 those of PKCS #12.
func CertificateFiles(certFile, keyFile string) CertificateSource {
	names := []string{certFile, keyFile}
	return files.Source(func(_ context.Context, contents [][]byte) (*tls.Certificate, error) {
		var text [2][]byte
		for i, name := range names {
			var err error
			if text[i], err = pemtext.Plain(contents[i]); err == nil {
				err = unencrypted(text[i])
			}
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
		pair, err := pemtext.KeyPair(text[0], text[1])
		if err != nil {
			return nil, fmt.Errorf("%s, %s: %w", certFile, keyFile, err)
		}
		return pair, nil
	}, names...)
}

func unencrypted(text []byte) error {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if pemtext.Encrypted(block) {
			return errors.New("the key is encrypted: package tlsconfig/encryptedkey reads it with its password")
		}
	}
	return nil
}
