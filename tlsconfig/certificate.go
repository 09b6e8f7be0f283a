package tlsconfig

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// A CertificateSource returns this end's own certificate: the leaf, the chain
// that issued it, and the key. It is called for every handshake in which the
// certificate may be needed, and must be safe for concurrent use. While
// nothing has changed it should return the same pointer, so that the
// certificate is examined once; what it returned must not be changed.
//
// It may return a certificate and an error: the last good certificate and why
// there is none newer. An Endpoint in use presents that certificate and logs
// the error; an Endpoint that is being built refuses it.
type CertificateSource func(ctx context.Context) (*tls.Certificate, error)

// StaticCertificate always presents cert, such as tls.X509KeyPair returns it.
func StaticCertificate(cert tls.Certificate) CertificateSource {
	return func(context.Context) (*tls.Certificate, error) { return &cert, nil }
}

// rereadEvery bounds how often a burst of handshakes reads files.
const rereadEvery = time.Second

// CertificateFiles presents the PEM certificate chain and key in two files,
// which may be one. Handshakes look at the files again, at most once a second;
// when their contents have changed and belong together, the new pair is
// presented. A pair that is half written, unreadable or mismatched is never
// presented: the last good one stays in use and is returned with the error.
// Files of more than 1 MiB are refused.
func CertificateFiles(certFile, keyFile string) CertificateSource {
	f := &certificateFiles{certFile: certFile, keyFile: keyFile}
	return f.get
}

type certificateFiles struct {
	certFile, keyFile string

	reading sync.Mutex
	current atomic.Pointer[filePair]
}

// A filePair is what was found in the files at one time.
type filePair struct {
	cert       *tls.Certificate // the last good one; nil: there was none yet
	err        error            // why cert is not what the files hold
	certSum    []byte
	keySum     []byte
	lookedAt   time.Time
	everything struct{}
}

func (f *certificateFiles) get(context.Context) (*tls.Certificate, error) {
	return nil, errors.New("not yet")
}

var (
	_ = bytes.Equal
	_ crypto.Signer
	_ *rsa.PublicKey
	_ = fmt.Sprint
	_ *slog.Logger
	_ *x509.Certificate
)
