// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// product returns the interactions of systems of one kind.
func product(n int) []InteractionID {
	ids := make([]InteractionID, 5+n)
	for i := range ids {
		ids[i] = InteractionID(fmt.Sprintf("urn:nhs:names:services:product-%d:%d", n, i))
	}
	return ids
}

func TestEqualSetsAreSharedWhileTheyAreInUse(t *testing.T) {
	t.Parallel()
	var sets sharedSets
	entries := func() int {
		sets.mu.Lock()
		defer sets.mu.Unlock()
		return len(sets.byHash)
	}
	kept, err := sets.of(product(1))
	require.NoError(t, err)
	for n := range 100 {
		_, err := sets.of(product(n))
		require.NoError(t, err)
	}
	assert.Eventually(t, func() bool {
		runtime.GC()
		return entries() == 1
	}, time.Minute, time.Millisecond, "sets that are no longer in use are forgotten")
	again, err := sets.of(product(1))
	require.NoError(t, err)
	assert.Same(t, kept, again)
}

// Sets are found, made and forgotten at the same time.
func TestSharedSetsAreSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	var sets sharedSets
	var running sync.WaitGroup
	for from := range 8 {
		running.Go(func() {
			for i := range 100 {
				n := (from + i) % 20
				set, err := sets.of(product(n))
				if !assert.NoError(t, err) {
					return
				}
				if !assert.Equal(t, product(n), set.list) || !assert.True(t, set.has(product(n)[0])) || !assert.False(t, set.has(product(n + 1)[0])) {
					return
				}
				if i%25 == 0 {
					runtime.GC()
				}
			}
		})
	}
	running.Wait()
}

// A hash that is right in each part that is compared makes nothing known.
func TestAnInteractionIsComparedWholeWhateverItsHash(t *testing.T) {
	t.Parallel()
	set, err := newInteractionSet(product(40))
	require.NoError(t, err)
	for i := range 1_000 {
		other := InteractionID(fmt.Sprintf("urn:nhs:names:services:other-%d", i))
		hash := set.words.hashOf(other)
		at := &set.words.places[set.words.hash.place(hash)]
		saved := *at
		at.half = uint32(hash)
		assert.False(t, set.has(other), other)
		*at = saved
	}
	for _, id := range product(40) {
		assert.True(t, set.has(id))
	}
}

// Sets of one vocabulary and of several say what a map would.
func TestASetSaysWhatAMapWould(t *testing.T) {
	t.Parallel()
	const words = 2 * maxShared
	random := rand.New(rand.NewPCG(1, 2))
	var interactions []InteractionID // the last thousand are in no set
	for i := range words + 1_000 {
		interactions = append(interactions, InteractionID(fmt.Sprintf("urn:nhs:names:services:x:%05d", i)))
	}
	var together interactionSets
	type pair struct {
		sets []*interactionSet
		want map[InteractionID]bool
	}
	var pairs []pair
	for range 60 {
		want := make(map[InteractionID]bool)
		for range random.IntN(600) {
			want[interactions[random.IntN(words)]] = true
		}
		ids := slices.Collect(maps.Keys(want))
		shared, err := together.of(ids)
		require.NoError(t, err)
		own, err := newInteractionSet(ids)
		require.NoError(t, err)
		pairs = append(pairs, pair{[]*interactionSet{shared, own}, want})
	}
	together.finish()
	for _, p := range pairs {
		for _, id := range interactions {
			for _, set := range p.sets {
				if set.has(id) != p.want[id] {
					t.Fatal(id, set.has(id))
				}
			}
		}
	}
}
