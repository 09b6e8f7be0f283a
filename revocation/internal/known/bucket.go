// SPDX-License-Identifier: Apache-2.0

package known

import (
	"hash/crc32"
	"slices"
	"sync"
	"sync/atomic"
)

// A buckets is what is known under each key. Readers take no lock; what they read
// does not change. A writer holds a lock of its own.
type buckets[T any] struct {
	documents sync.Map // of keys to []T, none of which is empty

	// generations change with the documents of any of the keys that share one. A
	// key has one whether or not there is anything under it, so that a decision
	// can rest on there being nothing, and questions leave nothing behind.
	generations [1 << 12]atomic.Uint64
}

func (b *buckets[T]) load(key string) []T {
	if documents, ok := b.documents.Load(key); ok {
		return documents.([]T)
	}
	return nil
}

// read is load for a decision, which depends on what it read.
func (b *buckets[T]) read(key string, dependencies *Dependencies) []T {
	generation := b.generation(key)
	dependencies.add(generation, generation.Load()) // before the documents
	return b.load(key)
}

func (b *buckets[T]) store(key string, documents []T) {
	b.documents.Store(key, documents)
	b.generation(key).Add(1)
}

func (b *buckets[T]) remove(key string) {
	b.documents.Delete(key)
	b.generation(key).Add(1)
}

func (b *buckets[T]) each(do func(key string, documents []T) (more bool)) {
	b.documents.Range(func(key, documents any) bool { return do(key.(string), documents.([]T)) })
}

func (b *buckets[T]) generation(key string) *atomic.Uint64 {
	return &b.generations[crc32.ChecksumIEEE([]byte(key))%uint32(len(b.generations))]
}

// Dependencies are the keys that a decision depends on, and the generation that each had.
// It does not keep the documents in memory.
type Dependencies struct {
	generations []*atomic.Uint64
	had         []uint64
}

// add notes a key's generation, which must be loaded before its documents.
func (r *Dependencies) add(generation *atomic.Uint64, had uint64) {
	if !slices.Contains(r.generations, generation) {
		r.generations, r.had = append(r.generations, generation), append(r.had, had)
	}
}

// addAll notes what another decision depends on.
func (r *Dependencies) addAll(other *Dependencies) {
	for i, generation := range other.generations {
		r.add(generation, other.had[i])
	}
}

// Unchanged reports whether nothing has changed under any of the keys.
func (r *Dependencies) Unchanged() bool {
	for i, generation := range r.generations {
		if generation.Load() != r.had[i] {
			return false
		}
	}
	return true
}
