// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// cacheOf is a Cache that fails with a dead ctx, as DirCache does.
type cacheOf struct{ memoryCache }

func (c *cacheOf) Get(ctx context.Context, key string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return c.memoryCache.Get(ctx, key)
}

func TestKnownAfterADeadContext(t *testing.T) {
	cache := &cacheOf{memoryCache: memoryCache{data: map[string][]byte{"u": []byte("1 1h")}}}
	k := &keeper[*note]{fetcher: &scripted{answer: down}, parse: parseNote, cache: cache}
	var r recollection
	dead, cancel := context.WithCancel(t.Context())
	cancel()
	k.known(dead, "u", noteRequest, time.Now(), anyNote, &r)
	_, ok := k.known(t.Context(), "u", noteRequest, time.Now(), anyNote, &r)
	assert.True(t, ok, "what the Cache has is not known for good")
}

func TestKnownToTwoAtOnce(t *testing.T) {
	reading, release := make(chan struct{}, 2), make(chan struct{})
	cache := cacheFunc(func() ([]byte, error) { reading <- struct{}{}; <-release; return []byte("1 1h"), nil })
	k := &keeper[*note]{fetcher: &scripted{answer: down}, parse: parseNote, cache: cache}
	var r recollection
	ask := func() chan bool {
		known := make(chan bool, 1)
		go func() {
			_, ok := k.known(t.Context(), "u", noteRequest, time.Now(), anyNote, &r)
			known <- ok
		}()
		return known
	}
	one := ask()
	<-reading
	two := ask()
	for range 10_000 { // in which it could go on by itself
		runtime.Gosched()
	}
	close(release)
	assert.True(t, <-two, "it went on without what the first one was reading")
	assert.True(t, <-one)
}

type cacheFunc func() ([]byte, error)

func (f cacheFunc) Get(context.Context, string) ([]byte, error)          { return f() }
func (f cacheFunc) Put(context.Context, string, []byte, time.Time) error { return nil }

func TestRunRefreshesWhatKnownRecalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cache := &memoryCache{data: map[string][]byte{"u": []byte("1 1h")}}
		var asked []Request
		f := &scripted{answer: func(_ context.Context, r Request, _ int) (*Response, error) {
			asked = append(asked, r)
			if r.MaxBytes == 0 {
				return nil, errors.New("the request has no limit") // as HTTPFetcher
			}
			return &Response{Body: []byte("2 1h")}, nil
		}}
		k := &keeper[*note]{fetcher: f, parse: parseNote, cache: cache}
		_, ok := k.known(t.Context(), "u", noteRequest, time.Now(), anyNote, new(recollection))
		require.True(t, ok)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- k.run(ctx) }()
		for range 65 {
			time.Sleep(time.Minute)
			_, _, err := getNote(t, k)
			if !assert.NoError(t, err) {
				break
			}
		}
		for _, r := range asked {
			if !assert.Equal(t, "u", r.URL, "asked for something else") {
				break
			}
		}
		stop()
		<-ended
	})
}

func TestKnownTakesNoPlaceForNothing(t *testing.T) {
	k := &keeper[*note]{fetcher: &scripted{answer: says("1 1h")}, parse: parseNote, cache: &memoryCache{}}
	for i := range 100 {
		key := fmt.Sprint("kept", i)
		_, _, err := k.get(t.Context(), key, noteRequest, time.Now(), anyNote)
		require.NoError(t, err)
		k.find(key).used.Store(false) // refreshed since
	}
	for i := range maxKept + 2000 {
		k.known(t.Context(), fmt.Sprint("stapled", i), noteRequest, time.Now(), anyNote, new(recollection))
	}
	left := 0
	for i := range 100 {
		if k.find(fmt.Sprint("kept", i)) != nil {
			left++
		}
	}
	assert.Greater(t, left, 0)
}

func TestOneWhoLeavesDoesNotCallOffWhatGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &scripted{answer: func(ctx context.Context, _ Request, _ int) (*Response, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}}
		k := &keeper[*note]{fetcher: f, parse: parseNote}
		for range 60 { // seconds
			one, done := context.WithTimeout(t.Context(), 5*time.Second)
			_, _, _ = k.get(one, "u", noteRequest, time.Now(), anyNote) // uses up its time
			done()
			two, leave := context.WithCancel(t.Context())
			go func() { time.Sleep(time.Second); leave() }()
			_, _, _ = k.get(two, "u", noteRequest, time.Now(), anyNote)
		}
		assert.Error(t, func() error { e := k.find("u"); e.mu.Lock(); defer e.mu.Unlock(); return e.failure.err }(), "six minutes of hanging and nothing is remembered")
		time.Sleep(time.Minute)
	})
}

func TestManyHangingHostsDoNotStarveOthers(t *testing.T) {
	for name, hosts := range map[string]int{"of one host": 1, "of eight hosts": 8} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var hang bool
				f := &scripted{answer: func(ctx context.Context, r Request, n int) (*Response, error) {
					if hang && r.MaxBytes == 9 {
						<-ctx.Done()
						return nil, errDown
					}
					return &Response{Body: []byte("1 100m")}, nil
				}}
				k := &keeper[*note]{fetcher: f, parse: parseNote}
				// The one that is well in the last bucket, those that hang in others.
				url := func(i int) string { return fmt.Sprintf("http://host%d.example/", i%hosts) }
				k.bucket("")
				well := ""
				for i := 0; well == ""; i++ {
					if key := fmt.Sprint("well", i); maphash.String(k.seed, key)%keptBuckets == keptBuckets-1 {
						well = key
					}
				}
				askWell := func() (bool, error) {
					u := url(0)
					if hosts > 1 {
						u = "http://well.example/"
					}
					_, hand, err := k.get(t.Context(), well, Request{URL: u, MaxBytes: 99}, time.Now(), anyNote)
					return hand, err
				}
				ctx, stop := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				go func() { ended <- k.run(ctx) }()
				n := 0
				for i := 0; n < 200*hosts; i++ {
					key := fmt.Sprint(i)
					if maphash.String(k.seed, key)%keptBuckets == keptBuckets-1 {
						continue
					}
					n++
					_, _, err := k.get(t.Context(), key, Request{URL: url(i), MaxBytes: 9}, time.Now(), anyNote)
					require.NoError(t, err)
				}
				hang = true
				_, err := askWell()
				require.NoError(t, err)
				cold := 0
				for range 1230 {
					time.Sleep(5 * time.Second)
					hand, err := askWell()
					require.NoError(t, err)
					if !hand {
						cold++
					}
				}
				assert.Zero(t, cold, "a handshake waited, though its own document is to be had")
				stop()
				<-ended
			})
		})
	}
}

func TestWhatComesInTimeIsBelieved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &scripted{answer: func(context.Context, Request, int) (*Response, error) {
			time.Sleep(fetchTimeout - time.Second)
			return &Response{Body: []byte("1 1h")}, nil
		}}
		k := &keeper[*note]{fetcher: f, parse: parseNote}
		_, _, err := k.get(t.Context(), "u", noteRequest, time.Now(), func(*note) error { time.Sleep(2 * time.Second); return nil })
		assert.NoError(t, err)
	})
}
