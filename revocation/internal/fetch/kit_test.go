// SPDX-License-Identifier: Apache-2.0

package fetch_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/fetch"
)

var errDown = errors.New("down")

// A server is what a target asks. What it does can be changed at any time.
type server struct {
	mu      sync.Mutex
	does    func(ctx context.Context) error
	looks   []time.Time // when attempts began
	current atomic.Int64
	most    atomic.Int64 // attempts under way at once
}

func (s *server) do(ctx context.Context) error {
	s.mu.Lock()
	s.looks = append(s.looks, time.Now())
	does := s.does
	s.mu.Unlock()
	n := s.current.Add(1)
	defer s.current.Add(-1)
	for most := s.most.Load(); n > most && !s.most.CompareAndSwap(most, n); most = s.most.Load() {
	}
	return does(ctx)
}

func (s *server) now(does func(ctx context.Context) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.does = does
}

// begun returns when attempts began, since a time.
func (s *server) begun(since time.Time) (after []time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.looks {
		after = append(after, t.Sub(since))
	}
	return after
}

func (s *server) last() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.looks) == 0 {
		return time.Time{}
	}
	return s.looks[len(s.looks)-1]
}

func answers(context.Context) error { return nil }

func fails(context.Context) error { return errDown }

// hangs until its context ends.
func hangs(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// answersAfter answers after d, or not at all if ctx ends before.
func answersAfter(d time.Duration) func(context.Context) error {
	return func(ctx context.Context) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// ignores its context until release is closed.
func ignores(release chan struct{}) func(context.Context) error {
	return func(context.Context) error {
		<-release
		return nil
	}
}

// newAsker returns an Asker by the clock of the test's bubble.
func newAsker() *fetch.Asker { return &fetch.Asker{Now: time.Now, Refresh: time.Hour} }

// watch has the Asker look after the server.
func watch(a *fetch.Asker, name string, s *server) *fetch.Watch {
	return a.Watch(fetch.Target{Key: name, URL: "http://" + name + "/", Host: name, Do: s.do})
}

func serverThat(does func(context.Context) error) *server { return &server{does: does} }

// run has Run going until the test stops it, and at its end at the latest.
func run(t *testing.T, a *fetch.Asker) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Run returned %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func group(watches ...*fetch.Watch) [][]*fetch.Watch { return [][]*fetch.Watch{watches} }

func never() bool { return false }

// took returns how long f took.
func took(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}

func names(n int) (names []string) {
	for i := range n {
		names = append(names, "host"+strconv.Itoa(i))
	}
	return names
}

// inBubble runs a test on virtual time.
func inBubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		t.Cleanup(func() { time.Sleep(2 * time.Hour) }) // for the time of attempts that go on to end
		f(t)
	})
}
