// SPDX-License-Identifier: Apache-2.0

package sds

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// A pacer lets requests go one at a time, at an interval, without bursts. Those about
// known keys go before others, of which a client that makes up keys may cause any number;
// while others wait no more than three about known keys go in a row. All stop for a while
// when the service says that there were too many, which may have been another caller's.
type pacer struct {
	interval time.Duration

	mu       sync.Mutex
	next     time.Time // when the next request may go
	until    time.Time // before this none may go
	refusals int       // of the service, in a row
	known    []*turn   // that wait, in the order in which they came
	others   []*turn
	row      int // requests about known keys that went while others waited
}

const (
	firstStop = time.Second
	lastStop  = 5 * time.Minute
	longest   = 3 // requests about known keys in a row
)

// A turn is a request that waits.
type turn struct {
	known bool
	first chan struct{} // has an element when the request may have become the first
}

// knownKey is the key of a context's value that is true if the look-up is about a key
// that is known.
type knownKey struct{}

// wait returns when the caller may send its request. It returns an error at once if
// ctx would end before that.
func (p *pacer) wait(ctx context.Context) error {
	known, _ := ctx.Value(knownKey{}).(bool)
	t := &turn{known: known, first: make(chan struct{}, 1)}
	p.mu.Lock()
	defer p.mu.Unlock()
	ahead := len(p.known)
	if !known {
		ahead += len(p.others)
	}
	if err := p.late(ctx, ahead); err != nil {
		return err
	}
	q := p.queue(t)
	*q = append(*q, t)
	defer p.leave(t)
	for ctx.Err() == nil {
		left := time.Duration(math.MaxInt64) // until it is told that it is the first
		if p.first() == t {
			// The service may have refused another request in the meantime.
			if err := p.late(ctx, 0); err != nil {
				return err
			}
			if left = time.Until(p.soonest()); left <= 0 {
				p.next = time.Now().Add(p.step())
				p.count(t)
				return nil
			}
		}
		p.mu.Unlock()
		timer := time.NewTimer(left)
		select {
		case <-timer.C:
		case <-t.first:
		case <-ctx.Done():
		}
		timer.Stop()
		p.mu.Lock()
	}
	return &Error{Detail: "the request was not sent", Err: ctx.Err()}
}

// step is the time between two requests. A limit counts by a clock of its own.
func (p *pacer) step() time.Duration { return p.interval + p.interval/100 }

// soonest returns when a request may go. p.mu is held, here and below.
func (p *pacer) soonest() time.Time {
	if p.next.Before(p.until) {
		return p.until
	}
	return p.next
}

// late returns an error if ctx ends before a request with so many ahead of it may go.
func (p *pacer) late(ctx context.Context, ahead int) error {
	now := time.Now()
	at := p.soonest()
	if at.Before(now) {
		at = now
	}
	at = at.Add(time.Duration(ahead) * p.step())
	deadline, ok := ctx.Deadline()
	if !ok || !deadline.Before(at) {
		return nil
	}
	detail := "too many requests wait to be sent"
	if deadline.Before(p.until) {
		detail = "the service said that there were too many requests"
	}
	return &Error{Detail: detail, Err: context.DeadlineExceeded, retry: at.Sub(now)}
}

// queue returns the requests that t waits with.
func (p *pacer) queue(t *turn) *[]*turn {
	if t.known {
		return &p.known
	}
	return &p.others
}

// leave has the next one see that it is the first.
func (p *pacer) leave(t *turn) {
	q := p.queue(t)
	*q = slices.DeleteFunc(*q, func(other *turn) bool { return other == t })
	if first := p.first(); first != nil {
		select {
		case first.first <- struct{}{}:
		default: // it is told already
		}
	}
}

// first returns the request that goes next, or nil.
func (p *pacer) first() *turn {
	switch {
	case len(p.known) > 0 && (len(p.others) == 0 || p.row < longest):
		return p.known[0]
	case len(p.others) > 0:
		return p.others[0]
	}
	return nil
}

// count counts a request that goes.
func (p *pacer) count(t *turn) {
	if p.row++; !t.known || len(p.others) == 0 {
		p.row = 0
	}
}

// slow stops requests for as long as the service asked for, or longer with each
// refusal if it did not.
func (p *pacer) slow(asked time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	stop := asked
	if stop <= 0 {
		stop = firstStop << min(p.refusals, 10)
		stop += rand.N(stop / 2)
	}
	p.refusals++
	until := time.Now().Add(min(stop, lastStop))
	if until.After(p.until) {
		p.until = until
	}
}

// fine forgets the refusals.
func (p *pacer) fine() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refusals = 0
}
