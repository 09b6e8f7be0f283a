// SPDX-License-Identifier: Apache-2.0

package tlsconfig

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
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
// kin. An Endpoint has each new key sign once, and refuses one that fails or takes
// longer than ten seconds.
type CertificateSource func(ctx context.Context) (*tls.Certificate, error)

// StaticCertificate always presents cert, such as tls.X509KeyPair returns it.
func StaticCertificate(cert tls.Certificate) CertificateSource {
	return func(context.Context) (*tls.Certificate, error) { return &cert, nil }
}

// rereadEvery bounds how often handshakes read the files of CertificateFiles.
const rereadEvery = time.Second

// CertificateFiles presents the PEM certificate chain and key in two files,
// which may be one. A handshake reads the files again if a second has passed
// since the last look; when what they hold has changed and belongs together,
// the new pair is presented. A pair that is damaged, unreadable or mismatched
// is never presented: the last good one stays in use and is returned with the
// error. Files of more than 1 MiB are refused, and so are encrypted keys, which
// crypto/x509 does not decrypt: package tlsconfig/pkcs12 reads those of PKCS #12.
func CertificateFiles(certFile, keyFile string) CertificateSource {
	return (&certificateFiles{certFile: certFile, keyFile: keyFile}).get
}

type certificateFiles struct {
	certFile, keyFile string

	reading sync.Mutex
	last    atomic.Pointer[filesRead]
}

// A filesRead is what one look at the files gave.
type filesRead struct {
	at   time.Time
	cert *tls.Certificate // the last good one; nil: there was none yet
	err  error            // why cert is not what the files hold now
	sum  [sha256.Size]byte
}

func (f *certificateFiles) get(context.Context) (*tls.Certificate, error) {
	last := f.last.Load()
	if last.fresh() {
		return last.cert, last.err
	}
	// One handshake reads; the others need not wait for a slow disk if there
	// is something to present.
	if last == nil || last.cert == nil {
		f.reading.Lock()
	} else if !f.reading.TryLock() {
		return last.cert, last.err
	}
	defer f.reading.Unlock()
	if last = f.last.Load(); !last.fresh() {
		last = f.read(last)
		f.last.Store(last)
	}
	return last.cert, last.err
}

func (r *filesRead) fresh() bool {
	if r == nil {
		return false
	}
	age := time.Since(r.at)
	return age >= 0 && age < rereadEvery
}

// read compares contents, not times of modification: those are too coarse to
// tell a file half written from one written.
func (f *certificateFiles) read(last *filesRead) *filesRead {
	next := &filesRead{at: time.Now()}
	if last != nil {
		next.cert = last.cert
	}
	certPEM, err := readBounded(f.certFile)
	if err != nil {
		next.err = err
		return next
	}
	keyPEM, err := readBounded(f.keyFile)
	if err != nil {
		next.err = err
		return next
	}
	keySum := sha256.Sum256(keyPEM)
	next.sum = sha256.Sum256(append(keySum[:], certPEM...))
	if last != nil && last.err == nil && last.sum == next.sum {
		return next
	}
	if certPEM, err = plainPEM(certPEM); err != nil {
		next.err = fmt.Errorf("%s: %w", f.certFile, err)
		return next
	}
	if keyPEM, err = plainPEM(keyPEM); err != nil {
		next.err = fmt.Errorf("%s: %w", f.keyFile, err)
		return next
	}
	pair, err := keyPair(certPEM, keyPEM)
	if err != nil {
		next.err = fmt.Errorf("%s, %s: %w", f.certFile, f.keyFile, err)
		return next
	}
	next.cert = pair
	return next
}
