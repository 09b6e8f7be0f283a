// SPDX-License-Identifier: Apache-2.0

package sds

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// pacing has so many callers ask for one turn after the other, about keys that are known
// or about others, for a minute, and returns how many turns they had.
func pacing(t *testing.T, p *pacer, ofKnown, ofOthers int) (known, others int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var mu sync.Mutex
	var last time.Time
	var calling sync.WaitGroup
	call := func(isKnown bool, turns *int) {
		for {
			if err := p.wait(context.WithValue(ctx, knownKey{}, isKnown)); err != nil {
				return
			}
			mu.Lock()
			assert.GreaterOrEqual(t, time.Since(last), p.interval)
			last = time.Now()
			*turns++
			mu.Unlock()
		}
	}
	for range ofKnown {
		calling.Go(func() { call(true, &known) })
	}
	for range ofOthers {
		calling.Go(func() { call(false, &others) })
	}
	calling.Wait()
	assert.Empty(t, p.known)
	assert.Empty(t, p.others)
	return known, others
}

func TestRequestsAboutKnownKeysGoFirst(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ known, others, wantKnown, wantOthers int }{
		"alone":             {known: 4, wantKnown: 300},
		"others alone":      {others: 12, wantOthers: 300},
		"one among many":    {known: 1, others: 12, wantKnown: 225, wantOthers: 75},
		"four among twelve": {known: 4, others: 12, wantKnown: 225, wantOthers: 75},
	} {
		synctest.Test(t, func(t *testing.T) {
			known, others := pacing(t, &pacer{interval: 200 * time.Millisecond}, c.known, c.others)
			assert.InDelta(t, c.wantKnown, known, 6, name)
			assert.InDelta(t, c.wantOthers, others, 6, name)
		})
	}
}

// Those that went while no others waited count for nothing.
func TestRequestsAboutKnownKeysGoBeforeTheFirstOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &pacer{interval: time.Second}
		ofKnown := context.WithValue(t.Context(), knownKey{}, true)
		for range 2 * longest {
			require.NoError(t, p.wait(ofKnown))
		}
		turns := make(chan string, 2)
		for name, ctx := range map[string]context.Context{"another": t.Context(), "known": ofKnown} {
			go func() {
				assert.NoError(t, p.wait(ctx))
				turns <- name
			}()
		}
		assert.Equal(t, "known", <-turns)
		assert.Equal(t, "another", <-turns)
	})
}

func TestARequestThatCannotGoInTimeIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &pacer{interval: time.Second}
		require.NoError(t, p.wait(t.Context()))
		ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
		defer cancel()
		for range 2 {
			go func() { _ = p.wait(t.Context()) }()
		}
		synctest.Wait()
		began := time.Now()
		var trouble *Error
		err := p.wait(ctx)
		require.ErrorAs(t, err, &trouble)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, 3030*time.Millisecond, trouble.RetryAfter().Round(time.Millisecond))
		assert.Zero(t, time.Since(began))
		assert.NoError(t, p.wait(context.WithValue(ctx, knownKey{}, true)), "it goes before the two")
		time.Sleep(time.Minute)

		began = time.Now()
		p.slow(5 * time.Second)
		require.NoError(t, p.wait(t.Context()))
		assert.Equal(t, 5*time.Second, time.Since(began))
		p.slow(0)
		p.slow(time.Minute)
		short, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		assert.ErrorContains(t, p.wait(short), "the service said that there were too many requests")
	})
}

func TestAStopWhileRequestsWaitHoldsForThem(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &pacer{interval: time.Second}
		require.NoError(t, p.wait(t.Context()))
		began := time.Now()
		short, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		ended := make(chan error, 2)
		for _, ctx := range []context.Context{short, t.Context()} {
			go func() { ended <- p.wait(ctx) }()
			synctest.Wait()
		}
		p.slow(20 * time.Second)
		assert.ErrorContains(t, <-ended, "the service said that there were too many requests")
		assert.NoError(t, <-ended)
		assert.Equal(t, 20*time.Second, time.Since(began))
	})
}
