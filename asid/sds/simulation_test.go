// SPDX-License-Identifier: Apache-2.0

package sds_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/asid/sds"
)

// The simulation has 64 callers look 200 ASIDs up, over an hour of virtual time,
// in a directory that changes, fails, lags and loses its access. The oracle knows
// when each record was true and when the directory failed.
const (
	simulatedHour    = time.Hour
	simulatedCallers = 64
	simulatedLookups = 100_000
	simulatedASIDs   = 200
)

// A period is what was true of one ASID from one moment to the next.
type period struct {
	from   time.Time
	exists bool
}

// trouble is how a directory fails.
type trouble int

const (
	healthy trouble = iota
	down            // refuses
	blind           // shows nothing
	lagging         // answers after the time-out
	troubles
)

// A world is the directory of a simulation and what is known about it.
type world struct {
	random *rand.Rand

	mu      sync.Mutex
	history map[asid.ID][]period
	trouble []struct {
		from time.Time
		kind trouble
	}
	inFlight map[asid.ID]int
	asked    int
	wrong    []string
}

func simulatedID(i int) asid.ID { return mustID(fmt.Sprintf("%012d", 300_000_000_000+int64(i))) }

// newWorld plans the hour: half of the ASIDs come and go, one in ten is never
// there, and up to four minutes in health alternate with up to two in trouble.
func newWorld(seed uint64) *world {
	w := &world{random: rand.New(rand.NewPCG(seed, 1)), history: make(map[asid.ID][]period), inFlight: make(map[asid.ID]int)}
	begin := time.Now()
	for i := range simulatedASIDs {
		periods := []period{{begin, i%10 != 0}}
		if i%2 == 1 {
			for at := begin; at.Sub(begin) < simulatedHour; {
				at = at.Add(time.Duration(w.random.Int64N(int64(15 * time.Minute))))
				periods = append(periods, period{at, w.random.IntN(3) > 0})
			}
		}
		w.history[simulatedID(i)] = periods
	}
	w.history[canaryID] = []period{{begin, true}}
	for at := begin; at.Sub(begin) < simulatedHour; {
		w.trouble = append(w.trouble, struct {
			from time.Time
			kind trouble
		}{at, healthy})
		at = at.Add(time.Duration(w.random.Int64N(int64(4 * time.Minute))))
		w.trouble = append(w.trouble, struct {
			from time.Time
			kind trouble
		}{at, trouble(1 + w.random.IntN(int(troubles)-1))})
		at = at.Add(time.Duration(w.random.Int64N(int64(2 * time.Minute))))
	}
	return w
}

func (w *world) chance(n int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.random.IntN(n)
}

func (w *world) fail(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.wrong) < 20 {
		w.wrong = append(w.wrong, fmt.Sprintf(format, args...))
	}
}

// version returns the number of the period at a time; -1: none.
func (w *world) version(id asid.ID, at time.Time) int {
	n := -1
	for i, p := range w.history[id] {
		if !p.from.After(at) {
			n = i
		}
	}
	return n
}

// trueWithin reports whether a version was true at some moment between two.
func (w *world) trueWithin(id asid.ID, from, until time.Time, matches func(n int, p period) bool) bool {
	for n, p := range w.history[id] {
		ended := until.Add(1)
		if n+1 < len(w.history[id]) {
			ended = w.history[id][n+1].from
		}
		if !p.from.After(until) && ended.After(from) && matches(n, p) {
			return true
		}
	}
	return false
}

func (w *world) troubleAt(at time.Time) trouble {
	kind := healthy
	for _, p := range w.trouble {
		if !p.from.After(at) {
			kind = p.kind
		}
	}
	return kind
}

// healthyWithin reports whether there was no trouble between two moments.
func (w *world) healthyWithin(from, until time.Time) bool {
	for i, p := range w.trouble {
		ended := until.Add(1)
		if i+1 < len(w.trouble) {
			ended = w.trouble[i+1].from
		}
		if p.kind != healthy && !p.from.After(until) && ended.After(from) {
			return false
		}
	}
	return true
}

var errDown = errors.New("the directory is down")

// answer is the directory. What it answers was true at the end of its latency.
func (w *world) answer(ctx context.Context, q sds.Question) (sds.Entries, error) {
	digits := strings.TrimPrefix(strings.TrimSuffix(q.Base, ","+sds.DefaultBase), "uniqueIdentifier=")
	id := mustID(digits)
	w.mu.Lock()
	w.asked++
	if id != canaryID {
		w.inFlight[id]++
		if w.inFlight[id] > 1 && len(w.wrong) < 20 {
			w.wrong = append(w.wrong, fmt.Sprintf("%d queries in flight for %s", w.inFlight[id], id))
		}
		defer func() {
			w.mu.Lock()
			w.inFlight[id]--
			w.mu.Unlock()
		}()
	}
	w.mu.Unlock()

	latency := time.Duration(1+w.chance(200)) * time.Millisecond
	if w.troubleAt(time.Now()) == lagging {
		latency = time.Duration(1+w.chance(20)) * time.Second
	}
	select {
	case <-time.After(latency):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	switch w.troubleAt(time.Now()) {
	case down:
		return nil, errDown
	case blind:
		return nil, nil // success without an entry
	}
	n := w.version(id, time.Now())
	if n < 0 || !w.history[id][n].exists {
		return nil, sds.Absent
	}
	return sds.Entries{{
		"UniqueIdentifier": {digits}, "nhsidcode": {"RR8"},
		"nhsAsSvcIA": {fmt.Sprintf("urn:nhs:v-%s:%d", digits, n)},
	}}, nil
}

// judge holds one answer against the history.
func (w *world) judge(policy sds.Caching, timeout time.Duration, id asid.ID, began time.Time, sys *asid.System, err error) {
	now := time.Now()
	switch {
	case err == nil:
		if sys.ASID != id || len(sys.Interactions) != 1 {
			w.fail("%s: the system of %s with %v", id, sys.ASID, sys.Interactions)
			return
		}
		oldest := began.Add(-policy.MaxAge - policy.MaxStale)
		if !w.trueWithin(id, oldest, now, func(n int, p period) bool {
			return p.exists && string(sys.Interactions[0]) == fmt.Sprintf("urn:nhs:v-%s:%d", id, n)
		}) {
			w.fail("%s: %v was not true in the last %v", id, sys.Interactions, policy.MaxAge+policy.MaxStale)
		}
	case errors.Is(err, asid.ErrNotFound):
		if !w.trueWithin(id, began.Add(-policy.MaxUnknownAge), now, func(_ int, p period) bool { return !p.exists }) {
			w.fail("%s: unknown, but it was there; trouble %v", id, w.troubleAt(now))
		}
	default:
		if w.healthyWithin(began.Add(-policy.RetryAfter-timeout), now) {
			w.fail("%s: %v, but the directory was well", id, err)
		}
	}
}

func TestSimulatedDirectory(t *testing.T) {
	t.Parallel()
	// Over 2 s: a hundred thousand look-ups for each policy.
	if testing.Short() {
		t.Skip("simulates hours")
	}
	for name, policy := range map[string]sds.Caching{
		"the defaults":       {MaxAge: 5 * time.Minute, MaxUnknownAge: 30 * time.Second, RetryAfter: time.Second},
		"with stale answers": {MaxAge: time.Minute, MaxUnknownAge: 10 * time.Second, RetryAfter: 5 * time.Second, MaxStale: 10 * time.Minute},
		"with answers that are stale for a moment": {MaxAge: 30 * time.Second, MaxUnknownAge: 10 * time.Second, RetryAfter: 15 * time.Second, MaxStale: 20 * time.Second},
		"with a small cache":                       {MaxAge: 5 * time.Minute, MaxUnknownAge: time.Minute, RetryAfter: time.Second, MaxEntries: 20},
		"with many queries at once":                {MaxAge: 10 * time.Minute, MaxUnknownAge: time.Minute, RetryAfter: 2 * time.Second, MaxQueries: 64},
	} {
		t.Run(name, func(t *testing.T) {
			seeds := uint64(1)
			if os.Getenv("CI") != "" {
				seeds = 2
			}
			for seed := range seeds {
				synctest.Test(t, func(t *testing.T) { simulate(t, seed, policy) })
			}
		})
	}
}

func simulate(t *testing.T, seed uint64, policy sds.Caching) {
	w := newWorld(seed)
	const timeout = 5 * time.Second
	registry := &sds.LDAP{Canary: canaryID, Timeout: timeout, Cache: policy}
	registry.Simulate(w.answer)
	ctx, cancel := context.WithCancel(t.Context())
	var running, calling sync.WaitGroup
	running.Go(func() { _ = registry.Run(ctx) })
	outcomes := make([][3]int, simulatedCallers)
	const each = simulatedLookups / simulatedCallers
	for caller := range simulatedCallers {
		calling.Go(func() {
			for range each {
				time.Sleep(time.Duration(w.chance(int(2*simulatedHour/each/time.Microsecond))) * time.Microsecond)
				// Some ASIDs are asked about much more often than others.
				id := simulatedID(min(w.chance(simulatedASIDs), w.chance(simulatedASIDs)))
				began := time.Now()
				sys, err := registry.Lookup(ctx, id)
				w.judge(policy, timeout, id, began, sys, err)
				switch {
				case err == nil:
					outcomes[caller][0]++
				case errors.Is(err, asid.ErrNotFound):
					outcomes[caller][1]++
				default:
					outcomes[caller][2]++
				}
			}
		})
	}
	calling.Wait()
	cancel()
	running.Wait()
	synctest.Wait()
	var sum [3]int
	for _, o := range outcomes {
		for i := range sum {
			sum[i] += o[i]
		}
	}
	t.Logf("seed %d: %d found, %d unknown, %d could not tell; %d questions", seed, sum[0], sum[1], sum[2], w.asked)
	require.Empty(t, w.wrong)
	for _, n := range sum {
		assert.Positive(t, n)
	}
}
