// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"container/heap"
	"context"
	"slices"
	"time"
)

const (
	maxAtOnce    = 32 // looks of Run under way
	maxOfOneHost = 4  // one that hangs must not hold up the others
)

// Run looks at each target when it is due, until ctx ends, and returns ctx.Err().
func (a *Asker) Run(ctx context.Context) error {
	a.mu.Lock()
	if a.wake == nil {
		a.wake = make(chan struct{}, 1)
	}
	wake := a.wake
	// One of its own, that leave finds among those of other Runs.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	a.runs = append(a.runs, ctx)
	a.mu.Unlock()
	r := runner{asker: a, hosts: map[string]int{}, waiting: map[string][]*Watch{}, ended: make(chan *Watch, maxAtOnce)}
	for ctx.Err() == nil {
		timer := time.NewTimer(r.begin(ctx))
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-wake:
		case w := <-r.ended:
			r.end(w)
		}
		timer.Stop()
	}
	r.leave(ctx)
	return ctx.Err()
}

// A runner is one Run.
type runner struct {
	asker   *Asker
	clock   time.Time // when it last began looks; zero: never
	all     int
	hosts   map[string]int
	ready   []*Watch            // that are due, and whose host has room
	waiting map[string][]*Watch // that are due, and whose host has not
	ended   chan *Watch
}

// begin begins what is due and has room, and returns how long to wait.
func (r *runner) begin(ctx context.Context) time.Duration {
	a := r.asker
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.Now()
	if now.Before(r.clock) || r.clock.IsZero() {
		a.due.setBack(now)
	}
	r.clock = now
	for len(a.due) > 0 && a.due[0].Overdue(now) {
		w := heap.Pop(&a.due).(*Watch)
		if w.idle(now) {
			delete(a.watches, w.Key)
			continue
		}
		if n := len(w.flights); n > 0 && a.since(w.flights[n-1].start) < runTimeout {
			a.schedule(w, now.Add(retryAfter)) // its end schedules it, too
			continue
		}
		w.queued = true
		if r.hosts[w.Host] < maxOfOneHost {
			r.hosts[w.Host]++
			r.ready = append(r.ready, w)
		} else {
			r.waiting[w.Host] = append(r.waiting[w.Host], w)
		}
	}
	for ; r.all < maxAtOnce && len(r.ready) > 0; r.ready = r.ready[1:] {
		w := r.ready[0]
		r.all++
		w.queued = false
		done := make(chan struct{}, 1)
		if f := a.start(ctx, true, w); f != nil {
			f.waiting = append(f.waiting, done)
		} else {
			done <- struct{}{}
		}
		if w.index < 0 { // none was begun, and the end of one under way need not say when to look again
			a.schedule(w, w.again(now))
		}
		go func() {
			select {
			case <-done:
			case <-time.After(retryAfter): // what hangs is not to keep its room
			case <-ctx.Done():
			}
			r.ended <- w
		}()
	}
	wait := lookAgain
	if len(a.due) > 0 {
		wait = min(wait, max(time.Duration(a.due[0].dueAt.Load()-now.UnixNano()), time.Millisecond))
	}
	return wait
}

// again returns when to look at a target at which no look could be begun. A caller's may
// have succeeded since it was due.
func (w *Watch) again(now time.Time) time.Time {
	if !w.Overdue(now) {
		return w.Due()
	}
	next, latest := w.lastStart.Add(w.wait), now.Add(retryAfter)
	if !next.After(now) || next.After(latest) { // the clock may have gone back
		return latest
	}
	return next
}

// idle reports whether no caller has asked for a target since the last look though
// what it brought has run out.
func (w *Watch) idle(now time.Time) bool {
	if w.used.Swap(false) || !w.Forget || w.Until == nil {
		return false
	}
	until := w.Until()
	return !until.IsZero() && now.After(until)
}

// end gives the room of a look to the next.
func (r *runner) end(w *Watch) {
	r.all--
	if next := r.waiting[w.Host]; len(next) > 0 {
		r.ready = append(r.ready, next[0])
		r.waiting[w.Host] = next[1:]
		return
	}
	delete(r.waiting, w.Host)
	if r.hosts[w.Host]--; r.hosts[w.Host] == 0 {
		delete(r.hosts, w.Host)
	}
}

// leave waits for the goroutines of the run, and gives back to the schedule what
// was not begun.
func (r *runner) leave(ctx context.Context) {
	for ; r.all > 0; r.all-- {
		<-r.ended
	}
	a := r.asker
	a.mu.Lock()
	defer a.mu.Unlock()
	a.runs = slices.DeleteFunc(a.runs, func(run context.Context) bool { return run == ctx })
	for _, waiting := range r.waiting {
		r.ready = append(r.ready, waiting...)
	}
	for _, w := range r.ready {
		w.queued = false
		a.schedule(w, time.Unix(0, w.dueAt.Load()))
	}
}
