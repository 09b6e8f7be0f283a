// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ocsp"
)

// OCSP is a Source of OCSP responses (RFC 6960): stapled to the handshake,
// added, or asked from the responder that the certificate names. They are
// considered in this order: nobody is asked if a response that is at hand is
// of the time. Of several that are, the newest decides, and a good one never
// decides against a revocation that is as new or newer, even if that response
// has expired since.
//
// A response counts if it is signed by the key of the very CA that issued the
// certificate, or by a responder that this CA has directly issued a certificate
// for OCSP signing to; RSA or ECDSA with SHA-256 or better. Its clock may be
// five minutes ahead; without nextUpdate it counts for an hour.
//
// The zero value is a source of stapled responses. An OCSP is safe for
// concurrent use; its fields must not change once it is used.
type OCSP struct {
	Fetcher   Fetcher       // nil: only stapled and added responses
	Responder string        // URL asked instead of the certificate's own; empty: the certificate's, in their order
	Cache     documentCache // nil: memory only; bytes read from it are verified again

	// NoNonce leaves the nonce (RFC 9654) out of requests, for responders that
	// sign in advance (RFC 5019); small requests are then sent by GET. Without
	// it, a response that does not repeat the nonce is refused. The nonce
	// proves that a response was made for the request: one that is kept counts
	// until its nextUpdate like any other, and so does one from the Cache.
	NoNonce bool

	// ResponderStatus is asked about the certificate of a delegated responder
	// that does not carry id-pkix-ocsp-nocheck; a CRLs, most often. Nil: such
	// a responder is refused.
	ResponderStatus Source

	Time   func() time.Time // the clock of Run; nil: time.Now
	Logger *slog.Logger     // nil: none

	once     sync.Once
	kept     keeper[*ocspResponse]
	subjects ocspSubjects
	adding   sync.Mutex // held to replace added
	added    atomic.Pointer[ocspAdded]
}

// The responses that Add was given, by the serial numbers that they speak of.
type ocspAdded struct{ bySerial map[string][]*ocspResponse }

// Add keeps an OCSP response (DER) beside those that are stapled or asked for.
// It is read here, with an error of the type *OCSPError if it is not a
// response, and verified when a certificate that it speaks of is asked about. Of
// each serial number 16 responses are kept, those that claim a revocation longest;
// with 10,000 serial numbers another is an error of the kind ErrTooLarge, unless
// some have run out.
func (s *OCSP) Add(response []byte) error {
	r, err := readOCSP(append([]byte(nil), response...), "added")
	if err != nil {
		return err
	}
	s.setUp() // for its clock
	s.adding.Lock()
	defer s.adding.Unlock()
	bySerial := map[string][]*ocspResponse{}
	if old := s.added.Load(); old != nil {
		bySerial = maps.Clone(old.bySerial)
	}
	for _, single := range r.singles {
		serial := string(single.id.serial)
		list := bySerial[serial]
		if slices.ContainsFunc(list, func(other *ocspResponse) bool { return bytes.Equal(other.raw, r.raw) }) {
			continue
		}
		if list == nil && len(bySerial) >= maxKept {
			// What has run out is of use to Policy.MaxStale at most.
			maps.DeleteFunc(bySerial, func(serial string, list []*ocspResponse) bool {
				return !slices.ContainsFunc(list, func(r *ocspResponse) bool { return r.revokes(serial) || r.lasts(serial, s.kept.clock()) })
			})
			if len(bySerial) >= maxKept {
				return r.error(ErrTooLarge, "responses about too many certificates have been added")
			}
		}
		list = slices.Clone(list)
		if len(list) == maxUnverified {
			// Which of them is genuine shows only when the certificate is asked
			// about: whoever can have responses added must not push out one that
			// revokes.
			victim := max(0, slices.IndexFunc(list, func(r *ocspResponse) bool { return !r.revokes(serial) }))
			list = slices.Delete(list, victim, victim+1)
		}
		bySerial[serial] = append(list, r)
	}
	s.added.Store(&ocspAdded{bySerial})
	return nil
}

// revokes says whether the response claims that the serial number is revoked.
func (r *ocspResponse) revokes(serial string) bool {
	return slices.ContainsFunc(r.singles, func(s ocspSingle) bool { return string(s.id.serial) == serial && s.status == ocsp.Revoked })
}

// lasts says whether what the response claims about the serial number is not
// over at the given time.
func (r *ocspResponse) lasts(serial string, at time.Time) bool {
	return slices.ContainsFunc(r.singles, func(s ocspSingle) bool {
		return string(s.id.serial) == serial && !at.After(expiry(s.thisUpdate, s.nextUpdate))
	})
}

// Run refreshes the responses that are in use before their nextUpdate, with
// jitter, until ctx ends, and returns ctx.Err().
func (s *OCSP) Run(ctx context.Context) error {
	s.setUp()
	return s.kept.run(ctx)
}

// setUp makes the keeper of the responses that are asked for.
func (s *OCSP) setUp() {
	s.once.Do(func() {
		s.kept.fetcher = s.Fetcher
		if !s.NoNonce {
			s.kept.fetcher = ocspNonceFetcher{s.Fetcher}
		}
		s.kept.cache, s.kept.now, s.kept.logger = s.Cache, s.Time, s.Logger
		s.kept.parse = readOCSP
	})
}

// Status implements Source.
func (s *OCSP) Status(ctx context.Context, q Query) (Answer, error) {
	subject, err := s.subjects.get(s, q.Path)
	if err != nil {
		return Answer{}, err
	}
	if a := s.warmed(subject, &q); a != nil {
		return *a, nil
	}
	last := subject.last.Load()
	i := ocspInquiry{source: s, subject: subject, q: q}
	if len(q.Stapled) > 0 {
		i.hearStapled(ctx)
	}
	added := s.added.Load()
	if added != nil {
		i.hearAdded(ctx, added)
	}
	if a, ok := i.decision(ctx, false); ok {
		return a, nil
	}
	if s.Fetcher == nil {
		return i.undecided(errOCSPNoFetcher)
	}
	s.setUp()
	for n := range subject.questions {
		question := &subject.questions[n]
		r, cached, err := s.kept.getFrom(ctx, &question.spot, question.key, question.request, q.At, question.judge)
		i.asked++
		if question.cached.nothing.Load() {
			question.cached.nothing.Store(false) // the Cache may have it now
		}
		if err != nil {
			i.errs = append(i.errs, err)
		}
		if r != nil {
			i.hear(ctx, &r.verdict)
		}
		if a, ok := i.decision(ctx, cached); ok {
			i.warm(added, last, &question.spot, a)
			return a, nil
		}
	}
	return i.undecided(subject.noQuestion)
}

var (
	errOCSPNoFetcher = &OCSPError{Err: ErrNoSource, Detail: "there is no Fetcher, and no response about the certificate was stapled or added"}
	errOCSPNoURL     = &OCSPError{Err: ErrNoSource, Detail: "the certificate names no responder"}
)

// An ocspInquiry is one call of Status.
type ocspInquiry struct {
	source  *OCSP
	subject *ocspSubject
	q       Query
	fresh   *ocspVerdict // the newest that holds; nil: none yet
	expired *ocspVerdict // the newest of which nothing is wrong but that its time is over
	errs    []error
	asked   int // the questions that have been
}

// hear considers a verdict.
func (i *ocspInquiry) hear(ctx context.Context, v *ocspVerdict) {
	place := &i.fresh
	if err := v.current(i.q.At); err != nil {
		i.errs = append(i.errs, err)
		if !errors.Is(err, ErrExpired) {
			return
		}
		place = &i.expired
	}
	if err := i.source.authorised(ctx, v, i.q); err != nil {
		i.errs = append(i.errs, err)
		return
	}
	i.subject.remember(v)
	if v.newer(*place) {
		*place = v
	}
}

// decision returns the answer if what was heard is enough for one.
func (i *ocspInquiry) decision(ctx context.Context, cached bool) (Answer, bool) {
	if i.fresh == nil {
		return Answer{}, false
	}
	if i.fresh.status != ocsp.Revoked {
		i.hearKept(ctx)
	}
	return i.answer(i.fresh, cached), true
}

// hearKept considers the revocations that are kept: Run may have fetched one
// since anybody asked, or it is from before a restart, and what is at hand may
// be older.
func (i *ocspInquiry) hearKept(ctx context.Context) {
	if i.source.Fetcher == nil {
		return
	}
	i.source.setUp()
	for n := range i.subject.questions {
		if n == i.asked-1 {
			continue // what it brought has been heard; those before it brought nothing that decides
		}
		q := &i.subject.questions[n]
		if r, ok := i.source.kept.known(ctx, q.key, q.request, i.q.At, q.judge, &q.cached); ok && r.verdict.status == ocsp.Revoked {
			i.hear(ctx, &r.verdict)
		}
	}
}

// undecided ends an inquiry without a decision: with what has expired, if
// there is that. none is the reason if nothing was heard at all.
func (i *ocspInquiry) undecided(none error) (Answer, error) {
	if known := i.subject.revoked(); known != nil && i.expired == nil {
		return i.answer(known, true), nil // until something newer takes it back
	}
	if len(i.errs) == 0 {
		return Answer{}, none
	}
	var a Answer
	if i.expired != nil {
		a = i.answer(i.expired, true)
	}
	if a.Status == Good && i.disowned() {
		a = Answer{}
	}
	return a, errors.Join(i.errs...)
}

// disowned says whether a response of the time says that it does not know the
// certificate, and is newer than the good one that has expired: of a certificate
// that is new, an older one has not heard yet.
func (i *ocspInquiry) disowned() bool {
	return slices.ContainsFunc(i.errs, func(err error) bool {
		unknown, ok := errors.AsType[*ocspUnknown](err)
		return ok && unknown.verdict.current(i.q.At) == nil && !unknown.verdict.thisUpdate.Before(i.expired.thisUpdate)
	})
}

func (i *ocspInquiry) answer(v *ocspVerdict, cached bool) Answer {
	if known := i.subject.revoked(); known != nil && known.newer(v) {
		v = known // an older good takes no revocation back
	}
	a := Answer{Status: Good, ThisUpdate: v.thisUpdate, NextUpdate: v.nextUpdate, Source: v.source, Cached: cached}
	if v.status == ocsp.Revoked {
		cert := i.q.Path[0]
		a.Status = Revoked
		a.Revocation = &RevokedError{Cert: cert, Serial: cert.SerialNumber, Reason: v.reason, Time: v.revokedAt, Source: v.source}
	}
	return a
}

// hearStapled verifies the stapled response, or finds that it is the one that
// was verified before.
func (i *ocspInquiry) hearStapled(ctx context.Context) {
	sum := sha256.Sum256(i.q.Stapled)
	known := i.subject.stapled.Load()
	if known == nil || known.sum != sum {
		r, err := readOCSP(i.q.Stapled, "stapled")
		if err == nil {
			err = i.subject.judge(r)
		}
		if err != nil {
			i.errs = append(i.errs, err)
			return
		}
		known = &ocspStapled{sum: sum, verdict: r.verdict}
		i.subject.stapled.Store(known)
	}
	i.hear(ctx, &known.verdict)
}

// hearAdded verifies the responses that were added, once for each certificate
// until there are others.
func (i *ocspInquiry) hearAdded(ctx context.Context, added *ocspAdded) {
	judged := i.subject.added.Load()
	if judged == nil || judged.of != added {
		judged = &ocspJudged{of: added}
		for _, r := range added.bySerial[string(i.subject.serial)] {
			own := *r // the verdict is about one certificate, r may speak of several
			if err := i.subject.judge(&own); err != nil {
				judged.errs = append(judged.errs, err)
				continue
			}
			judged.verdicts = append(judged.verdicts, &own.verdict)
		}
		i.subject.added.Store(judged)
	}
	i.errs = append(i.errs, judged.errs...)
	for _, v := range judged.verdicts {
		i.hear(ctx, v)
	}
}

// lifetime implements document: the times between which the verdict counts.
func (r *ocspResponse) lifetime() (thisUpdate, nextUpdate time.Time) {
	v := &r.verdict
	nextUpdate = expiry(v.thisUpdate, v.nextUpdate)
	if v.responder != nil && v.responder.NotAfter.Before(nextUpdate) {
		nextUpdate = v.responder.NotAfter
	}
	return v.thisUpdate, nextUpdate
}
