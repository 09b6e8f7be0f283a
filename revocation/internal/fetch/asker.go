// SPDX-License-Identifier: Apache-2.0

// Package fetch asks for documents: each once however many callers wait, again
// when it is due, and soon again after a failure. It knows nothing of what a
// document is.
package fetch

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// retryAfter is how long after the start of an attempt the next one may
	// begin, whatever became of it.
	retryAfter = 15 * time.Second

	// headStart is how long one of several URLs has to itself.
	headStart = time.Second

	// maxOutstanding bounds the attempts of one target that have not returned,
	// because what a target calls may not look at its context.
	maxOutstanding = 2

	// minWait bounds how soon a target that is about to run out is asked again.
	minWait = time.Second

	// askTimeout bounds an attempt that somebody waits for or that a caller has
	// begun, runTimeout one of Run: a large CRL takes minutes. A Fetcher may have
	// shorter ones of its own.
	askTimeout = 20 * time.Second
	runTimeout = 5 * time.Minute
)

// A Target is something to ask for, again and again.
type Target struct {
	Key  string // what it is known by
	URL  string // for State
	Host string // bounds how many of one host are asked at once

	Every time.Duration // between two looks at most; zero: Asker.Refresh

	// Do makes one attempt. It hands on what came before it returns.
	Do func(ctx context.Context) error

	// Until returns when what the attempts have brought runs out, the zero time if
	// it does not; nil: it never does.
	Until func() time.Time
}

// An Asker makes attempts. Its fields must not change once it is used. It is safe
// for concurrent use.
type Asker struct {
	Now     func() time.Time
	Refresh time.Duration               // between two looks at a target at most, fetching included
	Failed  func(url string, err error) // is told of failures; nil: nobody

	mu      sync.Mutex
	watches map[string]*Watch
	due     schedule
	wake    chan struct{}        // of Run
	trouble map[string]time.Time // when a host last failed, or hung
}

// A Watch is a Target that is looked after.
type Watch struct {
	Target
	used  atomic.Bool  // since the last look of Run
	dueAt atomic.Int64 // nanoseconds since 1970; when the next look is due

	// Under Asker.mu.
	flights   []*flight
	lastStart time.Time     // of an attempt
	wait      time.Duration // from lastStart until the next may begin
	lastLook  time.Time     // start of the last attempt that succeeded
	lastErr   error         // of the last attempt; nil: it succeeded
	index     int           // in the schedule; -1: not in it
	queued    bool          // by Run
}

// A flight is one attempt.
type flight struct {
	start   time.Time
	done    bool
	err     error
	waiting []chan<- struct{}
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
	a.watches[t.Key] = w
	a.schedule(w, a.Now())
	return w
}

// Known returns the watch of a key, nil if there is none.
func (a *Asker) Known(key string) *Watch {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.watches[key]
}

// Overdue reports whether a look is due, or the clock has gone back behind the
// last one.
func (w *Watch) Overdue(now time.Time) bool {
	due := w.dueAt.Load()
	n := now.UnixNano()
	return n >= due || due-n > int64(max(w.Every, retryAfter))
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

// Err returns how the last attempt ended.
func (a *Asker) Err(w *Watch) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return w.lastErr
}

// Failing reports whether the last attempt since a time has failed, or has been
// under way for a head start.
func (a *Asker) Failing(w *Watch, since time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if w.lastStart.Before(since) {
		return false
	}
	return len(w.flights) == 0 || a.since(w.lastStart) >= headStart
}

// Troubled reports whether a host failed or hung a moment ago.
func (a *Asker) Troubled(host string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	t, ok := a.trouble[host]
	return ok && a.since(t) < retryAfter
}

// since is how long ago a time was by the wall clock; a time ahead of it was
// longer ago than anything.
func (a *Asker) since(t time.Time) time.Duration {
	if d := a.Now().Sub(t); d >= 0 {
		return d
	}
	return 1<<63 - 1
}

// Look starts an attempt unless one is under way or was begun a moment ago. It
// does not wait.
func (a *Asker) Look(w *Watch) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.start(w, askTimeout)
}

// Used notes that somebody rests on a target.
func (w *Watch) Used() {
	if !w.used.Load() {
		w.used.Store(true)
	}
}

// start returns the attempt that is under way, or a new one; nil if the last one
// was begun a moment ago. a.mu is held.
func (a *Asker) start(w *Watch, timeout time.Duration) *flight {
	now := a.Now().Round(0)
	if a.early(w, now) || len(w.flights) == maxOutstanding {
		if len(w.flights) > 0 {
			return w.flights[len(w.flights)-1]
		}
		return nil
	}
	if n := len(w.flights); n > 0 {
		a.troubled(w.Host, now) // it has been under way for so long
	}
	a.watches[w.Key] = w // Run may have dropped it
	f := &flight{start: now}
	w.flights = append(w.flights, f)
	w.lastStart, w.wait = now, jitter(retryAfter)
	a.schedule(w, now.Add(w.wait))
	go a.attempt(w, f, timeout)
	return f
}

// early reports whether it is too early for another attempt. What has run out
// since a look that succeeded is asked for at once.
func (a *Asker) early(w *Watch, now time.Time) bool {
	if a.since(w.lastStart) >= w.wait {
		return false
	}
	if len(w.flights) > 0 || w.lastErr != nil || w.Until == nil {
		return true
	}
	until := w.Until()
	return !until.After(w.lastStart) || !now.After(until)
}

func (a *Asker) troubled(host string, at time.Time) {
	if a.trouble == nil || len(a.trouble) > 10_000 {
		a.trouble = map[string]time.Time{}
	}
	a.trouble[host] = at
}

// next returns when to look again after a look that succeeded: a tenth of the
// interval is for the fetching, and what runs out before is asked for in the
// second half of what is left of it.
func (w *Watch) next(start time.Time) time.Time {
	wait := jitter(w.Every - w.Every/10)
	if w.Until == nil {
		return start.Add(wait)
	}
	if until := w.Until(); !until.IsZero() {
		left := until.Sub(start)
		if left <= 0 {
			left = lookAgain
		}
		wait = min(wait, max(jitter(left*8/10), minWait))
	}
	return start.Add(wait)
}

// jitter returns a time somewhat shorter, so that a fleet that started together
// does not ask together.
func jitter(d time.Duration) time.Duration {
	return d - time.Duration(rand.Float64()*0.2*float64(d))
}

func (a *Asker) attempt(w *Watch, f *flight, timeout time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	err := do(ctx, w)
	if err != nil && a.Failed != nil {
		a.Failed(w.URL, err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, other := range w.flights {
		if other == f {
			w.flights = append(w.flights[:i:i], w.flights[i+1:]...)
			break
		}
	}
	f.done, f.err = true, err
	if !f.start.Before(w.lastLook) || a.since(w.lastLook) < 0 {
		w.lastErr = err
		if err == nil {
			w.lastLook = f.start
		}
	}
	if err == nil {
		delete(a.trouble, w.Host)
		a.schedule(w, w.next(f.start))
	} else {
		a.troubled(w.Host, a.Now())
		a.schedule(w, f.start.Add(w.wait))
	}
	for _, c := range f.waiting {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// do makes an attempt, with a panic for an error: the goroutine has no caller who
// could recover.
func do(ctx context.Context, w *Watch) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the fetch panicked: %v", r)
		}
	}()
	return w.Do(ctx)
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
		states = append(states, State{w.Key, w.URL, w.lastLook, time.Unix(0, w.dueAt.Load()), w.lastErr})
	}
	return states
}
