// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"context"
	"crypto/x509"
	"flag"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var (
	seeds  = flag.Int("seeds", 12, "how many histories to play")
	begin  = flag.Uint64("first", 1, "the first seed")
	within = flag.Duration("within", 0, "begin no further history after so long; zero: play them all")
	parity = flag.Int("parity", -1, "play only seeds that leave this remainder when divided by two: 1, histories by hand; 0, the others")
	brief  = flag.Bool("brief", false, "say which seed fails, without making its history short")

	// answers leaves out how long answers take and when sources were looked at.
	answers = flag.Bool("answers", false, "judge the answers alone")

	// timing allows no time at all where the answer is in memory. That is stricter than
	// the package in places that are not told apart yet: a second is always allowed.
	timing = flag.Bool("timing", false, "judge strictly how long answers take")
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
					shorter.steps[at].asleep += s.asleep
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
		if sooner.steps[i].after, sooner.steps[i].asleep = 0, 0; fails(sooner) {
			h = sooner
		}
	}
	return h
}

// report plays the shortened history of a failing seed once more, in words. The
// processes choose their moments at random, so that one may fail now and then only.
func report(t *testing.T, found failure, makeProcess func(environment) process, broken rule) string {
	if *brief {
		return fmt.Sprintf("seed %d: %v", found.seed, found.err)
	}
	const often = 3
	fails := func(h history) bool {
		for range often {
			if attempt(t, h, makeProcess, broken, nil) != nil {
				return true
			}
		}
		return false
	}
	h := shorten(randomHistory(found.seed), fails)
	for range 10 * often {
		var b strings.Builder
		fmt.Fprintf(&b, "seed %d: %s\n", found.seed, h.config)
		if err := attempt(t, h, makeProcess, broken, func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }); err != nil {
			return fmt.Sprintf("%s%v", b.String(), err)
		}
	}
	return fmt.Sprintf("seed %d: %s\nnot seen again; it was: %v", found.seed, h.config, found.err)
}

// A failure is a seed that failed; its err is nil if none did.
type failure struct {
	seed uint64
	err  error
}

// search plays seeds on all processors until one fails or there is no more time,
// and returns the lowest that failed. Negative, remainder does not restrict them.
func search(t *testing.T, count, remainder int, makeProcess func(environment) process, broken rule) (lowest failure) {
	var next atomic.Uint64
	var failed atomic.Bool
	var mu sync.Mutex
	next.Store(*begin - 1)
	started, played := time.Now(), atomic.Int64{}
	t.Run("", func(t *testing.T) {
		for range runtime.GOMAXPROCS(0) {
			t.Run("", func(t *testing.T) {
				t.Parallel()
				for {
					seed := next.Add(1)
					if seed >= *begin+uint64(count) || failed.Load() || *within > 0 && time.Since(started) > *within {
						return
					}
					if remainder >= 0 && seed%2 != uint64(remainder) {
						continue
					}
					played.Add(1)
					if err := attempt(t, randomHistory(seed), makeProcess, broken, nil); err != nil {
						failed.Store(true)
						mu.Lock()
						if lowest.err == nil || seed < lowest.seed {
							lowest = failure{seed, err}
						}
						mu.Unlock()
					}
				}
			})
		}
	})
	t.Logf("%d histories from seed %d in %s", played.Load(), *begin, time.Since(started).Round(time.Second))
	return lowest
}

// TestModelSeeds shows that the world and the oracle ask nothing impossible, in
// histories by hand.
func TestModelSeeds(t *testing.T) {
	count := *seeds
	if testing.Short() {
		count = min(count, 4)
	}
	if found := search(t, count, byHand, newModel, allKept); found.err != nil {
		t.Fatal(report(t, found, newModel, allKept))
	}
}
