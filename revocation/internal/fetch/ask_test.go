// SPDX-License-Identifier: Apache-2.0

package fetch_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/fetch"
)

func TestAskMakesOneAttemptHoweverManyWait(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		a, s := newAsker(), serverThat(answersAfter(500*time.Millisecond))
		w := watch(a, "a", s)
		var wait sync.WaitGroup
		for range 1000 {
			wait.Go(func() {
				assert.Equal(t, 500*time.Millisecond, took(func() { a.Ask(t.Context(), group(w), never) }))
			})
		}
		wait.Wait()
		assert.Len(t, s.begun(time.Now()), 1)
	})
}

// Property 5: cold, one bad URL costs little.
func TestAskGivesEachURLAHeadStart(t *testing.T) {
	for name, test := range map[string]struct {
		first, second func(context.Context) error
		served        time.Duration
		secondAsked   time.Duration
	}{
		"the first answers":                          {answersAfter(300 * time.Millisecond), answers, 300 * time.Millisecond, 300 * time.Millisecond},
		"the first fails at once":                    {fails, answersAfter(300 * time.Millisecond), 300 * time.Millisecond, 0},
		"the first hangs":                            {hangs, answersAfter(300 * time.Millisecond), 1300 * time.Millisecond, time.Second},
		"the first is slow, the second slower":       {answersAfter(1500 * time.Millisecond), hangs, 1500 * time.Millisecond, time.Second},
		"the first fails after half a second":        {failsAfter(500 * time.Millisecond), answers, 500 * time.Millisecond, 500 * time.Millisecond},
		"the first does not mind its context":        {deaf, answersAfter(300 * time.Millisecond), 1300 * time.Millisecond, time.Second},
		"the first panics":                           {func(context.Context) error { panic("!") }, answersAfter(300 * time.Millisecond), 300 * time.Millisecond, 0},
		"the second is asked, though not waited for": {answers, answers, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				var served atomic.Bool
				serve := func(does func(context.Context) error) func(context.Context) error {
					return func(ctx context.Context) error {
						err := does(ctx)
						if err == nil {
							served.Store(true)
						}
						return err
					}
				}
				a, first, second := newAsker(), serverThat(serve(test.first)), serverThat(serve(test.second))
				start := time.Now()
				g := group(watch(a, "a", first), watch(a, "b", second))
				assert.Equal(t, test.served, took(func() { a.Ask(t.Context(), g, served.Load) }))
				synctest.Wait()
				assert.Equal(t, []time.Duration{0}, first.begun(start))
				assert.Equal(t, []time.Duration{test.secondAsked}, second.begun(start))
			})
		})
	}
}

func failsAfter(d time.Duration) func(context.Context) error {
	return func(ctx context.Context) error {
		_ = answersAfter(d)(ctx)
		return errDown
	}
}

// deaf ignores its context for an hour.
func deaf(context.Context) error {
	time.Sleep(time.Hour)
	return nil
}

func TestAskAsksGroupsSideBySide(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		a := newAsker()
		var groups [][]*fetch.Watch
		var answered atomic.Int64
		for _, name := range names(3) {
			s := serverThat(func(ctx context.Context) error {
				err := answersAfter(3 * time.Second)(ctx)
				answered.Add(1)
				return err
			})
			groups = append(groups, []*fetch.Watch{watch(a, name, s)})
		}
		assert.Equal(t, 3*time.Second, took(func() { a.Ask(t.Context(), groups, func() bool { return answered.Load() == 3 }) }))
	})
}

func TestAskEndsWithItsContextAndLeavesTheAttemptToOthers(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		a, s := newAsker(), serverThat(answersAfter(2*time.Second))
		w := watch(a, "a", s)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		assert.Equal(t, time.Second/2, took(func() { a.Ask(ctx, group(w), never) }))
		assert.Equal(t, 3*time.Second/2, took(func() { a.Ask(t.Context(), group(w), never) }))
		assert.NoError(t, a.Err(w))
		assert.Len(t, s.begun(time.Now()), 1)
	})
}

// A handshake's check has 10 s: the failure of what hangs is known before, and
// the next handshake does not wait for the same again.
func TestAskWaitsForWhatHangsOnce(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		a, s := newAsker(), serverThat(hangs)
		w := watch(a, "a", s)
		assert.LessOrEqual(t, took(func() { a.Ask(t.Context(), group(w), never) }), 5*time.Second)
		assert.Zero(t, took(func() { a.Ask(t.Context(), group(w), never) }), "it has been waited for")
	})
}

// The caller is to be told what was waited for in vain, although it goes on.
func TestAnAttemptThatIsNotWaitedForAnyMoreHasFailed(t *testing.T) {
	for name, does := range map[string]func(context.Context) error{"hangs": hangs, "does not mind its context": deaf} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				a, s := newAsker(), serverThat(does)
				w := watch(a, "a", s)
				go a.Ask(t.Context(), group(w), never)
				time.Sleep(5*time.Second - 1)
				assert.NoError(t, a.Err(w), "it may still answer")
				time.Sleep(time.Nanosecond)
				assert.ErrorIs(t, a.Err(w), context.DeadlineExceeded)
			})
		})
	}
}

func TestAskCountsTheHeadStartFromWhenTheAttemptBegan(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		a, first, second := newAsker(), serverThat(hangs), serverThat(fails)
		g := group(watch(a, "a", first), watch(a, "b", second))
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		a.Ask(ctx, g, never)
		var served atomic.Bool
		second.now(func(context.Context) error { served.Store(true); return nil })
		time.Sleep(14 * time.Second) // the second may be asked again
		assert.LessOrEqual(t, took(func() { a.Ask(t.Context(), g, served.Load) }), time.Second)
	})
}

// Property 6: outages end.
func TestAskAsksAgain15SecondsAfterTheStartOfTheLastAttempt(t *testing.T) {
	for name, outage := range map[string]func(context.Context) error{
		"which fails at once": fails, "which hangs": hangs, "which fails after 4 s": failsAfter(4 * time.Second),
	} {
		for _, length := range []time.Duration{5 * time.Minute, time.Hour} {
			t.Run(name+" for "+length.String(), func(t *testing.T) {
				inBubble(t, func(t *testing.T) {
					a, s := newAsker(), serverThat(outage)
					w := watch(a, "a", s)
					var served atomic.Bool
					ask := func() { // a handshake a second, of which each has 10 s
						ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
						defer cancel()
						a.Ask(ctx, group(w), served.Load)
					}
					start := time.Now()
					for time.Since(start) < length {
						go ask()
						time.Sleep(time.Second)
					}
					s.now(func(context.Context) error { served.Store(true); return nil })
					restored := time.Now()
					for !served.Load() && time.Since(restored) < time.Minute {
						go ask()
						time.Sleep(time.Second / 4)
					}
					assert.True(t, served.Load())
					assert.LessOrEqual(t, time.Since(restored), 15*time.Second+time.Second/4)
					assert.LessOrEqual(t, len(s.begun(start)), int(length/(12*time.Second))+3, "not more often than with the jitter")
				})
			})
		}
	}
}

func TestAskHasTwoRequestsOutstandingAtMost(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		release := make(chan struct{})
		a, s := newAsker(), serverThat(ignores(release))
		w := watch(a, "a", s)
		for range 600 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			assert.LessOrEqual(t, took(func() { a.Ask(ctx, group(w), never) }), time.Second)
			cancel()
			time.Sleep(time.Second)
		}
		assert.EqualValues(t, 2, s.most.Load())
		close(release)
		synctest.Wait()
		assert.NoError(t, a.Err(w), "what comes late has come")
	})
}

func TestATargetThatRanOutSinceIsAskedAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		a, s := newAsker(), serverThat(answers)
		until := time.Now().Add(5 * time.Second)
		w := a.Watch(fetch.Target{Key: "a", Host: "a", Do: s.do, Until: func() time.Time { return until }})
		start := time.Now()
		a.Ask(t.Context(), group(w), never)
		time.Sleep(4 * time.Second)
		a.Ask(t.Context(), group(w), never)
		time.Sleep(2 * time.Second)
		a.Ask(t.Context(), group(w), never)
		assert.Equal(t, []time.Duration{0, 6 * time.Second}, s.begun(start))
	})
}

// Property 4: an answer that ran out may do once a look begun since then has
// failed or hangs; the next attempt, which Run or a check begins later, does not
// take that back.
func TestATargetGoesOnFailingWhileItIsAskedAgain(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		a, s := newAsker(), serverThat(hangs)
		w := watch(a, "a", s)
		a.Look(w)
		time.Sleep(2 * time.Second)
		expired := time.Now()
		assert.False(t, a.Failing(w, expired), "the attempt began before")
		time.Sleep(15 * time.Second)
		a.Look(w)
		assert.False(t, a.Failing(w, expired), "it has just begun")
		time.Sleep(time.Second)
		assert.True(t, a.Failing(w, expired), "it hangs")
		for range 100 {
			time.Sleep(time.Second)
			a.Look(w)
			assert.True(t, a.Failing(w, expired))
		}
	})
}
