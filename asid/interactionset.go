// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"errors"
	"fmt"
	"hash/maphash"
	"runtime"
	"slices"
	"sync"
	"weak"
)

// An interactionSet is what a system, or many, have been assured for. It never
// changes once it is in use.
type interactionSet struct {
	list  []InteractionID
	words *vocabulary // nil: the list is short
	bits  []uint64    // of the words' numbers, those in the list
}

// manyInteractions is from when on a set of its own vocabulary is faster than a look
// at each. Some systems of the Spine have several hundred.
const manyInteractions = 16

// maxInteractions bounds a set.
const maxInteractions = 1 << 20

// newInteractionSet returns a set of the ids by itself.
func newInteractionSet(ids []InteractionID) (*interactionSet, error) {
	if err := checkInteractions(ids); err != nil {
		return nil, err
	}
	if len(ids) < manyInteractions {
		return &interactionSet{list: slices.Clone(ids)}, nil
	}
	words := new(vocabulary)
	set := setOf(ids, words)
	words.finish()
	return set, nil
}

// checkInteractions says why the ids cannot be a set.
func checkInteractions(ids []InteractionID) error {
	if len(ids) > maxInteractions {
		return fmt.Errorf("there are more than %d interactions", maxInteractions)
	}
	for _, id := range ids {
		if _, err := ParseInteractionID(string(id)); err != nil {
			return err
		}
	}
	if repeats(ids) {
		return errors.New("an interaction is there twice")
	}
	return nil
}

// setOf returns the set of the ids, which it adds to the vocabulary.
func setOf(ids []InteractionID, words *vocabulary) *interactionSet {
	set := &interactionSet{list: slices.Clone(ids), words: words}
	for i, id := range set.list {
		n := words.add(id)
		set.list[i] = words.list[n] // each text is in memory once
		for int(n>>6) >= len(set.bits) {
			set.bits = append(set.bits, 0)
		}
		set.bits[n>>6] |= 1 << (n & 63)
	}
	set.bits = slices.Clip(set.bits)
	return set
}

// has reports whether the interaction is one of the set. It refuses nearly all others
// without reading a text, which would miss the processor's caches, and returns true
// only after comparing the whole text.
func (s *interactionSet) has(id InteractionID) bool {
	if s.words == nil {
		return slices.Contains(s.list, id)
	}
	n, may := s.words.number(id)
	return may && int(n>>6) < len(s.bits) && s.bits[n>>6]>>(n&63)&1 != 0 && s.words.list[n] == id
}

// A setSource returns the set of a list of interactions, the same for equal lists.
type setSource interface {
	of(ids []InteractionID) (*interactionSet, error)
}

// interactionSets are the sets of one registry.
type interactionSets struct {
	latest map[uint64]*interactionSet // by the hash of a sample
	byHash map[uint64][]*interactionSet
	words  *vocabulary
}

// maxShared is how many words sets share before the next ones get a vocabulary of
// their own: a set has a bit for each word of its vocabulary.
const maxShared = 4096

// of returns the set of the ids. Most systems are of one of a few products: the latest
// set with the same IDs in eight places is then the one that is wanted, and to compare
// the lists is faster than to hash all of them.
func (s *interactionSets) of(ids []InteractionID) (*interactionSet, error) {
	sample := hashOf(ids, max(len(ids)/8, 1))
	if set := s.latest[sample]; set != nil && slices.Equal(set.list, ids) {
		return set, nil
	}
	set, err := s.known(ids)
	if err != nil {
		return nil, err
	}
	if s.latest == nil {
		s.latest = make(map[uint64]*interactionSet)
	}
	s.latest[sample] = set
	return set, nil
}

// known returns the set of the ids, which it makes if there is none.
func (s *interactionSets) known(ids []InteractionID) (*interactionSet, error) {
	hash := hashOf(ids, 1)
	for _, set := range s.byHash[hash] {
		if slices.Equal(set.list, ids) {
			return set, nil
		}
	}
	if err := checkInteractions(ids); err != nil {
		return nil, err
	}
	if s.words != nil && len(s.words.list) > maxShared {
		s.finish()
	}
	if s.words == nil {
		s.words = new(vocabulary)
	}
	set := setOf(ids, s.words)
	if s.byHash == nil {
		s.byHash = make(map[uint64][]*interactionSet)
	}
	s.byHash[hash] = append(s.byHash[hash], set)
	return set, nil
}

// finish makes the sets ready to be asked.
func (s *interactionSets) finish() {
	if s.words != nil {
		s.words.finish()
		s.words = nil
	}
}

// listSeed makes hashes that cannot be foreseen outside the process.
var listSeed = maphash.MakeSeed()

// hashOf hashes the IDs of a list that are at multiples of step. Equal hashes prove
// nothing.
func hashOf(ids []InteractionID, step int) uint64 {
	var h maphash.Hash
	h.SetSeed(listSeed)
	for i := 0; i < len(ids); i += step {
		h.WriteString(string(ids[i]))
		h.WriteByte(0) // in no interaction ID
	}
	return h.Sum64()
}

// systemSets are the sets of all Systems that NewSystem made and that are still in
// use.
var systemSets sharedSets

// sharedSets holds sets weakly: when the last System of a set is gone, so is its
// entry.
type sharedSets struct {
	mu     sync.Mutex
	byHash map[uint64]weak.Pointer[interactionSet]
}

func (s *sharedSets) of(ids []InteractionID) (*interactionSet, error) {
	hash := hashOf(ids, 1)
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
