// SPDX-License-Identifier: Apache-2.0

package sds

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nrlsecurity/nrlsecurity/asid"
)

// A Snapshot is an [asid.Registry] that holds a whole directory in memory, for
// servers whose decisions must not wait. It knows nothing before the first Load. Its
// fields must not change once it is used; its methods are safe for concurrent use,
// and Lookup takes no lock.
type Snapshot struct {
	// Source reads the whole directory: [LDIF], [LDAP.Systems] or one's own;
	// required.
	Source func(context.Context) (Systems, error)

	// Interval is the time between two reads by Run; zero: 1 hour.
	Interval time.Duration

	// MaxAge is for how long a snapshot is used after the read that made it began;
	// after that, nothing can be told. Zero: 24 hours.
	MaxAge time.Duration

	// Logger gets one record for each read; nil: none.
	Logger *slog.Logger

	current atomic.Pointer[snapshot]
	loading sync.Mutex
	err     atomic.Pointer[error]
}

// A snapshot never changes.
type snapshot struct {
	memory    *asid.Memory
	systems   int // in memory
	ambiguous map[asid.ID]bool
	expires   *time.Timer
}

// Load reads the directory and uses it from then on. If it fails, what was read
// before stays, until it is too old. A directory that has lost more than a tenth of
// its systems since it was read before is one that was cut off.
func (s *Snapshot) Load(ctx context.Context) error {
	s.loading.Lock()
	defer s.loading.Unlock()
	err := s.load(ctx)
	if s.Logger != nil && err != nil {
		s.Logger.Error("the directory was not read", "detail", err.Error())
	}
	s.err.Store(&err)
	return err
}

func (s *Snapshot) load(ctx context.Context) error {
	if s.Source == nil {
		return misconfigured("Snapshot.Source", "is missing")
	}
	began := wallClock()
	all, err := s.Source(ctx)
	if err != nil {
		return err
	}
	if len(all.Systems) == 0 {
		return &Error{Detail: "the directory has no system that can be used", Err: ErrPartial}
	}
	if before := s.current.Load(); before != nil && len(all.Systems) < before.systems-before.systems/10 {
		return &Error{Detail: fmt.Sprintf("the directory has %d systems, and had %d", len(all.Systems), before.systems), Err: ErrPartial}
	}
	memory, err := asid.NewMemory(all.Systems...)
	if err != nil {
		return &Error{Detail: "the directory cannot be used", Err: err}
	}
	left := positive(s.MaxAge, 24*time.Hour) - wallClock().Sub(began)
	if left <= 0 {
		return &Error{Detail: "the directory was out of date when it had been read"}
	}
	next := &snapshot{memory: memory, systems: len(all.Systems), ambiguous: make(map[asid.ID]bool, len(all.Ambiguous))}
	for _, id := range all.Ambiguous {
		next.ambiguous[id] = true
	}
	next.expires = time.AfterFunc(left, func() { s.current.CompareAndSwap(next, nil) })
	if before := s.current.Swap(next); before != nil {
		before.expires.Stop()
	}
	if s.Logger != nil {
		s.Logger.Info("the directory was read", "systems", len(all.Systems), "ambiguous", len(all.Ambiguous), "dropped", all.Dropped)
	}
	return nil
}

// Lookup implements [asid.Registry].
func (s *Snapshot) Lookup(ctx context.Context, id asid.ID) (*asid.System, error) {
	current := s.current.Load()
	if current == nil {
		return nil, &Error{Subject: subject(id), Detail: "the directory was not read, or too long ago", Err: s.Err()}
	}
	sys, err := current.memory.Lookup(ctx, id)
	if err != nil && current.ambiguous[id] {
		return nil, &Error{Subject: subject(id), Detail: "its records differ or cannot be used", Err: ErrAmbiguous}
	}
	return sys, err
}

// Err says why the last Load failed; nil if it did not.
func (s *Snapshot) Err() error {
	if err := s.err.Load(); err != nil {
		return *err
	}
	return nil
}

// Run reads the directory at once, unless it has been read, and then at each
// Interval, until ctx ends.
func (s *Snapshot) Run(ctx context.Context) error {
	if s.current.Load() == nil {
		_ = s.Load(ctx) // Err and the log say why it failed
	}
	ticker := time.NewTicker(positive(s.Interval, time.Hour))
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
			_ = s.Load(ctx)
		}
	}
}
