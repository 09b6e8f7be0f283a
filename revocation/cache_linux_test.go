// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"context"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestDirCacheLimitedChild is the process of TestDirCacheThatCannotBeWritten:
// one that may write no larger file than this.
func TestDirCacheLimitedChild(t *testing.T) {
	dir := os.Getenv("DIRCACHE_LIMITED")
	if dir == "" {
		return
	}
	signal.Ignore(syscall.SIGXFSZ)
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 100 << 10, Max: 100 << 10}))
	require.ErrorIs(t, DirCache(dir).Merge(context.Background(), "k", Member{Order: "large", Bytes: make([]byte, 1<<20)}), syscall.EFBIG)
}

// A disk that is full looks the same: the write fails in the middle.
func TestDirCacheThatCannotBeWritten(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "c")
	require.NoError(t, DirCache(dir).Merge(t.Context(), "k", memberOf("older")))
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestDirCacheLimitedChild$")
	cmd.Env = append(os.Environ(), "DIRCACHE_LIMITED="+dir)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Empty(t, texts(t, DirCache(dir), "k"), "the older one must not come back")
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	left = slices.DeleteFunc(left, func(e os.DirEntry) bool { return strings.HasPrefix(e.Name(), "lock-") })
	require.Empty(t, left)
}
