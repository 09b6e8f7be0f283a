// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"context"
	"errors"
	"slices"
	"time"
)

// Ask asks the groups, all beside each other; within a group each location has a
// head start of HeadStart before the next one, less if it fails sooner. After
// each attempt that ends, enough is called by the same goroutine. Ask returns nil
// once it says true, and otherwise what went wrong at each location when all
// attempts have ended or ctx has: then with ctx's error for those under way.
//
// A location that was asked less than Retry ago is not asked again: what its
// attempt came to counts still, unless that began before since. An attempt that
// is under way is joined. Attempts are not cancelled with ctx: they have a time
// of their own, and what they bring is of use to the next caller. When Ask ends,
// a location that is overdue and was not asked, because others were enough, is
// looked at without waiting: the first of two mirrors may be old.
func (l *Loader) Ask(ctx context.Context, groups []Group, since time.Time, enough func() bool) error {
	woken := make(chan struct{}, 1)
	rounds := make([]round, len(groups))
	for i := range groups {
		rounds[i] = round{loader: l, group: groups[i], since: since.Round(0)}
	}
	defer func() {
		for _, g := range groups {
			l.lookIfOverdue(ctx, g)
		}
	}()
	timer := time.NewTimer(HeadStart)
	defer timer.Stop()
	for {
		news, ended, wait := false, true, HeadStart
		for i := range rounds {
			n, e, w := rounds[i].advance(ctx, woken)
			news, ended, wait = news || n, ended && e, min(wait, w)
		}
		if news && enough() {
			return nil
		}
		if ended {
			return outcome(rounds, nil)
		}
		timer.Reset(wait)
		select {
		case <-woken:
		case <-timer.C:
		case <-ctx.Done():
			return outcome(rounds, ctx.Err())
		}
	}
}

// A round is the asking of one group by one caller.
type round struct {
	loader  *Loader
	group   Group
	since   time.Time
	next    int // of group
	flights []*flight
	seen    int       // of flights, those that had ended
	latest  time.Time // when the last flight was joined or begun
}

// advance begins what it is time for. It reports whether an attempt has ended
// since the last call, whether all have, and after how long at most it is to be
// called again.
func (r *round) advance(ctx context.Context, woken chan<- struct{}) (news, ended bool, wait time.Duration) {
	l := r.loader
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		under, done := 0, 0
		for _, f := range r.flights {
			if f.ended {
				done++
			} else {
				under++
			}
		}
		news = news || done > r.seen
		r.seen = done
		if r.next == len(r.group) {
			return news, under == 0, HeadStart
		}
		last := len(r.flights) - 1
		if last >= 0 && !r.flights[last].ended {
			if wait = HeadStart - l.since(r.flights[last].begun); wait > 0 {
				return news, false, wait
			}
		} else if news {
			return news, false, 0 // it may have been enough
		}
		at := r.group[r.next]
		r.next++
		f := l.join(ctx, at, r.since)
		if f == nil {
			r.flights = append(r.flights, &flight{at: at, ended: true, err: at.err})
			r.seen++ // it is no news
			continue
		}
		if !f.ended {
			f.waiters = append(f.waiters, woken)
		}
		r.flights = append(r.flights, f)
	}
}

// since returns for how long something has been under way, by this clock.
func (l *Loader) since(begun time.Time) time.Duration { return max(0, l.clock().Sub(begun)) }

// join returns the attempt to wait for, a new one if there is none, or nil if
// the last one ended too little a while ago. l.mu is held.
func (l *Loader) join(ctx context.Context, at *Location, since time.Time) *flight {
	at.used.Store(true)
	if l.mayStart(at, since) {
		return l.start(context.WithoutCancel(ctx), at, true)
	}
	return at.flight
}

// outcome joins what went wrong, each reason once. reason is that of attempts
// which are still under way.
func outcome(rounds []round, reason error) error {
	var errs []error
	var texts []string
	for i := range rounds {
		r := &rounds[i]
		r.loader.mu.Lock()
		for _, f := range r.flights {
			err := f.err
			if !f.ended && reason != nil {
				err = &Error{f.at.URL(), reason}
			}
			if err == nil || slices.Contains(texts, err.Error()) {
				continue
			}
			errs, texts = append(errs, err), append(texts, err.Error())
		}
		r.loader.mu.Unlock()
	}
	return errors.Join(errs...)
}

// Look begins an attempt at each location and does not wait, unless one is under
// way or the last began less than Retry ago and not before since.
func (l *Loader) Look(ctx context.Context, since time.Time, locations ...*Location) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, at := range locations {
		at.used.Store(true)
		l.look(ctx, at, since)
	}
}

// look is Look for one location; l.mu is held. While Run is going, Run does it.
func (l *Loader) look(ctx context.Context, at *Location, since time.Time) {
	if at.flight != nil && !at.flight.begun.Before(since) || !l.mayStart(at, since.Round(0)) {
		return
	}
	if l.runner != nil && !at.gone.Load() {
		l.plan(at, l.clock())
		return
	}
	l.start(context.WithoutCancel(ctx), at, false)
}

// lookIfOverdue looks at those of the group whose look is overdue.
func (l *Loader) lookIfOverdue(ctx context.Context, g Group) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, at := range g {
		if at.begun.IsZero() || at.Use(l.clock()) {
			l.look(ctx, at, time.Time{})
		}
	}
}
