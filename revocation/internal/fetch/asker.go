// SPDX-License-Identifier: Apache-2.0

// Package fetch asks for documents: each once however many callers wait, again
// when it is due, and soon again after a failure. It knows nothing of what a
// document is.
package fetch

import (
	"container/heap"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

const (
	// headStart is how long one of several URLs has to itself.
	headStart = time.Second

	// maxOutstanding bounds the attempts of one target that have not returned,
	// because what a target calls may not look at its context.
	maxOutstanding = 2

	// runTimeout bounds an attempt of Run: a large CRL takes minutes. A Fetcher
	// may have a shorter time of its own.
	runTimeout = 5 * time.Minute

	// callTimeout bounds one that a caller has begun. It goes on when he leaves,
	// so that a document which takes longer than a handshake has is there for
	// the next. What takes longer than this, too, is given what an attempt of Run has
	// the next time, while Run is going: callers may come before each of these.
	callTimeout = 20 * time.Second

	// askTimeout is how long an attempt is waited for, from its start: half of
	// what a handshake's check is given. It also bounds an attempt that is
	// begun beside one which hangs, so that the next one can take its place.
	askTimeout = 5 * time.Second

	// maxBackoff bounds for how long Run leaves a target alone after failures.
	maxBackoff = 5 * time.Minute

	// maxWatches bounds the targets that are looked after. URLs come from
	// certificates that a pinned CA signed, so this is a matter of memory.
	maxWatches = 100_000
)

// An Asker makes attempts. Its fields must not change once it is used. It is safe
// for concurrent use.
type Asker struct {
	Now     func() time.Time
	Refresh time.Duration               // between two looks at a target at most, fetching included
	Failed  func(url string, err error) // is told of failures; nil: not told

	MaxWatches int // that are looked after; zero: 100,000

	// Pause returns for how long the server behind an error wants not to be
	// asked, which Run heeds; nil: zero.
	Pause func(error) time.Duration

	mu      sync.Mutex
	watches map[string]*Watch
	due     schedule
	wake    chan struct{}     // of Run
	runs    []context.Context // of each Run that is going
	hosts   map[string]*host
}

// A host is what several targets ask.
type host struct {
	failed  time.Time // when an attempt last failed; zero: the last one did not
	flights []*flight
}

// Watch looks after a target from now on, and returns the one of the same key if
// there is one.
func (a *Asker) Watch(t Target) *Watch {
	a.mu.Lock()
	defer a.mu.Unlock()
	if w := a.watches[t.Key]; w != nil {
		return w
	}
	if a.watches == nil {
		a.watches = map[string]*Watch{}
	}
	if t.Every <= 0 {
		t.Every = a.Refresh
	}
	w := &Watch{Target: t, index: -1}
	w.used.Store(true)
	a.add(w)
	a.schedule(w, a.Now())
	return w
}

// Known returns the watch of a key, nil if there is none.
func (a *Asker) Known(key string) *Watch {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.watches[key]
}

// Watches returns everything that is looked after.
func (a *Asker) Watches() (watches []*Watch) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, w := range a.watches {
		watches = append(watches, w)
	}
	return watches
}

// Asked reports whether an attempt has ever ended or been under way for a head
// start.
func (a *Asker) Asked(w *Watch) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(w.flights) == 0 {
		return !w.lastStart.IsZero()
	}
	return a.since(w.lastStart) >= headStart || w.lastErr != nil || !w.lastLook.IsZero()
}

// Err returns how the last attempt ended. If it was well, and one has been under way
// since for so long that no caller waits for it, it is said that this one hangs.
func (a *Asker) Err(w *Watch) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	hangs := func(f *flight) bool { return time.Since(f.began) >= askTimeout }
	if w.lastErr == nil && slices.ContainsFunc(w.flights, hangs) {
		return errHangs
	}
	return w.lastErr
}

var errHangs = fmt.Errorf("no answer for %s: %w", askTimeout, context.DeadlineExceeded)

// Failing reports whether an attempt that began at a time or later has ended, or
// been under way for a head start.
func (a *Asker) Failing(w *Watch, since time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.noteEnded(w)
	return !w.lastEnded.IsZero() && !w.lastEnded.Before(since.Round(0))
}

// noteEnded notes attempts that have been under way for a head start, which as
// good as ended.
func (a *Asker) noteEnded(w *Watch) {
	for _, f := range w.flights {
		if a.since(f.start) >= headStart && f.start.After(w.lastEnded) {
			w.lastEnded = f.start
		}
	}
}

// Troubled reports whether the last attempt at a host failed a moment ago, or one
// has been under way for longer than a head start.
func (a *Asker) Troubled(name string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	h := a.hosts[name]
	return h != nil && (!h.failed.IsZero() && a.since(h.failed) < retryAfter ||
		slices.ContainsFunc(h.flights, func(f *flight) bool { return a.since(f.start) > headStart }))
}

// Hangs reports whether an attempt at a host has been under way for a head start.
func (a *Asker) Hangs(name string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	h := a.hosts[name]
	return h != nil && slices.ContainsFunc(h.flights, func(f *flight) bool { return a.since(f.start) >= headStart })
}

// since is how long ago a time was by the wall clock; a time ahead of it was
// longer ago than anything.
func (a *Asker) since(t time.Time) time.Duration {
	if d := a.Now().Sub(t); d >= 0 {
		return d
	}
	return 1<<63 - 1
}

// add adds a target to those that are fetched again. If there are too many, another
// one is dropped for it: of a few, one that has not been used since it was last
// fetched, or any. The next check that uses a dropped target adds it again.
func (a *Asker) add(w *Watch) {
	most := a.MaxWatches
	if most == 0 {
		most = maxWatches
	}
	var victim *Watch
	seen := 0
	for _, other := range a.watches { // begins anywhere
		if len(a.watches) < most || seen == 16 {
			break
		}
		if seen++; victim == nil || !other.used.Load() || victim.Until == nil {
			victim = other
		}
	}
	if victim != nil {
		delete(a.watches, victim.Key)
		if victim.index >= 0 {
			heap.Remove(&a.due, victim.index)
		}
		victim.dueAt.Store(0) // overdue, if it is still in use
	}
	a.watches[w.Key] = w
}

// schedule sets when a target is due. a.mu is held.
func (a *Asker) schedule(w *Watch, at time.Time) {
	w.dueAt.Store(at.UnixNano())
	if w.queued {
		return
	}
	if w.index >= 0 {
		heap.Fix(&a.due, w.index)
	} else {
		heap.Push(&a.due, w)
	}
	if w.index == 0 && a.wake != nil {
		select {
		case a.wake <- struct{}{}:
		default:
		}
	}
}

// A State is how a target stands.
type State struct {
	Key, URL string
	LastLook time.Time // start of the last look that succeeded; zero: none
	NextLook time.Time
	Err      error // of the last attempt
}

// States returns how each target stands.
func (a *Asker) States() (states []State) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, w := range a.watches {
		states = append(states, State{w.Key, w.URL, w.lastLook, w.Due(), w.lastErr})
	}
	return states
}
