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
	"github.com/nrlsecurity/nrlsecurity/internal/bounded"
	logrecord "github.com/nrlsecurity/nrlsecurity/internal/record"
)

// A Snapshot is an [asid.Registry] that holds a whole directory in memory, for
// servers whose decisions must not wait. It knows nothing before the first Load. Its
// fields must not change once it is used; its methods are safe for concurrent use,
// and Lookup takes no lock.
type Snapshot struct {
	// Source reads the whole directory: [LDIF], [LDAP.Systems] or one's own;
	// required.
	Source func(context.Context) (Systems, error)

	// Interval is the time between two reads by Run, and a tenth of it that between a
	// read that failed and the next; zero: 1 hour.
	Interval time.Duration

	// MaxAge is for how long a snapshot is used after the read that made it began, or
	// after the Since of what was read if that is earlier; after that, nothing can be
	// told. Zero: 24 hours. Its age is the longer of what the wall clock says, which
	// may be set back, and of the process's own clock, which stands still while the
	// machine sleeps. It is looked at each second.
	MaxAge time.Duration

	// Logger gets one record for each read; nil: none.
	Logger *slog.Logger

	current atomic.Pointer[snapshot]
	loading sync.Mutex
	taken   counts // of what was last taken, also when it is too old; guarded by loading
	err     atomic.Pointer[error]
	elapsed func(since time.Time) (wall, running time.Duration) // nil: on the clocks of the process
	late    bounded.Late                                        // records that wait for Logger
}

// A snapshot never changes.
type snapshot struct {
	memory    *asid.Memory
	counts    counts
	ambiguous map[asid.ID]bool
	began     time.Time // its read, or earlier: what was read is as old
}

// counts are of the systems of a directory, by what is known of them.
type counts [4]int

// countNames say what the counts are of.
var countNames = [len(counts{})]string{
	"systems", "systems that are bound to a certificate", "systems that have interactions", "systems of a known organisation",
}

func count(systems []asid.System) counts {
	var c counts
	for i := range systems {
		for at, has := range [len(c)]bool{true, !systems[i].Unbound, len(systems[i].Interactions) > 0, len(systems[i].ODS) > 0} {
			if has {
				c[at]++
			}
		}
	}
	return c
}

// Load reads the directory and uses it from then on. If it fails, what was read
// before stays, until it is too old. A directory that has lost more than a tenth of
// its systems since it was last taken, however long ago, or of those that are bound to
// a certificate, have interactions or have an organisation, is one that was cut off.
// If it really has become so small, a new Snapshot takes it.
func (s *Snapshot) Load(ctx context.Context) error {
	s.loading.Lock()
	defer s.loading.Unlock()
	err := s.load(ctx)
	s.err.Store(&err)
	if err != nil {
		s.log(ctx, slog.LevelError, "the directory was not read", slog.String("detail", err.Error()))
	}
	return err
}

func (s *Snapshot) load(ctx context.Context) error {
	if s.Source == nil {
		return misconfigured("Snapshot.Source", "is missing")
	}
	next := &snapshot{began: time.Now()}
	all, err := s.Source(ctx)
	if err != nil {
		return err
	}
	if !all.Since.IsZero() && all.Since.Before(next.began) {
		next.began = all.Since
	}
	if err := next.fill(&all, s.taken); err != nil {
		return err
	}
	if s.left(next) <= 0 {
		return &Error{Detail: fmt.Sprintf("the directory is of %s and out of date", next.began.UTC().Format(time.RFC3339))}
	}
	s.taken = next.counts
	s.current.Store(next)
	s.watch(next)
	s.log(ctx, slog.LevelInfo, "the directory was read", slog.Int("systems", len(all.Systems)),
		slog.Int("ambiguous", len(all.Ambiguous)), slog.Int("dropped", all.Dropped))
	return nil
}

func (s *Snapshot) log(ctx context.Context, level slog.Level, text string, attrs ...slog.Attr) {
	logrecord.Writer{Logger: s.Logger, Late: &s.late}.Write(ctx, level, text, attrs...)
}

// fill takes what was read, unless it is less than a whole directory has; before are
// the counts of what was last taken.
func (n *snapshot) fill(all *Systems, before counts) error {
	n.counts = count(all.Systems)
	if len(all.Systems) == 0 {
		return &Error{Detail: "the directory has no system that can be used", Err: ErrPartial}
	}
	for at, had := range before {
		if n.counts[at] < had-had/10 {
			return &Error{Detail: fmt.Sprintf("the directory has %d %s, and had %d", n.counts[at], countNames[at], had), Err: ErrPartial}
		}
	}
	var err error
	if n.memory, err = asid.NewMemory(all.Systems...); err != nil {
		return &Error{Detail: "the directory cannot be used", Err: err}
	}
	n.ambiguous = make(map[asid.ID]bool, len(all.Ambiguous))
	for _, id := range all.Ambiguous {
		if _, err := n.memory.Lookup(context.Background(), id); err == nil {
			return &Error{Subject: subject(id), Detail: "is among the systems that can be used and among those that cannot", Err: ErrAmbiguous}
		}
		n.ambiguous[id] = true
	}
	return nil
}

// left returns for how long the snapshot may still be used.
func (s *Snapshot) left(of *snapshot) time.Duration {
	elapsed := s.elapsed
	if elapsed == nil {
		elapsed = elapsedSince
	}
	wall, running := elapsed(of.began)
	return positive(s.MaxAge, 24*time.Hour) - max(wall, running)
}

// elapsedSince returns how much time has passed by the wall clock and by the
// monotonic one.
func elapsedSince(t time.Time) (wall, running time.Duration) {
	now := time.Now()
	return now.Round(0).Sub(t.Round(0)), now.Sub(t)
}

// watchEvery is how often the age of the snapshot in use is looked at. One long
// timer would not notice that the wall clock was set or that the machine slept.
const watchEvery = time.Second

// watch takes the snapshot out of use when it is too old, so that a look-up need
// not ask for the time.
func (s *Snapshot) watch(of *snapshot) {
	left := s.left(of)
	if left <= 0 {
		s.current.CompareAndSwap(of, nil)
		return
	}
	time.AfterFunc(min(left, watchEvery), func() {
		if s.current.Load() == of {
			s.watch(of)
		}
	})
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
// Interval, or sooner after a read that failed, until ctx ends.
func (s *Snapshot) Run(ctx context.Context) error {
	if s.current.Load() == nil {
		_ = s.Load(ctx) // Err and the log say why it failed
	}
	for {
		wait := positive(s.Interval, time.Hour)
		if s.Err() != nil {
			wait = max(wait/10, time.Second)
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
			_ = s.Load(ctx)
		}
	}
}
