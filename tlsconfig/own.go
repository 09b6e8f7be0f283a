// SPDX-License-Identifier: Apache-2.0

package tlsconfig

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"sync/atomic"
	"time"
)

// An ownCertificate presents what a CertificateSource returns, if it is fit to
// be presented, and otherwise the last one that was.
type ownCertificate struct {
	source CertificateSource
	usage  x509.ExtKeyUsage
	now    func() time.Time
	logger *slog.Logger

	current atomic.Pointer[examined]
	logged  atomic.Pointer[string] // the error that was logged last
	warned  atomic.Pointer[warning]
}

// An examined pairs what the source returned with what is presented for it.
type examined struct {
	from, present *tls.Certificate
	sum           [sha256.Size]byte // of the leaf
}

func newExamined(from, present *tls.Certificate) *examined {
	return &examined{from: from, present: present, sum: sha256.Sum256(present.Leaf.Raw)}
}

// newOwn asks the source once.
func (e *Endpoint) newOwn(usage x509.ExtKeyUsage) (*ownCertificate, error) {
	if e.Certificate == nil {
		return nil, errors.New("the endpoint's Certificate is nil, so there is none to present")
	}
	o := &ownCertificate{source: e.Certificate, usage: usage, now: e.Verifier.now, logger: e.Logger}
	ctx, cancel := context.WithTimeout(context.Background(), defaultTimeout)
	defer cancel()
	cert, err := o.ask(ctx)
	if err != nil {
		return nil, fmt.Errorf("the endpoint's Certificate: %w", err)
	}
	present, err := examine(cert, usage, o.now())
	if err != nil {
		return nil, fmt.Errorf("the endpoint's Certificate: %w", err)
	}
	o.current.Store(newExamined(cert, present))
	o.warn(ctx, present.Leaf)
	return o, nil
}

func (o *ownCertificate) ask(ctx context.Context) (cert *tls.Certificate, err error) {
	defer func() {
		if r := recover(); r != nil {
			cert, err = nil, fmt.Errorf("the source panicked: %v", r)
		}
	}()
	cert, err = o.source(ctx)
	if cert == nil && err == nil {
		err = errors.New("the source returned neither a certificate nor an error")
	}
	return cert, err
}

// present returns the certificate to present now.
func (o *ownCertificate) present(ctx context.Context) (*tls.Certificate, error) {
	now, err := o.get(ctx)
	if err != nil {
		return nil, err
	}
	return now.present, nil
}

func (o *ownCertificate) get(ctx context.Context) (found *examined, err error) {
	defer func() {
		// Of what runs here beside the source, only the clock and the key are the
		// user's. What a clock that panics means for the peer, its check says.
		if recover() != nil {
			found, err = o.current.Load(), nil
		}
	}()
	if ctx == nil { // a hook that is called outside a handshake
		ctx = context.Background()
	}
	cert, err := o.ask(ctx)
	current := o.current.Load()
	if cert != nil && cert != current.from {
		present, unfit := examine(cert, o.usage, o.now())
		if unfit == nil {
			current = newExamined(cert, present)
			o.current.Store(current)
		} else if err == nil {
			err = unfit
		}
	}
	o.log(ctx, err)
	o.warn(ctx, current.present.Leaf)
	return current, nil
}

// warn makes one record 30 days before the own certificate expires, one a day in
// the last 7, and one a day, as an error, once it has.
func (o *ownCertificate) warn(ctx context.Context, leaf *x509.Certificate) {
	const day = 24 * time.Hour
	left := leaf.NotAfter.Sub(o.now())
	if o.logger == nil || left > 30*day {
		return
	}
	stage := warning{leaf.NotAfter, 30}
	if left <= 7*day {
		stage.days = int64(math.Floor(left.Hours() / 24))
	}
	last := o.warned.Load()
	if last != nil && *last == stage || !o.warned.CompareAndSwap(last, &stage) {
		return
	}
	level, text := slog.LevelWarn, "own certificate expires soon"
	if left <= 0 {
		level, text = slog.LevelError, "own certificate has expired"
	}
	o.logger.LogAttrs(ctx, level, text, slog.String("subject", clip(leaf.Subject.String())), slog.Time("expires", leaf.NotAfter))
}

// A warning is what was last said about the expiry of a certificate.
type warning struct {
	notAfter time.Time
	days     int64 // left; 30 until there are no more than 7
}

// log tells of each error once, not once per handshake.
func (o *ownCertificate) log(ctx context.Context, err error) {
	last := o.logged.Load()
	if err == nil {
		if last != nil {
			o.logged.CompareAndSwap(last, nil)
		}
		return
	}
	text := err.Error()
	if o.logger == nil || last != nil && *last == text || !o.logged.CompareAndSwap(last, &text) {
		return
	}
	o.logger.LogAttrs(ctx, slog.LevelError, "own certificate not renewed", slog.String("detail", text))
}

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
