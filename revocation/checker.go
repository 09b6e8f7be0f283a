// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"slices"
	"time"
)

// A Checker asks its sources about the certificates of a chain and refuses the
// chain unless each is vouched for. The zero value has no sources and refuses
// everything. A Checker is safe for concurrent use; its fields must not change
// once it is used.
type Checker struct {
	Sources []Source         // asked in this order; none: everything is refused
	Policy  Policy           // zero: the strictest
	Time    func() time.Time // nil: time.Now
	Logger  *slog.Logger     // where Policy.Unknown's Allow warns; nil: none

	// Record is told of every decision before Check returns, once for each
	// certificate that sources were asked about: for an audit log. It must be
	// safe for concurrent use and holds up the handshake while it runs. Nil:
	// nothing is recorded.
	Record func(context.Context, Decision)
}

// Check returns nil if every certificate of the chain is vouched for, and
// otherwise *RevokedError or *UnknownError. An UnknownError wraps ctx.Err() if
// ctx ended before there was an answer; under Allow, what the sources still had
// is an answer, so a responder that hangs is as one that is down.
//
// The chain leads from the leaf to the root and has been verified: signatures,
// names and validity. It is asked about from the root down, since whoever a
// revoked CA vouches for is not vouched for; the root itself is not asked
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
	for i := last; i >= 0; i-- {
		q := Query{Path: chain[i:], At: at}
		if i == 0 {
			q.Stapled = stapled
		}
		if err := c.check(ctx, &q); err != nil {
			return err
		}
	}
	return nil
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

// check asks the sources about one certificate.
func (c *Checker) check(ctx context.Context, q *Query) error {
	// Sources that pass do not make the common case allocate.
	var room [4]error
	errs := room[:0]
	var statements []Statement
	var stale *Answer
	vouched := 0
	for _, source := range c.Sources {
		var a Answer
		err := error(ErrNoSource)
		if source != nil {
			a, err = source.Status(ctx, *q)
		}
		if c.Record != nil {
			statements = append(statements, Statement{Source: source, Answer: a, Err: err})
		}
		value, err := weigh(&c.Policy, q.At, &a, err)
		switch value {
		case worthRevoked:
			return c.decide(ctx, q, statements, nil, revokedError(q.Path[0], &a))
		case worthGood:
			if c.Policy.Agreement == FirstAnswer {
				return c.decide(ctx, q, statements, nil, nil)
			}
			vouched++
		case worthStale: // the sources after it may know better
			accepted := a
			stale = &accepted
			vouched++
		default:
			errs = append(errs, err)
		}
	}
	if vouched == len(c.Sources) || vouched > 0 && c.Policy.Agreement == FirstAnswer {
		return c.decide(ctx, q, statements, stale, nil)
	}
	unknown := &UnknownError{Cert: q.Path[0], Errs: slices.Clone(errs)}
	if err := ctx.Err(); err != nil && !errors.Is(unknown, err) {
		unknown.Errs = append(unknown.Errs, err)
	}
	return c.decide(ctx, q, statements, nil, unknown)
}

// decide records the decision and, where it rests on a stale answer, warns.
func (c *Checker) decide(ctx context.Context, q *Query, statements []Statement, stale *Answer, err error) error {
	if stale != nil && c.Logger != nil {
		c.Logger.LogAttrs(ctx, slog.LevelWarn, "certificate accepted on an expired revocation answer",
			slog.String("serial", q.Path[0].SerialNumber.Text(16)),
			slog.String("issuer", q.Path[0].Issuer.String()),
			slog.String("source", stale.Source),
			slog.Time("expired", expiry(stale.ThisUpdate, stale.NextUpdate)),
			slog.Duration("max_stale", c.Policy.MaxStale))
	}
	if c.Record != nil {
		c.Record(ctx, Decision{Cert: q.Path[0], At: q.At, Statements: statements, Stale: stale != nil, Err: err})
	}
	return err
}

// What a source's answer is worth.
type worth int

const (
	worthNothing worth = iota
	worthRevoked
	worthGood
	worthStale
)

// weigh judges an answer by the policy, whatever its source thinks of it. With
// worthNothing it returns the reason.
func weigh(p *Policy, at time.Time, a *Answer, err error) (worth, error) {
	if err != nil && !errors.Is(err, ErrExpired) {
		return worthNothing, err
	}
	switch a.Status {
	case Revoked:
		return worthRevoked, nil
	case Good:
	default:
		if err == nil {
			err = errors.New("the source gave neither an answer nor an error")
		}
		return worthNothing, err
	}
	switch {
	case a.ThisUpdate.IsZero():
		return worthNothing, errors.Join(err, errors.New("good, but without thisUpdate"))
	case a.ThisUpdate.After(at.Add(clockTolerance)):
		return worthNothing, errors.Join(err, ErrNotYetValid)
	}
	end := expiry(a.ThisUpdate, a.NextUpdate)
	if !at.After(end) {
		if err != nil {
			return worthNothing, err // expired by a rule of its own: there is nothing to count from
		}
		return worthGood, nil
	}
	if !at.After(end.Add(p.MaxStale)) { // zero but for Allow, see Policy.validate
		return worthStale, nil
	}
	if err == nil {
		err = ErrExpired
	}
	return worthNothing, err
}

func revokedError(cert *x509.Certificate, a *Answer) error {
	if a.Revocation != nil {
		return a.Revocation
	}
	return &RevokedError{Cert: cert, Serial: cert.SerialNumber, Source: a.Source}
}
