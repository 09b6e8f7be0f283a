// SPDX-License-Identifier: Apache-2.0

package sds

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// A pacer lets requests go one at a time, at an interval, without bursts. It stops
// all of them for a while when the service says that there were too many, which may
// have been another caller's.
type pacer struct {
	interval time.Duration

	mu       sync.Mutex
	next     time.Time // when the next request may go
	until    time.Time // before this none may go
	refusals int       // of the service, in a row
}

const (
	firstStop = time.Second
	lastStop  = 5 * time.Minute
)

// wait returns when the caller may send its request. It returns an error at once if
// ctx would end before that.
func (p *pacer) wait(ctx context.Context) error {
	p.mu.Lock()
	now := time.Now()
	at := p.next
	if at.Before(now) {
		at = now
	}
	stopped := at.Before(p.until)
	if stopped {
		at = p.until
	}
	if deadline, ok := ctx.Deadline(); ok && deadline.Before(at) {
		p.mu.Unlock()
		detail := "too many requests wait to be sent"
		if stopped {
			detail = "the service said that there were too many requests"
		}
		return &Error{Detail: detail, Err: context.DeadlineExceeded, retry: at.Sub(now)}
	}
	p.next = at.Add(p.interval + p.interval/100) // a limit counts by a clock of its own
	p.mu.Unlock()
	timer := time.NewTimer(at.Sub(now))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return &Error{Detail: "the request was not sent", Err: ctx.Err()}
	}
	// The service may have refused another request in the meantime.
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Now().Before(p.until) {
		return &Error{Detail: "the service said that there were too many requests", retry: time.Until(p.until)}
	}
	return nil
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
