// SPDX-License-Identifier: Apache-2.0

package revocation

import "time"

// An ocspWarm is the answer of good that a kept response gave about a certificate
// when nothing was stapled. It stands as long as that response is the one that is
// kept, no other has been added or remembered since, and the time asked for lies
// within all of its times. Only a response whose signer needs no asking about
// gives one, and only if there is no other responder: Run or the Cache may come to
// have that one's revocation.
type ocspWarm struct {
	kept        *kept[*ocspResponse]
	held        uint64 // its number: what is given up must not be kept alive
	added       *ocspAdded
	last        *ocspVerdict
	from, until time.Time // inclusive
	answer      Answer
}

// warmed returns the answer that still stands, or nil.
func (s *OCSP) warmed(subject *ocspSubject, q *Query) *Answer {
	w := subject.warm.Load()
	if w == nil || len(q.Stapled) > 0 || w.kept.gone.Load() ||
		s.added.Load() != w.added || subject.last.Load() != w.last || q.At.Before(w.from) || q.At.After(w.until) {
		return nil
	}
	if h := w.kept.current.Load(); h == nil || h.number != w.held {
		return nil
	}
	if !w.kept.used.Load() {
		w.kept.used.Store(true) // for the refresher
	}
	return &w.answer
}

// warm remembers the answer that the inquiry came to by the only question's
// response alone, if that is how it did. added and last are what there was before
// it began: what has come since must not be taken for heard.
func (i *ocspInquiry) warm(added *ocspAdded, last *ocspVerdict, from *spot[*ocspResponse], a Answer) {
	kept := from.kept.Load()
	if a.Status != Good || len(i.subject.questions) != 1 || !i.fresh.nocheck || len(i.errs) > 0 || len(i.q.Stapled) > 0 || kept == nil {
		return
	}
	h := kept.current.Load()
	if h == nil || &h.doc.verdict != i.fresh {
		return // it was another's
	}
	w := &ocspWarm{kept: kept, held: h.number, added: added, last: last, answer: a}
	w.answer.Cached = true
	w.from, w.until = i.fresh.times()
	i.subject.warm.Store(w)
}

// times returns the first and the last time at which current finds nothing wrong.
func (v *ocspVerdict) times() (from, until time.Time) {
	from, until = v.thisUpdate, expiry(v.thisUpdate, v.nextUpdate)
	if v.producedAt.After(from) {
		from = v.producedAt
	}
	from = from.Add(-clockTolerance)
	if v.responder != nil && v.responder.NotBefore.After(from) {
		from = v.responder.NotBefore
	}
	if v.responder != nil && v.responder.NotAfter.Before(until) {
		until = v.responder.NotAfter
	}
	return from, until
}
