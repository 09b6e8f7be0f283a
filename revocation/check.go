// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"time"

	"github.com/nrlsecurity/nrlsecurity/internal/bounded"
)

// Check returns nil if every certificate of the chain is answered good, and
// otherwise *RevokedError or *UnknownError. An UnknownError wraps ctx.Err() if
// ctx ended before there was an answer; under Allow, what the sources still had
// is an answer, so a responder that hangs is as one that is down.
//
// The chain leads from the leaf to the root and has been verified: signatures,
// names and validity. It is asked about from the root down, since an
// answer signed by a revoked CA clears nothing; the root itself is not asked
// about. stapled is the OCSP response that came with chain[0] in the
// handshake, nil if none did.
func (c *Checker) Check(ctx context.Context, chain []*x509.Certificate, stapled []byte) error {
	if err := refuseMisuse(ctx, c, chain); err != nil {
		unknown := &UnknownError{Errs: []error{err}}
		if len(chain) > 0 {
			unknown.Cert = chain[0]
		}
		return unknown
	}
	now := time.Now
	if c.Time != nil {
		now = c.Time
	}
	at := now()
	last := len(chain) - 2
	if c.Policy.Depth == EndEntity {
		last = 0
	}
	waited := false
	for i := last; i >= 0; i-- {
		q := Query{Path: chain[i:], At: at}
		if i == 0 {
			q.Stapled = stapled
		}
		fetched, err := c.check(ctx, q, chain)
		waited = waited || fetched
		if err != nil {
			if _, unknown := errors.AsType[*UnknownError](err); unknown {
				from := i
				if waited { // what came meanwhile may revoke what was answered good before
					from = last + 1
				}
				err = c.below(ctx, chain, from, at, err)
			}
			c.show(ctx, Query{Path: chain, At: at, Stapled: stapled})
			return err
		}
	}
	if waited { // what came meanwhile may revoke what was answered good before
		if q, revoked := c.revokedBelow(ctx, chain, last+1, at); revoked != nil {
			return c.refuse(ctx, &findings{q: q}, revoked)
		}
	}
	return nil
}

// below returns why a chain is refused about one of whose certificates nothing is known:
// one below certificate i that a source knows to be revoked comes first, since no answer
// about the others changes that.
func (c *Checker) below(ctx context.Context, chain []*x509.Certificate, i int, at time.Time, unknown error) error {
	if q, revoked := c.revokedBelow(ctx, chain, i, at); revoked != nil {
		return c.refuse(ctx, &findings{q: q}, revoked)
	}
	return unknown
}

// refuseMisuse finds what no source needs to be asked about.
func refuseMisuse(ctx context.Context, c *Checker, chain []*x509.Certificate) error {
	if err := c.Policy.validate(); err != nil {
		return err
	}
	if len(chain) < 2 {
		return errors.New("the chain is shorter than a certificate and its issuer")
	}
	for i, cert := range chain {
		if cert == nil || cert.SerialNumber == nil {
			return errors.New("the chain has a certificate missing")
		}
		if i > 0 && !bytes.Equal(chain[i-1].RawIssuer, cert.RawSubject) {
			return errors.New("the chain is not in order: a certificate is followed by one that is not its issuer")
		}
	}
	if len(c.Sources) == 0 {
		return ErrNoSource
	}
	return ctx.Err()
}

// check asks the sources about one certificate. All that is known without fetching is asked
// before any good answer counts, whatever the order of the sources: what one of
// them knows to be revoked is revoked. waited says that an answer was not known
// from before.
func (c *Checker) check(ctx context.Context, q Query, chain []*x509.Certificate) (waited bool, err error) {
	how := asking{chain: chain, rest: c, maxAge: c.Policy.MaxAge}
	if c.Policy.Unknown == Allow {
		how.maxStale = c.Policy.MaxStale
	}
	t := findings{checker: c, q: q}
	var r race
	defer r.end()
	for i, source := range c.Sources {
		how.brief = false
		if source != nil && c.Policy.Agreement == FirstAnswer && i+1 < len(c.Sources) {
			revoked, good := c.known(ctx, q, how, c.Sources[i+1:])
			if revoked != nil {
				return t.waited, c.refuse(ctx, &t, revoked)
			}
			how.brief = good
		}
		if c.mayHang(ctx, q, how, i, r.under > 0) {
			t.waited = true
			r.begin(ctx, len(c.Sources), source, c.askingLater(source, q, how))
			if s, ok := r.wait(headStart); ok && t.take(&s) {
				return t.waited, c.decide(ctx, &t, t.verdict)
			}
			continue
		}
		s := Statement{Source: source, Err: ErrNoSource}
		if source != nil {
			s.Answer, s.Err = c.askSource(ctx, source, q, how)
		}
		if t.take(&s) {
			return t.waited, c.decide(ctx, &t, t.verdict)
		}
	}
	for r.under > 0 {
		if s, ok := r.wait(0); ok && t.take(&s) {
			return t.waited, c.decide(ctx, &t, t.verdict)
		}
	}
	return t.waited, c.conclude(ctx, &t)
}

// show shows what was stapled to the sources that have not been asked about the
// leaf, because another refused it or its CA: what it revokes is known from now on,
// whatever becomes of the other's reason.
func (c *Checker) show(ctx context.Context, q Query) {
	if len(q.Stapled) == 0 {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	cancel() // nothing is waited for
	for _, source := range c.Sources {
		if s, ok := source.(asker); ok {
			_, _ = s.ask(ctx, q, asking{noFetch: true})
		}
	}
}

// revokedBelow asks what is known, without fetching, about the certificates of a
// chain below one.
func (c *Checker) revokedBelow(ctx context.Context, chain []*x509.Certificate, i int, at time.Time) (Query, *Statement) {
	for i--; i >= 0; i-- {
		q := Query{Path: chain[i:], At: at}
		if revoked, _ := c.known(ctx, q, asking{maxAge: c.Policy.MaxAge}, c.Sources); revoked != nil {
			return q, revoked
		}
	}
	return Query{}, nil
}

// anyRevokedBelow implements restOfChain.
func (c *Checker) anyRevokedBelow(ctx context.Context, chain []*x509.Certificate, i int, at time.Time) bool {
	_, revoked := c.revokedBelow(ctx, chain, i, at)
	return revoked != nil
}

// known asks sources what they know without fetching: it returns what one of them
// knows to be revoked, and whether one answers good.
func (c *Checker) known(ctx context.Context, q Query, how asking, sources []Source) (revoked *Statement, good bool) {
	how.noFetch = true
	for _, source := range sources {
		s, ok := source.(asker)
		if !ok {
			continue
		}
		a, err := s.ask(ctx, q, how)
		switch value, _ := weigh(&c.Policy, q.At, &a, err); value {
		case outcomeRevoked:
			return &Statement{Source: source, Answer: a, Err: err}, false
		case outcomeGood:
			good = true
		}
	}
	return nil, good
}

// mayHang reports whether a source is to be begun with a head start, and not
// waited for alone: others come after it, or are under way, and it knows no good
// answer without fetching. The sources of users are waited for as long as the context.
func (c *Checker) mayHang(ctx context.Context, q Query, how asking, one int, beside bool) bool {
	if _, ours := c.Sources[one].(asker); !ours || how.brief || c.Policy.Agreement != FirstAnswer || one+1 == len(c.Sources) && !beside {
		return false
	}
	revoked, good := c.known(ctx, q, how, c.Sources[one:one+1])
	return revoked == nil && !good
}

// askSource asks a source, in the way that it is to be asked if it knows more
// than one. A user's, which may not mind its context, is waited for no longer than that.
func (c *Checker) askSource(ctx context.Context, source Source, q Query, how asking) (Answer, error) {
	if s, ok := source.(asker); ok {
		return s.ask(ctx, q, how)
	}
	if s, ok := source.(interface{ HonoursContext() bool }); ok && s.HonoursContext() {
		return source.Status(ctx, q)
	}
	type status struct {
		answer Answer
		err    error
	}
	said, err := bounded.Call(ctx, &c.late, bounded.Of{Callee: source, Subject: sha256.Sum256(q.Path[0].Raw)}, func() (s status) {
		s.answer, s.err = source.Status(ctx, q)
		return s
	})
	if err != nil {
		return Answer{}, err
	}
	return said.answer, said.err
}

// askingLater returns askSource with what is asked now, which the loop that calls it changes.
func (c *Checker) askingLater(source Source, q Query, how asking) func(context.Context) (Answer, error) {
	return func(ctx context.Context) (Answer, error) { return c.askSource(ctx, source, q, how) }
}
