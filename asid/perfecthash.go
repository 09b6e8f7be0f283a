// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"cmp"
	"math/bits"
	"slices"
)

// A perfectHash sends each of some keys to a place of its own, and any other key to
// some place or other, so that a look-up compares one key and never searches. It is
// made by hash and displace: the keys whose hashes begin alike are a bucket, and a
// bucket has the first displacement that sends all of its keys to free places.
type perfectHash struct {
	shift         uint8    // by which a hash gives the number of its bucket; below 64
	displacements []uint16 // by bucket
	places        uint64
}

// golden is 2^64 divided by the golden ratio: a product with it spreads what lies close.
const golden = 0x9E3779B97F4A7C15

// newPerfectHash returns one for keys of which hashes returns the hashes. They are to
// depend on a new random number at each call, so that no choice of keys makes many of
// them alike: it is called until the function can be made.
func newPerfectHash(hashes func() []uint64) perfectHash {
	for {
		if p, made := tryPerfectHash(hashes()); made {
			return p
		}
	}
}

// tryPerfectHash returns false if a bucket has no displacement.
func tryPerfectHash(hashes []uint64) (perfectHash, bool) {
	slices.Sort(hashes)
	hashes = slices.Compact(hashes)
	n := len(hashes)
	width := max(bits.Len(uint(n/4)), 1)
	// Of sixteen places one stays free: the last buckets would else need long trials.
	p := perfectHash{shift: uint8(64 - width), displacements: make([]uint16, 1<<width), places: uint64(n + n/16 + 1)}
	var buckets [][]uint64
	for len(hashes) > 0 {
		same := 1
		for same < len(hashes) && p.bucket(hashes[same]) == p.bucket(hashes[0]) {
			same++
		}
		buckets, hashes = append(buckets, hashes[:same]), hashes[same:]
	}
	// The largest need the most room.
	slices.SortFunc(buckets, func(a, b []uint64) int { return cmp.Compare(len(b), len(a)) })
	taken := make([]bool, p.places)
	for _, bucket := range buckets {
		if !p.displace(bucket, taken) {
			return p, false
		}
	}
	return p, true
}

// displace gives the bucket of the hashes the first displacement that sends them to
// free places, which it takes; false: none does.
func (p *perfectHash) displace(hashes []uint64, taken []bool) bool {
	displacement := &p.displacements[p.bucket(hashes[0])]
	for d := range 1 << 16 {
		*displacement = uint16(d)
		free := 0
		for free < len(hashes) && !taken[p.place(hashes[free])] {
			taken[p.place(hashes[free])] = true
			free++
		}
		if free == len(hashes) {
			return true
		}
		for _, hash := range hashes[:free] {
			taken[p.place(hash)] = false
		}
	}
	return false
}

func (p *perfectHash) bucket(hash uint64) uint64 { return hash >> (p.shift & 63) }

// place returns the place of a key's hash, below places.
func (p *perfectHash) place(hash uint64) uint64 {
	displaced := (hash ^ uint64(p.displacements[p.bucket(hash)])) * golden
	return displaced >> 32 * p.places >> 32
}
