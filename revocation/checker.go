// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/nrlsecurity/nrlsecurity/internal/bounded"
	"github.com/nrlsecurity/nrlsecurity/internal/record"
)

// A Checker asks its sources about the certificates of a chain and refuses the
// chain unless each is answered good. The zero value has no sources and refuses
// everything. A Checker is safe for concurrent use; its fields must not change
// once it is used.
type Checker struct {
	Sources []Source         // asked in this order; none: everything is refused
	Policy  Policy           // zero: the strictest
	Time    func() time.Time // nil: time.Now; see CRLs.Time
	Logger  *slog.Logger     // where Policy.Unknown's Allow warns; nil: none

	// Record is told of every decision before Check returns, once for each
	// certificate that sources were asked about, and once more about one that was
	// answered good before its revocation came: for an audit log. It must be
	// safe for concurrent use and holds up the handshake while it runs. Nil:
	// nothing is recorded.
	Record func(context.Context, Decision)

	late bounded.Late // calls of users' sources, and of Logger
}

// Validate returns why the checker refuses everything: it has no source, or a nil one
// where each has to answer (ErrNoSource), or its Policy contradicts itself, as Allow
// without MaxStale does. tlsconfig asks when an endpoint is built.
func (c *Checker) Validate() error {
	if c == nil {
		return ErrNoSource
	}
	if err := c.Policy.validate(); err != nil {
		return err
	}
	missing := slices.IndexFunc(c.Sources, func(s Source) bool { return s == nil })
	switch {
	case !slices.ContainsFunc(c.Sources, func(s Source) bool { return s != nil }):
		return ErrNoSource
	case missing >= 0 && c.Policy.Agreement == EverySource:
		return fmt.Errorf("%w: Sources[%d] is nil, and each has to answer", ErrNoSource, missing)
	}
	return nil
}

// HonoursContext returns true: [Checker.Check] waits no longer than its context, for
// sources that do not mind theirs neither. Package tlsconfig then calls it directly.
func (c *Checker) HonoursContext() bool { return true }

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
	if stale != nil {
		record.Writer{Logger: c.Logger, Late: &c.late}.Write(ctx, slog.LevelWarn, "certificate accepted on an expired revocation answer",
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
