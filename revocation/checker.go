// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"time"

	"github.com/nrlsecurity/nrlsecurity/internal/bounded"
)

// A Checker asks its sources about the certificates of a chain and refuses the
// chain unless each is answered good. The zero value has no sources and refuses
// everything. A Checker is safe for concurrent use; its fields must not change
// once it is used.
type Checker struct {
	Sources []Source         // asked in this order; none: everything is refused
	Policy  Policy           // zero: the strictest
	Time    func() time.Time // nil: time.Now
	Logger  *slog.Logger     // where Policy.Unknown's Allow warns; nil: none

	// Record is told of every decision before Check returns, once for each
	// certificate that sources were asked about, and once more about one that was
	// answered good before its revocation came: for an audit log. It must be
	// safe for concurrent use and holds up the handshake while it runs. Nil:
	// nothing is recorded.
	Record func(context.Context, Decision)

	late bounded.Late // calls of users' sources
}

// Validate returns why the checker refuses everything: it has no source
// (ErrNoSource), or its Policy contradicts itself, as Allow without MaxStale does.
// tlsconfig asks when an endpoint is built.
func (c *Checker) Validate() error {
	if c == nil {
		return ErrNoSource
	}
	if err := c.Policy.validate(); err != nil {
		return err
	}
	if len(c.Sources) == 0 {
		return ErrNoSource
	}
	return nil
}

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

// HonoursContext returns true: [Checker.Check] waits no longer than its context, for
// sources that do not mind theirs neither. Package tlsconfig then calls it directly.
func (c *Checker) HonoursContext() bool { return true }

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

// findings is what the sources say about one certificate.
type findings struct {
	checker    *Checker
	q          Query
	verdict    error // once it is decided
	statements []Statement
	stale      *Answer
	good       int
	waited     bool // an answer was not known from before
	errs       []error
}

// take weighs what a source says, and reports whether that decides.
func (t *findings) take(s *Statement) (decided bool) {
	c := t.checker
	t.waited = t.waited || !s.Answer.Cached
	if c.Record != nil {
		t.statements = append(t.statements, *s)
	}
	value, err := weigh(&c.Policy, t.q.At, &s.Answer, s.Err)
	switch value {
	case outcomeRevoked:
		t.stale, t.verdict = nil, revokedError(t.q.Path[0], &s.Answer)
		return true
	case outcomeGood:
		if c.Policy.Agreement == FirstAnswer {
			t.stale, t.verdict = nil, nil
			return true
		}
		t.good++
	case outcomeStale: // the sources after it may know better
		accepted := s.Answer
		t.stale = &accepted
		t.good++
	default:
		t.errs = append(t.errs, err)
	}
	return false
}

// refuse refuses a certificate that a source knows to be revoked.
func (c *Checker) refuse(ctx context.Context, t *findings, s *Statement) error {
	if c.Record != nil {
		t.statements = append(t.statements, *s)
	}
	t.stale = nil
	return c.decide(ctx, t, revokedError(t.q.Path[0], &s.Answer))
}

// conclude decides when every source has been asked.
func (c *Checker) conclude(ctx context.Context, t *findings) error {
	if t.good == len(c.Sources) || t.good > 0 && c.Policy.Agreement == FirstAnswer {
		return c.decide(ctx, t, nil)
	}
	t.stale = nil
	unknown := &UnknownError{Cert: t.q.Path[0], Errs: append([]error(nil), t.errs...)}
	if err := ctx.Err(); err != nil && !errors.Is(unknown, err) {
		unknown.Errs = append(unknown.Errs, err)
	}
	return c.decide(ctx, t, unknown)
}

// decide records the decision and, where it is by a stale answer, warns.
func (c *Checker) decide(ctx context.Context, t *findings, err error) error {
	q, stale := &t.q, t.stale
	if stale != nil && c.Logger != nil {
		c.Logger.LogAttrs(ctx, slog.LevelWarn, "certificate accepted on an expired revocation answer",
			slog.String("serial", q.Path[0].SerialNumber.Text(16)),
			slog.String("issuer", q.Path[0].Issuer.String()),
			slog.String("source", stale.Source),
			slog.Time("expired", c.Policy.expiry(stale.ThisUpdate, stale.NextUpdate)),
			slog.Duration("max_stale", c.Policy.MaxStale))
	}
	if c.Record != nil {
		c.Record(ctx, Decision{Cert: q.Path[0], At: q.At, Statements: t.statements, Stale: stale != nil, Err: err})
	}
	return err
}
