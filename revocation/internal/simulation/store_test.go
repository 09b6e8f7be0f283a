// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// A member is one document of an entry, whatever it is ordered by.
type member struct {
	order  any
	digest [32]byte
	bytes  []byte
}

// A store is what the processes share: a database with entries that are joined.
type store struct {
	w  *world
	mu sync.Mutex

	entries map[string][]member
	replica map[string][]member // an asynchronous copy, of some time ago
	since   map[*document]time.Time
	hangs   bool
	fails   bool
	calm    time.Time // since when it has lost nothing and answered
	torn    bool      // a process ended that may not have put back all that was lost
	damage  error     // done by a merge
}

func (s *store) healthy() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.hangs && !s.fails
}

func (s *store) hanging() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hangs
}

func (s *store) failing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fails
}

// fault changes how the store answers from now on.
func (s *store) fault(hangs, fails bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hangs, s.fails, s.calm = hangs, fails, time.Now()
}

func (s *store) calmSince() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calm
}

// settled is how long after a fault of the store each process that has lived on has
// put back, under every key that it was asked by, what it knows.
const settled = refresh + time.Minute

// whole reports whether what was lost is back under all of its keys, and not under some
// only.
func (s *store) whole() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.torn && time.Since(s.calm) > settled
}

// left notes that a process ends.
func (s *store) left() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.torn = s.torn || time.Since(s.calm) <= settled
}

// lainSince returns since when a document has lain in the store without a break.
func (s *store) lainSince(d *document) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.since[d]
}

// origins returns the URLs at which the processes found a document.
func (s *store) origins(d *document) []string {
	s.w.found.Lock()
	defer s.w.found.Unlock()
	return slices.Clone(s.w.origins[d])
}

// damaged returns what is wrong with a merge, if one was.
func (s *store) damaged() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.damage
}

// A handle is a process's way to the store.
type handle struct {
	store *store
	node  *node
	ended chan struct{}
}

var errDown = errors.New("the store is down")

// wait takes as long as the store does, and reports whether it can go on.
func (h *handle) wait(ctx context.Context) error {
	if h.store.hanging() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-h.ended:
			return errDown
		}
	}
	select {
	case <-time.After(time.Millisecond):
	case <-ctx.Done():
		return ctx.Err()
	case <-h.ended:
		return errDown
	}
	if h.store.failing() {
		return errDown
	}
	return nil
}

func (h *handle) get(ctx context.Context, keys ...string) (map[string][]member, error) {
	if err := h.wait(ctx); err != nil {
		return nil, err
	}
	h.store.mu.Lock()
	found := make(map[string][]member)
	for _, key := range keys {
		if members := h.store.entries[key]; members != nil {
			found[key] = slices.Clone(members)
		}
	}
	h.store.mu.Unlock()
	for _, members := range found {
		for _, m := range members {
			if d := h.store.w.library.find(m.bytes); d != nil && d.places != nil || d != nil && d.kind == answer {
				h.node.learn(d, ifWanted, "")
			} else if d != nil {
				// Each member says one URL. If there are fewer, some are lost, and the
				// order of a member is its process's own affair.
				urls, how := h.store.origins(d), ifWanted
				if count(members, m) < len(urls) {
					how = perhaps
				}
				for _, url := range urls {
					h.node.learn(d, how, placeIn(url))
				}
			}
		}
	}
	return found, nil
}

// count returns how many of the members are the same document.
func count(members []member, m member) (n int) {
	for _, other := range members {
		if other.digest == m.digest {
			n++
		}
	}
	return n
}

func (h *handle) merge(ctx context.Context, key string, join func(a, b []member) []member, members ...member) error {
	if err := h.wait(ctx); err != nil {
		return err
	}
	h.store.mu.Lock()
	defer h.store.mu.Unlock()
	before := slices.Concat(h.store.entries[key], members)
	h.store.entries[key] = join(h.store.entries[key], members)
	h.joined(before, h.store.entries[key])
	for _, m := range members {
		if d := h.store.w.library.find(m.bytes); d != nil && h.store.since[d].IsZero() {
			h.store.since[d] = time.Now()
		}
	}
	return nil
}

// joined holds a merge against the rule that only what something superseded that
// began a day ago may be gone.
func (h *handle) joined(before, after []member) {
	left := h.store.found(after)
	o := oracle{at: h.node.now().Add(-24 * time.Hour)}
	for _, d := range h.store.found(before) {
		if !contains(left, d) && !o.replaced(d, left) && h.store.damage == nil {
			h.store.damage = fmt.Errorf("a merge has lost %s, and what is left is\n%s", d, list(undirected(left)))
		}
	}
}

// found returns the documents of members.
func (s *store) found(members []member) (documents []*document) {
	for _, m := range members {
		if d := s.w.library.find(m.bytes); d != nil {
			documents = append(documents, d)
		}
	}
	return documents
}

// undirected returns documents without the places that they came from.
func undirected(documents []*document) (known []knownDocument) {
	for _, d := range documents {
		known = append(known, knownDocument{d, ""})
	}
	return known
}

// copy makes the replica, promote puts it in the place of the store.
func (s *store) copy() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.replica = maps.Clone(s.entries)
}

func (s *store) promote() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entries = maps.Clone(s.replica)
	if s.entries == nil {
		s.entries = map[string][]member{}
	}
	s.lost()
}

func (s *store) flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entries = map[string][]member{}
	s.lost()
}

// evict drops one entry as a whole.
func (s *store) evict(i int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if keys := slices.Sorted(maps.Keys(s.entries)); len(keys) > 0 {
		delete(s.entries, keys[i%len(keys)])
	}
	s.lost()
}

// lost notes that documents have gone. The caller holds the lock.
func (s *store) lost() {
	s.calm = time.Now()
	s.since = make(map[*document]time.Time)
	for d := range s.lying() {
		s.since[d] = s.calm
	}
}

// documents returns what lies in the store.
func (s *store) documents() map[*document]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lying()
}

// lying is documents; the caller holds the lock.
func (s *store) lying() map[*document]bool {
	found := make(map[*document]bool)
	for _, members := range s.entries {
		for _, d := range s.found(members) {
			found[d] = true
		}
	}
	return found
}
