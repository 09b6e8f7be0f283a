// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// peek returns the document under key that is in memory, of the time or not.
func (k *keeper[T]) peek(key string) (doc T, ok bool) {
	if e := k.find(key); e != nil {
		if h := e.current.Load(); h != nil {
			return h.doc, true
		}
	}
	return doc, false
}

// A recollection says whether the Cache has nothing under one key.
type recollection struct {
	nothing atomic.Bool
	mu      sync.Mutex // held to read it
	failure failure
}

// known returns the document under key that is in memory or, if it has not been
// read yet, in the Cache; of the time or not. Nothing is fetched. The Cache is
// read until it has nothing, and again if that failed.
func (k *keeper[T]) known(ctx context.Context, key string, request Request, at time.Time, judge func(T) error, r *recollection) (doc T, ok bool) {
	if doc, ok = k.peek(key); ok || k.cache == nil || r.nothing.Load() {
		return doc, ok
	}
	r.mu.Lock() // nobody is to go on without what another is reading
	defer r.mu.Unlock()
	if r.nothing.Load() || r.failure.remembered(k.clock()) != nil {
		return k.peek(key)
	}
	// A caller who leaves is no reason to do without.
	h, err := k.recall(context.WithoutCancel(ctx), key, request.URL, judge, at)
	if err != nil {
		r.failure.again(k.clock(), err)
		return k.peek(key)
	}
	if h != nil { // else there is no need of a place
		e := k.add(key)
		e.mu.Lock()
		e.request, e.judge = request, judge
		e.mu.Unlock()
		if e.current.CompareAndSwap(nil, h) {
			k.reschedule()
		}
	}
	r.nothing.Store(h == nil) // what is given up is read again
	return k.peek(key)
}
