// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"context"
	"time"
)

// Ask makes a look at each target and waits until enough says that what has come
// will do, all attempts have ended, or ctx ends. The targets of a group are begun
// one after the other, each when the one before it has ended or had its head
// start; groups are asked side by side. What Ask has not begun when it returns is
// begun then, because the first of several URLs may be behind the others.
func (a *Asker) Ask(ctx context.Context, groups [][]*Watch, enough func() bool) {
	arrived := make(chan struct{}, 1)
	next := make([]int, len(groups))
	under := make([][]*flight, len(groups))
	begin := func(i int) {
		a.mu.Lock()
		defer a.mu.Unlock()
		for next[i] < len(groups[i]) {
			f := a.start(groups[i][next[i]], askTimeout)
			next[i]++
			if f != nil && !f.done {
				f.waiting = append(f.waiting, arrived)
				under[i] = append(under[i], f)
				return
			}
		}
	}
	defer func() {
		for _, group := range groups {
			for _, w := range group {
				a.Look(w)
			}
		}
	}()
	for i := range groups {
		begin(i)
	}
	timer := time.NewTicker(headStart)
	defer timer.Stop()
	for {
		pending := false
		for i := range groups {
			for a.ended(under[i]) && next[i] < len(groups[i]) {
				begin(i)
			}
			pending = pending || !a.ended(under[i])
		}
		if !pending {
			return
		}
		select {
		case <-arrived:
			if enough() {
				return
			}
		case <-timer.C:
			if enough() { // by another way
				return
			}
			for i := range groups {
				begin(i)
			}
		case <-ctx.Done():
			return
		}
	}
}

// ended reports whether all the attempts have ended.
func (a *Asker) ended(flights []*flight) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, f := range flights {
		if !f.done {
			return false
		}
	}
	return true
}
