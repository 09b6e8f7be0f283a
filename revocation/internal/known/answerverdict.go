// SPDX-License-Identifier: Apache-2.0

package known

import (
	"bytes"
	"cmp"
	"crypto/x509"
	"slices"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/der"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/ocsp"
)

// Decide says of path[0] what the set says at a time. Without nextUpdate an
// answer counts for maxAge.
func (s *Answers) Decide(path []*x509.Certificate, at time.Time, maxAge time.Duration, trust Trust) *AnswerVerdict {
	d := newAnswerDecision(s, path, at, trust, &AnswerVerdict{})
	d.v.Dependencies.add(&s.forgot, s.forgot.Load())
	key := AnswerKey(path)
	all := d.under(key)
	forgotten, lossy := s.forgottenUntil() // of what was evicted before the answers were read, too
	var revoked, clear []*Reply
	for _, r := range all {
		switch r.Status {
		case ocsp.Revoked:
			if !d.removed(r, all) {
				revoked = append(revoked, r)
			}
		case ocsp.Good:
			switch err := d.clears(r, all); {
			case err != nil:
				d.v.Errs = append(d.v.Errs, err)
			case lossy && !r.ThisUpdate.After(forgotten):
				d.v.Errs = append(d.v.Errs, answerError(r, der.ErrExpired, "a revocation that is not older was forgotten for want of room"))
			case lossy && !s.evicted.mayClear(key, r.Key, r.removes()):
				d.v.Errs = append(d.v.Errs, answerError(r, der.ErrResponder, "another responder's revocation of the certificate was forgotten for want of room"))
			default:
				clear = append(clear, r)
			}
		default:
			d.v.Errs = append(d.v.Errs, answerError(r, der.ErrResponder, "it does not know the certificate"))
		}
	}
	var current []*Reply
	for _, r := range clear {
		if end := expires(r, maxAge); d.v.Window.after(at, end) {
			d.v.Errs = append(d.v.Errs, answerError(r, der.ErrExpired, "at "+end.UTC().Format(time.RFC3339)))
		} else {
			current = append(current, r)
		}
	}
	d.conclude(revoked, clear, current, maxAge)
	return d.v
}

func expires(r *Reply, maxAge time.Duration) time.Time {
	if r.NextUpdate.IsZero() {
		return r.ThisUpdate.Add(maxAge)
	}
	return r.NextUpdate
}

func (d *answerDecision) conclude(revoked, clear, current []*Reply, maxAge time.Duration) {
	revoked = slices.DeleteFunc(revoked, func(r *Reply) bool {
		return slices.ContainsFunc(current, func(c *Reply) bool {
			if !c.ThisUpdate.After(r.ThisUpdate) {
				return false
			}
			return r.Reason == der.ReasonCertificateHold && d.v.Window.after(d.at, expires(r, maxAge)) || d.judge.of(r).tainted
		})
	})
	latest := func(replies []*Reply) *Reply {
		return slices.MaxFunc(replies, func(x, y *Reply) int {
			return cmp.Or(x.ThisUpdate.Compare(y.ThisUpdate), bytes.Compare(x.Digest[:], y.Digest[:]))
		})
	}
	switch {
	case len(revoked) > 0:
		for _, unlike := range []func(*Reply) bool{
			func(r *Reply) bool { return r.Reason == der.ReasonCertificateHold },
			func(r *Reply) bool { return !Distrusts(r.Reason) }, // so that a signer whose key is distrusted is reported as such
		} {
			if worse := slices.DeleteFunc(slices.Clone(revoked), unlike); len(worse) > 0 {
				revoked = worse
			}
		}
		d.v.Status, d.v.Reply = StatusRevoked, latest(revoked)
		d.v.Expires = expires(d.v.Reply, maxAge)
		d.v.Window.after(d.at, d.v.Expires)
	case len(current) > 0:
		d.v.Status, d.v.Reply, d.v.Errs = StatusGood, latest(current), nil
		d.v.Expires = expires(d.v.Reply, maxAge)
	case len(clear) > 0:
		d.v.Stale, d.v.Reply = true, latest(clear)
		d.v.Expires = expires(d.v.Reply, maxAge)
	}
}

// clears returns nil if a good answer counts but for its end.
func (d *answerDecision) clears(good *Reply, all []*Reply) error {
	if !d.begun(good) {
		return answerError(good, der.ErrNotYetValid, "thisUpdate is "+good.ThisUpdate.UTC().Format(time.RFC3339)+
			", producedAt "+good.ProducedAt.UTC().Format(time.RFC3339))
	}
	for _, r := range all {
		switch {
		case r.Key != good.Key || r.ThisUpdate.Before(good.ThisUpdate):
		case r.Status == ocsp.Revoked, r.Status == ocsp.Unknown && r.ThisUpdate.After(good.ThisUpdate) && d.begun(r):
			return answerError(good, der.ErrResponder, "a later answer of the same responder says otherwise")
		case r.Status == ocsp.Good && r.ThisUpdate.After(good.ThisUpdate) && d.begun(r):
			return answerError(good, der.ErrExpired, "a later answer of the same responder has taken its place")
		}
	}
	if c := good.Responder; c != nil && (d.v.Window.before(d.at, c.NotBefore) || d.v.Window.after(d.at, c.NotAfter)) {
		return answerError(good, der.ErrResponder, "its certificate is valid from "+c.NotBefore.UTC().Format(time.RFC3339)+
			" to "+c.NotAfter.UTC().Format(time.RFC3339)+" only")
	}
	if j := d.judge.of(good); j.err != nil {
		return &AnswerError{good.Source, j.err}
	}
	return nil
}
