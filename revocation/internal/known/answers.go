// SPDX-License-Identifier: Apache-2.0

package known

import (
	"bytes"
	"cmp"
	"crypto/x509"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/der"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/ocsp"
)

// maxAnswered bounds the certificates that answers are kept about.
const maxAnswered = 100_000

// Answers is the set of OCSP answers. The zero value is empty. It is safe for
// concurrent use; readers take no lock.
type Answers struct {
	Most int // certificates that answers are kept about; zero: 100,000

	mu         sync.Mutex // held to change what follows
	buckets    buckets[*Reply]
	count      int // of the keys
	responders responders
	victims    []string // keys to be evicted next

	// forgotten is the latest thisUpdate of a revocation that was evicted, in
	// nanoseconds since 1970: a good answer that is not later clears nothing.
	forgotten atomic.Int64
	evicts    atomic.Bool   // whether anything was evicted
	forgot    atomic.Uint64 // changes with each eviction of a revocation
	evicted   evicted       // who revoked what
}

// Evicts reports whether what is known about a certificate was ever evicted to make room.
func (s *Answers) Evicts() bool { return s.evicts.Load() }

// Under returns the answers under a key.
func (s *Answers) Under(key string) []*Reply { return s.buckets.load(key) }

// Put puts a verified answer into the set, and reports whether it was not there
// before. What was superseded a day before horizon is forgotten.
func (s *Answers) Put(key string, r *Reply, horizon time.Time) (changed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.buckets.load(key)
	if slices.ContainsFunc(before, r.same) {
		return false
	}
	own := *r
	if r.Responder != nil {
		answer := *r.Answer
		answer.Responder = s.responders.intern(r.Key, r.Responder)
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
	if s.count > cmp.Or(s.Most, maxAnswered) {
		s.evict(key, horizon)
	}
	return true
}

// evict forgets what is known about one certificate other than the one that makes
// room necessary. A revocation goes only if nothing else is left. Then good answers
// that are not later than it clear nothing any more, whatever certificate they are
// about: one that was revoked is asked about again, and not taken for good because an
// answer from before its revocation is played back. Nor does another responder clear it
// than the one that revoked it. s.mu is held.
func (s *Answers) evict(but string, horizon time.Time) {
	if s.evictChosen(but, horizon) {
		return
	}
	var all []evictable
	s.buckets.each(func(key string, replies []*Reply) (more bool) {
		if key != but {
			all = append(all, newEvictable(key, replies, horizon))
		}
		return true
	})
	slices.SortFunc(all, evictable.compare)
	if first := all[0]; first.revoked {
		s.forget(first)
		return
	}
	s.victims = s.victims[:0]
	for _, e := range all[:1+len(all)/victimsInAdvance] {
		if !e.revoked {
			s.victims = append(s.victims, e.key)
		}
	}
	s.evictChosen(but, horizon)
}

// evictChosen evicts the next of those that were chosen and are still not revoked.
func (s *Answers) evictChosen(but string, horizon time.Time) (done bool) {
	for len(s.victims) > 0 {
		key := s.victims[0]
		s.victims = s.victims[1:]
		replies := s.buckets.load(key)
		if e := newEvictable(key, replies, horizon); len(replies) > 0 && key != but && !e.revoked {
			s.forget(e)
			return true
		}
	}
	return false
}

// forget forgets what is known about one certificate.
func (s *Answers) forget(e evictable) {
	if until := e.latest.UnixNano(); e.revoked && (s.forgot.Load() == 0 || until > s.forgotten.Load()) {
		s.forgotten.Store(until)
	}
	if e.revoked {
		for _, r := range s.buckets.load(e.key) {
			if r.Status == ocsp.Revoked {
				s.evicted.add(e.key, r.Key)
			}
		}
		s.forgot.Add(1)
	}
	s.buckets.remove(e.key)
	s.count--
	s.evicts.Store(true)
}

// forgottenUntil returns the latest thisUpdate of a revocation that was evicted; it is
// not ok if none was.
func (s *Answers) forgottenUntil() (until time.Time, ok bool) {
	ok = s.forgot.Load() > 0
	return time.Unix(0, s.forgotten.Load()), ok
}

// certificatesOf returns the certificates that a key is known to have answered with, for
// a decision, which depends on them.
func (s *Answers) certificatesOf(key Key, dependencies *Dependencies) []*x509.Certificate {
	dependencies.add(&s.responders.generation, s.responders.generation.Load()) // before they are read
	return s.responders.load()[key]
}

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
