// SPDX-License-Identifier: Apache-2.0

package asid

import "hash/maphash"

// A vocabulary numbers interactions, so that many systems' sets of them are bits
// and the processor's caches hold the texts once. Words are added, then it is
// finished, and from then on asked.
type vocabulary struct {
	list   []InteractionID          // by number
	added  map[InteractionID]uint32 // their numbers, until it is finished
	seed   maphash.Seed
	hash   perfectHash
	places []indexed // by the hash's place
}

// An indexed is the number of an interaction and half of the hash of its text, so that a
// text that is not in the vocabulary need hardly ever be compared with another.
type indexed struct{ number, half uint32 }

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

// finish makes what number reads.
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
	v.places = make([]indexed, v.hash.places)
	for n, id := range v.list {
		hash := v.hashOf(id)
		v.places[v.hash.place(hash)] = indexed{uint32(n), uint32(hash)}
	}
}

func (v *vocabulary) hashOf(id InteractionID) uint64 { return maphash.String(v.seed, string(id)) }

// number returns the only number that id can have, or false if it has none. Whether it
// has this one only the comparison with the list tells.
func (v *vocabulary) number(id InteractionID) (uint32, bool) {
	hash := v.hashOf(id)
	w := v.places[v.hash.place(hash)]
	return w.number, w.half == uint32(hash)
}
