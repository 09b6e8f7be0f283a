// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"hash/maphash"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
)

// Whatever ASIDs a registry has, each has a row of its own, and the table is made
// with a few trials for each.
func TestATableIsMadeOfAnyASIDs(t *testing.T) {
	t.Parallel()
	const n = 2_000
	progression := func(step uint64) []uint64 {
		digits := make([]uint64, n)
		for i := range digits {
			digits[i] = uint64(i) * step
		}
		return digits
	}
	// Those whose hashes would begin alike if the random number were known.
	var alike []uint64
	known := table{multiplier: golden}
	for d := uint64(0); len(alike) < n; d++ {
		if known.hashOf(ID{idDigits<<40 | d})>>52 == 0 {
			alike = append(alike, d)
		}
	}
	for name, digits := range map[string][]uint64{
		"one after the other": progression(1), "every seventeenth": progression(17), "by powers of two": progression(1 << 28),
		"by powers of ten": progression(1e8), "alike": alike, "none": nil, "one": alike[:1], "two": alike[:2],
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			systems := make([]System, len(digits))
			for i, d := range digits {
				systems[i].ASID = ID{idDigits<<40 | d}
			}
			table := newTable(systems)
			for i := range systems {
				assert.NotNil(t, table.add(systems[i].ASID))
				assert.Nil(t, table.add(systems[i].ASID), "it is there already")
			}
			for i := range systems {
				if s := table.find(systems[i].ASID); assert.NotNil(t, s) {
					assert.Equal(t, systems[i].ASID, s.ASID)
				}
			}
			assert.Nil(t, table.find(ID{}), "a free row is no system's")
			for range n {
				assert.Nil(t, table.find(ID{idDigits<<40 | 900_000_000_000 + rand.Uint64N(90_000_000_000)}))
			}
			fewest := math.MaxInt
			for range 3 { // of which the first may have had an unlucky random number
				trials := 0
				for _, d := range newTable(systems).hash.displacements {
					trials += int(d)
				}
				fewest = min(fewest, trials)
			}
			assert.Less(t, fewest, 250*n)
		})
	}
}

// Hashes that begin alike have no displacement: others are asked for.
func TestAPerfectHashIsMadeOfOtherHashesIfItCannotBeMade(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("makes large tables")
	}
	seed, calls := maphash.MakeSeed(), 0
	p := newPerfectHash(func() []uint64 {
		calls++
		hashes := make([]uint64, 1_000)
		for i := range hashes {
			hashes[i] = uint64(i)
			if calls > 2 {
				hashes[i] = maphash.Comparable(seed, i)
			}
		}
		return hashes
	})
	assert.Equal(t, 3, calls)
	taken := make(map[uint64]bool)
	for i := range 1_000 {
		place := p.place(maphash.Comparable(seed, i))
		assert.Less(t, place, p.places)
		taken[place] = true
	}
	assert.Len(t, taken, 1_000)
}
