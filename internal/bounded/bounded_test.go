// SPDX-License-Identifier: Apache-2.0

package bounded_test

import (
	"context"
	"errors"
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
	got, err := bounded.Call(t.Context(), &late, bounded.Of{}, func() int { return 7 })
	require.NoError(t, err)
	assert.Equal(t, 7, got)

	assert.PanicsWithValue(t, "out of order", func() {
		_, _ = bounded.Call(t.Context(), &late, bounded.Of{}, func() int { panic("out of order") })
	})
	_, err = bounded.Call(t.Context(), &late, bounded.Of{}, func() int { runtime.Goexit(); return 7 })
	assert.ErrorIs(t, err, bounded.ErrEnded)

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	got, err = bounded.Call(ended, &late, bounded.Of{}, func() int { return 7 })
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
		got, err := bounded.Call(ctx, &late, bounded.Of{}, func() int { time.Sleep(6 * time.Second); return 7 })
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Zero(t, got)
		assert.Equal(t, time.Second+bounded.Grace, time.Since(start)) // the bubble's time

		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		got, err = bounded.Call(ctx, &late, bounded.Of{}, func() int { <-ctx.Done(); return 7 })
		assert.NoError(t, err, "it minds its context, and has something to say")
		assert.Equal(t, 7, got)

		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = bounded.Call(ctx, &late, bounded.Of{}, func() int { time.Sleep(6 * time.Second); panic("after its caller has gone") })
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
			_, err := bounded.Call(ctx, &late, bounded.Of{}, f)
			return err
		}
		for range bounded.MaxLate {
			go func() { _ = call(func() int { <-release; return 0 }) }()
		}
		time.Sleep(2 * time.Second) // the bubble's time
		assert.ErrorContains(t, call(func() int { t.Error("it was called"); return 0 }), "have not returned")
		close(release)
		synctest.Wait()
		assert.NoError(t, call(func() int { return 0 }))
	})
}

// A callee that never returns, and one subject that it never returns for, leave room.
func TestCallsThatDoNotReturnLeaveRoomForOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var late bounded.Late
		release := make(chan struct{})
		hangs := func(callee, subject any) bool {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			_, err := bounded.Call(ctx, &late, bounded.Of{Callee: callee, Subject: subject}, func() int { <-release; return 0 })
			assert.Error(t, err)
			return errors.Is(err, context.Canceled) // and not that there was no room
		}
		fill := func(callee, subject any) (begun int) {
			for hangs(callee, subject) {
				begun++
			}
			return begun
		}
		answers := func(callee, subject any) error {
			_, err := bounded.Call(t.Context(), &late, bounded.Of{Callee: callee, Subject: subject}, func() int { return 0 })
			return err
		}
		assert.Equal(t, 334, fill("deaf", "leaf"))
		assert.NoError(t, answers("deaf", "another leaf"))
		all := 334
		for subject := range bounded.MaxLate {
			all += fill("deaf", subject)
		}
		assert.Equal(t, bounded.MaxLate/2, all)
		assert.ErrorContains(t, answers("deaf", "yet another leaf"), "have not returned")
		assert.NoError(t, answers("sound", "leaf"))
		assert.NoError(t, answers(func() {}, "leaf"), "of a callee that cannot be compared")
		for callee := range 100 {
			begun := fill(callee, nil)
			assert.GreaterOrEqual(t, begun, 16)
			all += begun
		}
		assert.LessOrEqual(t, all, bounded.MaxLate+100*16)
		assert.NoError(t, answers("sound", "leaf"), "however many others have")
		close(release)
		synctest.Wait()
		assert.NoError(t, answers("deaf", "leaf"), "once they have returned")
	})
}

// Calls that begin together are late together: there may be any number of them.
func TestAThousandCallsAtOnceLeaveRoomForOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var late bounded.Late
		release := make(chan struct{})
		call := func(callee any, f func() int) error {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := bounded.Call(ctx, &late, bounded.Of{Callee: callee}, f)
			return err
		}
		for range 2 * bounded.MaxLate {
			go func() { _ = call("deaf", func() int { <-release; return 0 }) }()
		}
		time.Sleep(2 * time.Second) // the bubble's time
		assert.ErrorContains(t, call("deaf", func() int { return 0 }), "2000 calls before it, 2000 of them of the same callee, have not returned")
		begun := 0
		for errors.Is(call("slow", func() int { <-release; return 0 }), context.DeadlineExceeded) {
			begun++
		}
		assert.Equal(t, 16, begun)
		assert.NoError(t, call("sound", func() int { return 0 }))
		close(release)
		synctest.Wait()
	})
}
