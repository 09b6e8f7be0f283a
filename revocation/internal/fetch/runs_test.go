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

// Property 5: the end of one of two Runs takes nothing from callers that the other gives
// them, whichever began first.
func TestADocumentThatTakesMinutesComesWhileAnotherRunGoesOn(t *testing.T) {
	for _, test := range []struct {
		name string
		ends int
	}{
		{"the first ends", 0},
		{"the second ends", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				a, s := newAsker(), serverThat(fails)
				w := watch(a, "a", s)
				var stop [2]func()
				for i := range stop {
					stop[i] = run(t, a)
					synctest.Wait()
				}
				var served atomic.Bool
				ask := func(ctx context.Context) { a.Ask(ctx, group(w), served.Load) }
				askAllTheTime(t, ask, 10*time.Minute, &served) // so that Run asks less often
				stop[test.ends]()
				takesMinutes(s, &served)
				askAllTheTime(t, ask, 5*time.Minute, &served)
				assert.True(t, served.Load())
			})
		})
	}
}

// An attempt that a caller begins while Run is about to return is not ended with it: as a
// failure, it would have the next caller do without.
func TestRunThatIsAboutToReturnEndsNoCallersAttempt(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		a, s := newAsker(), serverThat(answersAfter(30*time.Second))
		w := watch(a, "a", s)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- a.Run(ctx) }()
		time.Sleep(time.Minute)
		s.now(answersAfter(time.Second))
		cancel()
		a.Look(w)
		time.Sleep(2 * time.Second)
		assert.NoError(t, a.Err(w))
		assert.ErrorIs(t, <-ended, context.Canceled)
	})
}
