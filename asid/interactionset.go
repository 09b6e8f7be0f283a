// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"errors"
	"hash/maphash"
	"math/bits"
	"runtime"
	"slices"
	"sync"
	"weak"
)

// An interactionSet is what a system, or many, have been assured for. It never
// changes.
type interactionSet struct {
	list  []InteractionID
	index []indexEntry // a hash table with open addressing; empty for short lists
}

// An indexEntry says where in the list an interaction of that hash is.
type indexEntry struct {
	hash     uint32
	position uint32 // plus one; zero: the entry is free
}

// manyInteractions is from when on an index is faster than a look at each. Some
// systems of the Spine have several hundred.
const manyInteractions = 16

// seed makes hashes that cannot be foreseen outside the process.
var seed = maphash.MakeSeed()

func newInteractionSet(ids []InteractionID) (*interactionSet, error) {
	for _, id := range ids {
		if _, err := ParseInteractionID(string(id)); err != nil {
			return nil, err
		}
	}
	if repeats(ids) {
		return nil, errors.New("an interaction is there twice")
	}
	set := &interactionSet{list: slices.Clone(ids)}
	if len(ids) < manyInteractions {
		return set, nil
	}
	set.index = make([]indexEntry, 1<<bits.Len(uint(2*len(ids))))
	for position, id := range ids {
		hash := maphash.String(seed, string(id))
		i := int(hash) & (len(set.index) - 1)
		for set.index[i].position != 0 {
			i = (i + 1) & (len(set.index) - 1)
		}
		set.index[i] = indexEntry{uint32(hash >> 32), uint32(position) + 1}
	}
	return set, nil
}

// has reports whether the interaction is one of the set.
func (s *interactionSet) has(id InteractionID) bool {
	if len(s.index) == 0 {
		return slices.Contains(s.list, id)
	}
	hash := maphash.String(seed, string(id))
	for i := int(hash) & (len(s.index) - 1); ; i = (i + 1) & (len(s.index) - 1) {
		entry := s.index[i]
		switch {
		case entry.position == 0:
			return false
		case entry.hash == uint32(hash>>32) && s.list[entry.position-1] == id:
			return true
		}
	}
}

// A setSource returns the set of a list of interactions, the same for equal lists.
type setSource interface {
	of(ids []InteractionID) (*interactionSet, error)
}

// interactionSets are the sets of one registry.
type interactionSets struct {
	last   *interactionSet // systems of one product follow each other
	byHash map[uint64][]*interactionSet
}

func (s *interactionSets) of(ids []InteractionID) (*interactionSet, error) {
	if s.last != nil && slices.Equal(s.last.list, ids) {
		return s.last, nil
	}
	hash := hashOf(ids)
	for _, set := range s.byHash[hash] {
		if slices.Equal(set.list, ids) {
			s.last = set
			return set, nil
		}
	}
	set, err := newInteractionSet(ids)
	if err != nil {
		return nil, err
	}
	if s.byHash == nil {
		s.byHash = make(map[uint64][]*interactionSet)
	}
	s.byHash[hash] = append(s.byHash[hash], set)
	s.last = set
	return set, nil
}

// hashOf hashes a list. Equal hashes prove nothing.
func hashOf(ids []InteractionID) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	for _, id := range ids {
		h.WriteString(string(id))
		h.WriteByte(0) // in no interaction ID
	}
	return h.Sum64()
}

// shared are the sets of all Systems that NewSystem made and that are still in
// use.
var shared sharedSets

// sharedSets holds sets weakly: when the last System of a set is gone, so is its
// entry.
type sharedSets struct {
	mu     sync.Mutex
	byHash map[uint64]weak.Pointer[interactionSet]
}

func (s *sharedSets) of(ids []InteractionID) (*interactionSet, error) {
	hash := hashOf(ids)
	s.mu.Lock()
	set := s.byHash[hash].Value()
	s.mu.Unlock()
	if set != nil && slices.Equal(set.list, ids) {
		return set, nil
	}
	set, err := newInteractionSet(ids)
	if err != nil {
		return nil, err
	}
	entry := weak.Make(set)
	s.mu.Lock()
	if s.byHash == nil {
		s.byHash = make(map[uint64]weak.Pointer[interactionSet])
	}
	s.byHash[hash] = entry
	s.mu.Unlock()
	runtime.AddCleanup(set, s.forget, forgotten{hash, entry})
	return set, nil
}

// forgotten names an entry of a sharedSets.
type forgotten struct {
	hash  uint64
	entry weak.Pointer[interactionSet]
}

// forget removes the entry, unless another set of that hash has taken its place.
func (s *sharedSets) forget(f forgotten) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byHash[f.hash] == f.entry {
		delete(s.byHash, f.hash)
	}
}

// repeats reports whether the list has a value twice.
func repeats[T comparable](list []T) bool {
	if len(list) <= 8 {
		for i, v := range list {
			if slices.Contains(list[:i], v) {
				return true
			}
		}
		return false
	}
	seen := make(map[T]bool, len(list))
	for _, v := range list {
		if seen[v] {
			return true
		}
		seen[v] = true
	}
	return false
}
