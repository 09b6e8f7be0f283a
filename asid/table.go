// SPDX-License-Identifier: Apache-2.0

package asid

import "math/bits"

// A table finds systems by ASID. It is a hash table with open addressing that is
// filled once: a look-up touches one cache line where a map touches two or
// three, and those misses are most of what a decision costs. The keys are the
// registry's own, so requests cannot make them collide.
type table struct {
	slots []slot // a power of two, at most two thirds of them in use
	shift int
	size  int
}

type slot struct {
	id  ID
	sys *System // nil: the slot is free
}

// newTable returns a table with room for n systems.
func newTable(n int) table {
	width := bits.Len(uint(n + n/2))
	return table{slots: make([]slot, 1<<width), shift: 64 - width}
}

// start returns where the search for id begins, by Fibonacci hashing.
func (t *table) start(id ID) int { return int(id.packed * 0x9E3779B97F4A7C15 >> t.shift) }

// find returns nil if the table has no such system.
func (t *table) find(id ID) *System {
	if len(t.slots) == 0 {
		return nil
	}
	for i := t.start(id); ; i++ {
		s := &t.slots[i&(len(t.slots)-1)]
		if s.sys == nil || s.id == id {
			return s.sys
		}
	}
}

// add reports whether s was added; it is not if its ASID is there already.
func (t *table) add(s *System) bool {
	for i := t.start(s.ASID); ; i++ {
		free := &t.slots[i&(len(t.slots)-1)]
		switch {
		case free.sys == nil:
			*free = slot{s.ASID, s}
			t.size++
			return true
		case free.id == s.ASID:
			return false
		}
	}
}
