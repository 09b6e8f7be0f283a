// SPDX-License-Identifier: Apache-2.0

package asid_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"testing/synctest"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A deaf handler is one of a log whose reader has stopped, or that panics.
type deaf struct {
	slog.Handler
	until  chan struct{}
	panics bool
}

func (h *deaf) Enabled(context.Context, slog.Level) bool { return true }

func (h *deaf) Handle(context.Context, slog.Record) error {
	if h.panics {
		panic("no log")
	}
	<-h.until
	return nil
}

func TestALogThatStallsKeepsNoRegistryAway(t *testing.T) {
	t.Parallel()
	for name, panics := range map[string]bool{"stalls": false, "panics": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				log := &deaf{Handler: slog.DiscardHandler, until: make(chan struct{}), panics: panics}
				defer close(log.until)
				f := &asid.File{Name: filepath.Join(t.TempDir(), "r.json"), Logger: slog.New(log)}
				first, _ := with(asid.DocumentReferenceRead)
				second, sys := with(asid.DocumentReferenceRead, asid.DocumentReferenceSearch)
				for _, text := range []string{first, "{", second} {
					replace(t, f.Name, text)
					assert.Equal(t, text == "{", f.Load() != nil)
				}
				found, err := f.Lookup(t.Context(), sys.ASID)
				require.NoError(t, err)
				assert.Len(t, found.Interactions, 2)
			})
		})
	}
}
