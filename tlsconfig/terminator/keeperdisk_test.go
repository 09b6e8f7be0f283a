// SPDX-License-Identifier: Apache-2.0

//go:build linux

package terminator_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/internal/testpki"
)

// Kubernetes swaps a whole volume by one symbolic link; what is written goes into the
// folder that the link leads to, and the links stay.
func TestVolumesOfKubernetesAreFollowed(t *testing.T) {
	t.Parallel()
	testpki.Spine()
	synctest.Test(t, func(t *testing.T) {
		e := newEstate(t, rootList(), subCAList(7))
		dir := filepath.Dir(e.file)
		for _, version := range []string{"..2026_01", "..2026_02"} {
			require.NoError(t, os.Mkdir(filepath.Join(dir, version), 0o755))
			require.NoError(t, os.WriteFile(filepath.Join(dir, version, "crls.pem"), nil, 0o640))
		}
		require.NoError(t, os.Symlink("..2026_01", filepath.Join(dir, "..data")))
		require.NoError(t, os.Symlink(filepath.Join("..data", "crls.pem"), e.file))
		e.run(t)
		after(10 * time.Second)
		require.Len(t, e.contents(t), 2)
		info, err := os.Lstat(filepath.Join(dir, "..2026_01", "crls.pem"))
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o640), info.Mode())

		require.NoError(t, os.Symlink("..2026_02", filepath.Join(dir, "..next")))
		require.NoError(t, os.Rename(filepath.Join(dir, "..next"), filepath.Join(dir, "..data")))
		after(2 * time.Minute)
		assert.Len(t, e.contents(t), 2)
		target, err := os.Readlink(e.file)
		require.NoError(t, err)
		assert.Equal(t, filepath.Join("..data", "crls.pem"), target)
		assert.True(t, e.keeper.State().Complete)
	})
}

func TestNothingIsLeftBesideTheFile(t *testing.T) {
	t.Parallel()
	e := newEstate(t, rootList(), subCAList(7))
	left := filepath.Join(filepath.Dir(e.file), ".crls.pem.keeper-0123")
	require.NoError(t, os.WriteFile(left, []byte("of one that was killed"), 0o600))
	require.NoError(t, e.once(t))
	entries, err := os.ReadDir(filepath.Dir(e.file))
	require.NoError(t, err)
	require.Len(t, entries, 2)
	assert.Equal(t, ".crls.pem.keeper", entries[0].Name())
	assert.Equal(t, "crls.pem", entries[1].Name())
}

func TestAFolderThatEachLocalUserMayWriteToIsWarnedOf(t *testing.T) {
	t.Parallel()
	e := newEstate(t, rootList(), subCAList(7))
	require.NoError(t, os.Chmod(filepath.Dir(e.file), 0o777))
	require.NoError(t, e.once(t))
	assert.Equal(t, 1, e.records("may replace it"))
}

func TestFilesThatCannotBeReplacedAreRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		before func(t *testing.T, e *estate)
		want   string
	}{
		"a folder":                  {func(t *testing.T, e *estate) { require.NoError(t, os.Mkdir(e.file, 0o755)) }, "is a folder, and the lists are written to one file"},
		"a link that leads nowhere": {func(t *testing.T, e *estate) { require.NoError(t, os.Symlink("/nonexistent/x", e.file)) }, "leads nowhere"},
		"a pipe":                    {func(t *testing.T, e *estate) { require.NoError(t, syscall.Mkfifo(e.file, 0o600)) }, "not a regular file"},
		"no folder":                 {func(_ *testing.T, e *estate) { e.keeper.File = filepath.Join(e.file, "x", "crls.pem") }, "no such file"},
		"a lock that is a link": {func(t *testing.T, e *estate) {
			require.NoError(t, os.Symlink("elsewhere", filepath.Join(filepath.Dir(e.file), ".crls.pem.keeper")))
		}, "not a regular file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEstate(t, rootList(), subCAList(7))
			c.before(t, e)
			require.ErrorContains(t, e.once(t), c.want)
			assert.Equal(t, 1, e.records("CRL file of nginx: unwritten"))
		})
	}
}

// A read-only folder, a full disk and a file that is mounted by itself need mounts,
// so these tests run once more in a namespace of their own.
func TestMountedFolders(t *testing.T) {
	t.Parallel()
	testenv.Need(t, "unshare", "util-linux")
	self, err := os.Executable()
	require.NoError(t, err)
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "unshare", append(namespaces(), self, "-test.run=^TestInANamespace$", "-test.v")...)
	cmd.Env = append(os.Environ(), "KEEPER_MOUNTS="+dir)
	out, err := cmd.CombinedOutput()
	if bytes.Contains(out, []byte("unshare failed")) || bytes.Contains(out, []byte("mounts are forbidden")) {
		t.Logf("no mounts here: %s", out)
		return
	}
	require.NoError(t, err, "%s", out)
	assert.Contains(t, string(out), "--- PASS: TestInANamespace/")
	assert.NotContains(t, string(out), "SKIP")
}

func namespaces() []string {
	if os.Geteuid() == 0 {
		return []string{"--mount"}
	}
	return []string{"--user", "--map-root-user", "--mount"}
}

// TestInANamespace is what TestMountedFolders runs.
func TestInANamespace(t *testing.T) {
	dir := os.Getenv("KEEPER_MOUNTS")
	if dir == "" {
		return
	}
	mount := func(t *testing.T, source, target, kind string, flags uintptr, data string) {
		err := syscall.Mount(source, target, kind, flags, data)
		if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) {
			t.Fatalf("mounts are forbidden: %v", err)
		}
		require.NoError(t, err)
		t.Cleanup(func() { _ = syscall.Unmount(target, syscall.MNT_DETACH) })
	}
	on := func(name string, do func(t *testing.T, e *estate, folder string)) {
		t.Run(name, func(t *testing.T) {
			folder, err := os.MkdirTemp(dir, "")
			require.NoError(t, err)
			synctest.Test(t, func(t *testing.T) {
				e := newEstate(t, rootList(), subCAList(7))
				e.file = filepath.Join(folder, "crls.pem")
				e.keeper.File = e.file
				do(t, e, folder)
			})
		})
	}
	// stays has the next list not written for a cause, which is said once, and written
	// when the cause is gone.
	stays := func(t *testing.T, e *estate, cause string, mend func()) {
		before := e.read(t)
		e.publish(subCAURL, newer(subCAList(7, 8)))
		after(10 * time.Minute)
		assert.Equal(t, before, e.read(t))
		assert.Equal(t, 1, e.records("CRL file of nginx: unwritten"), e.log.String())
		assert.Contains(t, e.log.String(), cause)
		mend()
		after(2 * time.Minute)
		assert.NotEqual(t, before, e.read(t))
		assert.True(t, e.keeper.State().Complete)
	}
	on("a read-only folder", func(t *testing.T, e *estate, folder string) {
		mount(t, "none", folder, "tmpfs", 0, "size=1m")
		e.run(t)
		after(10 * time.Second)
		mount(t, "none", folder, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, "")
		stays(t, e, "read-only file system", func() { mount(t, "none", folder, "", syscall.MS_REMOUNT, "") })
	})
	on("a full disk", func(t *testing.T, e *estate, folder string) {
		mount(t, "none", folder, "tmpfs", 0, "size=64k")
		e.run(t)
		after(10 * time.Second)
		ballast := filepath.Join(folder, "ballast")
		require.ErrorIs(t, os.WriteFile(ballast, make([]byte, 1<<20), 0o600), syscall.ENOSPC)
		stays(t, e, "no space left", func() { require.NoError(t, os.Remove(ballast)) })
		entries, err := os.ReadDir(folder)
		require.NoError(t, err)
		assert.Len(t, entries, 2, "nothing half written is left")
	})
	on("a file that is mounted by itself", func(t *testing.T, e *estate, folder string) {
		source := filepath.Join(folder, "source")
		require.NoError(t, os.WriteFile(source, inPEM(rootList(), subCAList()), 0o600))
		require.NoError(t, os.WriteFile(e.file, nil, 0o600))
		mount(t, source, e.file, "", syscall.MS_BIND, "")
		e.run(t)
		stays(t, e, "without subPath", func() { require.NoError(t, syscall.Unmount(e.file, 0)) })
	})
	on("an owner that is kept", func(t *testing.T, e *estate, folder string) {
		require.NoError(t, os.WriteFile(e.file, nil, 0o604))
		require.NoError(t, os.Chmod(e.file, 0o604))
		if os.Chown(e.file, 65534, 65533) != nil {
			return // a namespace of one user's
		}
		require.NoError(t, e.keeper.Validate())
		e.run(t)
		after(10 * time.Second)
		require.Len(t, e.contents(t), 2)
		info, err := os.Stat(e.file)
		require.NoError(t, err)
		stat := info.Sys().(*syscall.Stat_t)
		assert.Equal(t, []uint32{65534, 65533, 0o604}, []uint32{stat.Uid, stat.Gid, uint32(info.Mode())})
	})
}
