// SPDX-License-Identifier: Apache-2.0

package known

import (
	"bytes"
	"cmp"
	"crypto/x509"
	"math/big"
	"slices"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/der"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/ocsp"
)

// An AnswerVerdict is what the set says about one certificate.
type AnswerVerdict struct {
	Status       Status
	Reply        *Reply // that revokes, or clears
	Expires      time.Time
	Stale        bool // undecided, and Reply cleared until Expires
	Errs         []error
	Dependencies Dependencies
	Window       Window
}

// A Trust says who may speak by OCSP.
type Trust struct {
	// Responder says of a delegated responder's certificate whether its answers may
	// clear (nil), and if not, whether its key is known not to be trusted. ask is
	// false if the certificate waives that it is asked about.
	Responder func(cert *x509.Certificate, ask bool) (err error, tainted bool)

	// CA says whether the key that issued the certificate in question is known not
	// to be trusted; nil: nothing is known of it.
	CA func() *KeyStatus
}

// An AnswerError says why one answer does not count.
type AnswerError struct {
	Source string
	Err    error
}

func (e *AnswerError) Error() string { return e.Source + ": " + e.Err.Error() }

// Unwrap returns the reason.
func (e *AnswerError) Unwrap() error { return e.Err }

func answerError(r *Reply, kind error, detail string) error {
	return &AnswerError{r.Source, &der.Error{Kind: kind, Detail: detail}}
}

// A replies is the decision about one certificate under way.
type replies struct {
	set    *Answers
	path   []*x509.Certificate
	at     time.Time
	trust  Trust
	v      *AnswerVerdict
	judged map[*x509.Certificate]judgement
}

type judgement struct {
	err     error
	tainted bool
}

// Decide says of path[0] what the set says at a time. Without nextUpdate an
// answer counts for maxAge.
func (s *Answers) Decide(path []*x509.Certificate, at time.Time, maxAge time.Duration, trust Trust) *AnswerVerdict {
	d := &replies{set: s, path: path, at: at, trust: trust, v: &AnswerVerdict{}, judged: map[*x509.Certificate]judgement{}}
	d.v.Dependencies.add(&s.forgot, s.forgot.Load())
	all := d.under(AnswerKey(path))
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

func (d *replies) conclude(revoked, clear, current []*Reply, maxAge time.Duration) {
	revoked = slices.DeleteFunc(revoked, func(r *Reply) bool {
		return slices.ContainsFunc(current, func(c *Reply) bool {
			if !c.ThisUpdate.After(r.ThisUpdate) {
				return false
			}
			return r.Reason == der.ReasonCertificateHold && d.v.Window.after(d.at, expires(r, maxAge)) || d.judge(r).tainted
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

func (d *replies) under(key string) []*Reply {
	return d.set.buckets.read(key, &d.v.Dependencies)
}

// begun reports whether an answer counts already.
func (d *replies) begun(r *Reply) bool {
	return !d.v.Window.before(d.at, r.ThisUpdate.Add(-ClockTolerance)) && !d.v.Window.before(d.at, r.ProducedAt.Add(-ClockTolerance))
}

// removed reports whether a later good answer of the same responder removes a
// revocation.
func (d *replies) removed(revoked *Reply, all []*Reply) bool {
	return slices.ContainsFunc(all, func(r *Reply) bool {
		return r.Status == ocsp.Good && r.Key == revoked.Key && r.ThisUpdate.After(revoked.ThisUpdate) && d.begun(r) && r.removes()
	})
}

// clears returns nil if a good answer counts but for its end.
func (d *replies) clears(good *Reply, all []*Reply) error {
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
	if j := d.judge(good); j.err != nil {
		return &AnswerError{good.Source, j.err}
	}
	return nil
}

// judge asks about who signed an answer.
func (d *replies) judge(r *Reply) judgement {
	j, ok := d.judged[r.Responder]
	if !ok {
		if r.Responder == nil {
			j = d.judgeCA(r.Key)
		} else {
			j = d.judgeResponder(r)
		}
		d.judged[r.Responder] = j
	}
	return j
}

// judgeResponder asks about a delegated responder: in the set, where the CA may have
// answered about it, and of what is asked about responders.
func (d *replies) judgeResponder(r *Reply) judgement {
	if j := d.answered(r.Key, d.path[1], r.Responder.SerialNumber, func(der.Reason) bool { return true }); j.err != nil {
		return j
	}
	err, tainted := d.trust.Responder(r.Responder, !r.NoCheck)
	return judgement{err, tainted}
}

// judgeCA asks whether the key of the CA is known not to be trusted, by what the CA
// above it has answered or by a CRL. Revoked for another reason, the certificate of the
// path is a matter of Policy.Depth, and another one of the key says nothing about it.
func (d *replies) judgeCA(key Key) judgement {
	if len(d.path) > 2 {
		if j := d.answered(key, d.path[2], d.path[1].SerialNumber, Distrusts); j.err != nil {
			return j
		}
	}
	if d.trust.CA == nil {
		return judgement{}
	}
	status := d.trust.CA()
	d.v.Dependencies.addAll(&status.Dependencies)
	d.v.Window.narrow(status.Window.from, status.Window.until)
	if status.Tainted {
		return judgement{&der.Error{Kind: der.ErrResponder, Detail: "the key of the CA is revoked"}, true}
	}
	return judgement{}
}

// answered looks for an answer, signed with another key than the one in question, that
// revokes a certificate of it for one of some reasons.
func (d *replies) answered(key Key, issuer *x509.Certificate, serial *big.Int, reason func(der.Reason) bool) (j judgement) {
	all := d.under(answerKey(issuer, serial))
	for _, about := range all {
		if about.Status == ocsp.Revoked && about.Key != key && reason(about.Reason) && !d.removed(about, all) {
			j.err = &der.Error{Kind: der.ErrResponder, Detail: "its own certificate: revoked (" + about.Reason.String() + ") according to " + about.Source}
			j.tainted = j.tainted || Distrusts(about.Reason)
		}
	}
	return j
}
