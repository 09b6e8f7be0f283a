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
	"slices"
	"sync"
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

	pins *Pins

	mu     sync.Mutex                    // guards these five, and is not held while anything is asked
	asking *renewal                      // nil: the source is not being asked
	asked  uint64                        // renewals that were begun
	taken  uint64                        // the number of the latest renewal that had a certificate
	late   int                           // renewals whose source is waited for no more and has not answered yet
	trying map[*tls.Certificate]struct{} // whose examination goes on

	current  atomic.Pointer[examined]
	logged   atomic.Pointer[string] // the error that was logged last
	expiries expiries
}

// A renewal is one asking of the source.
type renewal struct {
	number uint64
	over   chan struct{} // closed when its answer has been taken, or is waited for no more
	late   bool          // the latter; guarded by ownCertificate.mu
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
	o := &ownCertificate{source: e.Certificate, usage: usage, now: e.Verifier.now, logger: e.Logger, pins: e.Verifier.Pins}
	ctx, cancel := context.WithTimeout(context.Background(), defaultTimeout)
	defer cancel()
	cert, err := o.askOnce(ctx)
	if err != nil {
		return nil, fmt.Errorf("the endpoint's Certificate: %w", err)
	}
	present, err := o.examine(cert)
	if err != nil {
		return nil, fmt.Errorf("the endpoint's Certificate: %w", err)
	}
	o.current.Store(newExamined(cert, present))
	o.warnStaple(ctx, present)
	o.expiries.warn(ctx, o.logger, o.now(), present.Leaf, o.pins)
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

// askOnce is ask for a caller who does not wait for a source that goes on after ctx
// has ended.
func (o *ownCertificate) askOnce(ctx context.Context) (*tls.Certificate, error) {
	type answer struct {
		cert *tls.Certificate
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		cert, err := o.ask(ctx)
		answers <- answer{cert, err}
	}()
	select {
	case a := <-answers:
		return a.cert, a.err
	case <-ctx.Done():
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case a := <-answers:
		return a.cert, a.err
	case <-timer.C:
		return nil, errSourceSilent
	}
}

// present returns the certificate to present now.
func (o *ownCertificate) present(ctx context.Context) *tls.Certificate { return o.get(ctx).present }

// patience is how long a handshake waits for the source while there is a fit
// certificate. A source that takes longer is asked beside the handshakes.
const patience = 2 * time.Second

func (o *ownCertificate) get(ctx context.Context) *examined {
	if ctx == nil { // a hook that is called outside a handshake
		ctx = context.Background()
	}
	over, mine := o.renew(ctx)
	switch {
	case !o.fit():
		select {
		case <-over:
		case <-ctx.Done():
		}
	case mine: // the others need not wait
		timer := time.NewTimer(patience)
		defer timer.Stop()
		select {
		case <-over:
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	return o.current.Load()
}

// fit reports whether what is presented is valid now. What a clock that panics
// means for the peer, its check says.
func (o *ownCertificate) fit() (fit bool) {
	defer func() { _ = recover() }()
	return checkValidity(o.current.Load().present.Leaf, o.now()) == nil
}

const (
	// grace is how long after the end of its context a source may answer: with that
	// context's error, if it minds it.
	grace = time.Second
	// maxLate bounds the answers that are awaited of sources which do not mind it.
	maxLate = 4
)

var errSourceSilent = errors.New("the source has not answered, although its context has ended")

// renew asks the source and takes what it returns, unless it is being asked: mine
// says which. The channel is closed once that is done, whatever becomes of the
// handshake, or once the source has had defaultTimeout and the grace. Then the next
// handshake asks again, in case that the call alone hangs and not what it asks.
func (o *ownCertificate) renew(ctx context.Context) (over <-chan struct{}, mine bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.asking != nil {
		return o.asking.over, false
	}
	o.asked++
	r := &renewal{number: o.asked, over: make(chan struct{})}
	if o.late >= maxLate {
		close(r.over)
		return r.over, false
	}
	o.asking = r
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), defaultTimeout)
	go func() {
		defer cancel()
		defer o.end(r)
		// Beside the source, only the clock, the key and the log are the user's.
		defer func() { _ = recover() }()
		silent := time.AfterFunc(defaultTimeout+grace, func() { o.giveUp(ctx, r) })
		cert, err := o.ask(ctx)
		silent.Stop()
		o.take(ctx, r, cert, err)
	}()
	return r.over, true
}

// end is called when a renewal's answer has been taken, in time or late.
func (o *ownCertificate) end(r *renewal) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if r.late {
		o.late--
		return
	}
	o.asking = nil
	close(r.over)
}

// giveUp lets the handshakes that wait for a renewal go on without it.
func (o *ownCertificate) giveUp(ctx context.Context, r *renewal) {
	o.mu.Lock()
	waited := o.asking == r
	if waited {
		r.late = true
		o.late++
		o.asking = nil
		close(r.over)
	}
	o.mu.Unlock()
	if waited {
		defer func() { _ = recover() }() // the log is the user's
		o.log(ctx, errSourceSilent)
	}
}

// take examines what a renewal has brought, and presents it from now on if it is fit
// and no later renewal has brought a certificate before.
func (o *ownCertificate) take(ctx context.Context, r *renewal, cert *tls.Certificate, err error) {
	switch current := o.current.Load(); {
	case cert == nil:
	case cert == current.from:
		o.put(r, current)
	default:
		present, unfit := o.examine(cert)
		if unfit == nil && o.put(r, newExamined(cert, present)) {
			o.warnStaple(ctx, present)
		} else if err == nil {
			err = unfit
		}
	}
	o.log(ctx, err)
	o.expiries.warn(ctx, o.logger, o.now(), o.current.Load().present.Leaf, o.pins)
}

// put reports whether it has put what a renewal has brought in place.
func (o *ownCertificate) put(r *renewal, brought *examined) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if r.number < o.taken {
		return false
	}
	o.taken = r.number
	o.current.Store(brought)
	return true
}

// warnStaple tells of a certificate that says that a server must staple an OCSP
// response (RFC 7633), and comes without one. Not every client minds.
func (o *ownCertificate) warnStaple(ctx context.Context, present *tls.Certificate) {
	if o.logger != nil && o.usage == x509.ExtKeyUsageServerAuth && len(present.OCSPStaple) == 0 && mustStaple(present.Leaf) {
		o.logger.LogAttrs(ctx, slog.LevelWarn, "own certificate asks for a stapled OCSP response, and OCSPStaple is empty: clients may refuse it",
			slog.String("subject", clip(present.Leaf.Subject.String())))
	}
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

// maxTrying bounds the examinations that go on at once. One does for long if the
// key's Signer, such as a token's, does not return.
const maxTrying = 4

// examine is the function of this name, for no longer than defaultTimeout: a Signer
// that never returns must not keep later certificates from being presented.
func (o *ownCertificate) examine(cert *tls.Certificate) (*tls.Certificate, error) {
	now := o.now()
	o.mu.Lock()
	if _, tried := o.trying[cert]; tried {
		o.mu.Unlock()
		return nil, errKeySilent
	}
	if len(o.trying) >= maxTrying {
		o.mu.Unlock()
		return nil, fmt.Errorf("the private keys of the %d certificates before it were asked to sign and have not answered", maxTrying)
	}
	if o.trying == nil {
		o.trying = make(map[*tls.Certificate]struct{})
	}
	o.trying[cert] = struct{}{}
	o.mu.Unlock()
	type result struct {
		present *tls.Certificate
		err     error
	}
	ended := make(chan result, 1)
	go func() {
		var r result
		defer func() {
			if p := recover(); p != nil {
				r = result{err: fmt.Errorf("examining it panicked: %v", p)}
			}
			o.mu.Lock()
			delete(o.trying, cert)
			o.mu.Unlock()
			ended <- r
		}()
		r.present, r.err = examine(cert, o.usage, now)
	}()
	timer := time.NewTimer(defaultTimeout)
	defer timer.Stop()
	select {
	case r := <-ended:
		return r.present, r.err
	case <-timer.C:
		return nil, errKeySilent
	}
}

var errKeySilent = fmt.Errorf("the private key was asked to sign and has not answered within %v", defaultTimeout)

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
