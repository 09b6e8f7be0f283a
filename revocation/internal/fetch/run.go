// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"container/heap"
	"context"
	"math/rand/v2"
	"time"
)

const (
	// looks bounds how many attempts Run has under way.
	looks = 32

	// atLeast is how often Run reads the clock: its timers stand still while
	// the machine is suspended.
	atLeast = time.Minute

	// maxRetry bounds for how long Run leaves a location alone after a failure.
	maxRetry = 5 * time.Minute
)

// A runner is one call of Run. The Loader's mu guards it.
type runner struct {
	ctx   context.Context
	wake  chan struct{}
	looks int
	ready []*host // that have room, and locations queued
	ended chan struct{}
}

// Run looks after the locations before their looks are older than Refresh, until
// ctx ends; then it cancels what is under way and returns ctx.Err(). A location
// on which nothing rests any more, and that nobody has used since it was last
// looked after, is left alone until it is used again. One Run at a time may be
// going; another returns ErrAlreadyGoing.
func (l *Loader) Run(ctx context.Context) error {
	r := &runner{ctx: ctx, wake: make(chan struct{}, 1)}
	l.mu.Lock()
	if l.runner != nil {
		l.mu.Unlock()
		return ErrAlreadyGoing
	}
	l.runner = r
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.runner = nil
		for _, h := range l.hosts {
			for _, at := range h.queue {
				at.queued = false
				l.plan(at, time.Unix(0, at.due.Load()))
			}
			h.queue, h.looks = nil, 0
		}
	}()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-r.wake:
		}
		timer.Reset(l.work(r))
	}
	return ctx.Err()
}

// work begins the looks that are due and for which there is room, and returns
// after how long to come back.
func (l *Loader) work(r *runner) time.Duration {
	for {
		l.mu.Lock()
		now := l.clock()
		if now.Before(l.latest.Add(-clockTolerance)) {
			l.replan(now)
		}
		l.latest = now
		at := l.schedule.first()
		if at == nil || time.Unix(0, at.due.Load()).After(now) {
			wait := time.Duration(atLeast)
			if at != nil {
				wait = min(wait, time.Unix(0, at.due.Load()).Sub(now))
			}
			l.mu.Unlock()
			return wait
		}
		l.schedule.remove(at)
		l.mu.Unlock()
		needed := at.needed()
		l.mu.Lock()
		if needed && r.ctx.Err() == nil && at.index < 0 && at.flight == nil {
			l.enqueue(r, at)
		}
		l.mu.Unlock()
	}
}

// needed reports whether a look at the location is of use to anybody.
func (at *Location) needed() (needed bool) {
	defer func() { needed = needed || recover() != nil }()
	switch {
	case at.target.Pinned || at.used.Load():
		return true
	case at.target.Needed != nil:
		return at.target.Needed()
	}
	return at.holds()
}

// enqueue begins a look, or has it wait for room. l.mu is held.
func (l *Loader) enqueue(r *runner, at *Location) {
	if at.queued {
		return
	}
	h := at.host
	if r.looks < looks && h.looks < looksPerHost {
		l.begin(r, at)
		return
	}
	at.queued = true
	h.queue = append(h.queue, at)
	if h.looks < looksPerHost && len(h.queue) == 1 {
		r.ready = append(r.ready, h)
	}
}

// begin begins a look of Run. l.mu is held.
func (l *Loader) begin(r *runner, at *Location) {
	at.used.Store(false)
	h := at.host
	f := l.start(r.ctx, at, false)
	if f.ended {
		return
	}
	r.looks++
	h.looks++
	f.onEnd = func() {
		r.looks--
		if l.runner != r {
			return // h.looks is another's
		}
		h.looks--
		if len(h.queue) > 0 && h.looks == looksPerHost-1 {
			r.ready = append(r.ready, h)
		}
		l.dequeue(r)
	}
}

// dequeue begins looks that waited, while there is room. l.mu is held.
func (l *Loader) dequeue(r *runner) {
	for r.looks < looks && len(r.ready) > 0 {
		h := r.ready[0]
		if len(h.queue) == 0 || h.looks >= looksPerHost {
			r.ready = r.ready[1:]
			continue
		}
		at := h.queue[0]
		h.queue = h.queue[1:]
		at.queued = false
		if r.ctx.Err() == nil && at.flight == nil && !at.gone.Load() && at.index < 0 {
			l.begin(r, at)
		}
	}
}

// plan schedules the next look. l.mu is held.
func (l *Loader) plan(at *Location, due time.Time) {
	at.due.Store(due.UnixNano())
	at.from.Store(min(at.looked.UnixNano(), due.UnixNano()))
	if at.looked.IsZero() {
		at.from.Store(0)
	}
	if at.gone.Load() {
		return
	}
	l.schedule.put(at)
	if l.runner != nil && l.schedule.first() == at {
		select {
		case l.runner.wake <- struct{}{}:
		default:
		}
	}
}

// replan makes due what was last looked after in the future: the clock was set
// back, and nobody knows by how much it was wrong before.
func (l *Loader) replan(now time.Time) {
	for _, at := range l.locations {
		if at.looked.After(now) || at.begun.After(now) {
			l.plan(at, now)
		}
	}
}

// dueAfter returns when the next look is due after one that began at the given
// time and took that long: early enough that it can take twice as long and ends
// within Refresh, and not at the same time in a whole fleet.
func (l *Loader) dueAfter(begun time.Time, took time.Duration) time.Time {
	refresh := l.refresh()
	wait := refresh*3/4 + time.Duration(rand.Float64()*0.1*float64(refresh))
	wait = min(wait, refresh-2*took)
	return begun.Add(max(wait, refresh/4))
}

// dueAgain returns when Run asks again after a failure: Retry after the start of
// the attempt, twice as long each time, within bounds. l.mu is held.
func (l *Loader) dueAgain(at *Location) time.Time {
	wait := at.retry << min(at.failures-1, 8)
	if l.RetryAfter != nil && at.err != nil {
		wait = max(wait, l.RetryAfter(at.err))
	}
	return at.begun.Add(min(wait, maxRetry, max(at.retry, l.refresh()/8)))
}

// A schedule is a heap of locations by when they are due.
type schedule []*Location

func (s schedule) Len() int           { return len(s) }
func (s schedule) Less(i, j int) bool { return s[i].due.Load() < s[j].due.Load() }
func (s schedule) Swap(i, j int) {
	s[i], s[j] = s[j], s[i]
	s[i].index, s[j].index = i, j
}

// Push implements heap.Interface.
func (s *schedule) Push(x any) {
	at := x.(*Location)
	at.index = len(*s)
	*s = append(*s, at)
}

// Pop implements heap.Interface.
func (s *schedule) Pop() any {
	last := len(*s) - 1
	at := (*s)[last]
	(*s)[last] = nil
	*s = (*s)[:last]
	at.index = -1
	return at
}

func (s *schedule) first() *Location {
	if len(*s) == 0 {
		return nil
	}
	return (*s)[0]
}

func (s *schedule) put(at *Location) {
	if at.index < 0 {
		heap.Push(s, at)
		return
	}
	heap.Fix(s, at.index)
}

func (s *schedule) remove(at *Location) {
	if at.index >= 0 {
		heap.Remove(s, at.index)
	}
}
