// SPDX-License-Identifier: Apache-2.0

package asid_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/asid/asidtest"
)

func TestAChangeIsNotMadeWithoutItsRecord(t *testing.T) {
	t.Parallel()
	a := authorizer(t)
	a.Audit = &asid.Audit{Intent: true}
	called := false
	next := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called = true })
	var config *asid.ConfigError
	assert.ErrorAs(t, a.Validate(), &config, "there is no log")
	assert.Equal(t, http.StatusInternalServerError, serve(a.Middleware(next), create()).Code)
	gate := &asid.Gate{Self: provider.ASID, Peers: asidtest.Peers{}, Audit: a.Audit}
	assert.ErrorAs(t, gate.Validate(), &config)

	a.Logger = slog.New(slog.NewJSONHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelWarn}))
	assert.Equal(t, http.StatusServiceUnavailable, serve(a.Middleware(next), create()).Code, "the log takes no such record")

	a.Logger = slog.New(handlerFunc(func(_ context.Context, r slog.Record) error {
		if r.Message == "request begins" {
			panic(errors.New("a log"))
		}
		return nil
	}))
	assert.Equal(t, http.StatusServiceUnavailable, serve(a.Middleware(next), create()).Code, "the log panics")
	assert.False(t, called)
}

// What hangs is one server's log; another server's does not.
func TestIntentRecordsThatHangAreBoundedForEachServer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var hanging, written atomic.Int32
		guarded := func(write func()) http.Handler {
			a := authorizer(t)
			a.Audit = &asid.Audit{Intent: true}
			a.Logger = slog.New(handlerFunc(func(_ context.Context, r slog.Record) error {
				if r.Message == "request begins" {
					write()
				}
				return nil
			}))
			return a.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		}
		stuck := guarded(func() { hanging.Add(1); <-release })
		well := guarded(func() { written.Add(1) })
		var asking sync.WaitGroup
		for range 300 {
			asking.Go(func() { assert.Equal(t, http.StatusServiceUnavailable, serve(stuck, create()).Code) })
		}
		asking.Wait()
		assert.Equal(t, int32(256), hanging.Load())
		assert.Equal(t, http.StatusOK, serve(well, create()).Code)
		assert.Equal(t, int32(1), written.Load())
		close(release)
		synctest.Wait()
		assert.Equal(t, http.StatusOK, serve(stuck, create()).Code, "the places are free again")
	})
}
