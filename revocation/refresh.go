package revocation

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// minRefresh bounds how soon a document is asked for again.
	minRefresh = time.Second

	// refreshing bounds how many documents are refreshed at once.
	refreshing = 4
)

// run refreshes documents before their nextUpdate, until ctx ends; then it waits
// for what is under way and returns ctx.Err(). Documents that nobody has asked
// for since they were last refreshed are left to run out. Only one run at a time
// is of use.
func (k *keeper[T]) run(ctx context.Context) error {
	k.writing.Lock()
	if k.wake == nil {
		k.wake = make(chan struct{}, 1)
	}
	wake := k.wake
	k.writing.Unlock()
	for {
		due, next := k.due(k.clock())
		var group errgroup.Group
		group.SetLimit(refreshing)
		for _, e := range due {
			group.Go(func() error {
				k.refresh(ctx, e)
				return nil
			})
		}
		_ = group.Wait() // refresh has no error to return: it is kept with the document
		if len(due) > 0 && ctx.Err() == nil {
			continue
		}
		if err := sleep(ctx, next.Sub(k.clock()), !next.IsZero(), wake); err != nil {
			return err
		}
	}
}

// sleep returns after d, if it is bounded, when wake is heard, or with ctx.Err().
func sleep(ctx context.Context, d time.Duration, bounded bool, wake <-chan struct{}) error {
	var timeout <-chan time.Time
	if bounded {
		timer := time.NewTimer(max(d, 0))
		defer timer.Stop()
		timeout = timer.C
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timeout:
	case <-wake:
	}
	return ctx.Err()
}

// due returns the documents to refresh now, and when the next one will be.
func (k *keeper[T]) due(now time.Time) (due []*kept[T], next time.Time) {
	for i := range k.buckets {
		m := k.buckets[i].Load()
		if m == nil {
			continue
		}
		for _, e := range *m {
			h := e.current.Load()
			if h == nil || now.After(h.end) {
				continue
			}
			at := h.refresh
			e.mu.Lock()
			if e.failure.err != nil && e.failure.until.After(at) {
				at = e.failure.until
			}
			e.mu.Unlock()
			if !e.used.Load() && !at.After(now) {
				at = now.Add(max(h.end.Sub(now)/4, minRefresh)) // has somebody asked by then?
			}
			switch {
			case !at.After(now):
				due = append(due, e)
			case next.IsZero() || at.Before(next):
				next = at
			}
		}
	}
	return due, next
}

// refresh fetches a document anew and waits for it. Callers of get are not held
// up: what is at hand counts meanwhile.
func (k *keeper[T]) refresh(ctx context.Context, e *kept[T]) {
	if ctx.Err() != nil {
		return
	}
	e.used.Store(false)
	e.mu.Lock()
	if e.flight == nil {
		k.start(context.WithoutCancel(ctx), e, k.clock()) // others may come to wait for it
	}
	e.flight.waiting++
	f := e.flight
	e.mu.Unlock()
	select {
	case <-f.done:
	case <-ctx.Done():
		if e.leave(f, true) {
			<-f.done
		}
		return
	}
	if f.err != nil {
		e.used.Store(true) // what nobody asked for meanwhile is worth another attempt
		k.log(ctx, "document not refreshed", e.key, f.err)
	}
}

// reschedule has run look again for what is due.
func (k *keeper[T]) reschedule() {
	k.writing.Lock()
	wake := k.wake
	k.writing.Unlock()
	select {
	case wake <- struct{}{}:
	default:
	}
}
