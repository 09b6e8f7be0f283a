// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"hash/maphash"
	"maps"
	"math/rand/v2"
	"sync/atomic"
)

func (k *keeper[T]) bucket(key string) *atomic.Pointer[map[string]*kept[T]] {
	k.seeding.Do(func() { k.seed = maphash.MakeSeed() })
	return &k.buckets[maphash.String(k.seed, key)%keptBuckets]
}

// find returns what is kept under key, nil if the key is new.
func (k *keeper[T]) find(key string) *kept[T] {
	if m := k.bucket(key).Load(); m != nil {
		return (*m)[key]
	}
	return nil
}

// A spot is where somebody who asks for one key often remembers what is kept under
// it, so that it need not be looked for again.
type spot[T document] struct{ kept atomic.Pointer[kept[T]] }

// findFrom is find for a caller that has a spot for the key, or nil.
func (k *keeper[T]) findFrom(from *spot[T], key string) *kept[T] {
	if from == nil {
		return k.find(key)
	}
	if e := from.kept.Load(); e != nil && !e.gone.Load() {
		return e
	}
	e := k.find(key)
	if e != nil {
		from.kept.Store(e)
	}
	return e
}

// add returns what is kept under key, and makes room for it first.
func (k *keeper[T]) add(key string) *kept[T] {
	k.writing.Lock()
	defer k.writing.Unlock()
	if e := k.find(key); e != nil {
		return e
	}
	if k.count >= maxKept {
		k.evict()
	}
	e := &kept[T]{key: key}
	e.used.Store(true)
	k.replaceBucket(key, func(m map[string]*kept[T]) { m[key] = e })
	k.count++
	return e
}

// evict gives up one key: of a few taken at random, one that is not in use if
// there is one. What is given up is fetched anew when it is asked for.
func (k *keeper[T]) evict() {
	var victim *kept[T]
	start := rand.IntN(keptBuckets)
	seen := 0
	for i := 0; i < keptBuckets && seen < 16; i++ {
		m := k.buckets[(start+i)%keptBuckets].Load()
		if m == nil {
			continue
		}
		for _, e := range *m {
			seen++
			if victim == nil || victim.used.Load() && !e.used.Load() {
				victim = e
			}
		}
	}
	if victim != nil {
		k.replaceBucket(victim.key, func(m map[string]*kept[T]) { delete(m, victim.key) })
		victim.mu.Lock() // a fetch that ends now must not bring it back
		victim.gone.Store(true)
		victim.current.Store(nil) // spots keep the victim alive, not the document
		victim.mu.Unlock()
		k.count--
	}
}

func (k *keeper[T]) replaceBucket(key string, change func(map[string]*kept[T])) {
	bucket := k.bucket(key)
	next := make(map[string]*kept[T])
	if m := bucket.Load(); m != nil {
		maps.Copy(next, *m)
	}
	change(next)
	bucket.Store(&next)
}
