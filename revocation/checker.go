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

// below returns why a chain is refused about one of whose certificates nothing is known:
// one below certificate i that a source knows to be revoked comes first, since no answer
// about the others changes that.
func (c *Checker) below(ctx context.Context, chain []*x509.Certificate, i int, at time.Time, unknown error) error {
	if q, revoked := c.revokedBelow(ctx, chain, i, at); revoked != nil {
		return c.refuse(ctx, &findings{q: q}, revoked)
	}
	return unknown
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

// check asks the sources about one certificate. All that is known without fetching is asked
// before any good answer counts, whatever the order of the sources: what one of
// them knows to be revoked is revoked. waited says that an answer was not known
// from before.
func (c *Checker) check(ctx context.Context, q Query, chain []*x509.Certificate) (waited bool, err error) {
	how := asking{chain: chain, checker: c, maxAge: c.Policy.MaxAge}
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
	said, err := bounded.Call(ctx, &c.late, func() (s status) {
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
