// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"math/bits"
	"unsafe"
)

// A table finds systems by ASID. It is a hash table with open addressing that is
// filled once and laid out for the processor's caches, whose misses are most of what
// a decision costs: the slots are small, and what a decision reads of a system lies
// together. The keys are the registry's own, so requests cannot make them collide.
type table struct {
	slots []slot // a power of two, at most two thirds of them in use
	shift int
	rows  []row
}

// A row is a System that begins with a line of 64 bytes.
type row struct {
	System
	_ [(line - unsafe.Sizeof(System{})%line) % line]byte
}

const line = 64

// newTable returns a table with room for n systems.
func newTable(n int) table {
	width := bits.Len(uint(n + n/2))
	return table{slots: make([]slot, 1<<width), shift: 64 - width, rows: make([]row, 0, n)}
}

// start returns where the search for id begins, by Fibonacci hashing, and the tag of
// its slot.
func (t *table) start(id ID) (int, slot) {
	hash := id.packed * 0x9E3779B97F4A7C15
	return int(hash >> t.shift), tagOf(hash >> (t.shift - 8))
}

// find returns nil if the table has no such system.
func (t *table) find(id ID) *System {
	if len(t.slots) == 0 {
		return nil
	}
	for i, tag := t.start(id); ; i++ {
		s := t.slots[i&(len(t.slots)-1)]
		if s == 0 {
			return nil
		}
		if s.tag() != tag {
			continue
		}
		if sys := &t.rows[s.number()].System; sys.ASID == id {
			return sys
		}
	}
}

// add makes a place for the system of that ASID, or returns nil if it has one.
func (t *table) add(id ID) *System {
	i, tag := t.start(id)
	for ; t.slots[i&(len(t.slots)-1)] != 0; i++ {
		s := t.slots[i&(len(t.slots)-1)]
		if s.tag() == tag && t.rows[s.number()].ASID == id {
			return nil
		}
	}
	t.slots[i&(len(t.slots)-1)] = newSlot(tag, len(t.rows))
	t.rows = append(t.rows, row{})
	sys := &t.rows[len(t.rows)-1].System
	sys.ASID = id
	return sys
}
