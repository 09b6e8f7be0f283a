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
	index []word          // a hash table with open addressing, at most half of it in use
}

// A word is an entry of the index.
type word struct {
	hash   uint32
	number uint32 // plus one; zero: the entry is free
}

// seed makes hashes that cannot be foreseen outside the process.
var seed = maphash.MakeSeed()

// number returns the number of id, if it has one.
func (v *vocabulary) number(id InteractionID) (int, bool) {
	if len(v.index) == 0 {
		return 0, false
	}
	hash := maphash.String(seed, string(id))
	for i := int(hash) & (len(v.index) - 1); ; i = (i + 1) & (len(v.index) - 1) {
		entry := v.index[i]
		switch {
		case entry.number == 0:
			return 0, false
		case entry.hash == uint32(hash>>32) && v.list[entry.number-1] == id:
			return int(entry.number - 1), true
		}
	}
}

// add returns the number of id, which it gets if it has none.
func (v *vocabulary) add(id InteractionID) int {
	if n, known := v.number(id); known {
		return n
	}
	v.list = append(v.list, id)
	if 2*len(v.list) > len(v.index) {
		v.index = make([]word, max(64, 2<<bits.Len(uint(len(v.list)))))
		for n := range v.list {
			v.enter(n)
		}
	} else {
		v.enter(len(v.list) - 1)
	}
	return len(v.list) - 1
}

// enter enters the word of that number into the index.
func (v *vocabulary) enter(n int) {
	hash := maphash.String(seed, string(v.list[n]))
	i := int(hash) & (len(v.index) - 1)
	for v.index[i].number != 0 {
		i = (i + 1) & (len(v.index) - 1)
	}
	v.index[i] = word{uint32(hash >> 32), uint32(n) + 1}
}
