// SPDX-License-Identifier: Apache-2.0

package bounded_test

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nrlsecurity/nrlsecurity/internal/bounded"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCallReturnsWhatTheFunctionDoes(t *testing.T) {
	t.Parallel()
	var late bounded.Late
	got, err := bounded.Call(t.Context(), &late, func() int { return 7 })
	require.NoError(t, err)
	assert.Equal(t, 7, got)

	assert.PanicsWithValue(t, "out of order", func() {
		_, _ = bounded.Call(t.Context(), &late, func() int { panic("out of order") })
	})
	_, err = bounded.Call(t.Context(), &late, func() int { runtime.Goexit(); return 7 })
	assert.ErrorIs(t, err, bounded.ErrEnded)

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	got, err = bounded.Call(ended, &late, func() int { return 7 })
	require.NoError(t, err, "what is known without waiting")
	assert.Equal(t, 7, got)
}

func TestCallIsWaitedForUntilItsContextEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var late bounded.Late
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		got, err := bounded.Call(ctx, &late, func() int { time.Sleep(6 * time.Second); return 7 })
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Zero(t, got)
		assert.Equal(t, time.Second+bounded.Grace, time.Since(start)) // the bubble's time

		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		got, err = bounded.Call(ctx, &late, func() int { <-ctx.Done(); return 7 })
		assert.NoError(t, err, "it minds its context, and has something to say")
		assert.Equal(t, 7, got)

		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = bounded.Call(ctx, &late, func() int { time.Sleep(6 * time.Second); panic("after its caller has gone") })
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		time.Sleep(time.Minute)
	})
}

func TestCallsThatDoNotReturnAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var late bounded.Late
		release := make(chan struct{})
		call := func(f func() int) error {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := bounded.Call(ctx, &late, f)
			return err
		}
		for range bounded.MaxLate {
			go func() { _ = call(func() int { <-release; return 0 }) }()
		}
		time.Sleep(2 * time.Second)
		assert.ErrorContains(t, call(func() int { t.Error("it was called"); return 0 }), "have not returned")
		close(release)
		synctest.Wait()
		assert.NoError(t, call(func() int { return 0 }))
	})
}
