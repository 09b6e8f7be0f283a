// SPDX-License-Identifier: Apache-2.0

package spinetest

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nrlsecurity/nrlsecurity/internal/kit"
	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

const (
	// heed is how long a config that keeps answers has to look for news, and half of
	// it once two hours have passed by its clock.
	heed = 20 * time.Second

	// news is in how much time even those look that do so each hour.
	news = 2 * time.Hour
)

// A trial is what is the same for a server's config and for a client's: the
// peer's certificates and what becomes of them.
type trial struct {
	pki  *PKI
	peer string
	heed time.Duration
	bad  []badPeer

	// present returns a function that makes one connection on which the peer
	// presents cert, come what may; it resumes the session of the one before.
	present func(cert tls.Certificate) func() (*outcome, error)

	deaf   atomic.Bool // a certificate that was revoked before its first use was accepted
	passed func() *passing

	// follows says whether the config goes by the PKI's clock, so that time can be
	// let pass for it.
	follows func() bool
}

// batches numbers the partitions that the cases use, so that none finds a CRL
// that another one has had fetched.
var batches atomic.Int64

func freshBatch() Variation { return Batch(int(1000 + batches.Add(1))) }

func (t *trial) cases() []kit.Case {
	t.passed, t.follows = sync.OnceValue(t.passTime), sync.OnceValue(t.clock)
	var cases []kit.Case
	for _, bad := range t.bad {
		cases = append(cases, kit.Case{Name: "a certificate " + bad.name, Run: func() error {
			return mustRefuse(t.present(bad.issue(t.pki, t.peer))())
		}})
	}
	cases = append(cases,
		kit.Case{Name: "a certificate that is revoked by CRL", Run: func() error {
			err := t.revoked(revocation.ReasonKeyCompromise)
			t.deaf.Store(err != nil)
			return err
		}},
		kit.Case{Name: "a certificate that is revoked by OCSP", Run: func() error { return t.revoked(revocation.ReasonKeyCompromise, WithOCSP()) }},
		kit.Case{Name: "a certificate that is on hold", Run: func() error { return t.revoked(revocation.ReasonCertificateHold) }},
	)
	for _, c := range []struct {
		name  string
		fault revocationtest.Fault
	}{
		{"is out of reach", revocationtest.Unreachable},
		{"has expired", revocationtest.Expired},
		{"is wrongly signed", revocationtest.WrongSignature},
		{"is another CA's", revocationtest.WrongIssuer},
		{"is another partition's", revocationtest.WrongScope},
		{"is of tomorrow", revocationtest.NotYetValid},
		{"is a web page", revocationtest.WebPage},
	} {
		cases = append(cases,
			kit.Case{Name: "a certificate whose CRL " + c.name, Run: func() error { return t.failing(c.fault) }},
			// The certificate names a responder beside the CRL, and neither can tell.
			kit.Case{Name: "a certificate whose OCSP response " + ofResponse.Replace(c.name), Run: func() error { return t.failing(c.fault, WithOCSP()) }})
	}
	return append(cases,
		kit.Case{Name: "a certificate that expires between handshake and resumption", Run: func() error { return t.passed().certificate }},
		kit.Case{Name: "a certificate whose CRL expires between handshake and resumption", Run: func() error { return t.passed().list }},
		kit.Case{Name: "a certificate that is revoked between handshake and resumption", Run: t.revokedWhileResuming},
		kit.Case{Name: "a certificate of a SubCA that is revoked", Run: t.subCARevoked},
		kit.Case{Name: "a certificate of a SubCA whose CRL is out of reach", Run: t.subCAUnknown},
	)
}

// ofResponse says of a response what was said of a CRL.
var ofResponse = strings.NewReplacer("partition's", "certificate's")

// revoked revokes a certificate before it is first used.
func (t *trial) revoked(reason revocation.Reason, variations ...Variation) error {
	cert := t.pki.Issue(t.peer, append(variations, freshBatch())...)
	t.pki.Authority.Revoke(cert.Leaf, reason, time.Time{})
	return mustRefuse(t.present(cert)())
}

// failing presents a good certificate whose sources of revocation fail.
func (t *trial) failing(fault revocationtest.Fault, variations ...Variation) error {
	connect := t.present(t.pki.Issue(t.peer, append(variations, freshBatch())...))
	t.pki.Authority.Fail(fault)
	defer t.pki.Authority.Fail(revocationtest.None)
	return mustRefuse(connect())
}

// revokedWhileResuming connects twice, which must succeed, revokes, and connects
// again, which must not. That no session is resumed is no fault.
func (t *trial) revokedWhileResuming() error {
	cert := t.pki.Issue(t.peer, freshBatch())
	connect := t.present(cert)
	for _, what := range []string{"the first handshake", "the second handshake"} {
		if err := mustAccept(connect()); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	t.pki.Authority.Revoke(cert.Leaf, revocation.ReasonKeyCompromise, time.Time{})
	return t.eventually(mustRefuse, connect)
}

// subCARevoked is among the last: a config that keeps answers takes a moment to
// learn that the SubCA is no longer on hold.
func (t *trial) subCARevoked() error {
	connect := t.present(t.pki.Issue(t.peer))
	if err := mustAccept(connect()); err != nil {
		return fmt.Errorf("before that: %w", err)
	}
	t.pki.RootService.Revoke(t.pki.SubCA, revocation.ReasonCertificateHold, time.Time{})
	err := t.eventually(mustRefuse, connect)
	t.pki.RootService.Release(t.pki.SubCA)
	if err != nil {
		return err
	}
	if err := t.eventually(mustAccept, connect); err != nil {
		return fmt.Errorf("when the SubCA was no longer revoked: %w", err)
	}
	return nil
}

// subCAUnknown lets the root's CRL expire and be out of reach. A config that keeps it
// by a clock of its own is right to accept, so it is not tried then.
func (t *trial) subCAUnknown() error {
	if !t.follows() {
		return nil
	}
	connect := t.present(t.pki.Issue(t.peer))
	if err := mustAccept(connect()); err != nil {
		return fmt.Errorf("before that: %w", err)
	}
	t.pki.RootService.Fail(revocationtest.Unreachable)
	t.pki.Pass(cmp.Or(t.pki.RootService.Lifetime, 24*time.Hour) + time.Minute)
	err := mustRefuse(connect())
	t.pki.RootService.Fail(revocationtest.None)
	if err != nil {
		return err
	}
	if err := t.eventually(mustAccept, connect); err != nil {
		return fmt.Errorf("when the CRL was back: %w", err)
	}
	return nil
}

// eventually connects until judge is content, which must not take longer than a
// config needs to look for news.
func (t *trial) eventually(judge func(*outcome, error) error, connect func() (*outcome, error)) error {
	patient := t.heed
	if t.follows() {
		t.pki.Pass(news)
		patient /= 2
	}
	for end := time.Now().Add(patient); ; time.Sleep(20 * time.Millisecond) {
		err := judge(connect())
		if err == nil || t.deaf.Load() {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("%w, %v later", err, patient) // a checker that keeps answers must go by PKI.Now
		}
	}
}

// A passing of time is what it did to a certificate and to a CRL.
type passing struct{ certificate, list error }

// passTime connects with a certificate and with a CRL that are about to expire,
// and again when they have. Neither a clock that stands still nor a policy that
// accepts expired answers refuses then what it accepted before.
func (t *trial) passTime() *passing {
	p := new(passing)
	wait := t.await
	if t.follows() {
		wait = t.pki.Pass
	}
	now := t.pki.Now()
	leaf := t.present(t.pki.Issue(t.peer, Valid(now.Add(-time.Hour), now.Truncate(time.Second).Add(2*time.Second))))
	t.pki.Authority.Fail(revocationtest.Expiring)
	defer t.pki.Authority.Fail(revocationtest.None)
	list := t.present(t.pki.Issue(t.peer, freshBatch()))
	// On a slow machine they may be refused already: then these two cases show less.
	leaf()
	list()
	wait(3 * time.Second)
	p.list = mustRefuse(list())
	t.pki.Authority.Fail(revocationtest.None)
	p.certificate = mustRefuse(leaf())
	return p
}

// await waits until d has passed on the PKI's clock, and in any case.
func (t *trial) await(d time.Duration) {
	for until, end := t.pki.Now().Add(d), time.Now().Add(2*d); t.pki.Now().Before(until) && time.Now().Before(end); {
		time.Sleep(20 * time.Millisecond)
	}
}

// clock finds out by a certificate that becomes valid while time is let pass.
func (t *trial) clock() bool {
	const ahead = time.Minute
	now := t.pki.Now()
	connect := t.present(t.pki.Issue(t.peer, Valid(now.Add(ahead-10*time.Second), now.AddDate(0, 0, 1))))
	t.pki.Pass(ahead)
	if o, err := connect(); err == nil && o.accepted() {
		return true
	}
	t.pki.Pass(-ahead)
	return false
}
