// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"hash/maphash"
	"math/bits"
)

// A vocabulary numbers interactions, so that many systems' sets of them are bits
// and the processor's caches hold the texts once. Nothing is added once it is in
// use.
type vocabulary struct {
	list  []InteractionID // by number
	index []slot          // a hash table with open addressing, at most a quarter of it in use
}

// seed makes hashes that cannot be foreseen outside the process.
var seed = maphash.MakeSeed()

// number returns the number of id, if it has one.
func (v *vocabulary) number(id InteractionID) (int, bool) {
	if len(v.index) == 0 {
		return 0, false
	}
	hash := maphash.String(seed, string(id))
	tag := tagOf(hash >> 32)
	for i := hash; ; i++ {
		s := v.index[i&uint64(len(v.index)-1)]
		if s == 0 {
			return 0, false
		}
		if n := s.number(); s.tag() == tag && v.list[n] == id {
			return n, true
		}
	}
}

// add returns the number of id, which it gets if it has none.
func (v *vocabulary) add(id InteractionID) int {
	if n, known := v.number(id); known {
		return n
	}
	v.list = append(v.list, id)
	if 4*len(v.list) > len(v.index) {
		v.index = make([]slot, max(64, 4<<bits.Len(uint(len(v.list)))))
		for n := range v.list {
			v.enter(n)
		}
	} else {
		v.enter(len(v.list) - 1)
	}
	return len(v.list) - 1
}

// enter enters the interaction of that number into the index.
func (v *vocabulary) enter(n int) {
	hash := maphash.String(seed, string(v.list[n]))
	i := hash & uint64(len(v.index)-1)
	for v.index[i] != 0 {
		i = (i + 1) & uint64(len(v.index)-1)
	}
	v.index[i] = newSlot(tagOf(hash>>32), n)
}
