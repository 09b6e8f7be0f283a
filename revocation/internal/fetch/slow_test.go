// SPDX-License-Identifier: Apache-2.0

package fetch_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// askAllTheTime has callers ask who wait for a moment each, until what they want is served.
func askAllTheTime(t *testing.T, ask func(context.Context), most time.Duration, served *atomic.Bool) {
	t.Helper()
	for end := time.Now().Add(most); time.Now().Before(end) && !served.Load(); time.Sleep(10 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		ask(ctx)
		cancel()
	}
}

// takesMinutes has a server answer after two of them, and says when it has.
func takesMinutes(s *server, served *atomic.Bool) {
	s.now(func(ctx context.Context) error {
		err := answersAfter(2 * time.Minute)(ctx)
		served.Store(served.Load() || err == nil)
		return err
	})
}

// Property 5: a document takes minutes. Callers whose attempts, which have 20 s, come
// before each of Run's do not keep it from coming.
func TestADocumentThatTakesMinutesComesThoughCallersAskAllTheTime(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		a, s := newAsker(), serverThat(fails)
		w := watch(a, "a", s)
		run(t, a)
		var served atomic.Bool
		ask := func(ctx context.Context) { a.Ask(ctx, group(w), served.Load) }
		askAllTheTime(t, ask, 10*time.Minute, &served) // so that Run asks less often
		takesMinutes(s, &served)
		askAllTheTime(t, ask, 5*time.Minute, &served)
		assert.True(t, served.Load())
		assert.LessOrEqual(t, s.most.Load(), int64(2))
	})
}

func TestWhatACallerHasBegunInTimeOfRunEndsWithIt(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		a, s := newAsker(), serverThat(hangs)
		w := watch(a, "a", s)
		a.Look(w)
		time.Sleep(21 * time.Second)
		stop := run(t, a)
		a.Look(w)
		time.Sleep(time.Minute)
		assert.NotZero(t, s.current.Load())
		stop()
		synctest.Wait()
		assert.Zero(t, s.current.Load())
		a.Look(w)
		time.Sleep(21 * time.Second)
		assert.Zero(t, s.current.Load(), "a caller's has 20 s without Run")
	})
}
