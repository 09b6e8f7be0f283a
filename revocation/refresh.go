// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"context"
	"net/url"
	"slices"
	"time"
)

const (
	// minRefresh bounds how soon a document is asked for again.
	minRefresh = time.Second

	// refreshing bounds how many documents are refreshed at once, and ofOneHost
	// how many of one host: one that hangs must not hold up the others.
	refreshing = 32
	ofOneHost  = 4
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

	underWay, hosts := map[*kept[T]]string{}, map[string]int{}
	finished := make(chan *kept[T], refreshing)
	for ctx.Err() == nil {
		due, next := k.due(k.clock())
		for _, e := range due {
			if len(underWay) == refreshing {
				break // its turn comes when another's is over
			}
			if _, already := underWay[e]; already {
				continue
			}
			host := e.host()
			if hosts[host] == ofOneHost {
				continue
			}
			underWay[e] = host
			hosts[host]++
			go func() {
				k.refresh(ctx, e)
				finished <- e
			}()
		}
		var timeout <-chan time.Time
		if !next.IsZero() {
			timeout = time.After(max(next.Sub(k.clock()), 0))
		}
		select {
		case <-ctx.Done():
		case <-timeout:
		case <-wake:
		case e := <-finished:
			hosts[underWay[e]]--
			delete(underWay, e)
		}
	}
	for range underWay {
		<-finished
	}
	return ctx.Err()
}

// host is whom a refresh of the document asks.
func (e *kept[T]) host() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.asks == "" {
		if u, err := url.Parse(e.request.URL); err == nil {
			e.asks = u.Host
		}
	}
	return e.asks
}

func (e *kept[T]) url() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.request.URL
}

// due returns the documents to refresh now, those first that have been due
// longest, and when the next one will be.
func (k *keeper[T]) due(now time.Time) (due []*kept[T], next time.Time) {
	since := map[*kept[T]]time.Time{}
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
				since[e] = at
			case next.IsZero() || at.Before(next):
				next = at
			}
		}
	}
	// In the order of the buckets some would fail again and again, and others wait.
	slices.SortFunc(due, func(x, y *kept[T]) int { return since[x].Compare(since[y]) })
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
		k.log(ctx, "document not refreshed", e.url(), f.err)
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
