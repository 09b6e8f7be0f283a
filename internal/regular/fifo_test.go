// SPDX-License-Identifier: Apache-2.0

//go:build unix

package regular_test

import (
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/regular"
)

// A FIFO is refused, also if it takes the file's name between the look and the opening,
// and never waited for.
func TestFIFOIsRefused(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "fifo")
	require.NoError(t, syscall.Mkfifo(name, 0o600))
	_, err := regular.Open(name)
	assert.ErrorIs(t, err, regular.ErrNotRegular)
	_, err = regular.OpenUnseen(name)
	assert.ErrorIs(t, err, regular.ErrNotRegular)
}
