// SPDX-License-Identifier: Apache-2.0

//go:build unix

package revocation

import (
	"io/fs"
	"os"
	"syscall"
)

// ownedByAnother says whether the file is that of a user other than this one or
// root: its mode does not keep its owner out.
func ownedByAnother(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && stat.Uid != 0 && int(stat.Uid) != os.Geteuid()
}
