// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"bufio"
	"context"
	"crypto/sha256"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var tomorrow = time.Now().Add(24 * time.Hour)

func onlyFile(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1)
	return filepath.Join(dir, entries[0].Name())
}

func TestDirCache(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "crls")
	cache := DirCache(dir)
	_, err := cache.Get(t.Context(), "a")
	require.ErrorIs(t, err, ErrCacheMiss, "the directory is not there yet")

	require.NoError(t, cache.Put(t.Context(), "a", []byte("one"), tomorrow))
	require.NoError(t, cache.Put(t.Context(), "a", []byte("two"), tomorrow))
	data, err := cache.Get(t.Context(), "a")
	require.NoError(t, err)
	assert.Equal(t, "two", string(data))
	_, err = cache.Get(t.Context(), "b")
	assert.ErrorIs(t, err, ErrCacheMiss)
	onlyFile(t, dir)
	if runtime.GOOS != "windows" {
		info, err := os.Stat(dir)
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	}

	require.NoError(t, cache.Put(t.Context(), "a", []byte("old"), time.Now().Add(-time.Second)))
	_, err = cache.Get(t.Context(), "a")
	assert.ErrorIs(t, err, ErrCacheMiss, "its time is over")
}

func TestCacheFileCutOrFlippedAnywhere(t *testing.T) {
	whole := sealCacheFile("a", []byte("a document"), tomorrow)
	data, err := openCacheFile(whole, "a", time.Now())
	require.NoError(t, err)
	assert.Equal(t, "a document", string(data))
	damaged := func(content []byte) {
		t.Helper()
		_, err := openCacheFile(content, "a", time.Now())
		assert.ErrorIs(t, err, ErrCacheMiss)
	}
	for i := range whole {
		damaged(whole[:i])
		flipped := append([]byte(nil), whole...)
		flipped[i] ^= 1
		damaged(flipped)
	}
	damaged(append(whole, 0))
	damaged(sealCacheFile("b", []byte("another's"), tomorrow))

	// A file of another kind, whole in itself.
	header := append([]byte("NRLCACHE"), whole[len(cacheMagic):cacheHeader-sha256.Size]...)
	sum := cacheSum(header, []byte("a document"))
	damaged(slices.Concat(header, sum[:], []byte("a document")))
}

func TestDirCacheReplacesADamagedFile(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o700))
	cache := DirCache(dir)
	require.NoError(t, cache.Put(t.Context(), "a", []byte("a document"), tomorrow))
	require.NoError(t, os.Truncate(onlyFile(t, dir), 20))
	_, err := cache.Get(t.Context(), "a")
	require.ErrorIs(t, err, ErrCacheMiss)
	require.NoError(t, cache.Put(t.Context(), "a", []byte("anew"), tomorrow))
	data, err := cache.Get(t.Context(), "a")
	require.NoError(t, err)
	assert.Equal(t, "anew", string(data))
}

func TestDirCacheRefusesADirectoryOfOthers(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes do not say on Windows who may write")
	}
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o777))
	assert.ErrorContains(t, DirCache(dir).Put(t.Context(), "a", nil, tomorrow), "others may write")
	_, err := DirCache(dir).Get(t.Context(), "a")
	assert.ErrorContains(t, err, "others may write")
	assert.NotErrorIs(t, err, ErrCacheMiss)
	assert.Error(t, DirCache("").Put(t.Context(), "a", nil, tomorrow))
	_, err = DirCache("").Get(t.Context(), "a")
	assert.ErrorContains(t, err, "no name")
	assert.NotErrorIs(t, err, ErrCacheMiss)
}

func TestDirCacheCleansUpAfterTheDead(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o700))
	left, fresh := filepath.Join(dir, cacheTemporary+"1"), filepath.Join(dir, cacheTemporary+"2")
	foreign := filepath.Join(dir, "notes.txt")
	for _, file := range []string{left, fresh, foreign} {
		require.NoError(t, os.WriteFile(file, []byte("half"), 0o600))
	}
	long := time.Now().Add(-2 * abandonedAfter)
	require.NoError(t, os.Chtimes(left, long, long))
	require.NoError(t, os.Chtimes(foreign, long, long))
	require.NoError(t, DirCache(dir).Put(t.Context(), "a", []byte("x"), tomorrow))
	assert.NoFileExists(t, left)
	assert.FileExists(t, fresh, "another process may be at work on it")
	assert.FileExists(t, foreign, "it is not the cache's")
}

func TestDirCacheIsBounded(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o700))
	cache := DirCache(dir)
	for i, key := range []string{"second", "oldest", "third"} {
		require.NoError(t, cache.Put(t.Context(), key, []byte(key), tomorrow))
		age := time.Now().Add(-[]time.Duration{2, 3, 1}[i] * time.Hour)
		require.NoError(t, os.Chtimes(cache.path(key), age, age))
	}
	require.NoError(t, cache.prune(4))
	assert.FileExists(t, cache.path("oldest"), "there is room for one more")
	require.NoError(t, cache.prune(3))
	assert.NoFileExists(t, cache.path("oldest"))
	assert.FileExists(t, cache.path("second"))

	if runtime.GOOS == "windows" {
		return // a file has 1,024 names at most
	}
	documents := func() (n int) {
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		for _, entry := range entries {
			if strings.HasSuffix(entry.Name(), cacheSuffix) {
				n++
			}
		}
		return n
	}
	for i := documents(); i < maxCacheFiles; i++ {
		require.NoError(t, os.Link(cache.path("third"), filepath.Join(dir, strconv.Itoa(i)+cacheSuffix)))
	}
	require.NoError(t, cache.Put(t.Context(), "one more", nil, tomorrow))
	assert.Equal(t, maxCacheFiles, documents())
	assert.NoFileExists(t, cache.path("second"))
}

func TestDirCacheConcurrently(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "shared")
	documents := []string{strings.Repeat("a", 10_000), strings.Repeat("b", 20_000)}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			cache := DirCache(dir)
			for range 20 {
				assert.NoError(t, cache.Put(t.Context(), "k", []byte(documents[i%2]), tomorrow))
				data, err := cache.Get(t.Context(), "k")
				if assert.NoError(t, err) {
					assert.Contains(t, documents, string(data))
				}
			}
		})
	}
	wg.Wait()
	onlyFile(t, dir)
}

func TestDirCacheWithoutRoom(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o700))
	// A directory where the file should go fails the last step, as a full disk
	// fails one of those before it: nothing may be left behind.
	cache := DirCache(dir)
	require.NoError(t, os.MkdirAll(filepath.Join(cache.path("a"), "in the way"), 0o700))
	assert.Error(t, cache.Put(t.Context(), "a", []byte("x"), tomorrow))
	onlyFile(t, dir)

	assert.ErrorIs(t, cache.Put(t.Context(), "b", make([]byte, maxCacheFile-cacheHeader+1), tomorrow), ErrTooLarge)
	onlyFile(t, dir)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.ErrorIs(t, cache.Put(ctx, "b", nil, tomorrow), context.Canceled)
}

func FuzzCacheFile(f *testing.F) {
	f.Add(sealCacheFile("a", []byte("a document"), tomorrow))
	f.Add([]byte(cacheMagic))
	f.Fuzz(func(t *testing.T, file []byte) {
		data, err := openCacheFile(file, "a", time.Now())
		if err != nil {
			assert.ErrorIs(t, err, ErrCacheMiss)
			return
		}
		assert.Len(t, data, len(file)-cacheHeader)
	})
}

func TestAFailedPutLeavesNoOlderDocument(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "c")
	cache := DirCache(dir)
	require.NoError(t, cache.Put(t.Context(), "a", []byte("good"), tomorrow))
	require.ErrorIs(t, cache.Put(t.Context(), "a", make([]byte, maxCacheFile), tomorrow), ErrTooLarge) // or a disk that is full
	_, err := cache.Get(t.Context(), "a")
	assert.ErrorIs(t, err, ErrCacheMiss)
}

// TestDirCacheChild is the process that TestDirCacheSurvivesAKill kills.
func TestDirCacheChild(t *testing.T) {
	dir := os.Getenv("DIRCACHE_CHILD")
	if dir == "" {
		return
	}
	for i := 0; ; i++ {
		if err := DirCache(dir).Put(context.Background(), "k", []byte(strings.Repeat(string(rune('a'+i%26)), 1<<18)), tomorrow); err != nil {
			t.Fatal(err)
		}
		os.Stdout.WriteString("put\n")
	}
}

func TestDirCacheSurvivesAKill(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "c")
	for n := range 20 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestDirCacheChild$")
		cmd.Env = append(os.Environ(), "DIRCACHE_CHILD="+dir)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		for lines, i := bufio.NewScanner(out), 0; i <= n%5 && lines.Scan(); i++ {
		}
		require.NoError(t, cmd.Process.Kill())
		_ = cmd.Wait()
		data, err := DirCache(dir).Get(t.Context(), "k")
		require.NoError(t, err)
		require.Len(t, data, 1<<18)
		require.Equal(t, strings.Repeat(string(data[:1]), 1<<18), string(data))
	}
}
