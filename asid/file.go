// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nrlsecurity/nrlsecurity/internal/bounded"
	"github.com/nrlsecurity/nrlsecurity/internal/record"
	"github.com/nrlsecurity/nrlsecurity/internal/regular"
)

// A File is a [Registry] in a file that may change while it is in use. Load it
// before it is asked; let Run watch it. A file that cannot be read or is broken
// leaves the last good one in force: the log and Err say so. A look-up never
// waits for a file.
//
// Replace the file by renaming a new one to its name: of a file that is written
// in place, half may be read. Half a file in JSON is malformed. In other formats it
// may be well formed: what Decode reads is taken only when a second read, Settle
// later, gives the same.
type File struct {
	Name     string                         // of a regular file; required
	Decode   func([]byte) ([]Record, error) // nil: JSON, as [ReadRegistry] reads it; asidyaml.Decode: YAML
	Interval time.Duration                  // how often Run reads the file; zero: 10 s
	Settle   time.Duration                  // between the two reads of a changed file, if Decode is set; zero: 1 s
	TestIDs  bool                           // accept ASIDs of 1 to 12 digits, as [ParseTestID] does
	Logger   *slog.Logger                   // one record for each change of the file; nil: none

	loading sync.Mutex
	state   atomic.Pointer[fileState]
	late    bounded.Late // records that wait for Logger
}

// A fileState is what is in force, and what was last seen of the file.
type fileState struct {
	systems *Memory           // nil: no good file was read yet
	sum     [sha256.Size]byte // of the file, or of the error if it could not be read
	err     error             // why the file is not what is in force
}

// Load reads the file now. It returns a [*RegistryError] if the file cannot be
// used; what was loaded before then stays in force.
func (f *File) Load() error {
	f.loading.Lock()
	defer f.loading.Unlock()
	text, sum, err := f.read()
	last := f.state.Load()
	if last != nil && last.sum == sum {
		return last.err
	}
	if f.Decode != nil && err == nil {
		if text, sum, err = f.readAgain(sum); last != nil && last.sum == sum {
			return last.err
		}
	}
	next := &fileState{sum: sum, err: err}
	if err == nil {
		next.systems, next.err = f.parse(text)
	}
	if last == nil {
		last = new(fileState)
	}
	if next.err != nil {
		next.systems = last.systems
	}
	f.state.Store(next)
	f.log(next, last)
	return next.err
}

// Err returns why the file as it was last seen is not in force, or nil if it is.
func (f *File) Err() error {
	state := f.state.Load()
	if state == nil {
		return errNotLoaded
	}
	return state.err
}

// Run reads the file again and again until ctx ends, and returns ctx.Err(). It
// returns early only if the file was not loaded and cannot be.
func (f *File) Run(ctx context.Context) error {
	state := f.state.Load()
	return regular.Follow(ctx, f.Interval, state != nil && state.systems != nil, f.Load)
}

var errNotLoaded = &RegistryError{Detail: "the file was not loaded"}

// Lookup implements [Registry].
func (f *File) Lookup(ctx context.Context, id ID) (*System, error) {
	state := f.state.Load()
	if state == nil {
		return nil, errNotLoaded
	}
	if state.systems == nil {
		return nil, state.err
	}
	return state.systems.Lookup(ctx, id)
}

// read returns the file and its sum, or an error and the sum of that.
func (f *File) read() ([]byte, [sha256.Size]byte, error) {
	text, err := f.open()
	if err != nil {
		return nil, sha256.Sum256([]byte(err.Error())), err
	}
	return text, sha256.Sum256(text), nil
}

func (f *File) open() ([]byte, error) {
	if f.Name == "" {
		return nil, &RegistryError{Detail: "File.Name is missing"}
	}
	file, err := regular.Open(f.Name)
	if err != nil {
		return nil, &RegistryError{Detail: "cannot be read", Err: err}
	}
	defer file.Close()
	return readRegistry(file)
}

// readAgain reads the file after Settle, and refuses one that has another sum.
func (f *File) readAgain(first [sha256.Size]byte) ([]byte, [sha256.Size]byte, error) {
	settle := f.Settle
	if settle <= 0 {
		settle = time.Second
	}
	time.Sleep(settle)
	text, sum, err := f.read()
	if err == nil && sum != first {
		err = &RegistryError{Detail: "is being written"}
		return nil, sha256.Sum256([]byte(err.Error())), err
	}
	return text, sum, err
}

func (f *File) parse(text []byte) (*Memory, error) {
	decode := f.Decode
	if decode == nil {
		decode = decodeJSON
	}
	records, err := decode(text)
	if err != nil {
		if _, ok := errors.AsType[*RegistryError](err); !ok {
			err = &RegistryError{Detail: "cannot be decoded", Err: err}
		}
		return nil, err
	}
	return fromRecords(records, f.TestIDs)
}

func (f *File) log(s, last *fileState) {
	write := record.Writer{Logger: f.Logger, Late: &f.late}.Write
	ctx, name := context.Background(), slog.String("file", f.Name)
	switch {
	case s.err != nil && s.systems != nil:
		write(ctx, slog.LevelError, "registry file refused, the last good one stays in force", name, slog.Any("error", s.err))
	case s.err != nil:
		write(ctx, slog.LevelError, "registry file refused", name, slog.Any("error", s.err))
	case last.systems != nil && s.systems.size < last.systems.size:
		write(ctx, slog.LevelWarn, "registry file loaded, with fewer systems than before", name,
			slog.Int("systems", s.systems.size), slog.Int("before", last.systems.size))
	default:
		write(ctx, slog.LevelInfo, "registry file loaded", name, slog.Int("systems", s.systems.size))
	}
}
