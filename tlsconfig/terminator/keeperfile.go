// SPDX-License-Identifier: Apache-2.0

package terminator

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// A fileLock is the right to replace one file: its folder, and a lock beside it,
// which also remembers what the program was last told of.
type fileLock struct {
	path, base string
	root       *os.Root
	file       *os.File
}

// resolve follows the symbolic links of a file that there may not be yet.
func resolve(name string) (string, error) {
	path, err := filepath.EvalSymlinks(name)
	if !errors.Is(err, fs.ErrNotExist) {
		return path, err
	}
	if _, err := os.Lstat(name); err == nil {
		return "", fmt.Errorf("%s is a symbolic link that leads nowhere", name)
	}
	folder, err := filepath.EvalSymlinks(filepath.Dir(name))
	return filepath.Join(folder, filepath.Base(name)), err
}

func lockFile(path string) (*fileLock, error) {
	if mounted(path) {
		return nil, fmt.Errorf("%s is mounted by itself, so it cannot be replaced: mount its folder (in Kubernetes, without subPath)", path)
	}
	folder := filepath.Dir(path)
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, err
	}
	l := &fileLock{path: path, base: filepath.Base(path), root: root}
	if err := l.take(lock); err != nil {
		l.close()
		return nil, err
	}
	l.sweep()
	return l, nil
}

// take opens and locks the lock: not for writing, so that the file system can be remounted
// meanwhile, unless it is one such as NFS, which locks no other (flock(2)).
func (l *fileLock) take(lock func(*os.File) error) (err error) {
	for _, flag := range []int{os.O_CREATE | os.O_RDONLY, os.O_RDWR} {
		if l.file != nil {
			_ = l.file.Close()
		}
		if l.file, err = l.open(flag); err != nil {
			return err
		}
		if err = lock(l.file); !errors.Is(err, syscall.EBADF) {
			return err
		}
	}
	return err
}

// open opens the lock, which is no link to another file.
func (l *fileLock) open(flag int) (*os.File, error) {
	name := l.name()
	file, err := l.root.OpenFile(name, flag|noFollow|nonBlock, 0o600)
	if err != nil {
		return nil, err
	}
	is, err := file.Stat()
	entry, lerr := l.root.Lstat(name)
	if err = errors.Join(err, lerr); err == nil && (!entry.Mode().IsRegular() || !os.SameFile(is, entry)) {
		err = fmt.Errorf("%s is not a regular file", filepath.Join(filepath.Dir(l.path), name))
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

func (l *fileLock) close() {
	if l.file != nil {
		unlock(l.file)
		_ = l.file.Close()
	}
	_ = l.root.Close()
}

// name is the lock's in its folder, and temporary what the names of files begin with
// that are not in their place yet.
func (l *fileLock) name() string      { return "." + l.base + ".keeper" }
func (l *fileLock) temporary() string { return l.name() + "-" }

// stands reports whether the folder is still the one of its path, and the lock still
// in it: neither another folder under the same name nor another lock is locked by this.
func (l *fileLock) stands() bool {
	same := func(is fs.FileInfo, err error, entry fs.FileInfo, lerr error) bool {
		return err == nil && lerr == nil && os.SameFile(is, entry)
	}
	folder, err := l.root.Stat(".")
	entry, lerr := os.Stat(filepath.Dir(l.path))
	if !same(folder, err, entry, lerr) {
		return false
	}
	file, err := l.file.Stat()
	entry, lerr = l.root.Lstat(l.name())
	return same(file, err, entry, lerr)
}

// sweep removes what a Keeper that was killed has left.
func (l *fileLock) sweep() {
	folder, err := l.root.Open(".")
	if err != nil {
		return
	}
	defer folder.Close()
	names, _ := folder.Readdirnames(-1)
	for _, name := range names {
		if strings.HasPrefix(name, l.temporary()) {
			_ = l.root.Remove(name)
		}
	}
}

// told returns the sum of what the program was last told of.
func (l *fileLock) told() (sum [sha256.Size]byte) {
	text := make([]byte, 2*len(sum))
	if _, err := l.file.ReadAt(text, 0); err == nil {
		if _, err := hex.Decode(sum[:], text); err != nil {
			clear(sum[:])
		}
	}
	return sum
}

// tell remembers what the program was told of. If it cannot, the program is told
// once more after a restart.
func (l *fileLock) tell(sum [sha256.Size]byte) {
	if file, err := l.open(os.O_WRONLY); err == nil {
		_, _ = file.WriteAt([]byte(hex.EncodeToString(sum[:])+"\n"), 0)
		_ = file.Close()
	}
}

// replace writes the file beside the old one and puts it in its place.
func (l *fileLock) replace(old fs.FileInfo, render func(io.Writer) error) (info fs.FileInfo, err error) {
	random := make([]byte, 16)
	_, _ = rand.Read(random)
	name := l.temporary() + hex.EncodeToString(random)
	file, err := l.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY|noFollow, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = file.Close()
			_ = l.root.Remove(name)
		}
	}()
	mode := fs.FileMode(0o644)
	if old != nil {
		mode = old.Mode().Perm()
		if err := keepOwner(file, old); err != nil {
			return nil, fmt.Errorf("the owner of %s cannot be kept: %w", l.path, err)
		}
	}
	if err := file.Chmod(mode); err != nil {
		return nil, err
	}
	if err := render(&earlyWriter{file: file}); err != nil {
		return nil, err
	}
	if err := file.Sync(); err != nil {
		return nil, err
	}
	if info, err = file.Stat(); err != nil {
		return nil, err
	}
	if err := file.Close(); err != nil {
		return nil, err
	}
	if err := l.root.Rename(name, l.base); err != nil {
		return nil, err
	}
	return info, l.syncFolder()
}

// An earlyWriter writes to a file, and has the disk begin with each part while the
// next is encoded, so that Sync has less to wait for.
type earlyWriter struct {
	file   *os.File
	offset int64
}

func (w *earlyWriter) Write(b []byte) (int, error) {
	n, err := w.file.Write(b)
	startWriteback(w.file, w.offset, int64(n))
	w.offset += int64(n)
	return n, err
}

// syncFolder has the renaming survive a loss of power. That the folder cannot be
// synced is no reason to take it for not done.
func (l *fileLock) syncFolder() error {
	folder, err := l.root.Open(".")
	if err != nil {
		return nil
	}
	defer folder.Close()
	_ = folder.Sync()
	return nil
}

// maxFile bounds what is read of a file.
const maxFile = 1 << 30

// readFile returns a file, and its contents if it is wanted.
func readFile(path string, wanted func(fs.FileInfo) bool) (fs.FileInfo, []byte, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|noFollow|nonBlock, 0)
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	switch {
	case err != nil:
		return nil, nil, err
	case info.IsDir():
		return nil, nil, fmt.Errorf("%s is a folder, and the lists are written to one file: folders of hashed names are not", path)
	case !info.Mode().IsRegular():
		return nil, nil, fmt.Errorf("%s is not a regular file", path)
	case info.Size() > maxFile:
		return nil, nil, fmt.Errorf("%s is larger than %d octets", path, maxFile)
	case !wanted(info):
		return info, nil, nil
	}
	data, err := io.ReadAll(io.LimitReader(file, maxFile))
	if data == nil {
		data = []byte{}
	}
	return info, data, err
}
