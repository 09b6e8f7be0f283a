// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"container/heap"
	"context"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

const (
	// retryAfter is how long after the start of an attempt the next one may
	// begin, whatever became of it.
	retryAfter = 15 * time.Second

	// minWait bounds how soon a target that is about to run out is asked again.
	minWait = 5 * time.Second

	// lookAgain is how often the wall clock is read at least: a timer does not
	// see that the clock was set or the machine asleep.
	lookAgain = time.Minute
)

// A Target is something to ask for, again and again.
type Target struct {
	Key  string // what it is known by
	URL  string // for State
	Host string // bounds how many of one host are asked at once

	Every time.Duration // between two looks at most; zero: Asker.Refresh

	// Forget says that the target need not be looked after any more when what it
	// brought has run out and no caller has asked for it since.
	Forget bool

	// Of is what the caller knows of the target, to be found by Known.
	Of any

	// Do makes one attempt. It hands on what came before it returns.
	Do func(ctx context.Context) error

	// Until returns when what the attempts have brought runs out, the zero time if
	// it does not; nil: it never does.
	Until func() time.Time
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
	lastEnded time.Time     // start of the last attempt that ended, or hangs
	lastErr   error         // of the last attempt; nil: it succeeded
	failures  int           // since the last attempt that succeeded
	index     int           // in the schedule; -1: not in it
	queued    bool          // by Run
	byRun     bool          // the last attempt was one of Run's
	slow      bool          // the last attempt that was begun alone took longer than a caller's may
}

// A flight is one attempt.
type flight struct {
	start   time.Time // by Asker.Now
	began   time.Time // by Go's monotonic clock, for those who wait
	done    bool
	err     error
	waiting []chan<- struct{}
}

// Overdue reports whether a look is due, or the clock has gone back behind the
// last one.
func (w *Watch) Overdue(now time.Time) bool {
	due := w.dueAt.Load()
	n := now.UnixNano()
	return n >= due || due-n > int64(max(w.Every, retryAfter))
}

// Due returns when the next look is due.
func (w *Watch) Due() time.Time { return time.Unix(0, w.dueAt.Load()) }

// Used notes that a decision used a target.
func (w *Watch) Used() {
	if !w.used.Load() {
		w.used.Store(true)
	}
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
			left = max(lookAgain, w.Every/8) // who needs it now, asks now
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

// A schedule is a heap of targets by when they are due.
type schedule []*Watch

func (s schedule) Len() int { return len(s) }

func (s schedule) Less(i, j int) bool { return s[i].dueAt.Load() < s[j].dueAt.Load() }

func (s schedule) Swap(i, j int) {
	s[i], s[j] = s[j], s[i]
	s[i].index, s[j].index = i, j
}

// Push implements heap.Interface.
func (s *schedule) Push(x any) {
	w := x.(*Watch)
	w.index = len(*s)
	*s = append(*s, w)
}

// Pop implements heap.Interface.
func (s *schedule) Pop() any {
	last := len(*s) - 1
	w := (*s)[last]
	(*s)[last] = nil
	*s = (*s)[:last]
	w.index = -1
	return w
}

// setBack has everything looked at now that is overdue by a clock that may have gone
// back: the first that is due says nothing of the others then.
func (s schedule) setBack(now time.Time) {
	for _, w := range s {
		if w.Overdue(now) {
			w.dueAt.Store(min(w.dueAt.Load(), now.UnixNano()))
		}
	}
	heap.Init(&s)
}
