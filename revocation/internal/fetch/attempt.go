// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Look starts an attempt unless one is under way or was begun a moment ago. It
// does not wait.
func (a *Asker) Look(w *Watch) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.start(context.Background(), false, w)
}

// start returns the attempt that is under way, or a new one; nil if the last one
// was begun a moment ago. ctx ends a new one, and so does how much time it has. a.mu is held.
func (a *Asker) start(ctx context.Context, byRun bool, w *Watch) *flight {
	now := a.Now().Round(0)
	// A look of Run that brought nothing new is no reason for a caller who has
	// nothing to go by to do without one.
	again := w.byRun && !byRun && len(w.flights) == 0 && w.lastErr == nil
	if a.early(w, now) && !again || len(w.flights) == maxOutstanding {
		if len(w.flights) > 0 {
			return w.flights[len(w.flights)-1]
		}
		return nil
	}
	timeout, run := callTimeout, a.going()
	switch {
	case len(w.flights) > 0:
		timeout = askTimeout
	case byRun:
		timeout = runTimeout
	case w.slow && run != nil:
		ctx, timeout = run, runTimeout
	}
	if a.watches[w.Key] == nil {
		a.add(w) // Run has dropped it, or there was no room
	}
	a.noteEnded(w)
	f := &flight{start: now, began: time.Now()}
	w.flights = append(w.flights, f)
	if a.hosts == nil {
		a.hosts = map[string]*host{}
	}
	if a.hosts[w.Host] == nil {
		a.hosts[w.Host] = &host{}
	}
	a.hosts[w.Host].flights = append(a.hosts[w.Host].flights, f)
	w.lastStart, w.wait, w.byRun = now, jitter(retryAfter), byRun
	a.schedule(w, now.Add(w.wait))
	go a.attempt(ctx, timeout, w, f)
	return f
}

// going returns the context of a Run that goes on; nil if none does. One that is about to
// return would end an attempt at once. a.mu is held.
func (a *Asker) going() context.Context {
	if i := slices.IndexFunc(a.runs, func(run context.Context) bool { return run.Err() == nil }); i >= 0 {
		return a.runs[i]
	}
	return nil
}

// early reports whether it is too early for another attempt. What has run out
// since the last one began is asked for at once.
func (a *Asker) early(w *Watch, now time.Time) bool {
	if a.since(w.lastStart) >= w.wait {
		return false
	}
	if w.Until == nil {
		return true
	}
	until := w.Until()
	return !until.After(w.lastStart) || !now.After(until)
}

// attempt makes an attempt and tells those who wait.
func (a *Asker) attempt(ctx context.Context, timeout time.Duration, w *Watch, f *flight) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err := do(ctx, w)
	if err != nil && a.Failed != nil {
		a.Failed(w.URL, err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	w.flights = without(w.flights, f)
	h := a.hosts[w.Host]
	h.flights = without(h.flights, f)
	f.done, f.err = true, err
	if timeout != askTimeout {
		w.slow = time.Since(f.began) >= callTimeout
	}
	if err != nil {
		h.failed = a.Now().Round(0)
	} else if h.failed = (time.Time{}); len(h.flights) == 0 {
		delete(a.hosts, w.Host)
	}
	a.conclude(w, f)
	for _, c := range f.waiting {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// conclude notes what became of an attempt, and when the next look is due. One
// that fails after a newer one succeeded says nothing.
func (a *Asker) conclude(w *Watch, f *flight) {
	if f.start.After(w.lastEnded) || w.lastEnded.After(a.Now()) {
		w.lastEnded = f.start
	}
	switch {
	case f.start.Before(w.lastLook) && !w.lastLook.After(a.Now()):
	case f.err == nil:
		w.lastLook, w.lastErr, w.failures = f.start, nil, 0
		a.schedule(w, w.next(f.start))
	default:
		w.lastErr = f.err
		w.failures++
		a.schedule(w, f.start.Add(a.backoff(w)))
	}
}

// backoff returns after how long, from the start of an attempt that failed, Run
// makes the next one. A caller that has no document to decide by asks sooner.
func (a *Asker) backoff(w *Watch) time.Duration {
	wait := w.wait << min(w.failures-1, 8)
	if a.Pause != nil {
		wait = max(wait, a.Pause(w.lastErr))
	}
	return min(wait, maxBackoff, max(w.wait, w.Every/8))
}

func without(flights []*flight, f *flight) []*flight {
	return slices.DeleteFunc(flights, func(other *flight) bool { return other == f })
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
