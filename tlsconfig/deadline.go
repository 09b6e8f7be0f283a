// SPDX-License-Identifier: Apache-2.0

package tlsconfig

import (
	"context"
	"sync/atomic"
	"time"
)

const defaultTimeout = 10 * time.Second

// A deadlines makes contexts that checks share, so that a check which is answered
// from memory need not make one of its own.
type deadlines struct{ last atomic.Pointer[deadline] }

type deadline struct {
	context.Context
	timeout time.Duration
	made    time.Time
}

// within returns a context that ends no sooner than timeout from now and no later
// than an eighth of that after it.
func (d *deadlines) within(timeout time.Duration) context.Context {
	now := time.Now()
	if last := d.last.Load(); last != nil && last.timeout == timeout {
		if age := now.Sub(last.made); age >= 0 && age < timeout/8 {
			return last
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout+timeout/8)
	context.AfterFunc(ctx, cancel) // its timer alone ends it
	next := &deadline{Context: ctx, timeout: timeout, made: now}
	d.last.Store(next)
	return next
}
