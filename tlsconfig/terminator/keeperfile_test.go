// SPDX-License-Identifier: Apache-2.0

//go:build unix

package terminator

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// NFS locks a file against others only if it is open for writing.
func TestALockIsOpenedForWritingWhereItHasToBe(t *testing.T) {
	t.Parallel()
	root, err := os.OpenRoot(t.TempDir())
	require.NoError(t, err)
	l := &fileLock{path: filepath.Join(root.Name(), "crls.pem"), base: "crls.pem", root: root}
	defer l.close()
	tries := 0
	require.NoError(t, l.take(func(file *os.File) error {
		tries++
		_, err := file.WriteString("0") // EBADF as flock(2) on NFS
		return err
	}))
	assert.Equal(t, 2, tries)
	require.NoError(t, l.take(lock))
	assert.True(t, l.stands())
}
