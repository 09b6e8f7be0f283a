// SPDX-License-Identifier: Apache-2.0

package terminator_test

import (
	"context"
	"crypto/x509"
	"log/slog"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig/internal/testpki"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/terminator"
)

// A Hook that does not mind its context holds up neither the file, the state nor the end
// of Run, and is not called again before it has returned.
func TestAHookThatNeverReturnsHoldsNothingUp(t *testing.T) {
	t.Parallel()
	testpki.Spine()
	synctest.Test(t, func(t *testing.T) {
		e := newEstate(t, rootList(), subCAList())
		released := make(chan struct{})
		var calls atomic.Int32
		e.keeper.Reload = func(context.Context, string) error {
			calls.Add(1)
			<-released
			return nil
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- e.keeper.Run(ctx) }()
		go func() { _ = e.crls.Run(ctx) }()
		after(2 * time.Minute)
		state := e.keeper.State()
		assert.False(t, state.Complete)
		assert.Contains(t, problems(state), terminator.Untold)

		e.publish(subCAURL, newer(subCAList(7)))
		after(10 * time.Minute)
		require.True(t, slices.ContainsFunc(e.contents(t), func(l *x509.RevocationList) bool { return len(l.RevokedCertificateEntries) == 1 }))
		assert.EqualValues(t, 1, calls.Load())

		close(released)
		after(6 * time.Minute)
		assert.EqualValues(t, 2, calls.Load(), "it is told of the file as it is now")
		assert.True(t, e.keeper.State().Complete)
		cancel()
		require.ErrorIs(t, <-ended, context.Canceled)
	})
	synctest.Test(t, func(t *testing.T) {
		e := newEstate(t, rootList(), subCAList())
		released := make(chan struct{})
		e.keeper.Reload = func(context.Context, string) error { <-released; return nil }
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- e.keeper.Run(ctx) }()
		go func() { _ = e.crls.Run(ctx) }()
		after(10 * time.Second)
		cancel()
		time.Sleep(time.Second)
		synctest.Wait()
		select {
		case <-ended:
		default:
			t.Error("Run has not ended with its context")
		}
		close(released)
	})
}

// A stalled handler is one of a log whose reader has stopped.
type stalled struct {
	slog.Handler
	until chan struct{}
}

func (h stalled) Enabled(context.Context, slog.Level) bool { return true }

func (h stalled) Handle(context.Context, slog.Record) error {
	<-h.until
	return nil
}

func TestALogThatStallsHoldsNoListUp(t *testing.T) {
	t.Parallel()
	testpki.Spine()
	synctest.Test(t, func(t *testing.T) {
		e := newEstate(t, rootList(), subCAList())
		log := stalled{slog.DiscardHandler, make(chan struct{})}
		e.keeper.Logger = slog.New(log)
		e.run(t)
		after(2 * time.Minute)
		e.publish(subCAURL, newer(subCAList(7)))
		after(2 * time.Minute)
		assert.True(t, slices.ContainsFunc(e.contents(t), func(l *x509.RevocationList) bool { return len(l.RevokedCertificateEntries) == 1 }))
		close(log.until)
	})
}

// Where the stats socket is of no use the program is reloaded whether its log takes the
// record of that or not.
func TestALogThatStallsHoldsNoReloadUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := stalled{slog.DiscardHandler, make(chan struct{})}
		defer close(log.until)
		var reloaded []string
		hook := terminator.StatsSocket(filepath.Join(t.TempDir(), "none.sock"), func(_ context.Context, file string) error {
			reloaded = append(reloaded, file)
			return nil
		}, slog.New(log))
		require.NoError(t, hook(t.Context(), "crl.pem"))
		assert.Equal(t, []string{"crl.pem"}, reloaded)
	})
}
