// SPDX-License-Identifier: Apache-2.0

// Package bounded calls a user's functions, which may not mind their context, and
// waits for them no longer than that.
package bounded

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// Grace is how long after the end of its context a function is still waited for: if it
// minds that end, it says what it waited for in vain.
const Grace = 100 * time.Millisecond

// ErrEnded says that a function ended its goroutine instead of returning.
var ErrEnded = errors.New("the call ended its goroutine")

const (
	awaited = int32(iota)
	returned
	left
)

// Call returns what f returns, or the error of ctx if it has ended for Grace; f then goes
// on, and what it returns is dropped. What f returns within Grace is returned without an
// error. f must not touch what its caller changes afterwards. If late has no room for
// another call of, f is not called, which is an error. A panic of f that is waited for is
// the caller's, one that is not is recovered.
func Call[T any](ctx context.Context, late *Late, of Of, f func() T) (T, error) {
	var none T
	of = of.comparable()
	if err := late.room(of); err != nil {
		return none, err
	}
	results := make(chan result[T], 1)
	var state atomic.Int32
	go func() {
		r := result[T]{err: ErrEnded}
		defer func() {
			r.panicked = recover()
			if !state.CompareAndSwap(awaited, returned) {
				late.add(of, -1)
			}
			results <- r
		}()
		r.value = f()
		r.err = nil
	}()
	select {
	case r := <-results:
		return r.get()
	case <-ctx.Done():
	}
	timer := time.NewTimer(Grace)
	defer timer.Stop()
	select {
	case r := <-results:
		return r.get()
	case <-timer.C:
	}
	late.add(of, 1) // before the call can take it back
	if !state.CompareAndSwap(awaited, left) {
		late.add(of, -1)
	}
	return none, ctx.Err()
}

type result[T any] struct {
	value    T
	err      error
	panicked any
}

func (r *result[T]) get() (T, error) {
	if r.panicked != nil {
		panic(r.panicked)
	}
	return r.value, r.err
}
