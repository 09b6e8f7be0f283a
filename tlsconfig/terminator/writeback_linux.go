// SPDX-License-Identifier: Apache-2.0

package terminator

import (
	"os"
	"syscall"
)

// startWriteback has the disk begin with octets that were written to a file, and waits
// for nothing (sync_file_range(2)). Where it cannot, Sync does it all.
func startWriteback(file *os.File, offset, n int64) {
	const write = 2 // SYNC_FILE_RANGE_WRITE
	if conn, err := file.SyscallConn(); err == nil {
		_ = conn.Control(func(fd uintptr) { _ = syscall.SyncFileRange(int(fd), offset, n, write) })
	}
}
