// SPDX-License-Identifier: Apache-2.0

package terminator

import (
	"crypto/sha256"
	"io/fs"
	"os"
)

// A contents is what the file holds, as it was when it was last read or written.
type contents struct {
	known   bool        // the file has been looked at
	info    fs.FileInfo // nil: there is no file
	path    string      // with symbolic links resolved
	text    []byte      // as it was read, until it is known whether it is ours
	ours    bool        // it is as a Keeper writes it
	digests [][32]byte  // of its lists that are pinned CAs', in their order
	foreign []string    // what else it holds, in words
	blocks  [][]byte    // what it was found to hold, until it is known whose it is
}

// same reports whether the file is the one that was read or written.
func (c *contents) same(path string, info fs.FileInfo) bool {
	return c.known && c.path == path && c.info != nil && os.SameFile(c.info, info) &&
		c.info.Size() == info.Size() && c.info.ModTime().Equal(info.ModTime())
}

func (c *contents) size() int64 {
	if c.info == nil {
		return 0
	}
	return c.info.Size()
}

func setOf(digests [][32]byte) map[[32]byte]bool {
	set := make(map[[32]byte]bool, len(digests))
	for _, digest := range digests {
		set[digest] = true
	}
	return set
}

// sumOf identifies what a file holds.
func sumOf(digests [][32]byte) [sha256.Size]byte {
	h := sha256.New()
	for _, digest := range digests {
		h.Write(digest[:])
	}
	return [sha256.Size]byte(h.Sum(nil))
}
