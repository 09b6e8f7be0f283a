// SPDX-License-Identifier: Apache-2.0

package sds

import (
	"context"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// askedOf returns a lookup that counts keys other than "known" in asked, and answers them
// once there is something in answer.
func askedOf(asked *atomic.Int32, answer <-chan struct{}) lookup[string, int] {
	return whole(func(ctx context.Context, key string) (int, error) {
		if key != "known" {
			asked.Add(1)
			select {
			case <-answer:
			case <-ctx.Done():
				return 0, ctx.Err()
			}
		}
		return 1, nil
	})
}

// leaveAfterAsking asks for made-up keys and waits for none of them.
func leaveAfterAsking(t *testing.T, c *cache[string, int], keys int) {
	t.Helper()
	left, leave := context.WithCancel(t.Context())
	leave()
	for i := range keys {
		_, err := c.get(left, strconv.Itoa(i))
		require.Error(t, err)
	}
	synctest.Wait()
}

// One peer may send any number of ASIDs that are no system's.
func TestMadeUpKeysDelayNoneThatIsKnown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		answer := make(chan struct{})
		var asked atomic.Int32
		c := newCache(Caching{MaxQueries: 8, MaxAge: time.Minute}, time.Hour, nil, askedOf(&asked, answer))
		_, err := c.get(t.Context(), "known")
		require.NoError(t, err)
		time.Sleep(2 * time.Minute)
		leaveAfterAsking(t, c, 2*maxFlights)
		assert.Len(t, c.flights, maxFlights*3/4)
		assert.Equal(t, int32(6), asked.Load())
		got, err := c.get(t.Context(), "known")
		require.NoError(t, err)
		assert.Equal(t, 1, got)
		_, err = c.get(t.Context(), "another")
		assert.ErrorContains(t, err, "too many look-ups wait")
		close(answer)
		synctest.Wait()
		assert.Empty(t, c.flights)
	})
}

func TestOfFewQueriesOneIsForKnownKeys(t *testing.T) {
	t.Parallel()
	for queries, others := range map[int]int32{2: 1, 3: 2, 4: 3, 5: 4, 8: 6} {
		synctest.Test(t, func(t *testing.T) {
			answer := make(chan struct{})
			var asked atomic.Int32
			c := newCache(Caching{MaxQueries: queries, MaxAge: time.Minute}, time.Hour, nil, askedOf(&asked, answer))
			_, err := c.get(t.Context(), "known")
			require.NoError(t, err)
			time.Sleep(2 * time.Minute)
			leaveAfterAsking(t, c, 100)
			assert.Equal(t, others, asked.Load(), "of %d queries", queries)
			_, err = c.get(t.Context(), "known")
			assert.NoError(t, err)
			close(answer)
			synctest.Wait()
		})
	}
}

func TestTheOnlyQueryIsNextForAKnownKey(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		answer := make(chan struct{})
		var asked atomic.Int32
		c := newCache(Caching{MaxQueries: 1, MaxAge: time.Minute}, time.Hour, nil, askedOf(&asked, answer))
		_, err := c.get(t.Context(), "known")
		require.NoError(t, err)
		time.Sleep(2 * time.Minute)
		leaveAfterAsking(t, c, 100)
		assert.Equal(t, int32(1), asked.Load())
		known := make(chan error, 1)
		go func() {
			_, err := c.get(t.Context(), "known")
			known <- err
		}()
		synctest.Wait()
		assert.Empty(t, known)
		answer <- struct{}{} // for one of the others
		synctest.Wait()
		require.Len(t, known, 1)
		assert.NoError(t, <-known)
		close(answer)
		synctest.Wait()
	})
}

// What is too old to be used is still known to be a system's.
func TestAFailureLeavesAKnownKeyItsPlace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		answer := make(chan struct{})
		var asked atomic.Int32
		var fails atomic.Bool
		look := askedOf(&asked, answer)
		c := newCache(Caching{MaxQueries: 4, MaxAge: time.Minute, MaxEntries: 50}, time.Hour, nil, func(ctx context.Context, key string) (int, time.Time, error) {
			if fails.Load() {
				return 0, time.Time{}, &Error{Detail: "the directory does not answer"}
			}
			return look(ctx, key)
		})
		_, err := c.get(t.Context(), "known")
		require.NoError(t, err)
		time.Sleep(2 * time.Minute)
		fails.Store(true)
		_, err = c.get(t.Context(), "known")
		require.ErrorContains(t, err, "does not answer")
		for i := range 100 { // more than MaxEntries
			_, err = c.get(t.Context(), "x"+strconv.Itoa(i))
			require.Error(t, err)
		}
		fails.Store(false)
		time.Sleep(2 * time.Second)
		leaveAfterAsking(t, c, 100)
		assert.Equal(t, int32(3), asked.Load())
		got, err := c.get(t.Context(), "known")
		assert.NoError(t, err)
		assert.Equal(t, 1, got)
		close(answer)
		synctest.Wait()
	})
}

// A look-up that began shortly before its time ends would take the connection that it
// shares with others along.
func TestALookUpThatWaitedHasHalfOfItsTimeLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		shortest := time.Hour
		c := newCache(Caching{MaxQueries: 1}, 10*time.Second, nil, whole(func(ctx context.Context, _ string) (int, error) {
			deadline, _ := ctx.Deadline()
			shortest = min(shortest, time.Until(deadline)) // there is one look-up at a time
			time.Sleep(900 * time.Millisecond)
			return 1, nil
		}))
		leaveAfterAsking(t, c, 100)
		time.Sleep(5*time.Second + time.Millisecond)
		synctest.Wait()
		c.mu.Lock()
		assert.Equal(t, 1, len(c.flights), "the others have left the queue")
		c.mu.Unlock()
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, 5500*time.Millisecond, shortest)
		assert.Empty(t, c.flights)
	})
}
