// SPDX-License-Identifier: Apache-2.0

package sds

import (
	"context"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	logrecord "github.com/nrlsecurity/nrlsecurity/internal/record"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A flooded cache knows one key, "known", whose record is due, and has all others wait
// until there is something in answer.
type flooded struct {
	*cache[string, int]
	asked  atomic.Int32 // how many of the others the directory was asked for
	answer chan struct{}
	fails  atomic.Bool // the directory does not answer at all
}

func newFlooded(t *testing.T, policy Caching) *flooded {
	t.Helper()
	f := &flooded{answer: make(chan struct{})}
	policy.MaxAge = time.Minute
	f.cache = newCache(policy, time.Hour, logrecord.Writer{}, whole(func(ctx context.Context, key string) (int, error) {
		switch {
		case f.fails.Load():
			return 0, &Error{Detail: "the directory does not answer"}
		case key == "known":
			return 1, nil
		}
		f.asked.Add(1)
		select {
		case <-f.answer:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
		return 1, nil
	}))
	_, err := f.get(t.Context(), "known")
	require.NoError(t, err)
	time.Sleep(2 * time.Minute)
	return f
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
		c := newFlooded(t, Caching{MaxQueries: 8})
		leaveAfterAsking(t, c.cache, 2*maxFlights)
		assert.Len(t, c.flights, maxFlights*3/4)
		assert.Equal(t, int32(6), c.asked.Load())
		got, err := c.get(t.Context(), "known")
		require.NoError(t, err)
		assert.Equal(t, 1, got)
		_, err = c.get(t.Context(), "another")
		assert.ErrorContains(t, err, "too many look-ups wait")
		close(c.answer)
		synctest.Wait()
		assert.Empty(t, c.flights)
	})
}

func TestOfFewQueriesOneIsForKnownKeys(t *testing.T) {
	t.Parallel()
	for queries, others := range map[int]int32{2: 1, 3: 2, 4: 3, 5: 4, 8: 6} {
		synctest.Test(t, func(t *testing.T) {
			c := newFlooded(t, Caching{MaxQueries: queries})
			leaveAfterAsking(t, c.cache, 100)
			assert.Equal(t, others, c.asked.Load(), "of %d queries", queries)
			_, err := c.get(t.Context(), "known")
			assert.NoError(t, err)
			close(c.answer)
			synctest.Wait()
		})
	}
}

func TestTheOnlyQueryIsNextForAKnownKey(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newFlooded(t, Caching{MaxQueries: 1})
		leaveAfterAsking(t, c.cache, 100)
		assert.Equal(t, int32(1), c.asked.Load())
		known := make(chan error, 1)
		go func() {
			_, err := c.get(t.Context(), "known")
			known <- err
		}()
		synctest.Wait()
		assert.Empty(t, known)
		c.answer <- struct{}{} // for one of the others
		synctest.Wait()
		require.Len(t, known, 1)
		assert.NoError(t, <-known)
		close(c.answer)
		synctest.Wait()
	})
}

// What is too old to be used is still known to be a system's.
func TestAFailureLeavesAKnownKeyItsPlace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newFlooded(t, Caching{MaxQueries: 4, MaxEntries: 50})
		c.fails.Store(true)
		_, err := c.get(t.Context(), "known")
		require.ErrorContains(t, err, "does not answer")
		for i := range 100 { // more than MaxEntries
			_, err = c.get(t.Context(), "x"+strconv.Itoa(i))
			require.Error(t, err)
		}
		c.fails.Store(false)
		time.Sleep(2 * time.Second)
		leaveAfterAsking(t, c.cache, 100)
		assert.Equal(t, int32(3), c.asked.Load())
		got, err := c.get(t.Context(), "known")
		assert.NoError(t, err)
		assert.Equal(t, 1, got)
		close(c.answer)
		synctest.Wait()
	})
}

// A look-up that began shortly before its time ends would take the connection that it
// shares with others along.
func TestALookUpThatWaitedHasHalfOfItsTimeLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		shortest := time.Hour
		c := newCache(Caching{MaxQueries: 1}, 10*time.Second, logrecord.Writer{}, whole(func(ctx context.Context, _ string) (int, error) {
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
