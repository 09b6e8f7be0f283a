// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"context"
	"crypto/x509"
	"flag"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

var (
	seeds = flag.Int("seeds", 12, "how many histories to play")
	begin = flag.Uint64("first", 1, "the first seed")

	// timing holds the answers against what may be waited for as well. The rules by
	// which it judges are stricter than the package's in places that are not told
	// apart yet, so it is for looking, not for deciding.
	timing = flag.Bool("timing", false, "judge how long answers take, too")
)

// ask asks a process that has no history about a leaf.
func ask(p process, leaf leafID) error {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	return p.check(ctx, []*x509.Certificate{leafCert(leaf), caCert(leaf.generation), rootCert()}, nil)
}

// attempt plays a history in a bubble of its own.
func attempt(t *testing.T, h history, makeProcess func(environment) process, broken rule, log func(string, ...any)) (err error) {
	synctest.Test(t, func(t *testing.T) { err = play(h, makeProcess, broken, log) })
	return err
}

// shorten removes steps as long as the history still fails.
func shorten(h history, fails func(history) bool) history {
	for size := len(h.steps) / 2; size > 0; size /= 2 {
		for at := 0; at+size <= len(h.steps); {
			shorter := history{h.config, append(append([]step(nil), h.steps[:at]...), h.steps[at+size:]...)}
			if at < len(shorter.steps) { // what comes afterwards happens at the same time
				for _, s := range h.steps[at : at+size] {
					shorter.steps[at].after += s.after
				}
			}
			if fails(shorter) {
				h = shorter
			} else {
				at += size
			}
		}
	}
	for i := range h.steps { // and happens sooner, if that makes no difference
		sooner := history{h.config, append([]step(nil), h.steps...)}
		if sooner.steps[i].after = 0; fails(sooner) {
			h = sooner
		}
	}
	return h
}

// report plays the shortened history of a failing seed once more, in words.
func report(t *testing.T, seed uint64, makeProcess func(environment) process, broken rule) string {
	fails := func(h history) bool { return attempt(t, h, makeProcess, broken, nil) != nil }
	h := shorten(randomHistory(seed), fails)
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d: %s\n", seed, h.config)
	err := attempt(t, h, makeProcess, broken, func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) })
	fmt.Fprintf(&b, "%v", err)
	return b.String()
}

// search plays seeds on all processors until stop says so or one fails, and
// returns the lowest that failed.
func search(t *testing.T, count int, makeProcess func(environment) process, broken rule) (failed uint64) {
	var next atomic.Uint64
	var lowest atomic.Uint64
	next.Store(*begin - 1)
	t.Run("", func(t *testing.T) {
		for range runtime.GOMAXPROCS(0) {
			t.Run("", func(t *testing.T) {
				t.Parallel()
				for {
					seed := next.Add(1)
					if seed >= *begin+uint64(count) || lowest.Load() != 0 {
						return
					}
					if attempt(t, randomHistory(seed), makeProcess, broken, nil) != nil {
						for {
							old := lowest.Load()
							if old != 0 && old < seed || lowest.CompareAndSwap(old, seed) {
								break
							}
						}
					}
				}
			})
		}
	})
	return lowest.Load()
}

// TestModelSeeds shows that the world and the oracle ask nothing impossible.
func TestModelSeeds(t *testing.T) {
	count := *seeds
	if testing.Short() {
		count = min(count, 4)
	}
	if seed := search(t, count, newModel, allKept); seed != 0 {
		t.Fatal(report(t, seed, newModel, allKept))
	}
}
