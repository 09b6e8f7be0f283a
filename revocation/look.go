// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/fetch"
)

const (
	// defaultRefresh is the default of CRLs.Refresh and OCSP.Refresh.
	defaultRefresh = time.Hour

	// firstLook is how long a caller whose answer is known waits for the
	// first look at what may know better.
	firstLook = time.Second
)

// setUp gives a source's asker its clock and how often it looks again; zero or less: each
// hour.
func setUp(a *fetch.Asker, now func() time.Time, refresh time.Duration) {
	a.Now, a.Refresh, a.Pause = now, refresh, pause
	if refresh <= 0 {
		a.Refresh = defaultRefresh
	}
}

// run is Run of a source, of whose calls that are going runs is the number.
func run(ctx context.Context, a *fetch.Asker, runs *atomic.Int64, c *shared) error {
	runs.Add(1)
	defer runs.Add(-1)
	err := a.Run(ctx)
	c.wait()
	return err
}

// look begins the looks that are due. The targets stay in use.
func look(a *fetch.Asker, clock func() time.Time, watches []*fetch.Watch) {
	if len(watches) == 0 {
		return
	}
	now := clock()
	for _, w := range watches {
		if w.Used(); w.Overdue(now) {
			a.Look(w)
		}
	}
}

// horizon is the time a day before which what is superseded may be forgotten: no later
// than the latest that was asked about, in seconds since 1970, but where Run is going that
// of the clock, since there may be no questions.
func horizon(latest, runs int64, clock func() time.Time) time.Time {
	switch {
	case runs > 0:
		return clock()
	case latest == 0:
		return time.Time{}
	}
	at, now := time.Unix(latest, 0), clock()
	if now.Before(at) {
		return now
	}
	return at
}

// patience returns how long to wait for groups, zero for as long as the caller
// does; wait is false if not at all. stale says that an answer which expired at a
// time will do.
func patience(a *fetch.Asker, groups [][]*fetch.Watch, how asking, stale bool, expired time.Time) (most time.Duration, wait bool) {
	switch {
	case how.brief:
		return firstLook, len(untroubled(a, never(a, groups))) > 0
	case stale:
		// A look that was begun since the answer ran out, and has failed or is under
		// way for a second, is enough.
		return firstLook, slices.ContainsFunc(slices.Concat(groups...), func(w *fetch.Watch) bool { return !a.Failing(w, expired) })
	}
	return 0, true
}

// never returns the groups with a target that no look has ended at, or been under
// way at for a second.
func never(a *fetch.Asker, groups [][]*fetch.Watch) (never [][]*fetch.Watch) {
	for _, group := range groups {
		if slices.ContainsFunc(group, func(w *fetch.Watch) bool { return !a.Asked(w) }) {
			never = append(never, group)
		}
	}
	return never
}

// untroubled returns the groups none of whose hosts failed or hung a moment ago.
func untroubled(a *fetch.Asker, groups [][]*fetch.Watch) [][]*fetch.Watch {
	return slices.DeleteFunc(groups, func(group []*fetch.Watch) bool {
		return slices.ContainsFunc(group, func(w *fetch.Watch) bool { return a.Troubled(w.Host) })
	})
}

// later raises the latest time that was asked about.
func later(latest interface {
	Load() int64
	CompareAndSwap(old, new int64) bool
}, at time.Time) {
	for old := latest.Load(); at.Unix() > old && !latest.CompareAndSwap(old, at.Unix()); {
		old = latest.Load()
	}
}
