// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"fmt"
	"runtime"
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
