// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A note is the simplest document: "number lifetime".
type note struct {
	number     int
	from, till time.Time
}

func (n *note) lifetime() (time.Time, time.Time) { return n.from, n.till }

func parseNote(raw []byte, _ string) (*note, error) {
	number, lifetime, ok := strings.Cut(string(raw), " ")
	n, err := strconv.Atoi(number)
	d, err2 := time.ParseDuration(lifetime)
	if !ok || err != nil || err2 != nil {
		return nil, ErrMalformed
	}
	now := time.Now()
	return &note{n, now, now.Add(d)}, nil
}

func anyNote(*note) error { return nil }

// A scripted Fetcher answers by a function, which sees how often it was asked.
type scripted struct {
	answer func(ctx context.Context, r Request, n int) (*Response, error)
	asked  atomic.Int64
}

func (s *scripted) Fetch(ctx context.Context, r Request) (*Response, error) {
	return s.answer(ctx, r, int(s.asked.Add(1)))
}

func says(text string) func(context.Context, Request, int) (*Response, error) {
	return func(context.Context, Request, int) (*Response, error) { return &Response{Body: []byte(text)}, nil }
}

var errDown = errors.New("down")

func down(context.Context, Request, int) (*Response, error) {
	return nil, &FetchError{URL: "u", Err: errDown}
}

// A memoryCache is a Cache; broken makes every call fail.
type memoryCache struct {
	mu     sync.Mutex
	data   map[string][]byte
	broken bool
	puts   int
}

func (c *memoryCache) Get(_ context.Context, key string) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.broken {
		return nil, errDown
	}
	if data, ok := c.data[key]; ok {
		return data, nil
	}
	return nil, ErrCacheMiss
}

func (c *memoryCache) Put(_ context.Context, key string, data []byte, _ time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.puts++
	if c.broken {
		return errDown
	}
	if c.data == nil {
		c.data = map[string][]byte{}
	}
	c.data[key] = data
	return nil
}

var noteRequest = Request{URL: "u", MaxBytes: 100}

func getNote(t *testing.T, k *keeper[*note]) (*note, bool, error) {
	t.Helper()
	return k.get(t.Context(), "u", noteRequest, time.Now(), anyNote)
}

func TestKeeperFetchesOnceHoweverManyWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		f := &scripted{answer: func(context.Context, Request, int) (*Response, error) {
			<-release
			return &Response{Body: []byte("1 1h")}, nil
		}}
		k := &keeper[*note]{fetcher: f, parse: parseNote}
		var wg sync.WaitGroup
		var atHand atomic.Int64
		for range 1000 {
			wg.Go(func() {
				n, hand, err := getNote(t, k)
				if assert.NoError(t, err) {
					assert.Equal(t, 1, n.number)
				}
				if hand {
					atHand.Add(1)
				}
			})
		}
		synctest.Wait()
		close(release)
		wg.Wait()
		assert.EqualValues(t, 1, f.asked.Load())
		assert.Zero(t, atHand.Load(), "nobody had it at hand")
		_, hand, err := getNote(t, k)
		require.NoError(t, err)
		assert.True(t, hand)
		assert.EqualValues(t, 1, f.asked.Load())
	})
}

func TestKeeperLetsOneWaiterGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		f := &scripted{answer: func(ctx context.Context, _ Request, _ int) (*Response, error) {
			select {
			case <-release:
				return &Response{Body: []byte("1 1h")}, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}}
		k := &keeper[*note]{fetcher: f, parse: parseNote}
		impatient, leave := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			_, _, err := k.get(impatient, "u", noteRequest, time.Now(), anyNote)
			assert.ErrorIs(t, err, context.Canceled)
		})
		wg.Go(func() {
			_, _, err := getNote(t, k)
			assert.NoError(t, err)
		})
		synctest.Wait()
		leave()
		synctest.Wait()
		close(release)
		wg.Wait()
		assert.EqualValues(t, 1, f.asked.Load())
	})
}

func TestKeeperCallsOffAFetchThatNobodyWaitsFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &scripted{answer: func(ctx context.Context, _ Request, n int) (*Response, error) {
			if n > 1 {
				return &Response{Body: []byte("1 1h")}, nil
			}
			<-ctx.Done()
			return nil, ctx.Err()
		}}
		k := &keeper[*note]{fetcher: f, parse: parseNote}
		ctx, cancel := context.WithCancel(t.Context())
		go cancel()
		_, _, err := k.get(ctx, "u", noteRequest, time.Now(), anyNote)
		require.ErrorIs(t, err, context.Canceled)
		synctest.Wait() // the bubble ends only if the fetch did
		_, _, err = getNote(t, k)
		assert.NoError(t, err, "a fetch that was called off is no failure to remember")
	})
}

func TestKeeperBoundsAFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &scripted{answer: func(ctx context.Context, _ Request, _ int) (*Response, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}}
		start := time.Now()
		_, _, err := getNote(t, &keeper[*note]{fetcher: f, parse: parseNote})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, fetchTimeout, time.Since(start))
	})
}

func TestKeeperRemembersFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &scripted{answer: down}
		k := &keeper[*note]{fetcher: f, parse: parseNote}
		for range 100 {
			_, _, err := getNote(t, k)
			require.ErrorIs(t, err, errDown)
		}
		assert.EqualValues(t, 1, f.asked.Load(), "asked again at once")
		for range 3600 {
			time.Sleep(time.Second)
			_, _, err := getNote(t, k)
			require.ErrorIs(t, err, errDown)
		}
		assert.Less(t, f.asked.Load(), int64(30), "an hour with at most 5 min between")
		assert.Greater(t, f.asked.Load(), int64(10))
		f.answer = says("1 1h")
		time.Sleep(2 * maxBackoff)
		_, _, err := getNote(t, k)
		assert.NoError(t, err)
	})
}

func TestKeeperHonoursRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &scripted{answer: func(context.Context, Request, int) (*Response, error) {
			return nil, &FetchError{URL: "u", StatusCode: 503, RetryAfter: 2 * time.Minute}
		}}
		k := &keeper[*note]{fetcher: f, parse: parseNote}
		_, _, err := getNote(t, k)
		require.Error(t, err)
		time.Sleep(80 * time.Second)
		_, _, err = getNote(t, k)
		require.Error(t, err)
		assert.EqualValues(t, 1, f.asked.Load())
		time.Sleep(80 * time.Second)
		_, _, err = getNote(t, k)
		require.Error(t, err)
		assert.EqualValues(t, 2, f.asked.Load())
	})
}

func TestKeeperBelievesNothingUnjudged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &scripted{answer: says("1 1h")}
		cache := &memoryCache{}
		k := &keeper[*note]{fetcher: f, parse: parseNote, cache: cache}
		_, _, err := k.get(t.Context(), "u", noteRequest, time.Now(), func(*note) error { return ErrSignature })
		require.ErrorIs(t, err, ErrSignature)
		assert.Zero(t, cache.puts, "cached unverified")
		f.answer = says("garbage")
		time.Sleep(time.Minute)
		_, _, err = getNote(t, k)
		require.ErrorIs(t, err, ErrMalformed)
		assert.Zero(t, cache.puts)
		assert.Nil(t, k.find("u").current.Load())
	})
}

func TestKeeperKeepsTheOldDocumentWhileItCounts(t *testing.T) {
	for name, answer := range map[string]func(context.Context, Request, int) (*Response, error){
		"the source is down":          down,
		"the source sends garbage":    says("garbage"),
		"the source panics":           func(context.Context, Request, int) (*Response, error) { panic("oh") },
		"the source sends nothing":    func(context.Context, Request, int) (*Response, error) { return nil, nil },
		"the source sends an old one": says("1 30h"),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &scripted{answer: func(ctx context.Context, r Request, n int) (*Response, error) {
					if n == 1 {
						return &Response{Body: []byte("2 1h")}, nil
					}
					return answer(ctx, r, n)
				}}
				k := &keeper[*note]{fetcher: f, parse: parseNote, replaces: func(newer, older *note) error {
					if newer.number < older.number {
						return ErrExpired
					}
					return nil
				}}
				ctx, stop := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				_, _, err := getNote(t, k)
				require.NoError(t, err)
				go func() { ended <- k.run(ctx) }()
				time.Sleep(59 * time.Minute)
				n, _, err := getNote(t, k)
				require.NoError(t, err)
				assert.Equal(t, 2, n.number)
				assert.Greater(t, f.asked.Load(), int64(1), "nobody tried to refresh")
				time.Sleep(2 * time.Minute)
				n, _, err = getNote(t, k)
				require.ErrorIs(t, err, ErrExpired, "counts past its time")
				assert.Equal(t, 2, n.number, "the last one believed comes with the error")
				stop()
				assert.ErrorIs(t, <-ended, context.Canceled)
			})
		})
	}
}

func TestKeeperRefreshesBeforeTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &scripted{answer: func(_ context.Context, _ Request, n int) (*Response, error) {
			return &Response{Body: fmt.Appendf(nil, "%d 1h", n)}, nil
		}}
		k := &keeper[*note]{fetcher: f, parse: parseNote}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- k.run(ctx) }()
		_, atHand, err := getNote(t, k)
		require.NoError(t, err)
		require.False(t, atHand)
		for range 24 * 60 {
			time.Sleep(time.Minute)
			_, atHand, err := getNote(t, k)
			require.NoError(t, err)
			require.True(t, atHand, "a caller waited for the network")
		}
		assert.Greater(t, f.asked.Load(), int64(24))
		assert.Less(t, f.asked.Load(), int64(60))

		before := f.asked.Load()
		time.Sleep(24 * time.Hour)
		assert.LessOrEqual(t, f.asked.Load(), before+2, "refreshed what nobody asks for")
		stop()
		assert.ErrorIs(t, <-ended, context.Canceled)
	})
}

func TestKeeperAsksConditionally(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen []string
		f := &scripted{answer: func(_ context.Context, r Request, n int) (*Response, error) {
			seen = append(seen, r.ETag)
			if r.ETag == `"a"` {
				return &Response{NotModified: true}, nil
			}
			return &Response{Body: []byte("1 1h"), ETag: `"a"`}, nil
		}}
		k := &keeper[*note]{fetcher: f, parse: parseNote}
		_, _, err := getNote(t, k)
		require.NoError(t, err)
		time.Sleep(2 * time.Hour)
		n, _, err := getNote(t, k)
		assert.ErrorIs(t, err, ErrExpired, "not modified does not make it any younger")
		assert.NotNil(t, n)
		assert.Equal(t, []string{"", `"a"`}, seen)
		time.Sleep(time.Minute)
		_, _, err = getNote(t, k)
		assert.ErrorIs(t, err, ErrExpired)
		assert.Equal(t, []string{"", `"a"`, `"a"`}, seen, "what has not been modified keeps its validators")
	})
}

func TestKeeperWantsAReasonForNotModified(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &scripted{answer: func(_ context.Context, _ Request, n int) (*Response, error) {
			if n == 2 {
				return &Response{Body: []byte("1 1h")}, nil // without validators
			}
			return &Response{NotModified: true}, nil
		}}
		k := &keeper[*note]{fetcher: f, parse: parseNote}
		_, _, err := getNote(t, k)
		require.ErrorContains(t, err, "nothing was at hand")
		time.Sleep(time.Minute)
		_, _, err = getNote(t, k)
		require.NoError(t, err)
		time.Sleep(2 * time.Hour)
		_, _, err = getNote(t, k)
		require.ErrorContains(t, err, "nothing was at hand")
	})
}

func TestKeeperCachesNothingThatHasRunOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for text, puts := range map[string]int{"1 1h": 1, "1 0s": 0, "1 -1h": 0} {
			cache := &memoryCache{}
			_, _, err := getNote(t, &keeper[*note]{fetcher: &scripted{answer: says(text)}, parse: parseNote, cache: cache})
			assert.Equal(t, text == "1 -1h", errors.Is(err, ErrExpired))
			assert.Equal(t, puts, cache.puts, text)
		}
	})
}

func TestKeeperForgetsFailuresAfterASuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &scripted{answer: down}
		k := &keeper[*note]{fetcher: f, parse: parseNote}
		for range 5 {
			_, _, err := getNote(t, k)
			require.ErrorIs(t, err, errDown)
			time.Sleep(time.Minute)
		}
		f.answer = says("1 1h")
		_, _, err := getNote(t, k)
		require.NoError(t, err)
		time.Sleep(2 * time.Hour)
		f.answer = down
		for range 2 {
			before := f.asked.Load()
			_, _, err = getNote(t, k)
			require.ErrorIs(t, err, errDown)
			assert.Equal(t, before+1, f.asked.Load())
			time.Sleep(2 * time.Second)
		}
	})
}

func TestKeeperRemembersWhatHasRunOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &scripted{answer: says("1 -1h")}
		k := &keeper[*note]{fetcher: f, parse: parseNote}
		for range 100 {
			n, _, err := getNote(t, k)
			require.ErrorIs(t, err, ErrExpired)
			assert.Equal(t, 1, n.number)
		}
		assert.EqualValues(t, 1, f.asked.Load(), "asked again at once")
	})
}

func TestKeeperPrefersTheSourceToWhatHasRunOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cache := &memoryCache{data: map[string][]byte{"u": []byte("1 -1h")}}
		n, atHand, err := getNote(t, &keeper[*note]{fetcher: &scripted{answer: says("2 1h")}, parse: parseNote, cache: cache})
		require.NoError(t, err)
		assert.False(t, atHand)
		assert.Equal(t, 2, n.number)

		cache.data["u"] = []byte("1 -1h")
		n, _, err = getNote(t, &keeper[*note]{fetcher: &scripted{answer: down}, parse: parseNote, cache: cache})
		require.ErrorIs(t, err, ErrExpired)
		require.ErrorIs(t, err, errDown)
		require.NotNil(t, n, "it is all there is")
		assert.Equal(t, 1, n.number)
	})
}

func TestKeeperRefreshesAgainAfterAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &scripted{answer: func(_ context.Context, _ Request, n int) (*Response, error) {
			if n == 2 {
				return nil, errDown
			}
			return &Response{Body: fmt.Appendf(nil, "%d 1h", n)}, nil
		}}
		k := &keeper[*note]{fetcher: f, parse: parseNote}
		_, _, err := getNote(t, k)
		require.NoError(t, err)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- k.run(ctx) }()
		time.Sleep(61 * time.Minute)
		n, atHand, err := getNote(t, k)
		require.NoError(t, err)
		assert.True(t, atHand)
		assert.Equal(t, 3, n.number)
		stop()
		assert.ErrorIs(t, <-ended, context.Canceled)
	})
}

func TestKeeperRefreshesAFewAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int64
		f := &scripted{answer: func(context.Context, Request, int) (*Response, error) {
			most.Store(max(most.Load(), now.Add(1)))
			time.Sleep(time.Second)
			now.Add(-1)
			return &Response{Body: []byte("1 1h")}, nil
		}}
		k := &keeper[*note]{fetcher: f, parse: parseNote}
		for i := range 20 {
			key := fmt.Sprint(i)
			_, _, err := k.get(t.Context(), key, noteRequest, time.Now(), anyNote)
			require.NoError(t, err)
			h := *k.find(key).current.Load()
			h.refresh = time.Now()
			k.find(key).current.Store(&h)
		}
		require.EqualValues(t, 1, most.Load())
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- k.run(ctx) }()
		time.Sleep(time.Minute)
		assert.EqualValues(t, 40, f.asked.Load())
		assert.EqualValues(t, ofOneHost, most.Load())
		stop()
		assert.ErrorIs(t, <-ended, context.Canceled)
	})
}

func TestKeeperRefreshesNoSoonerThanASecond(t *testing.T) {
	k := &keeper[*note]{}
	now := time.Now()
	for _, lifetime := range []time.Duration{-time.Hour, 0, time.Millisecond, time.Second} {
		h := k.hold(&note{1, now, now.Add(lifetime)})
		assert.False(t, h.refresh.Before(now.Add(minRefresh)), lifetime)
	}
}

func TestKeeperDoesNotGoBackwards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &scripted{answer: says("1 1h")}
		older := false
		k := &keeper[*note]{fetcher: f, parse: func(raw []byte, source string) (*note, error) {
			n, err := parseNote(raw, source)
			if older {
				n.from = n.from.Add(-24 * time.Hour)
			}
			return n, err
		}}
		_, _, err := getNote(t, k)
		require.NoError(t, err)
		time.Sleep(2 * time.Hour)
		f.answer, older = says("2 1h"), true
		n, _, err := getNote(t, k)
		require.ErrorIs(t, err, ErrExpired)
		assert.Equal(t, 1, n.number)
		time.Sleep(time.Minute)
		f.answer, older = says("3 1h"), false
		n, _, err = getNote(t, k)
		require.NoError(t, err)
		assert.Equal(t, 3, n.number)
	})
}

func TestKeeperLeavesWhatHasRunOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &scripted{answer: func(_ context.Context, _ Request, n int) (*Response, error) {
			if n > 1 {
				return nil, errDown
			}
			return &Response{Body: []byte("1 1h")}, nil
		}}
		k := &keeper[*note]{fetcher: f, parse: parseNote}
		_, _, err := getNote(t, k)
		require.NoError(t, err)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- k.run(ctx) }()
		time.Sleep(2 * time.Hour)
		before := f.asked.Load()
		assert.Greater(t, before, int64(1))
		time.Sleep(24 * time.Hour)
		assert.Equal(t, before, f.asked.Load())
		stop()
		assert.ErrorIs(t, <-ended, context.Canceled)
	})
}

// Somebody who asks about a time to come is under way when a document is to be
// refreshed: one fetch serves both.
func TestKeeperRefreshJoinsAFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &scripted{answer: func(_ context.Context, _ Request, n int) (*Response, error) {
			if n > 1 {
				time.Sleep(10 * time.Second)
			}
			return &Response{Body: fmt.Appendf(nil, "%d 1h", n)}, nil
		}}
		k := &keeper[*note]{fetcher: f, parse: parseNote}
		_, _, err := getNote(t, k)
		require.NoError(t, err)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- k.run(ctx) }()
		time.Sleep(time.Until(k.find("u").current.Load().refresh) - 5*time.Second)
		_, _, err = k.get(t.Context(), "u", noteRequest, time.Now().Add(50*time.Minute), anyNote)
		require.NoError(t, err)
		assert.EqualValues(t, 2, f.asked.Load())
		stop()
		assert.ErrorIs(t, <-ended, context.Canceled)
	})
}

func TestKeeperReadsTheCacheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cache := &memoryCache{}
		f := &scripted{answer: says("1 1h")}
		_, _, err := getNote(t, &keeper[*note]{fetcher: f, parse: parseNote, cache: cache})
		require.NoError(t, err)
		require.Equal(t, 1, cache.puts)

		after := &keeper[*note]{fetcher: f, parse: parseNote, cache: cache}
		_, atHand, err := getNote(t, after)
		require.NoError(t, err)
		assert.True(t, atHand)
		assert.EqualValues(t, 1, f.asked.Load())

		cache.data["u"] = []byte("damaged")
		_, atHand, err = getNote(t, &keeper[*note]{fetcher: f, parse: parseNote, cache: cache})
		require.NoError(t, err)
		assert.False(t, atHand)
		assert.EqualValues(t, 2, f.asked.Load(), "what is damaged is fetched anew")

		forged := func(*note) error { return ErrSignature }
		_, _, err = (&keeper[*note]{parse: parseNote, cache: cache}).get(t.Context(), "u", noteRequest, time.Now(), forged)
		assert.ErrorIs(t, err, ErrNoSource, "what is in the cache was believed unjudged")

		cache.broken = true
		n, _, err := getNote(t, &keeper[*note]{fetcher: f, parse: parseNote, cache: cache})
		require.NoError(t, err, "a disk that is full or gone is no reason to refuse")
		assert.Equal(t, 1, n.number)
	})
}

func TestKeeperIsBounded(t *testing.T) {
	f := &scripted{answer: says("1 1h")}
	k := &keeper[*note]{fetcher: f, parse: parseNote}
	for i := range maxKept + 500 {
		if i == maxKept { // from here on nobody has asked for those before
			for j := range i {
				k.find(fmt.Sprint(j)).used.Store(false)
			}
		}
		_, _, err := k.get(t.Context(), fmt.Sprint(i), noteRequest, time.Now(), anyNote)
		require.NoError(t, err)
	}
	for i := maxKept; i < maxKept+500; i++ {
		assert.NotNil(t, k.find(fmt.Sprint(i)), "given up for one that nobody asks for")
	}
	total := 0
	for i := range k.buckets {
		if m := k.buckets[i].Load(); m != nil {
			total += len(*m)
		}
	}
	assert.Equal(t, maxKept, total)
}

func TestKeeperRefusesWhatIsTooLarge(t *testing.T) {
	f := &scripted{answer: says(strings.Repeat("1", 101))}
	_, _, err := getNote(t, &keeper[*note]{fetcher: f, parse: parseNote})
	assert.ErrorIs(t, err, ErrTooLarge)
}

func TestKeeperWarmGetDoesNotAllocate(t *testing.T) {
	k := &keeper[*note]{fetcher: &scripted{answer: says("1 1h")}, parse: parseNote}
	_, _, err := getNote(t, k)
	require.NoError(t, err)
	ctx, now := t.Context(), time.Now()
	assert.Zero(t, testing.AllocsPerRun(100, func() { _, _, err = k.get(ctx, "u", noteRequest, now, anyNote) }))
	require.NoError(t, err)
}

func TestKeeperForgetsWhatACalledOffFetchBrings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// "number thisUpdate-age": older first
		start := time.Now()
		parse := func(raw []byte, _ string) (*note, error) {
			var n, m int
			fmt.Sscanf(string(raw), "%d %d", &n, &m)
			return &note{n, start.Add(time.Duration(m) * time.Minute), start.Add(10 * time.Hour)}, nil
		}
		late := make(chan struct{})
		judged := func(n *note) error {
			if n.number == 1 {
				<-late // the signature of a large CRL takes its time
			}
			return nil
		}
		cache := &memoryCache{}
		f := &scripted{answer: func(_ context.Context, _ Request, n int) (*Response, error) {
			return &Response{Body: fmt.Appendf(nil, "%d %d", n, n)}, nil
		}}
		k := &keeper[*note]{fetcher: f, parse: parse, cache: cache}
		ctx, cancel := context.WithCancel(t.Context())
		go func() { synctest.Wait(); cancel() }()
		_, _, err := k.get(ctx, "u", noteRequest, time.Now(), judged)
		require.ErrorIs(t, err, context.Canceled)
		n, _, err := k.get(t.Context(), "u", noteRequest, time.Now(), judged)
		require.NoError(t, err)
		require.Equal(t, 2, n.number)
		close(late)
		synctest.Wait()
		n, _, err = k.get(t.Context(), "u", noteRequest, time.Now(), judged)
		require.NoError(t, err)
		assert.Equal(t, 2, n.number, "the older document took the place of the newer one")
		assert.Equal(t, "2 2", string(cache.data["u"]), "in the Cache as well")
	})
}
