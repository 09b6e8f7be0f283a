// SPDX-License-Identifier: Apache-2.0

package sds

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	logrecord "github.com/nrlsecurity/nrlsecurity/internal/record"
)

var anID = asid.MustParseID("200000000205")

func TestASnapshotIsAsOldAsTheFasterClockSays(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		wall, running time.Duration // beside what passes on both
		inUse         bool
	}{
		"both":                                    {0, 0, true},
		"the machine slept":                       {time.Hour, 0, false},
		"the machine slept for a while":           {20 * time.Minute, 0, true},
		"the wall clock was set back":             {-time.Hour, 0, true},
		"the wall clock was set back, and is old": {-time.Hour, time.Hour, false},
		"the wall clock was set on":               {time.Hour, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var wall, running atomic.Int64 // beside what passes on both
				s := &Snapshot{MaxAge: time.Hour, Source: func(context.Context) (Systems, error) {
					return Systems{Systems: []asid.System{{ASID: anID, Unbound: true}}}, nil
				}}
				s.elapsed = func(since time.Time) (time.Duration, time.Duration) {
					passed := time.Since(since)
					return passed + time.Duration(wall.Load()), passed + time.Duration(running.Load())
				}
				require.NoError(t, s.Load(t.Context()))
				time.Sleep(30 * time.Minute)
				wall.Store(int64(c.wall))
				running.Store(int64(c.running))
				time.Sleep(watchEvery)
				synctest.Wait()
				_, err := s.Lookup(t.Context(), anID)
				assert.Equal(t, c.inUse, err == nil, err)
				wall.Store(0)
				running.Store(0)
				_, again := s.Lookup(t.Context(), anID)
				assert.Equal(t, err == nil, again == nil, "what was too old is not used again")
			})
		})
	}
}

func TestTheClocksOfTheProcess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		time.Sleep(time.Minute)
		wall, running := elapsedSince(began)
		assert.Equal(t, []time.Duration{time.Minute, time.Minute}, []time.Duration{wall, running})
	})
}

func TestOneSnapshotTakesThePlaceOfAnother(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &Snapshot{MaxAge: time.Hour, Source: func(context.Context) (Systems, error) {
			return Systems{Systems: []asid.System{{ASID: anID, Unbound: true}}}, nil
		}}
		require.NoError(t, s.Load(t.Context()))
		time.Sleep(45 * time.Minute)
		require.NoError(t, s.Load(t.Context()))
		time.Sleep(45 * time.Minute) // the first would be too old
		_, err := s.Lookup(t.Context(), anID)
		assert.NoError(t, err)
		time.Sleep(15 * time.Minute)
		synctest.Wait()
		_, err = s.Lookup(t.Context(), anID)
		assert.Error(t, err)
	})
}

// A stepping cache has a clock that is set, and answers that are.
type stepping struct {
	*cache[string, int]
	at    time.Time
	value int
	err   error
	asked int
}

func newStepping(policy Caching) *stepping {
	s := &stepping{at: time.Date(2026, 11, 28, 6, 0, 0, 0, time.UTC)}
	s.cache = newCache(policy, time.Second, logrecord.Writer{}, whole(func(context.Context, string) (int, error) {
		s.asked++
		return s.value, s.err
	}))
	s.now = func() time.Time { return s.at }
	return s
}

// find returns what the cache says, and whether it asked.
func (s *stepping) find(t *testing.T) (value int, asked bool, err error) {
	before := s.asked
	value, err = s.get(t.Context(), "key")
	return value, s.asked > before, err
}

func TestNothingIsUsedThatIsFromTheFuture(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]struct {
		value int
		err   error
	}{"a record": {1, nil}, "an unknown key": {0, asid.ErrNotFound}, "a failure": {0, errors.New("away")}} {
		c := newStepping(Caching{RetryAfter: time.Minute})
		c.value, c.err = answer.value, answer.err
		_, asked, _ := c.find(t)
		assert.True(t, asked, name)
		_, asked, _ = c.find(t)
		assert.False(t, asked, name)
		c.at = c.at.Add(-time.Second) // the clock is set back
		_, asked, _ = c.find(t)
		assert.True(t, asked, name)
	}
}

// The process's own clock knows better than a wall clock that was set back, and the wall
// clock better than one that stood still.
func TestAnAgeIsThatOfTheFasterClock(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]struct {
		value int
		err   error
	}{"a record": {1, nil}, "an unknown key": {0, asid.ErrNotFound}, "a failure": {0, errors.New("away")}} {
		c := newStepping(Caching{RetryAfter: time.Minute, MaxUnknownAge: time.Minute, MaxAge: time.Minute})
		back := time.Duration(0)
		c.running = func(now, then time.Time) time.Duration { return now.Sub(then) + back }
		c.value, c.err = answer.value, answer.err
		c.find(t)
		c.at, back = c.at.Add(time.Second), 59*time.Second
		_, asked, _ := c.find(t)
		assert.False(t, asked, name)
		back++
		_, asked, _ = c.find(t)
		assert.True(t, asked, name)
		c.at, back = c.at.Add(-time.Second), 2*time.Second
		_, asked, _ = c.find(t)
		assert.True(t, asked, "%s that is from the wall clock's future", name)
		c.running = func(time.Time, time.Time) time.Duration { return 0 }
		c.at = c.at.Add(61 * time.Second)
		_, asked, _ = c.find(t)
		assert.True(t, asked, "%s that was asked for before the machine slept", name)
	}
}

func TestAnAgeIsWithinItsLimitToTheLast(t *testing.T) {
	t.Parallel()
	for age, want := range map[time.Duration]bool{-1: false, 0: true, 1: true, time.Second: true, time.Second + 1: false} {
		assert.Equal(t, want, within(age, time.Second), age)
	}
}

func TestARecordThatIsGoneIsUnknown(t *testing.T) {
	t.Parallel()
	away := errors.New("away")
	c := newStepping(Caching{MaxAge: time.Minute, MaxStale: time.Hour, MaxUnknownAge: 30 * time.Second, RetryAfter: time.Second})
	c.value = 1
	value, _, err := c.find(t)
	require.NoError(t, err)
	assert.Equal(t, 1, value)

	c.at, c.value, c.err = c.at.Add(61*time.Second), 7, asid.ErrNotFound
	value, asked, err := c.find(t)
	assert.True(t, asked)
	assert.ErrorIs(t, err, asid.ErrNotFound)
	assert.Zero(t, value)
	assert.Zero(t, c.entries["key"].value, "nothing of it is kept")
	c.err = nil
	c.at = c.at.Add(30 * time.Second)
	value, asked, err = c.find(t)
	assert.False(t, asked, "it stays unknown for a while")
	assert.ErrorIs(t, err, asid.ErrNotFound)
	assert.Zero(t, value)

	c.at, c.err = c.at.Add(time.Second), away
	value, asked, err = c.find(t)
	assert.True(t, asked)
	assert.ErrorIs(t, err, away, "neither the record that was, which is not stale but gone, nor unknown for ever")
	assert.Zero(t, value)
	value, asked, err = c.find(t)
	assert.False(t, asked)
	assert.ErrorIs(t, err, away)
	assert.Zero(t, value)
	assert.Zero(t, c.used[unknown].Len(), "it is not unknown again when the clock is set")

	c.at, c.err = c.at.Add(2*time.Second), nil
	value, _, err = c.find(t)
	require.NoError(t, err)
	assert.Equal(t, 7, value)
	c.at, c.err = c.at.Add(2*time.Minute), away
	value, _, err = c.find(t)
	require.NoError(t, err)
	assert.Equal(t, 7, value, "stale, within the policy")
	c.at = c.at.Add(time.Hour)
	value, _, err = c.find(t)
	assert.ErrorIs(t, err, away)
	assert.Zero(t, value)
	assert.Zero(t, c.entries["key"].value, "nothing of it is kept")
	assert.Equal(t, []int{0, 1, 0, 0}, []int{c.used[known].Len(), c.used[lapsed].Len(), c.used[unknown].Len(), c.used[failed].Len()})
}
