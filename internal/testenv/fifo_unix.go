// SPDX-License-Identifier: Apache-2.0

//go:build unix

package testenv

import (
	"syscall"
	"testing"
)

// FIFO makes a named pipe. Where a file system has none the test is skipped.
func FIFO(t testing.TB, path string) {
	t.Helper()
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
}
