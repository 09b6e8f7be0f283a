// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// DirCache is a Cache in a directory, which is made with mode 0700 when first
// needed. Several processes of one user may share it. An entry is a file, which is
// replaced as a whole or not at all; one that is damaged, cut short or another
// key's counts as absent. A directory that others may write to, as a mounted volume
// itself often is, or that another user owns, is refused: name one below it. At most
// 16,384 entries are kept, of which those that were not used for longest go first.
type DirCache string

const (
	cacheMagic     = "nrlset01"
	cacheHeader    = len(cacheMagic) + 2*sha256.Size // magic, hash of the key, hash of it all
	cacheSuffix    = ".set"
	cacheTemporary = "put-"
	maxCacheFile   = 256 << 20
	maxCacheFiles  = 16_384

	// abandonedAfter is the age from which a temporary file is taken for that
	// of a process which died over it.
	abandonedAfter = time.Hour
)

var errNoDirectory = errors.New("the cache's directory has no name")

// Get implements Cache.
func (d DirCache) Get(ctx context.Context, key string) ([]Member, error) {
	err := d.usable(ctx)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	members, err := d.read(key)
	if len(members) > 0 {
		now := time.Now()
		_ = os.Chtimes(d.path(key), now, now) // the entries used last are the last to be removed
	}
	return members, err
}

// read returns the members of an entry, none if there is no whole one.
func (d DirCache) read(key string) ([]Member, error) {
	file, err := os.Open(d.path(key))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	raw, err := readWhole(file, maxCacheFile)
	if err != nil {
		return nil, err
	}
	data, ok := openCacheFile(raw, key)
	if !ok {
		return nil, nil
	}
	members, _ := decodeMembers(data)
	if len(members) > 1 { // one that stays in memory would keep all of the file there
		for i := range members {
			members[i].Bytes = bytes.Clone(members[i].Bytes)
		}
	}
	return members, nil
}

// readWhole reads a file into a buffer of its size, and of one that is too large an
// octet more than it may have.
func readWhole(file *os.File, most int64) ([]byte, error) {
	var raw bytes.Buffer
	if info, err := file.Stat(); err == nil && info.Size() <= most {
		raw.Grow(int(info.Size()) + bytes.MinRead)
	}
	_, err := raw.ReadFrom(io.LimitReader(file, most+1))
	return raw.Bytes(), err
}

// Merge implements Cache. If the entry cannot be written, it is removed: what it
// calls good the newer members may revoke.
func (d DirCache) Merge(ctx context.Context, key string, members ...Member) error {
	if d == "" {
		return errNoDirectory
	}
	if err := os.MkdirAll(string(d), 0o700); err != nil {
		return err
	}
	if err := d.usable(ctx); err != nil {
		return err
	}
	name := filepath.Base(d.path(key))
	unlock, err := lockFile(ctx, filepath.Join(string(d), "lock-"+name[:1]))
	if err != nil {
		return err
	}
	defer unlock()
	there, err := d.read(key)
	if err != nil {
		return err
	}
	joined := Join(time.Now(), there, members)
	if slices.EqualFunc(there, joined, func(x, y Member) bool { return x.Order == y.Order && x.Digest == y.Digest }) {
		return nil
	}
	if err = d.put(key, joined); err != nil {
		if gone := os.Remove(d.path(key)); !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}
	return err
}

func (d DirCache) put(key string, members []Member) error {
	parts := cacheFile(key, members)
	size := 0
	for _, part := range parts {
		size += len(part)
	}
	if size > maxCacheFile {
		return ErrTooLarge
	}
	if _, err := os.Stat(d.path(key)); errors.Is(err, fs.ErrNotExist) {
		if err := d.prune(maxCacheFiles); err != nil {
			return err
		}
	}
	file, err := os.CreateTemp(string(d), cacheTemporary)
	if err != nil {
		return err
	}
	for i := 0; err == nil && i < len(parts); i++ {
		_, err = file.Write(parts[i])
	}
	// Without the sync a crash of the machine could leave the new name with
	// nothing behind it.
	if err == nil {
		err = file.Sync()
	}
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(file.Name(), d.path(key))
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return nil
}

func (d DirCache) path(key string) string {
	name := sha256.Sum256([]byte(key))
	return filepath.Join(string(d), hex.EncodeToString(name[:])+cacheSuffix)
}

// usable refuses a directory in which others may write: they could not forge a
// document, but they could bring back an old one.
func (d DirCache) usable(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if d == "" {
		return errNoDirectory
	}
	info, err := os.Stat(string(d))
	switch {
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is not a directory", string(d))
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("others may write to the directory %s, mode %v: name one inside it, which is made with mode 0700, or take their permission away",
			string(d), info.Mode().Perm())
	case ownedByAnother(info):
		return fmt.Errorf("another user owns the directory %s", string(d))
	}
	return nil
}

// prune removes what dead processes left, and makes room for one more document,
// of at most the given number.
func (d DirCache) prune(most int) error {
	entries, err := os.ReadDir(string(d))
	if err != nil {
		return err
	}
	documents := 0
	var oldest fs.FileInfo
	for _, entry := range entries {
		isDocument := strings.HasSuffix(entry.Name(), cacheSuffix)
		if isDocument {
			documents++
		}
		if !isDocument && !strings.HasPrefix(entry.Name(), cacheTemporary) || isDocument && len(entries) < most {
			continue
		}
		info, err := entry.Info()
		switch {
		case err != nil: // another process was quicker
		case isDocument && (oldest == nil || info.ModTime().Before(oldest.ModTime())):
			oldest = info
		case !isDocument && time.Since(info.ModTime()) > abandonedAfter:
			_ = os.Remove(filepath.Join(string(d), entry.Name())) // as above
		}
	}
	if documents >= most && oldest != nil {
		_ = os.Remove(filepath.Join(string(d), oldest.Name())) // as above
	}
	return nil
}

// cacheFile returns the contents of a file, in parts so that no document is copied: the
// magic, the hash of its key, the hash of all of this and the members, and the members.
func cacheFile(key string, members []Member) [][]byte {
	name := sha256.Sum256([]byte(key))
	start := append([]byte(cacheMagic), name[:]...)
	encoded := encodeMembers(members)
	sum := cacheSum(append([][]byte{start}, encoded...)...)
	return append([][]byte{append(start, sum[:]...)}, encoded...)
}

func cacheSum(parts ...[]byte) (sum [sha256.Size]byte) {
	h := sha256.New()
	for _, part := range parts {
		h.Write(part)
	}
	h.Sum(sum[:0])
	return sum
}

// openCacheFile returns the members of a file, if it is a whole one of the key.
func openCacheFile(file []byte, key string) (data []byte, ok bool) {
	if len(file) < cacheHeader || len(file) > maxCacheFile || string(file[:len(cacheMagic)]) != cacheMagic {
		return nil, false
	}
	header, rest := file[:cacheHeader-sha256.Size], file[cacheHeader-sha256.Size:]
	sum, data := rest[:sha256.Size], rest[sha256.Size:]
	name := sha256.Sum256([]byte(key))
	want := cacheSum(header, data)
	return data, bytes.Equal(sum, want[:]) && bytes.Equal(header[len(cacheMagic):], name[:])
}

// encodeMembers returns members one after the other: the length of the order, the
// order, the digest, the length of the bytes, the bytes.
func encodeMembers(members []Member) (parts [][]byte) {
	for _, m := range members {
		var head []byte
		head = binary.BigEndian.AppendUint32(head, uint32(len(m.Order)))
		head = append(head, m.Order...)
		head = append(head, m.Digest[:]...)
		head = binary.BigEndian.AppendUint32(head, uint32(len(m.Bytes)))
		parts = append(parts, head, m.Bytes)
	}
	return parts
}

// decodeMembers reads them; it is not ok if they are cut short.
func decodeMembers(data []byte) (members []Member, ok bool) {
	take := func(n int) (b []byte) {
		if ok = n >= 0 && n <= len(data); ok {
			b, data = data[:n:n], data[n:]
		}
		return b
	}
	field := func() (b []byte) {
		if length := take(4); ok {
			b = take(int(binary.BigEndian.Uint32(length)))
		}
		return b
	}
	for len(data) > 0 {
		var m Member
		if m.Order = string(field()); !ok {
			return nil, false
		}
		digest := take(sha256.Size)
		if !ok {
			return nil, false
		}
		copy(m.Digest[:], digest)
		if m.Bytes = field(); !ok {
			return nil, false
		}
		members = append(members, m)
	}
	return members, true
}
