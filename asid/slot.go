// SPDX-License-Identifier: Apache-2.0

package asid

// A slot is an entry of a hash table with open addressing: the tag, 8 bits of the
// key's hash, above a number plus one. Zero: it is free. An equal tag proves nothing:
// the key itself is to be compared.
type slot uint32

// maxNumber is how many numbers a slot can hold.
const maxNumber = 1<<24 - 1

// tagOf returns the tag of a hash: its lowest 8 bits.
func tagOf(hash uint64) slot { return slot(hash) << 24 }

// newSlot returns the slot of a number below maxNumber.
func newSlot(tag slot, number int) slot { return tag | slot(number+1) }

func (s slot) tag() slot { return s &^ maxNumber }

func (s slot) number() int { return int(s&maxNumber) - 1 }
