// SPDX-License-Identifier: Apache-2.0

package sds

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/internal/bounded"
	logrecord "github.com/nrlsecurity/nrlsecurity/internal/record"
	"github.com/nrlsecurity/nrlsecurity/internal/record/recordtest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A stale record is written about while others ask.
func TestALogThatStallsStopsNoLookUp(t *testing.T) {
	t.Parallel()
	recordtest.Stalls(t, func(t *testing.T, log *slog.Logger) {
		fails := false
		c := newCache(Caching{MaxAge: time.Minute, MaxStale: time.Hour}, time.Second, logrecord.Writer{Logger: log, Late: new(bounded.Late)},
			whole(func(context.Context, string) (int, error) {
				if fails {
					return 0, errors.New("away")
				}
				return 1, nil
			}))
		for _, key := range []string{"key", "other"} {
			_, err := c.get(t.Context(), key)
			require.NoError(t, err)
		}
		time.Sleep(2 * time.Minute)
		fails = true
		for _, key := range []string{"key", "other"} {
			value, err := c.get(t.Context(), key)
			require.NoError(t, err)
			assert.Equal(t, 1, value)
		}
		fails = false
		_, err := c.get(t.Context(), "third")
		require.NoError(t, err)
	})
}

func TestALogThatStallsKeepsNoSnapshotAway(t *testing.T) {
	t.Parallel()
	recordtest.Stalls(t, func(t *testing.T, log *slog.Logger) {
		var away error
		s := &Snapshot{Logger: log, Source: func(context.Context) (Systems, error) {
			return Systems{Systems: []asid.System{{ASID: anID, Unbound: true}}}, away
		}}
		require.NoError(t, s.Load(t.Context()))
		away = errors.New("away")
		require.ErrorIs(t, s.Load(t.Context()), away)
		away = nil
		require.NoError(t, s.Load(t.Context()))
		_, err := s.Lookup(t.Context(), anID)
		assert.NoError(t, err)
		time.Sleep(25 * time.Hour) // until it is too old, and watched no more
	})
}

func TestALogThatStallsKeepsNoBindingsAway(t *testing.T) {
	t.Parallel()
	recordtest.Stalls(t, func(t *testing.T, log *slog.Logger) {
		o := &Overlay{Name: filepath.Join(t.TempDir(), "bindings.json"), Logger: log}
		for _, text := range []string{`{"bindings": []}`, `{"bindings": `, `{"bindings": [ ]}`} {
			require.NoError(t, os.WriteFile(o.Name, []byte(text), 0o600))
			err := o.Load()
			assert.Equal(t, text == `{"bindings": `, err != nil, "%v", err)
		}
	})
}
