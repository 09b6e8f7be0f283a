// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package testenv

import "testing"

// FIFO makes a named pipe. Where a file system has none the test is skipped.
func FIFO(t testing.TB, _ string) {
	t.Helper()
	t.Skip("a file system without named pipes")
}
