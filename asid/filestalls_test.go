// SPDX-License-Identifier: Apache-2.0

package asid_test

import (
	"log/slog"
	"path/filepath"
	"testing"
	"testing/synctest"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/internal/record/recordtest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestALogThatStallsKeepsNoRegistryAway(t *testing.T) {
	t.Parallel()
	for name, panics := range map[string]bool{"stalls": false, "panics": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				log := recordtest.NewStalled(panics)
				defer close(log.Until)
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
