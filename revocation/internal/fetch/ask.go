// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"context"
	"time"
)

// Ask makes a look at each target and waits until enough says that what has come
// will do, there is nothing more to wait for, or ctx ends. The targets of a group
// are begun one after the other, each when the one before it has ended or had its
// head start; groups are asked side by side. An attempt that has been under way
// for askTimeout is not waited for any more, whichever caller began it; it goes on. What
// Ask has not begun when it returns is begun then, because the first of several
// URLs may be behind the others.
func (a *Asker) Ask(ctx context.Context, groups [][]*Watch, enough func() bool) {
	arrived := make(chan struct{}, 1)
	rounds := make([]round, len(groups))
	for i := range groups {
		rounds[i] = round{asker: a, left: groups[i], arrived: arrived}
	}
	defer func() {
		for i := range rounds {
			for _, w := range rounds[i].left {
				a.Look(w)
			}
		}
	}()
	timer := time.NewTimer(headStart)
	defer timer.Stop()
	for {
		again, ended := headStart, true
		for i := range rounds {
			wait, more := rounds[i].advance()
			ended = ended && !more
			if more {
				again = min(again, wait)
			}
		}
		if ended {
			return
		}
		timer.Reset(again)
		select {
		case <-arrived:
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		if enough() { // by another way, it may be
			return
		}
	}
}

// A round is the asking of one group for one caller.
type round struct {
	asker   *Asker
	left    []*Watch // that have not been begun
	flights []*flight
	arrived chan<- struct{}
}

// advance begins what it is time for. It reports whether there is more to wait
// for, and after how long to come back at the latest.
func (r *round) advance() (wait time.Duration, more bool) {
	a := r.asker
	a.mu.Lock()
	defer a.mu.Unlock()
	for {
		wait, more = headStart, false
		alone := false // the one that was begun last has its head start
		for i, f := range r.flights {
			age := time.Since(f.began)
			if f.done || age >= askTimeout {
				continue
			}
			more = true
			wait = min(wait, askTimeout-age)
			if i == len(r.flights)-1 && age < headStart {
				alone = true
				wait = min(wait, headStart-age)
			}
		}
		if alone || len(r.left) == 0 {
			return wait, more
		}
		f := a.start(context.Background(), false, r.left[0])
		r.left = r.left[1:]
		if f == nil {
			continue
		}
		f.waiting = append(f.waiting, r.arrived)
		r.flights = append(r.flights, f)
	}
}
