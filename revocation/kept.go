// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"bytes"
	"context"
	"crypto/x509"
	"hash/maphash"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"
)

// evidence is what the answer of a search rests on. The answer stands, for the
// same path, as long as
//
//   - no CRL has been added since,
//   - each CRL that was fetched, or asked for in vain, is still the one that the
//     keeper has under its URL, and
//   - every comparison of the time asked for, with a thisUpdate, a nextUpdate or
//     the validity of a CRL issuer's certificate, comes out as it did.
//
// Nothing else goes into a search: signatures, scopes and the entries of a CRL
// do not change, and neither do the fields of CRLs.
type evidence struct {
	generation  uint64
	uses        []use
	from, until time.Time // bounds, inclusive; zero: none
}

// A use is a CRL that was asked for.
type use struct {
	key, url string
	judge    func(*crl) error
	spot     *spot[*crl]
	crl      *crl // nil: it was not to be had
}

// before says whether at is before t, and narrows the evidence to the times of
// which the same is true.
func (e *evidence) before(at, t time.Time) bool {
	if at.Before(t) {
		e.narrow(time.Time{}, t.Add(-1))
		return true
	}
	e.narrow(t, time.Time{})
	return false
}

// after is before the other way round.
func (e *evidence) after(at, t time.Time) bool {
	if at.After(t) {
		e.narrow(t.Add(1), time.Time{})
		return true
	}
	e.narrow(time.Time{}, t)
	return false
}

func (e *evidence) narrow(from, until time.Time) {
	if !from.IsZero() && (e.from.IsZero() || from.After(e.from)) {
		e.from = from
	}
	if !until.IsZero() && (e.until.IsZero() || until.Before(e.until)) {
		e.until = until
	}
}

// holds says whether at is one of the times that the evidence is of.
func (e *evidence) holds(at time.Time) bool {
	return (e.from.IsZero() || !at.Before(e.from)) && (e.until.IsZero() || !at.After(e.until))
}

// restsOnValidity narrows the evidence to times at which the same of the
// certificates are valid.
func (s *search) restsOnValidity(certs []*x509.Certificate) {
	for _, cert := range certs {
		s.rests.before(s.at, cert.NotBefore)
		s.rests.after(s.at, cert.NotAfter)
	}
}

// A keptAnswer is the answer to an earlier search.
type keptAnswer struct {
	path   []*x509.Certificate
	rests  evidence
	answer Answer
}

// keptAnswers are the answers of a bounded number of paths, read without a lock.
// Each has a few places that follow from its certificate; where they are taken,
// one is given up at random.
type keptAnswers struct {
	seed  maphash.Seed
	slots [keptSlots]atomic.Pointer[keptAnswer]
}

const (
	keptSlots = 1 << 14
	keptWays  = 4
)

// place returns the places for the certificate. Its signature stands for it, as
// being spread well; the whole of it is compared.
func (k *keptAnswers) place(cert *x509.Certificate) []atomic.Pointer[keptAnswer] {
	tail := cert.Signature[max(0, len(cert.Signature)-16):]
	first := maphash.Bytes(k.seed, tail) % (keptSlots / keptWays) * keptWays
	return k.slots[first : first+keptWays]
}

// find returns the answer for the path, nil if there is none.
func (k *keptAnswers) find(path []*x509.Certificate) *keptAnswer {
	places := k.place(path[0])
	for i := range places {
		if kept := places[i].Load(); kept != nil && samePath(kept.path, path) {
			return kept
		}
	}
	return nil
}

// keep keeps an answer, in place of an earlier one for the same path.
func (k *keptAnswers) keep(answer *keptAnswer) {
	places := k.place(answer.path[0])
	at := rand.IntN(len(places))
	for i := range places {
		kept := places[i].Load()
		if kept == nil || samePath(kept.path, answer.path) {
			at = i
			break
		}
	}
	places[at].Store(answer)
}

func samePath(a, b []*x509.Certificate) bool {
	return slices.EqualFunc(a, b, func(x, y *x509.Certificate) bool {
		return x == y || bytes.Equal(x.Raw, y.Raw)
	})
}

// kept returns the answer of an earlier search, if all that it rests on still
// stands.
func (s *CRLs) kept(ctx context.Context, q *Query) (*Answer, bool) {
	answers := s.answers.Load()
	if answers == nil {
		return nil, false
	}
	kept := answers.find(q.Path)
	if kept == nil || !kept.rests.holds(q.At) || kept.rests.generation != s.added.generation.Load() {
		return nil, false
	}
	for i := range kept.rests.uses {
		use := &kept.rests.uses[i]
		if c, _, _ := s.get(ctx, use, q.At); c != use.crl {
			return nil, false
		}
	}
	return &kept.answer, true
}

// keep remembers the answer of a search.
func (s *CRLs) keep(q *Query, rests evidence, answer Answer) {
	answers := s.answers.Load()
	if answers == nil {
		s.answers.CompareAndSwap(nil, &keptAnswers{seed: maphash.MakeSeed()})
		answers = s.answers.Load()
	}
	answer.Cached = true
	answers.keep(&keptAnswer{path: slices.Clone(q.Path), rests: rests, answer: answer})
}
