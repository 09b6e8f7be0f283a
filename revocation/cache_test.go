// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"bufio"
	"bytes"
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
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// memberOf returns a member whose bytes are a text, at a time of its own so that
// none supersedes another.
func memberOf(text string) Member {
	return Member{Order: "order of " + text, Digest: sha256.Sum256([]byte(text)), Bytes: []byte(text)}
}

// texts returns what is under a key.
func texts(t *testing.T, cache Cache, key string) (texts []string) {
	t.Helper()
	members, err := cache.Get(t.Context(), key)
	require.NoError(t, err)
	for _, m := range members {
		texts = append(texts, string(m.Bytes))
	}
	return texts
}

func onlyFile(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	entries = slices.DeleteFunc(entries, func(e os.DirEntry) bool { return strings.HasPrefix(e.Name(), "lock-") })
	require.Len(t, entries, 1)
	return filepath.Join(dir, entries[0].Name())
}

func TestDirCache(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "crls")
	cache := DirCache(dir)
	require.Empty(t, texts(t, cache, "a"), "the directory is not there yet")

	require.NoError(t, cache.Merge(t.Context(), "a", memberOf("one")))
	require.NoError(t, cache.Merge(t.Context(), "a", memberOf("two"), memberOf("one")))
	assert.Equal(t, []string{"one", "two"}, texts(t, cache, "a"))
	assert.Empty(t, texts(t, cache, "b"))
	onlyFile(t, dir)
	if runtime.GOOS != "windows" {
		info, err := os.Stat(dir)
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	}
}

func TestCacheFileCutOrFlippedAnywhere(t *testing.T) {
	whole := bytes.Join(cacheFile("a", []Member{memberOf("a document")}), nil)
	_, ok := openCacheFile(whole, "a")
	require.True(t, ok)
	damaged := func(content []byte) {
		t.Helper()
		_, ok := openCacheFile(content, "a")
		assert.False(t, ok)
	}
	for i := range whole {
		damaged(whole[:i])
		flipped := append([]byte(nil), whole...)
		flipped[i] ^= 1
		damaged(flipped)
	}
	damaged(append(whole, 0))
	damaged(bytes.Join(cacheFile("b", nil), nil))
}

func TestMembersAreReadAsTheyWereWritten(t *testing.T) {
	members := []Member{memberOf("one"), {}, memberOf("two")}
	data := bytes.Join(encodeMembers(members), nil)
	read, ok := decodeMembers(data)
	require.True(t, ok)
	require.Len(t, read, 3)
	assert.Equal(t, members[2], read[2])
	for i := range data {
		read, ok := decodeMembers(data[:i])
		assert.True(t, !ok || len(read) < 3)
	}
}

// A document of an entry that stays in memory keeps none of the others there.
func TestMembersOfAnEntryAreFreedOneByOne(t *testing.T) {
	t.Parallel()
	cache := DirCache(t.TempDir())
	large := Member{Order: "1", Digest: [32]byte{1}, Bytes: make([]byte, 1<<20)}
	require.NoError(t, cache.Merge(t.Context(), "a", large, memberOf("small")))
	members, err := cache.Get(t.Context(), "a")
	require.NoError(t, err)
	require.Len(t, members, 2)
	if len(members[0].Bytes) < len(members[1].Bytes) {
		slices.Reverse(members)
	}
	freed := weak.Make(&members[0].Bytes[0])
	small := members[1]
	members = nil
	for range 3 {
		runtime.GC()
	}
	assert.Nil(t, freed.Value())
	assert.Equal(t, memberOf("small"), small)
}

func TestDirCacheReplacesADamagedFile(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o700))
	cache := DirCache(dir)
	require.NoError(t, cache.Merge(t.Context(), "a", memberOf("a document")))
	require.NoError(t, os.Truncate(onlyFile(t, dir), 20))
	require.Empty(t, texts(t, cache, "a"))
	require.NoError(t, cache.Merge(t.Context(), "a", memberOf("anew")))
	assert.Equal(t, []string{"anew"}, texts(t, cache, "a"))
}

func TestDirCacheRefusesADirectoryOfOthers(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes do not say on Windows who may write")
	}
	// A volume of Kubernetes is its group's (fsGroup).
	for _, mode := range []os.FileMode{0o777, 0o770, 0o720, 0o702} {
		dir := t.TempDir()
		require.NoError(t, os.Chmod(dir, mode))
		assert.ErrorContains(t, DirCache(dir).Merge(t.Context(), "a"), "others may write")
		_, err := DirCache(dir).Get(t.Context(), "a")
		assert.ErrorContains(t, err, "others may write to the directory "+dir)
		assert.ErrorContains(t, err, "name one inside it", "a mounted volume is often everybody's")
	}
	for _, mode := range []os.FileMode{0o700, 0o750, 0o755} {
		dir := t.TempDir()
		require.NoError(t, os.Chmod(dir, mode))
		assert.NoError(t, DirCache(dir).Merge(t.Context(), "a", memberOf("x")))
	}
	assert.Error(t, DirCache("").Merge(t.Context(), "a"))
	_, err := DirCache("").Get(t.Context(), "a")
	assert.ErrorContains(t, err, "no name")
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
	require.NoError(t, DirCache(dir).Merge(t.Context(), "a", memberOf("x")))
	assert.NoFileExists(t, left)
	assert.FileExists(t, fresh, "another process may be at work on it")
	assert.FileExists(t, foreign, "it is not the cache's")
}

func TestDirCacheIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("fills a directory")
	}
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o700))
	cache := DirCache(dir)
	for i, key := range []string{"second", "oldest", "third"} {
		require.NoError(t, cache.Merge(t.Context(), key, memberOf(key)))
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
	entries := func() (n int) {
		files, err := os.ReadDir(dir)
		require.NoError(t, err)
		for _, file := range files {
			if strings.HasSuffix(file.Name(), cacheSuffix) {
				n++
			}
		}
		return n
	}
	for i := entries(); i < maxCacheFiles; i++ {
		require.NoError(t, os.Link(cache.path("third"), filepath.Join(dir, strconv.Itoa(i)+cacheSuffix)))
	}
	require.NoError(t, cache.Merge(t.Context(), "one more", memberOf("x")))
	assert.Equal(t, maxCacheFiles, entries())
	assert.NoFileExists(t, cache.path("second"))
}

// Whatever is merged at once is there afterwards.
func TestDirCacheConcurrently(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "shared")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			cache := DirCache(dir)
			for n := range 10 {
				assert.NoError(t, cache.Merge(t.Context(), "k", memberOf(strconv.Itoa(100*i+n))))
			}
		})
	}
	wg.Wait()
	assert.Len(t, texts(t, DirCache(dir), "k"), 80)
	onlyFile(t, dir)
}

func TestDirCacheWithoutRoom(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o700))
	// A directory where the file should go fails: nothing may be left behind.
	cache := DirCache(dir)
	require.NoError(t, os.MkdirAll(filepath.Join(cache.path("a"), "in the way"), 0o700))
	assert.Error(t, cache.Merge(t.Context(), "a", memberOf("x")))
	onlyFile(t, dir)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.ErrorIs(t, cache.Merge(ctx, "b", memberOf("x")), context.Canceled)
}

func FuzzCacheFile(f *testing.F) {
	f.Add(bytes.Join(cacheFile("a", []Member{memberOf("a document")}), nil))
	f.Add([]byte(cacheMagic))
	f.Fuzz(func(t *testing.T, file []byte) {
		if data, ok := openCacheFile(file, "a"); ok {
			assert.Len(t, data, len(file)-cacheHeader)
			decodeMembers(data)
		}
		decodeMembers(file)
	})
}

// What cannot be joined by a newer document must not come back after a restart.
func TestAFailedMergeLeavesNoOlderEntry(t *testing.T) {
	if testing.Short() {
		t.Skip("writes a large file")
	}
	dir := filepath.Join(t.TempDir(), "c")
	cache := DirCache(dir)
	require.NoError(t, cache.Merge(t.Context(), "a", memberOf("good")))
	large := memberOf("large")
	large.Bytes = make([]byte, maxCacheFile)
	require.ErrorIs(t, cache.Merge(t.Context(), "a", large), ErrTooLarge) // or a disk that is full
	assert.Empty(t, texts(t, cache, "a"))
}

// TestDirCacheChild is the process that TestDirCacheSurvivesAKill kills.
func TestDirCacheChild(t *testing.T) {
	dir := os.Getenv("DIRCACHE_CHILD")
	if dir == "" {
		return
	}
	for i := 0; ; i++ {
		m := memberOf(strconv.Itoa(i % 3))
		m.Bytes = make([]byte, 1<<18)
		if err := DirCache(dir).Merge(context.Background(), "k", m); err != nil {
			t.Fatal(err)
		}
		os.Stdout.WriteString("put\n")
	}
}

func TestDirCacheSurvivesAKill(t *testing.T) {
	if testing.Short() {
		t.Skip("starts this program anew")
	}
	dir := filepath.Join(t.TempDir(), "c")
	for n := range 10 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestDirCacheChild$")
		cmd.Env = append(os.Environ(), "DIRCACHE_CHILD="+dir)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		for lines, i := bufio.NewScanner(out), 0; i <= n%5 && lines.Scan(); i++ {
		}
		require.NoError(t, cmd.Process.Kill())
		_ = cmd.Wait()
		require.NotEmpty(t, texts(t, DirCache(dir), "k"))
	}
}

// An entry that is read is in use, though nothing new is merged into it.
func TestDirCacheEntryThatIsReadIsInUse(t *testing.T) {
	dir := t.TempDir()
	c := DirCache(dir + "/cache")
	require.NoError(t, c.Merge(t.Context(), "key", Member{Order: "o", Bytes: []byte("b")}))
	files, err := filepath.Glob(dir + "/cache/*.set")
	require.NoError(t, err)
	require.Len(t, files, 1)
	old := time.Now().AddDate(0, -1, 0)
	require.NoError(t, os.Chtimes(files[0], old, old))
	_, err = c.Get(t.Context(), "key")
	require.NoError(t, err)
	info, err := os.Stat(files[0])
	require.NoError(t, err)
	require.True(t, info.ModTime().After(old.AddDate(0, 0, 1)))
}
