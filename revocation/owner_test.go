// SPDX-License-Identifier: Apache-2.0

//go:build unix

package revocation

import (
	"io/fs"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
)

// An ownedFile is a file of that user.
type ownedFile struct {
	fs.FileInfo
	user uint32
}

func (f ownedFile) Sys() any { return &syscall.Stat_t{Uid: f.user} }

func TestDirCacheOfAnotherUser(t *testing.T) {
	own := uint32(os.Geteuid())
	assert.False(t, ownedByAnother(ownedFile{user: own}))
	assert.False(t, ownedByAnother(ownedFile{user: 0}), "root may do as it likes")
	assert.True(t, ownedByAnother(ownedFile{user: own + 1}))
}
