// SPDX-License-Identifier: Apache-2.0

package tlsconfig

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nrlsecurity/nrlsecurity/internal/record"
)

// An ownCertificate presents what a CertificateSource returns, if it is fit to
// be presented, and otherwise the last one that was.
type ownCertificate struct {
	source   CertificateSource
	usage    x509.ExtKeyUsage
	now      func() time.Time
	recorder record.Writer
	pins     *Pins

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
	o := &ownCertificate{source: e.Certificate, usage: usage, now: e.Verifier.now, recorder: e.recorder(), pins: e.Verifier.Pins}
	ctx, cancel := context.WithTimeout(context.Background(), defaultTimeout)
	defer cancel()
	cert, err := e.askOnce(ctx)
	if err != nil {
		return nil, fmt.Errorf("the endpoint's Certificate: %w", err)
	}
	present, err := o.examine(cert)
	if err != nil {
		return nil, fmt.Errorf("the endpoint's Certificate: %w", err)
	}
	o.current.Store(newExamined(cert, present))
	o.warnStaple(ctx, present)
	o.expiries.warn(ctx, o.recorder, o.now(), present.Leaf, o.pins)
	return o, nil
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

// maxLate bounds the answers that are awaited of a source which does not mind the end
// of its context.
const maxLate = 4

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
		// Beside the source, the key and the log, whose panics go no further, only the
		// clock is the user's.
		defer func() { _ = recover() }()
		silent := time.AfterFunc(defaultTimeout+grace, func() { o.giveUp(ctx, r) })
		cert, err := o.source.ask(ctx)
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
	o.expiries.warn(ctx, o.recorder, o.now(), o.current.Load().present.Leaf, o.pins)
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
	if o.usage == x509.ExtKeyUsageServerAuth && len(present.OCSPStaple) == 0 && mustStaple(present.Leaf) {
		o.recorder.Write(ctx, slog.LevelWarn, "own certificate asks for a stapled OCSP response, and OCSPStaple is empty: clients may refuse it",
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
	if last != nil && *last == text || !o.logged.CompareAndSwap(last, &text) {
		return
	}
	o.recorder.Write(ctx, slog.LevelError, "own certificate not renewed", slog.String("detail", text))
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
	ended := make(chan answer, 1)
	go func() {
		var a answer
		defer func() {
			if p := recover(); p != nil {
				a = answer{err: fmt.Errorf("examining it panicked: %v", p)}
			}
			o.mu.Lock()
			delete(o.trying, cert)
			o.mu.Unlock()
			ended <- a
		}()
		a.cert, a.err = examine(cert, o.usage, now, o.pins.calls())
	}()
	return within(defaultTimeout, ended, errKeySilent)
}
