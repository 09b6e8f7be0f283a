// SPDX-License-Identifier: Apache-2.0

package known

import (
	"crypto/sha256"
	"encoding/binary"
	"sync/atomic"
)

// evictedBits is the size of the filter, two mebibytes: with 100,000 certificates in it,
// five in a million others are expected to be taken for one of them, with a million two
// in a hundred.
const evictedBits = 1 << 24

// An evicted says of which certificates a revocation has been evicted, and who had
// revoked them. It is a Bloom filter: what is in it is found, and of what is not a few,
// which are then refused unless the responder that is said to have revoked them clears
// them. The zero value is empty and takes no memory. Readers take no lock.
type evicted struct {
	bits atomic.Pointer[[evictedBits / 64]atomic.Uint64]
}

// add notes that a responder's revocation of what is under a key has been evicted. A lock
// is held that no other caller holds.
func (e *evicted) add(key string, responder Key) {
	if e.bits.Load() == nil {
		e.bits.Store(new([evictedBits / 64]atomic.Uint64))
	}
	if e.has(key, nil) && !e.has(key, responder[:]) {
		e.set(key, severalResponders)
	}
	e.set(key, nil)
	e.set(key, responder[:])
}

// severalResponders stands for a responder where more than one had revoked.
var severalResponders = []byte("several")

// mayClear reports whether a good answer of a responder about what is under a key may
// clear it: no revocation of it was evicted, or the responder is the only one that had
// revoked it, and the answer removes revocations. Whether it is later than they is for the
// caller to see.
func (e *evicted) mayClear(key string, responder Key, removes bool) bool {
	return !e.has(key, nil) || e.has(key, responder[:]) && !e.has(key, severalResponders) && removes
}

func (e *evicted) set(key string, of []byte) {
	bits := e.bits.Load()
	for _, n := range places(key, of) {
		bits[n/64].Or(1 << (n % 64))
	}
}

func (e *evicted) has(key string, of []byte) bool {
	bits := e.bits.Load()
	if bits == nil {
		return false
	}
	for _, n := range places(key, of) {
		if bits[n/64].Load()&(1<<(n%64)) == 0 {
			return false
		}
	}
	return true
}

// places returns the bits that stand for a key and a responder.
func places(key string, of []byte) (places [4]uint64) {
	sum := sha256.Sum256(append([]byte(key), of...)) // keys are all of one length
	for i := range places {
		places[i] = binary.BigEndian.Uint64(sum[8*i:]) % evictedBits
	}
	return places
}
