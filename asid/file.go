// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// A File is a [Registry] in a file that may change while it is in use. Load it
// before it is asked; let Run watch it. A file that cannot be read or is broken
// leaves the last good one in force: the log and Err say so. A look-up never
// waits for a file.
//
// Replace the file by renaming a new one to its name: of a file that is written
// in place, half may be read.
type File struct {
	Name     string        // ends in .json, .yaml or .yml; required
	Interval time.Duration // how often Run reads the file; zero: 10 s
	TestIDs  bool          // accept ASIDs of 1 to 12 digits, as [ParseTestID] does
	Logger   *slog.Logger  // one record per change of the file; nil: none

	loading sync.Mutex
	state   atomic.Pointer[fileState]
}

// A fileState is what is in force, and what was last seen of the file.
type fileState struct {
	systems *Memory
	sum     [sha256.Size]byte // of the file, or of the error if it could not be read
	err     error             // why the file is not what is in force
}

// Load reads the file now. It returns a [*RegistryError] if the file cannot be
// used; what was loaded before then stays in force.
func (f *File) Load() error {
	f.loading.Lock()
	defer f.loading.Unlock()
	text, err := f.read()
	sum := sha256.Sum256(text)
	if err != nil {
		sum = sha256.Sum256([]byte(err.Error()))
	}
	last := f.state.Load()
	if last != nil && last.sum == sum {
		return last.err
	}
	next := &fileState{sum: sum, err: err}
	if err == nil {
		next.systems, next.err = f.parse(text)
	}
	if next.err != nil && last != nil {
		next.systems = last.systems
	}
	if next.systems != nil {
		f.state.Store(next)
	}
	f.log(next)
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
	if f.state.Load() == nil {
		if err := f.Load(); err != nil {
			return err
		}
	}
	interval := f.Interval
	if interval <= 0 {
		interval = 10 * time.Second
	}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
			_ = f.Load() // logged, and kept for Err
		}
	}
}

var errNotLoaded = &RegistryError{Detail: "the file was not loaded"}

// Lookup implements [Registry].
func (f *File) Lookup(ctx context.Context, id ID) (*System, error) {
	state := f.state.Load()
	if state == nil {
		return nil, errNotLoaded
	}
	return state.systems.Lookup(ctx, id)
}

func (f *File) read() ([]byte, error) {
	file, err := os.Open(f.Name)
	if err != nil {
		return nil, &RegistryError{Detail: "cannot be read", Err: err}
	}
	defer file.Close()
	return readRegistry(file)
}

func (f *File) parse(text []byte) (*Memory, error) {
	parseID := idParser(f.TestIDs)
	switch filepath.Ext(f.Name) {
	case ".json":
		return parseJSON(text, parseID)
	case ".yaml", ".yml":
		return parseYAML(text, parseID)
	}
	return nil, &RegistryError{Detail: "the file's name does not end in .json, .yaml or .yml"}
}

func (f *File) log(s *fileState) {
	switch {
	case f.Logger == nil:
	case s.err != nil && s.systems != nil:
		f.Logger.Error("registry file refused, the last good one stays in force", "file", f.Name, "error", s.err)
	case s.err != nil:
		f.Logger.Error("registry file refused", "file", f.Name, "error", s.err)
	default:
		f.Logger.Info("registry file loaded", "file", f.Name, "systems", s.systems.systems.size)
	}
}
