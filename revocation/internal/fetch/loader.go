// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// A Loader asks locations. The fields must not change once it is used; its
// methods are safe for concurrent use.
type Loader struct {
	Fetcher      Fetcher       // nil: only Targets with Look
	Refresh      time.Duration // how old a look may become; zero: DefaultRefresh
	Timeout      time.Duration // of an attempt that a caller waits for; zero: DefaultTimeout
	LookTimeout  time.Duration // of one that nobody waits for; zero: DefaultLookTimeout
	MaxLocations int           // zero: DefaultMaxLocations
	Now          func() time.Time
	Logger       *slog.Logger // nil: none

	// RetryAfter returns for how long the server behind an error asks not to be
	// asked by Run; nil: zero. A caller who waits asks all the same.
	RetryAfter func(error) time.Duration

	mu        sync.Mutex // guards what follows and all of a Location but its atomics; never held while a Target's function or the Fetcher runs
	locations map[string]*Location
	hosts     map[string]*host
	schedule  schedule
	latest    time.Time // the latest time read, to see that the clock was set back
	runner    *runner   // nil: Run is not going
	warned    bool      // that MaxLocations was reached
}

// A Location is what a Loader knows of one Target. Its methods are safe for
// concurrent use.
type Location struct {
	loader *Loader
	target Target
	host   *host

	due  atomic.Int64 // when the next look is due, in Unix nanoseconds
	from atomic.Int64 // the last look; a clock that reads less was set back
	used atomic.Bool  // since the last look
	gone atomic.Bool  // evicted

	added       time.Time
	index       int     // in the schedule; -1: not in it
	queued      bool    // waits for its host to have room, in Run
	flight      *flight // the newest; nil: none is under way
	outstanding int     // requests that have not returned, ended or not

	begun    time.Time // start of the last attempt
	retry    time.Duration
	looked   time.Time // start of the last attempt that brought an answer, or as LookedAfter said
	answered time.Time // as looked, but only this process's own
	err      error     // of the last attempt
	failures int       // since the last answer

	etag, modified string
	whole          time.Time // start of the last unconditional request that brought an answer
}

// Find returns the location of that key, or nil.
func (l *Loader) Find(key string) *Location {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.locations[key]
}

// Add returns the location of the Target's key, which is followed from now on.
func (l *Loader) Add(t Target) *Location {
	l.mu.Lock()
	defer l.mu.Unlock()
	if at := l.locations[t.Key]; at != nil {
		return at
	}
	if l.locations == nil {
		l.locations, l.hosts = map[string]*Location{}, map[string]*host{}
	}
	l.makeRoom()
	now := l.clock()
	at := &Location{loader: l, target: t, host: l.hostOf(&t), index: -1, added: now}
	at.host.locations++
	at.used.Store(true)
	l.locations[t.Key] = at
	due := now
	if !t.Pinned {
		due = now.Add(2 * HeadStart) // whoever adds it mostly asks it, and those before it, at once
	}
	l.plan(at, due)
	return at
}

// Use notes that an answer rests on the location, and reports whether its look
// is overdue, or the location no longer followed and to be added again. It takes
// no lock.
func (at *Location) Use(now time.Time) (overdue bool) {
	if !at.used.Load() {
		at.used.Store(true)
	}
	nano := now.UnixNano()
	return nano >= at.due.Load() || nano < at.from.Load()-int64(clockTolerance) || at.gone.Load()
}

// Gone reports whether the location is no longer followed.
func (at *Location) Gone() bool { return at.gone.Load() }

// Key returns the Target's key.
func (at *Location) Key() string { return at.target.Key }

// URL returns the Target's URL, its key if it has none.
func (at *Location) URL() string {
	if at.target.Request.URL != "" {
		return at.target.Request.URL
	}
	return at.target.Key
}

// LookedAfter says that somebody else, of whom a shared cache tells, looked
// after the location at the given time. It is believed if that is not in the
// future, and for at most four times Refresh since this process's own last look.
func (at *Location) LookedAfter(t time.Time) {
	l := at.loader
	l.mu.Lock()
	defer l.mu.Unlock()
	t = t.Round(0)
	now := l.clock()
	own := at.answered
	if own.IsZero() {
		own = at.added
	}
	if t.After(now) || now.Sub(own) > 4*l.refresh() || !t.After(at.looked) || at.err != nil {
		return
	}
	at.looked = t
	if due := l.dueAfter(t, 0); due.UnixNano() > at.due.Load() {
		l.plan(at, due)
	}
}

// makeRoom evicts a location if there are MaxLocations: of a few, one on which
// nothing rests, or else any. What is evicted is added again when it is used.
func (l *Loader) makeRoom() {
	most := l.MaxLocations
	if most <= 0 {
		most = DefaultMaxLocations
	}
	if len(l.locations) < most {
		return
	}
	if !l.warned && l.Logger != nil {
		l.warned = true
		l.Logger.LogAttrs(context.Background(), slog.LevelWarn, "more locations are used than are followed", slog.Int("followed", most))
	}
	var victim *Location
	seen := 0
	for _, at := range l.locations { // begins anywhere
		if victim == nil || rank(at) < rank(victim) {
			victim = at
		}
		if seen++; seen == 16 {
			break
		}
	}
	delete(l.locations, victim.target.Key)
	victim.gone.Store(true)
	l.schedule.remove(victim)
	if victim.host.locations--; victim.host.locations == 0 && victim.host.idle() {
		delete(l.hosts, victim.host.name)
	}
}

// rank orders locations by how little would be lost with them.
func rank(at *Location) int {
	switch {
	case at.target.Pinned:
		return 3
	case at.flight != nil:
		return 2
	case at.used.Load():
		return 1
	}
	return 0
}

// clock returns the time of the wall clock.
func (l *Loader) clock() time.Time {
	if l.Now != nil {
		return l.Now().Round(0)
	}
	return time.Now().Round(0)
}

func (l *Loader) refresh() time.Duration {
	if l.Refresh > 0 {
		return l.Refresh
	}
	return DefaultRefresh
}

func orElse(d, otherwise time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return otherwise
}
