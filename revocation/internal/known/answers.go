// SPDX-License-Identifier: Apache-2.0

package known

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"crypto/x509"
	"math/big"
	"slices"
	"sync"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/der"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/ocsp"
)

// A Reply is an OCSP answer in the set. It does not change.
type Reply struct {
	*ocsp.Answer
	Raw    []byte   // the response, DER
	Issuer string   // name of the CA, for an operator
	Serial *big.Int // of the certificate
}

// Order returns the order of the reply's Member. A good answer that takes back no
// revocation, or not as soon as its thisUpdate says, is of the Kind Unknown, which
// removes no document.
func (r *Reply) Order() Order {
	o := Order{Kind: Unknown, Series: r.Key, ThisUpdate: r.ThisUpdate}
	switch {
	case r.Status == ocsp.Revoked:
		o.Kind = Revoked
	case r.Status == ocsp.Good && r.wasValid() && !r.ProducedAt.After(r.ThisUpdate.Add(ClockTolerance)):
		o.Kind = Good
	}
	return o
}

// wasValid reports whether the responder's certificate was valid when it
// answered.
func (r *Reply) wasValid() bool {
	return r.Responder == nil || !r.ThisUpdate.Before(r.Responder.NotBefore) && !r.ThisUpdate.After(r.Responder.NotAfter)
}

// AnswerKey is the key of the answers about path[0], which path[1] issued,
// whatever the CertIDs by which they name it.
func AnswerKey(path []*x509.Certificate) string { return answerKey(path[1], path[0].SerialNumber) }

func answerKey(issuer *x509.Certificate, serial *big.Int) string {
	h := sha256.New()
	h.Write(issuer.RawSubjectPublicKeyInfo)
	h.Write(issuer.RawSubject)
	h.Write(serial.Bytes())
	if serial.Sign() < 0 {
		h.Write([]byte("-"))
	}
	return string(h.Sum(nil))
}

// maxAnswered bounds the certificates that answers are kept about.
const maxAnswered = 100_000

// Answers is the set of OCSP answers. The zero value is empty. It is safe for
// concurrent use; readers take no lock.
type Answers struct {
	mu         sync.Mutex // held to change what follows
	buckets    buckets[*Reply]
	count      int                            // of the keys
	responders map[[32]byte]*x509.Certificate // one of each
	most       int                            // keys; zero: maxAnswered
}

// Under returns the answers under a key.
func (s *Answers) Under(key string) []*Reply { return s.buckets.load(key) }

// Put puts a verified answer into the set, and reports whether it was not there
// before. What was superseded a day before horizon is forgotten.
func (s *Answers) Put(key string, r *Reply, horizon time.Time) (changed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.buckets.load(key)
	if slices.ContainsFunc(before, func(other *Reply) bool { return other.Digest == r.Digest && other.Key == r.Key }) {
		return false
	}
	own := *r
	if r.Responder != nil {
		answer := *r.Answer
		answer.Responder = s.intern(r.Responder)
		own.Answer = &answer
	}
	replies := append(slices.Clip(before), &own)
	slices.SortFunc(replies, func(x, y *Reply) int { return bytes.Compare(x.Digest[:], y.Digest[:]) })
	if replies = boundedReplies(rememberReplies(replies, horizon)); slices.Equal(replies, before) {
		return false
	}
	s.buckets.store(key, replies)
	if len(before) == 0 {
		s.count++
	}
	if s.count > cmp.Or(s.most, maxAnswered) {
		s.evict(key)
	}
	return true
}

func (s *Answers) intern(cert *x509.Certificate) *x509.Certificate {
	id := sha256.Sum256(cert.Raw)
	if same := s.responders[id]; same != nil {
		return same
	}
	if s.responders == nil || len(s.responders) == 1000 {
		s.responders = map[[32]byte]*x509.Certificate{}
	}
	s.responders[id] = cert
	return cert
}

func rememberReplies(replies []*Reply, horizon time.Time) []*Reply {
	old := horizon.Add(-forgetAfter)
	return slices.DeleteFunc(slices.Clone(replies), func(x *Reply) bool {
		o := x.Order()
		return slices.ContainsFunc(replies, func(y *Reply) bool {
			order := y.Order()
			return !horizon.IsZero() && !y.ThisUpdate.After(old) && order.Supersedes(&o)
		})
	})
}

// maxReplies bounds the answers about one certificate.
const maxReplies = 1000

// boundedReplies drops the oldest that do not revoke.
func boundedReplies(replies []*Reply) []*Reply {
	for len(replies) > maxReplies {
		oldest := slices.MinFunc(replies, func(x, y *Reply) int {
			return cmp.Or(btoi(x.Status == ocsp.Revoked)-btoi(y.Status == ocsp.Revoked), x.ThisUpdate.Compare(y.ThisUpdate), bytes.Compare(x.Digest[:], y.Digest[:]))
		})
		replies = slices.DeleteFunc(replies, func(r *Reply) bool { return r == oldest })
	}
	return replies
}

// evict forgets what is known about a certificate other than one: one that is not
// revoked, if there is any.
func (s *Answers) evict(but string) {
	victim := ""
	s.buckets.each(func(key string, replies []*Reply) (more bool) {
		if key == but {
			return true
		}
		victim = key
		return slices.ContainsFunc(replies, func(r *Reply) bool { return r.Status == ocsp.Revoked })
	})
	s.buckets.remove(victim)
	s.count--
}

// An AnswerVerdict is what the set says about one certificate.
type AnswerVerdict struct {
	Status  Status
	Reply   *Reply // that revokes, or clears
	Expires time.Time
	Stale   bool // undecided, and Reply cleared until Expires
	Errs    []error
	Rests   Rests
	Window  Window

	// Responders are the delegated ones whose trust was asked about.
	Responders []*x509.Certificate
}

// Trust says of a delegated responder's certificate whether its answers may clear
// (nil), and if not, whether its key is known not to be trusted. ask is false if
// the certificate waives that it is asked about.
type Trust func(responder *x509.Certificate, ask bool) (err error, tainted bool)

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
	all := d.under(AnswerKey(path))
	var revoked, clear []*Reply
	for _, r := range all {
		switch r.Status {
		case ocsp.Revoked:
			if !d.takenBack(r, all) {
				revoked = append(revoked, r)
			}
		case ocsp.Good:
			if err := d.clears(r, all); err != nil {
				d.v.Errs = append(d.v.Errs, err)
			} else {
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
			func(r *Reply) bool { return !Distrusts(r.Reason) }, // who asks about a signer must see the worst
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
	return d.set.buckets.read(key, &d.v.Rests)
}

// begun reports whether an answer counts already.
func (d *replies) begun(r *Reply) bool {
	return !d.v.Window.before(d.at, r.ThisUpdate.Add(-ClockTolerance)) && !d.v.Window.before(d.at, r.ProducedAt.Add(-ClockTolerance))
}

// takenBack reports whether a later good answer of the same responder takes a
// revocation back.
func (d *replies) takenBack(revoked *Reply, all []*Reply) bool {
	return slices.ContainsFunc(all, func(r *Reply) bool {
		return r.Status == ocsp.Good && r.Key == revoked.Key && r.ThisUpdate.After(revoked.ThisUpdate) && d.begun(r) && r.wasValid()
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

// judge asks about a delegated responder: in the set, where the CA may have
// answered about it, and of what is asked about responders.
func (d *replies) judge(r *Reply) judgement {
	if r.Responder == nil {
		return judgement{}
	}
	if j, ok := d.judged[r.Responder]; ok {
		return j
	}
	d.v.Responders = append(d.v.Responders, r.Responder)
	var j judgement
	for _, about := range d.under(answerKey(d.path[1], r.Responder.SerialNumber)) {
		if about.Status == ocsp.Revoked && about.Key != r.Key && !d.takenBack(about, d.set.Under(answerKey(d.path[1], r.Responder.SerialNumber))) {
			j.err = &der.Error{Kind: der.ErrResponder, Detail: "its own certificate: revoked (" + about.Reason.String() + ") according to " + about.Source}
			j.tainted = j.tainted || Distrusts(about.Reason)
		}
	}
	if j.err == nil {
		j.err, j.tainted = d.trust(r.Responder, !r.NoCheck)
	}
	d.judged[r.Responder] = j
	return j
}
