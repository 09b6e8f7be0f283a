// SPDX-License-Identifier: Apache-2.0

//go:build unix

package revocation

import (
	"io/fs"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// An ownedFile is a file of that user.
type ownedFile struct {
	fs.FileInfo
	user uint32
}

func (f ownedFile) Sys() any { return &syscall.Stat_t{Uid: f.user} }

func TestDirCacheOfAnotherUser(t *testing.T) {
	if os.Geteuid() == 0 { // who else may give a directory away
		dir := t.TempDir()
		require.NoError(t, os.Chmod(dir, 0o700))
		require.NoError(t, os.Chown(dir, 12345, -1))
		_, err := DirCache(dir).Get(t.Context(), "a")
		assert.ErrorContains(t, err, "another user owns the directory "+dir)
		assert.ErrorContains(t, DirCache(dir).Merge(t.Context(), "a", memberOf("x")), "another user owns the directory")
	}
	own := uint32(os.Geteuid())
	assert.False(t, ownedByAnother(ownedFile{user: own}))
	assert.False(t, ownedByAnother(ownedFile{user: 0}), "root may do as it likes")
	assert.True(t, ownedByAnother(ownedFile{user: own + 1}))
}
