// SPDX-License-Identifier: Apache-2.0

package asid_test

import (
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/internal/record/recordtest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestALogThatStallsKeepsNoRegistryAway(t *testing.T) {
	t.Parallel()
	recordtest.Stalls(t, func(t *testing.T, log *slog.Logger) {
		f := &asid.File{Name: filepath.Join(t.TempDir(), "r.json"), Logger: log}
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
}
