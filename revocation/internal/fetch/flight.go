// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"
)

// clockTolerance is by how much clocks may differ before one was set back.
const clockTolerance = time.Second

// grace is how long a Fetcher that minds its context may take to say so.
const grace = 100 * time.Millisecond

// A flight is one attempt and those who wait for it. The Loader's mu guards it.
type flight struct {
	at      *Location
	begun   time.Time
	ask     bool // a caller waited for it when it began
	waiters []chan<- struct{}
	ended   bool
	err     error // once it has ended
	onEnd   func()
	launch  func() // begins the request
}

// start begins an attempt, or has it begin when its host has room. l.mu is held.
// ctx may end it, timeout does.
func (l *Loader) start(ctx context.Context, at *Location, ask bool) *flight {
	now := l.clock()
	f := &flight{at: at, begun: now, ask: ask}
	at.begun, at.retry = now, jittered(Retry)
	at.used.Store(ask || at.used.Load())
	if at.outstanding >= 2 {
		f.ended, f.err = true, &Error{at.URL(), ErrOutstanding}
		at.err = f.err
		at.failures++
		l.plan(at, l.dueAgain(at))
		return f
	}
	at.outstanding++
	at.flight = f
	f.launch = func() {
		f.begun = l.clock()
		at.begun = f.begun
		at.host.flights = append(at.host.flights, f)
		timeout := orElse(l.LookTimeout, DefaultLookTimeout)
		if ask {
			timeout = orElse(l.Timeout, DefaultTimeout)
			at.host.asks++
		}
		ctx, cancel := context.WithTimeout(ctx, timeout)
		// For a Fetcher that ignores its context: whoever waits does not.
		watch := time.AfterFunc(timeout+grace, func() { l.finish(f, &Error{at.URL(), ErrNoAnswer}, false) })
		go func() {
			defer cancel()
			err := l.attempt(ctx, at, f)
			watch.Stop()
			l.finish(f, err, true)
		}()
	}
	if ask && at.host.asks >= asksPerHost {
		at.host.waiting = append(at.host.waiting, f)
	} else {
		f.launch()
	}
	return f
}

// finish ends an attempt, once; returned says that its request is no longer
// outstanding. An answer that comes after the end is an answer all the same.
func (l *Loader) finish(f *flight, err error, returned bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at, now := f.at, l.clock()
	if returned {
		at.outstanding--
	}
	if f.ended && err != nil {
		return
	}
	was := at.err
	if err == nil {
		if f.begun.After(at.answered) || at.answered.After(now) {
			at.answered, at.looked = f.begun, f.begun
		}
		at.failures, at.err = 0, nil
		at.host.failed = time.Time{}
		l.plan(at, l.dueAfter(f.begun, now.Sub(f.begun)))
	}
	if f.ended {
		return
	}
	f.ended, f.err = true, err
	if at.flight == f {
		at.flight = nil
	}
	if err != nil {
		at.host.failed = now
	}
	if err != nil && at.flight == nil {
		at.failures++
		at.err = err
		l.plan(at, l.dueAgain(at))
	}
	l.logChange(at, was)
	at.host.remove(f)
	if f.ask {
		at.host.asks--
	}
	for at.host.asks < asksPerHost && len(at.host.waiting) > 0 {
		next := at.host.waiting[0]
		at.host.waiting = at.host.waiting[1:]
		next.launch()
	}
	if f.onEnd != nil {
		f.onEnd()
	}
	for _, w := range f.waiters {
		select {
		case w <- struct{}{}:
		default:
		}
	}
}

// logChange logs when a location begins or ends to fail.
func (l *Loader) logChange(at *Location, was error) {
	switch {
	case l.Logger == nil:
	case at.err != nil && was == nil:
		l.Logger.LogAttrs(context.Background(), slog.LevelWarn, "document not fetched",
			slog.String("url", at.URL()), slog.Any("error", at.err), slog.Time("lastLook", at.looked))
	case at.err == nil && was != nil:
		l.Logger.LogAttrs(context.Background(), slog.LevelInfo, "document fetched again", slog.String("url", at.URL()))
	}
}

// mayStart reports whether an attempt may begin: none is under way, or only one
// that is older than Retry or than since, and the last one began Retry ago,
// before since, or in the future, which is to say that the clock was set back.
// l.mu is held.
func (l *Loader) mayStart(at *Location, since time.Time) bool {
	if at.begun.IsZero() {
		return true
	}
	now := l.clock()
	if at.flight != nil && at.outstanding >= 2 {
		return false
	}
	return at.begun.Before(since) || at.begun.After(now.Add(clockTolerance)) || now.Sub(at.begun) >= at.retry
}

// jittered returns a little less than d, so that a fleet does not ask at once.
func jittered(d time.Duration) time.Duration {
	return d - time.Duration(rand.Float64()*0.2*float64(d))
}
