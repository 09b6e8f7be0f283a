// SPDX-License-Identifier: Apache-2.0

package asid

import "hash/maphash"

// A vocabulary numbers interactions, so that many systems' sets of them are bits
// and the processor's caches hold the texts once. Words are added, then it is
// finished, and from then on asked.
type vocabulary struct {
	list    []InteractionID          // by number
	added   map[InteractionID]uint32 // their numbers, until it is finished
	seed    maphash.Seed
	hash    perfectHash
	numbers []uint32 // by place
}

// add returns the number of id, which it gets if it has none.
func (v *vocabulary) add(id InteractionID) uint32 {
	n, known := v.added[id]
	if !known {
		n = uint32(len(v.list))
		v.list = append(v.list, id)
		if v.added == nil {
			v.added = make(map[InteractionID]uint32)
		}
		v.added[id] = n
	}
	return n
}

// finish makes what number needs.
func (v *vocabulary) finish() {
	v.added = nil
	v.hash = newPerfectHash(func() []uint64 {
		v.seed = maphash.MakeSeed()
		hashes := make([]uint64, len(v.list))
		for n, id := range v.list {
			hashes[n] = v.hashOf(id)
		}
		return hashes
	})
	v.numbers = make([]uint32, v.hash.places)
	for n, id := range v.list {
		v.numbers[v.hash.place(v.hashOf(id))] = uint32(n)
	}
}

func (v *vocabulary) hashOf(id InteractionID) uint64 { return maphash.String(v.seed, string(id)) }

// number returns the number of id, if it has one.
func (v *vocabulary) number(id InteractionID) (uint32, bool) {
	n := v.numbers[v.hash.place(v.hashOf(id))]
	return n, int(n) < len(v.list) && v.list[n] == id
}
