// SPDX-License-Identifier: Apache-2.0

package known

import (
	"slices"
	"sync/atomic"
)

// A bucket is what is known under one key. Readers take no lock; what they read
// does not change.
type bucket[T any] struct {
	documents  atomic.Pointer[[]T]
	generation atomic.Uint64 // changes with documents
}

func (b *bucket[T]) load() []T {
	if documents := b.documents.Load(); documents != nil {
		return *documents
	}
	return nil
}

func (b *bucket[T]) store(documents []T) {
	b.documents.Store(&documents)
	b.generation.Add(1)
}

// Rests is the keys that a decision rests on, and the generation that each had.
// It does not keep the documents in memory.
type Rests struct {
	generations []*atomic.Uint64
	had         []uint64
}

// add notes a bucket's generation, which must be loaded before its documents.
func (r *Rests) add(generation *atomic.Uint64, had uint64) {
	if !slices.Contains(r.generations, generation) {
		r.generations, r.had = append(r.generations, generation), append(r.had, had)
	}
}

// Stand reports whether nothing has changed under any of the keys.
func (r *Rests) Stand() bool {
	for i, generation := range r.generations {
		if generation.Load() != r.had[i] {
			return false
		}
	}
	return true
}
