// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"math/bits"
	"math/rand/v2"
	"unsafe"
)

// A table finds systems by ASID. It is laid out for the processor's caches, whose
// misses are most of what a decision costs: what a decision reads of a system lies
// together, and the way to it is short.
type table struct {
	multiplier uint64 // random and odd
	hash       perfectHash
	rows       []row
}

// A row is a System that begins with a line of 64 bytes. One without an ASID is free.
type row struct {
	System
	_ [(line - unsafe.Sizeof(System{})%line) % line]byte
}

const line = 64

// newTable returns a table with rows for the systems, which add fills.
func newTable(systems []System) table {
	var t table
	t.hash = newPerfectHash(func() []uint64 {
		t.multiplier = rand.Uint64() | 1
		hashes := make([]uint64, len(systems))
		for i := range systems {
			hashes[i] = t.hashOf(systems[i].ASID)
		}
		return hashes
	})
	t.rows = make([]row, t.hash.places)
	return t
}

// hashOf returns a hash that differs for different ASIDs. The first product is random
// in its upper bits alone, and registries have ASIDs at equal distances.
func (t *table) hashOf(id ID) uint64 {
	return bits.ReverseBytes64(id.packed*t.multiplier) * golden
}

// find returns nil if the table has no such system.
func (t *table) find(id ID) *System {
	if len(t.rows) == 0 || id.IsZero() {
		return nil
	}
	if sys := &t.rows[t.hash.place(t.hashOf(id))].System; sys.ASID == id {
		return sys
	}
	return nil
}

// add takes the row of an ASID for which the table was made, or returns nil if it is
// taken.
func (t *table) add(id ID) *System {
	sys := &t.rows[t.hash.place(t.hashOf(id))].System
	if !sys.ASID.IsZero() {
		return nil
	}
	sys.ASID = id
	return sys
}
