// SPDX-License-Identifier: Apache-2.0

package regular_test

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/regular"
)

func TestOnlyARegularFileIsOpened(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	name := filepath.Join(folder, "a")
	require.NoError(t, os.WriteFile(name, []byte("text"), 0o600))
	file, err := regular.Open(name)
	require.NoError(t, err)
	text, err := io.ReadAll(file)
	require.NoError(t, err)
	assert.Equal(t, "text", string(text))
	assert.NoError(t, file.Close())

	_, err = regular.Open(folder)
	assert.ErrorIs(t, err, regular.ErrNotRegular)
	_, err = regular.Open(filepath.Join(folder, "b"))
	assert.ErrorIs(t, err, fs.ErrNotExist)
	if runtime.GOOS != "windows" {
		_, err = regular.Open(os.DevNull)
		assert.ErrorIs(t, err, regular.ErrNotRegular)
	}
}
