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
	"strings"
	"time"
)

// A documentCache keeps one document a key across restarts or processes. It need
// not be trusted: what it returns is verified again. It must be safe for
// concurrent use.
type documentCache interface {
	// Get returns what was put under key, or an error that wraps ErrCacheMiss
	// if there is nothing, or no longer.
	Get(ctx context.Context, key string) ([]byte, error)

	// Put keeps data under key until the given time.
	Put(ctx context.Context, key string, data []byte, until time.Time) error
}

// DirCache is a cache in a directory, which is made with mode 0700 when first
// needed. Several processes may share it. A file is replaced as a whole or not
// at all; one that is damaged, cut short or another key's counts as absent. A
// directory that others may write to is refused. At most 16,384 documents are
// kept, of which the oldest go first.
type DirCache string

const (
	cacheMagic     = "nrlcache"
	cacheHeader    = len(cacheMagic) + 8 + 2*sha256.Size // magic, until, hash of the key, hash of it all
	cacheSuffix    = ".doc"
	cacheTemporary = "put-"
	maxCacheFile   = 256 << 20
	maxCacheFiles  = 16_384

	// abandonedAfter is the age from which a temporary file is taken for that
	// of a process which died over it.
	abandonedAfter = time.Hour
)

// Get implements documentCache.
func (d DirCache) Get(ctx context.Context, key string) ([]byte, error) {
	if err := d.usable(ctx); err != nil {
		return nil, err
	}
	file, err := os.Open(d.path(key))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrCacheMiss
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	raw, err := io.ReadAll(io.LimitReader(file, maxCacheFile+1))
	if err != nil {
		return nil, err
	}
	return openCacheFile(raw, key, time.Now())
}

// Put implements documentCache. If the data cannot be written, what was kept under
// key is removed.
func (d DirCache) Put(ctx context.Context, key string, data []byte, until time.Time) error {
	if err := os.MkdirAll(string(d), 0o700); err != nil {
		return err
	}
	if err := d.usable(ctx); err != nil {
		return err
	}
	err := d.put(key, data, until)
	if err != nil {
		// What could not be replaced must not come back after a restart: the
		// newer one may revoke what it calls good.
		if gone := os.Remove(d.path(key)); !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}
	return err
}

func (d DirCache) put(key string, data []byte, until time.Time) error {
	if len(data)+cacheHeader > maxCacheFile {
		return ErrTooLarge
	}
	if err := d.prune(maxCacheFiles); err != nil {
		return err
	}
	file, err := os.CreateTemp(string(d), cacheTemporary)
	if err != nil {
		return err
	}
	_, err = file.Write(sealCacheFile(key, data, until))
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
		return errors.New("the cache's directory has no name")
	}
	info, err := os.Stat(string(d))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return ErrCacheMiss
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is not a directory", string(d))
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("others may write to the directory %s, mode %v", string(d), info.Mode().Perm())
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

// sealCacheFile returns the contents of a file: the magic, the time until which
// it counts, the hash of its key, the hash of all of this and the document, and
// the document.
func sealCacheFile(key string, data []byte, until time.Time) []byte {
	name := sha256.Sum256([]byte(key))
	file := make([]byte, 0, cacheHeader+len(data))
	file = append(file, cacheMagic...)
	file = binary.BigEndian.AppendUint64(file, uint64(until.Unix()))
	file = append(file, name[:]...)
	sum := cacheSum(file, data)
	return append(append(file, sum[:]...), data...)
}

func cacheSum(header, data []byte) (sum [sha256.Size]byte) {
	h := sha256.New()
	h.Write(header)
	h.Write(data)
	h.Sum(sum[:0])
	return sum
}

// openCacheFile returns the document of a file, or an error of the kind
// ErrCacheMiss.
func openCacheFile(file []byte, key string, now time.Time) ([]byte, error) {
	if len(file) < cacheHeader || len(file) > maxCacheFile || string(file[:len(cacheMagic)]) != cacheMagic {
		return nil, fmt.Errorf("%w: not a file of this cache", ErrCacheMiss)
	}
	header, rest := file[:cacheHeader-sha256.Size], file[cacheHeader-sha256.Size:]
	sum, data := rest[:sha256.Size], rest[sha256.Size:]
	if want := cacheSum(header, data); !bytes.Equal(sum, want[:]) {
		return nil, fmt.Errorf("%w: the file is damaged", ErrCacheMiss)
	}
	name := sha256.Sum256([]byte(key))
	if !bytes.Equal(header[len(cacheMagic)+8:], name[:]) {
		return nil, fmt.Errorf("%w: the file is another document's", ErrCacheMiss)
	}
	until := int64(binary.BigEndian.Uint64(header[len(cacheMagic):]))
	if now.Unix() >= until {
		return nil, fmt.Errorf("%w: its time is over", ErrCacheMiss)
	}
	return data, nil
}
