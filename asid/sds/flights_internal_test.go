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

// One peer may send any number of ASIDs that are no system's.
func TestMadeUpKeysDelayNoneThatIsKnown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		answer := make(chan struct{})
		var asked atomic.Int32
		c := newCache(Caching{MaxQueries: 8, MaxAge: time.Minute}, time.Hour, nil, whole(func(_ context.Context, key string) (int, error) {
			if key != "known" {
				asked.Add(1)
				<-answer
			}
			return 1, nil
		}))
		_, err := c.get(t.Context(), "known")
		require.NoError(t, err)
		time.Sleep(2 * time.Minute)
		left, leave := context.WithCancel(t.Context())
		leave()
		for i := range 2 * maxFlights {
			_, err := c.get(left, strconv.Itoa(i))
			require.Error(t, err)
		}
		synctest.Wait()
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
