// SPDX-License-Identifier: Apache-2.0

package known

import (
	"bytes"
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"
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
