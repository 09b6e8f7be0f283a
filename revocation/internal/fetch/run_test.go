// SPDX-License-Identifier: Apache-2.0

package fetch_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/fetch"
)

// Property 3: new documents are found. A fetch has ended before the last one is Refresh old.
func TestRunLooksBeforeTheLastLookIsTooOld(t *testing.T) {
	for name, does := range map[string]func(context.Context) error{
		"at once": answers, "after 4 s": answersAfter(4 * time.Second), "after 2 min": answersAfter(2 * time.Minute),
	} {
		t.Run("it answers "+name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				a := newAsker()
				var mu sync.Mutex
				var looked time.Time // the start of the last look that brought something
				oldest := time.Duration(0)
				s := serverThat(func(ctx context.Context) error {
					start := time.Now()
					err := does(ctx)
					mu.Lock()
					defer mu.Unlock()
					if !looked.IsZero() {
						oldest = max(oldest, time.Since(looked))
					}
					looked = start
					return err
				})
				watch(a, "a", s)
				run(t, a)
				time.Sleep(30 * 24 * time.Hour)
				mu.Lock()
				defer mu.Unlock()
				assert.LessOrEqual(t, oldest, time.Hour)
				assert.Greater(t, oldest, 30*time.Minute, "nor twice as often as is needed")
			})
		})
	}
}

func TestRunLooksAtEachURLWhateverBecomesOfTheOther(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		a, first, second := newAsker(), serverThat(hangs), serverThat(answers)
		watch(a, "a", first)
		watch(a, "b", second)
		run(t, a)
		for range 100 {
			time.Sleep(time.Hour)
			assert.LessOrEqual(t, time.Since(second.last()), time.Hour)
			assert.LessOrEqual(t, time.Since(first.last()), time.Hour)
		}
	})
}

// What runs out sooner than Refresh is replaced before it does.
func TestRunReplacesWhatRunsOut(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		a := newAsker()
		var until atomic.Pointer[time.Time]
		s := serverThat(func(context.Context) error {
			until.Store(new(time.Now().Add(10 * time.Minute)))
			return nil
		})
		until.Store(new(time.Now()))
		w := a.Watch(fetch.Target{Key: "a", Host: "a", Do: s.do, Forget: true, Until: func() time.Time { return *until.Load() }})
		run(t, a)
		synctest.Wait()
		for range 1000 {
			time.Sleep(10 * time.Second)
			w.Used()
			assert.False(t, time.Now().After(*until.Load()), "it ran out")
		}
	})
}

func TestRunLeavesAloneWhatRanOutAndNobodyUses(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		a, s := newAsker(), serverThat(fails)
		var until atomic.Pointer[time.Time]
		until.Store(new(time.Now().Add(24 * time.Hour)))
		w := a.Watch(fetch.Target{Key: "a", Host: "a", Do: s.do, Forget: true, Until: func() time.Time { return *until.Load() }})
		run(t, a)
		time.Sleep(48 * time.Hour)
		before := len(s.begun(time.Now()))
		time.Sleep(48 * time.Hour)
		assert.Len(t, s.begun(time.Now()), before)
		s.now(answers)
		a.Ask(t.Context(), group(w), never)
		assert.Len(t, s.begun(time.Now()), before+1, "it is asked again when it is used")
		until.Store(new(time.Now().Add(24 * time.Hour)))
		time.Sleep(time.Hour)
		assert.Greater(t, len(s.begun(time.Now())), before+1, "and looked after again")
	})
}

// A dead mirror is not asked four times a minute for ever, and what comes back is
// looked at within minutes all the same.
func TestRunAsksLessOftenWhatGoesOnFailing(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		a, s := newAsker(), serverThat(fails)
		watch(a, "a", s)
		run(t, a)
		start := time.Now()
		time.Sleep(10 * time.Hour)
		assert.Less(t, len(s.begun(start)), 200)
		s.now(answers)
		restored := time.Now()
		time.Sleep(5*time.Minute + time.Second)
		assert.Greater(t, s.last(), restored)
	})
}

func TestRunHeedsWhatTheServerAsksFor(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		a, s := newAsker(), serverThat(fails)
		a.Pause = func(err error) time.Duration {
			assert.ErrorIs(t, err, errDown)
			return 4 * time.Minute
		}
		w := watch(a, "a", s)
		run(t, a)
		start := time.Now()
		time.Sleep(3 * time.Minute)
		assert.Equal(t, []time.Duration{0}, s.begun(start))
		a.Ask(t.Context(), group(w), never)
		assert.Len(t, s.begun(start), 2, "a caller with nothing to go by asks all the same")
	})
}

func TestRunBoundsWhatItAsksAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		a, one, others := newAsker(), serverThat(answersAfter(time.Second)), serverThat(answersAfter(time.Second))
		for _, name := range names(100) {
			a.Watch(fetch.Target{Key: "one " + name, Host: "one", Do: one.do})
			watch(a, name, others)
		}
		run(t, a)
		time.Sleep(40 * time.Second)
		assert.EqualValues(t, 4, one.most.Load())
		assert.LessOrEqual(t, others.most.Load(), int64(32))
		assert.Greater(t, others.most.Load(), int64(20), "one host does not hold up the others")
		assert.Len(t, one.begun(time.Now()), 100)
		assert.Len(t, others.begun(time.Now()), 100)
	})
}

func TestRunIsNotHeldUpByWhatHangs(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		release := make(chan struct{})
		a, stuck, others := newAsker(), serverThat(ignores(release)), serverThat(answers)
		for _, name := range names(64) {
			watch(a, name, stuck)
			watch(a, "good"+name, others)
		}
		run(t, a)
		time.Sleep(2 * time.Hour)
		assert.GreaterOrEqual(t, len(others.begun(time.Now())), 128)
		close(release)
	})
}

// A caller's look succeeds while Run has one at the same target wait for room, and an
// older one has not ended: its end says nothing of when to look again.
func TestRunGoesOnLookingAtWhatACallerLookedAtMeanwhile(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		a, release := newAsker(), make(chan struct{})
		defer close(release)
		for _, name := range names(4) { // all the room that a host has
			a.Watch(fetch.Target{Key: name, Host: "a", Do: hangs})
		}
		s := serverThat(ignores(release))
		w := a.Watch(fetch.Target{Key: "a", Host: "a", Do: s.do})
		a.Look(w)
		time.Sleep(6 * time.Minute)
		run(t, a)
		time.Sleep(10 * time.Second)
		s.now(answers)
		a.Look(w)
		for range 10 {
			time.Sleep(time.Hour)
			assert.LessOrEqual(t, time.Since(s.last()), time.Hour)
		}
	})
}

func TestRunEndsWithItsContextAndSoDoesWhatItBegan(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		a := newAsker()
		var ended atomic.Bool
		watch(a, "a", serverThat(func(ctx context.Context) error {
			defer ended.Store(true)
			return hangs(ctx)
		}))
		stop := run(t, a)
		synctest.Wait()
		assert.Zero(t, took(stop))
		synctest.Wait()
		assert.True(t, ended.Load())
	})
}

// A machine that was suspended: the wall clock has gone on, timers and Go's
// monotonic clock have not.
func TestALookIsDueByTheWallClock(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		var slept atomic.Int64
		a, s := newAsker(), serverThat(answers)
		a.Now = func() time.Time { return time.Now().Add(time.Duration(slept.Load())) }
		w := watch(a, "a", s)
		run(t, a)
		time.Sleep(time.Minute)
		require.Len(t, s.begun(time.Now()), 1)
		slept.Store(int64(3 * time.Hour))
		assert.True(t, w.Overdue(a.Now()))
		time.Sleep(time.Minute + time.Second)
		assert.Len(t, s.begun(time.Now()), 2)
	})
}

// Go's monotonic clock stands still while a machine is suspended, so that no age may be
// taken by it.
func TestTimesOfLooksHaveNoMonotonicReading(t *testing.T) {
	a := &fetch.Asker{Now: time.Now, Refresh: time.Hour}
	w := a.Watch(fetch.Target{Key: "a", Do: func(context.Context) error { return nil }})
	a.Ask(t.Context(), group(w), never)
	states := a.States()
	require.Len(t, states, 1)
	for _, at := range []time.Time{states[0].LastLook, states[0].NextLook} {
		require.False(t, at.IsZero())
		assert.Equal(t, at.Round(0), at)
	}
}

// runAhead runs an asker that watches s by a clock 90 days ahead, until setBack is called.
func runAhead(t *testing.T, s *server) (a *fetch.Asker, w *fetch.Watch, setBack func()) {
	var ahead atomic.Int64
	ahead.Store(int64(90 * 24 * time.Hour))
	a = newAsker()
	a.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	w = watch(a, "a", s)
	run(t, a)
	return a, w, func() { ahead.Store(0) }
}

func TestAClockThatIsSetBackKeepsNoFailure(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serverThat(fails)
		a, w, setBack := runAhead(t, s)
		time.Sleep(time.Minute)
		setBack()
		s.now(answers)
		a.Ask(t.Context(), group(w), never)
		assert.NoError(t, a.Err(w))
		before := time.Now()
		time.Sleep(time.Hour)
		assert.Greater(t, s.last(), before)
	})
}

func TestAClockThatIsSetBackMakesALookDue(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s := serverThat(answers)
		a, w, setBack := runAhead(t, s)
		time.Sleep(90 * time.Second)
		setBack()
		assert.True(t, w.Overdue(a.Now()))
		before := time.Now()
		time.Sleep(time.Minute + time.Second)
		assert.Greater(t, s.last(), before)
	})
}

// Of what was due long after, one is asked for by a caller and is the first that is due
// from then on: it does not hide the others.
func TestAClockThatIsSetBackMakesEveryLookDue(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s, other := serverThat(answers), serverThat(answers)
		a, w, setBack := runAhead(t, s)
		watch(a, "b", other)
		time.Sleep(90 * time.Second)
		setBack()
		a.Look(w)
		before := time.Now()
		time.Sleep(time.Minute + time.Second)
		assert.GreaterOrEqual(t, other.last(), before)
	})
}

func TestAClockThatWasSetBackBeforeRunBeganMakesEveryLookDue(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		s, other := serverThat(answers), serverThat(answers)
		a, ahead := newAsker(), 90*24*time.Hour
		a.Now = func() time.Time { return time.Now().Add(ahead) }
		w, v := watch(a, "a", s), watch(a, "b", other)
		a.Ask(t.Context(), [][]*fetch.Watch{{w}, {v}}, never)
		time.Sleep(time.Minute)
		ahead = 0
		a.Look(w)
		before := time.Now()
		run(t, a)
		time.Sleep(time.Second)
		assert.GreaterOrEqual(t, other.last(), before)
	})
}

// An attempt that fails after a newer one succeeded says nothing.
func TestAnOlderFailureDoesNotCount(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		a, s := newAsker(), serverThat(func(ctx context.Context) error {
			time.Sleep(30 * time.Second)
			return errors.New("late")
		})
		w := watch(a, "a", s)
		a.Look(w)
		time.Sleep(16 * time.Second)
		s.now(answers)
		a.Ask(t.Context(), group(w), never)
		time.Sleep(20 * time.Second)
		assert.NoError(t, a.Err(w))
		assert.False(t, w.Overdue(time.Now()))
	})
}

func TestAHostIsTroubledThatFailedOrHangs(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		a, s := newAsker(), serverThat(answers)
		w := watch(a, "a", s)
		look := func(does func(context.Context) error) {
			s.now(does)
			a.Look(w)
			synctest.Wait()
		}
		look(answers)
		assert.False(t, a.Troubled("a"))
		time.Sleep(15 * time.Second)
		look(fails)
		assert.True(t, a.Troubled("a"), "it failed")
		assert.False(t, a.Troubled("b"))
		time.Sleep(15 * time.Second)
		assert.False(t, a.Troubled("a"), "that was a while ago")
		look(answersAfter(3 * time.Second))
		assert.False(t, a.Troubled("a"), "it may still answer soon")
		time.Sleep(2 * time.Second)
		assert.True(t, a.Troubled("a"), "it hangs")
		time.Sleep(2 * time.Second)
		assert.False(t, a.Troubled("a"), "it has answered")
	})
}
