// SPDX-License-Identifier: Apache-2.0

package sds

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nrlsecurity/nrlsecurity/asid"
	logrecord "github.com/nrlsecurity/nrlsecurity/internal/record"
)

// A cache remembers what look found for each key. Errors that wrap
// [asid.ErrNotFound] say that the key is unknown; all others are failures.
type cache[K comparable, V any] struct {
	policy  Caching
	timeout time.Duration // of one look-up
	look    lookup[K, V]
	log     logrecord.Writer                        // is not called while mu is held
	now     func() time.Time                        // time.Now
	running func(now, then time.Time) time.Duration // what the process's own clock says has passed
	slots   chan struct{}
	others  chan struct{} // of the slots, those that are not only for known and lapsed keys

	mu      sync.Mutex // guards what follows and is not held during look
	entries map[K]*entry[K, V]
	used    [kinds]*list.List // of *entry, most recently used first
	flights map[K]*flight[V]
}

// A lookup asks the directory. since is when the oldest part of the answer was asked
// for, if that was before the look-up began: of what another cache had. Else it is
// zero.
type lookup[K comparable, V any] func(context.Context, K) (value V, since time.Time, err error)

// whole is a lookup whose answers have no older parts.
func whole[K comparable, V any](look func(context.Context, K) (V, error)) lookup[K, V] {
	return func(ctx context.Context, key K) (value V, since time.Time, err error) {
		value, err = look(ctx, key)
		return value, since, err
	}
}

// A kind is what is known of a key. A failure beside a record that may still be used
// leaves the entry known.
type kind int

const (
	known   kind = iota
	lapsed       // it was known; the record is too old, and the last look-up failed
	unknown      // the directory said so
	failed       // nothing is known
	kinds
)

// maxFlights bounds the look-ups that are in flight or wait for a slot. Each ends
// by its time-out, also when its callers have left. A quarter of them, and of the
// slots, is for keys that are known or were when they were last told of, so that one
// that makes up keys delays no peer whose record is due.
const maxFlights = 10_000

// forKnown returns how many of so many slots are for such keys: a quarter, and one at
// least, but not the only one. That goes to such a key next: of the others one at most
// is before it.
func forKnown(slots int) int { return min(max(slots/4, 1), slots-1) }

// An entry is what is remembered of one key.
type entry[K comparable, V any] struct {
	key     K
	kind    kind
	place   *list.Element // in the cache's list of that kind
	value   V             // if known
	err     error         // if unknown
	asked   time.Time     // when the directory was asked for value or err, or the oldest part of it
	lastUse time.Time

	failure error     // of the last look-up; nil: it succeeded
	failing time.Time // when that look-up ended
}

// A flight is one look-up and the callers that wait for it.
type flight[V any] struct {
	done  chan struct{} // closed when what follows is set
	value V
	asked time.Time
	err   error
}

func newCache[K comparable, V any](policy Caching, timeout time.Duration, log logrecord.Writer, look lookup[K, V]) *cache[K, V] {
	policy = policy.withDefaults()
	c := &cache[K, V]{
		policy: policy, timeout: timeout, look: look, log: log, now: time.Now, running: time.Time.Sub,
		slots:   make(chan struct{}, policy.MaxQueries),
		others:  make(chan struct{}, policy.MaxQueries-forKnown(policy.MaxQueries)),
		entries: make(map[K]*entry[K, V]), flights: make(map[K]*flight[V]),
	}
	for k := range c.used {
		c.used[k] = list.New()
	}
	return c
}

// get returns what is known of key, and looks it up if nothing is known that is
// fresh enough. A caller whose ctx ends leaves; the look-up goes on until it ends
// by itself or by its time-out, and its answer is remembered.
func (c *cache[K, V]) get(ctx context.Context, key K) (V, error) {
	value, _, err := c.dated(ctx, key)
	return value, err
}

// dated is get, and says when the directory was asked.
func (c *cache[K, V]) dated(ctx context.Context, key K) (value V, asked time.Time, err error) {
	c.mu.Lock()
	now := c.now()
	if e := c.entries[key]; e != nil {
		e.lastUse = now
		c.used[e.kind].MoveToFront(e.place)
		if value, err, ok := c.answer(e, now); ok {
			asked := e.asked
			c.mu.Unlock()
			return value, asked, err
		}
	}
	f := c.fly(key)
	c.mu.Unlock()
	select {
	case <-f.done:
		return f.value, f.asked, f.err
	case <-ctx.Done():
		return value, asked, &Error{Subject: subject(key), Detail: "the caller did not wait for the answer", Err: ctx.Err()}
	}
}

// answer returns what e says at now, if that may be used. c.mu is held.
func (c *cache[K, V]) answer(e *entry[K, V], now time.Time) (value V, err error, ok bool) {
	age := c.age(now, e.asked)
	recent := e.failure != nil && within(c.age(now, e.failing), c.policy.RetryAfter)
	switch {
	case e.kind == known && within(age, c.policy.MaxAge):
		return e.value, nil, true
	case e.kind == unknown && within(age, c.policy.MaxUnknownAge):
		return value, e.err, true
	case recent && e.kind == known && within(age, c.policy.MaxAge+c.policy.MaxStale):
		return e.value, nil, true
	case recent:
		return value, e.failure, true
	}
	return value, nil, false
}

// fly returns the flight of key, which it starts if there is none. c.mu is held.
func (c *cache[K, V]) fly(key K) *flight[V] {
	if f := c.flights[key]; f != nil {
		return f
	}
	f := &flight[V]{done: make(chan struct{})}
	e := c.entries[key]
	isKnown := e != nil && (e.kind == known || e.kind == lapsed)
	if n := len(c.flights); n >= maxFlights || n >= maxFlights-maxFlights/4 && !isKnown {
		f.err = &Error{Subject: subject(key), Detail: "too many look-ups wait"}
		close(f.done)
		return f
	}
	c.flights[key] = f
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), c.timeout)
		defer cancel()
		value, asked, older, err := c.ask(ctx, key, isKnown)
		c.land(key, f, value, asked, older, err)
	}()
	return f
}

// ask looks key up once there is a slot for it, and says when the directory was asked,
// and whether that was before now, for a part of the answer. It waits for half of its
// time at most: a look-up that is broken off may take the connection along that it
// shares with others.
func (c *cache[K, V]) ask(ctx context.Context, key K, isKnown bool) (value V, asked time.Time, older bool, err error) {
	slots := []chan struct{}{c.others, c.slots}
	if isKnown {
		slots = slots[1:]
	}
	waiting, stop := context.WithTimeout(ctx, c.timeout/2)
	defer stop()
	for _, slot := range slots {
		select {
		case slot <- struct{}{}:
			defer func() { <-slot }()
		case <-waiting.Done():
			return value, asked, false, &Error{Subject: subject(key), Detail: "too many look-ups are in flight", Err: waiting.Err()}
		}
	}
	defer func() {
		if r := recover(); r != nil {
			err = &Error{Subject: subject(key), Detail: fmt.Sprintf("the look-up panicked: %v", r)}
		}
	}()
	asked = c.now()
	value, since, err := c.look(context.WithValue(ctx, knownKey{}, isKnown), key)
	if older = !since.IsZero() && since.Before(asked); older {
		asked = since
	}
	return value, asked, older, err
}

// land remembers the outcome of a flight and tells those that wait for it. older says that
// a part of the value is older than the flight.
func (c *cache[K, V]) land(key K, f *flight[V], value V, asked time.Time, older bool, err error) {
	if age, stale := c.keep(key, f, value, asked, older, err); stale {
		c.log.Write(context.Background(), slog.LevelWarn, "directory cannot tell: a known record is used", slog.String("key", subject(key)),
			slog.String("age", age.Round(time.Second).String()), slog.String("detail", err.Error()))
	}
	close(f.done)
}

// keep remembers the outcome of a flight. stale says that what is told in place of the
// error is of that age, which is more than MaxAge.
func (c *cache[K, V]) keep(key K, f *flight[V], value V, asked time.Time, older bool, err error) (age time.Duration, stale bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	e := c.entries[key]
	if e == nil {
		e = &entry[K, V]{key: key, kind: failed, lastUse: now}
		c.entries[key] = e
		e.place = c.used[failed].PushFront(e)
	}
	switch {
	case err == nil:
		e.value, e.err, e.asked, e.failure = value, nil, asked, nil
		if age := c.age(now, asked); older && !within(age, c.policy.MaxAge) && within(age, c.policy.MaxAge+c.policy.MaxStale) {
			// That part is stale, since the directory could not tell about it: as after any
			// failure, it is not asked again at once.
			e.failure, e.failing = &Error{Subject: subject(key), Detail: "a part of its record is too old"}, now
		}
		c.move(e, known)
	case errors.Is(err, asid.ErrNotFound):
		var none V
		e.value, e.err, e.asked, e.failure = none, err, asked, nil
		c.move(e, unknown)
	default:
		e.failure, e.failing = err, now
		// An unknown key is forgotten with its age, a record with its staleness.
		switch {
		case e.kind == unknown:
			e.err = nil
			c.move(e, failed)
		case e.kind == known && !within(c.age(now, e.asked), c.policy.MaxAge+c.policy.MaxStale):
			var none V
			e.value = none
			c.move(e, lapsed)
		}
	}
	f.value, f.asked, f.err = value, asked, err
	if err != nil {
		var none V
		f.value = none
		// A record that was known may still be used, within the policy.
		if e.kind == known {
			f.value, f.asked, f.err = e.value, e.asked, nil
			age = c.age(now, e.asked)
			stale = !within(age, c.policy.MaxAge)
		}
	}
	delete(c.flights, key)
	return age, stale
}

// move puts e among the entries of a kind and evicts what is too many there.
func (c *cache[K, V]) move(e *entry[K, V], to kind) {
	c.used[e.kind].Remove(e.place)
	e.kind, e.place = to, c.used[to].PushFront(e)
	for c.used[to].Len() > c.policy.MaxEntries {
		last := c.used[to].Remove(c.used[to].Back()).(*entry[K, V])
		delete(c.entries, last.key)
	}
}

// refresh looks up again, until ctx ends, what was used since it was last looked
// up and is about to expire, so many keys at once.
func (c *cache[K, V]) refresh(ctx context.Context, atOnce int) {
	every := max(c.policy.MaxAge/20, 100*time.Millisecond)
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	workers := make(chan struct{}, atOnce)
	var flying sync.WaitGroup
	defer flying.Wait() // a flight ends by its time-out at the latest
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		for _, key := range c.due() {
			select {
			case workers <- struct{}{}:
			case <-ctx.Done():
				return
			}
			c.mu.Lock()
			f := c.fly(key)
			c.mu.Unlock()
			flying.Go(func() {
				<-f.done
				<-workers
			})
		}
	}
}

// due returns the keys of the records that are to be refreshed.
func (c *cache[K, V]) due() []K {
	c.mu.Lock()
	defer c.mu.Unlock()
	var keys []K
	now := c.now()
	for at := c.used[known].Front(); at != nil; at = at.Next() {
		e := at.Value.(*entry[K, V])
		waiting := e.failure != nil && within(c.age(now, e.failing), c.policy.RetryAfter)
		if e.lastUse.After(e.asked) && !within(c.age(now, e.asked), c.policy.MaxAge*3/4) && !waiting {
			keys = append(keys, e.key)
		}
	}
	return keys
}

// age returns how long ago then was: the longer of what the wall clock says, which may be
// set back, and of the process's own clock, which stands still while the machine sleeps.
// It is below zero if then is in the wall clock's future.
func (c *cache[K, V]) age(now, then time.Time) time.Duration {
	wall := now.Round(0).Sub(then.Round(0))
	if wall < 0 {
		return wall
	}
	return max(wall, c.running(now, then))
}

// within reports whether an age is at most limit. An age below zero is that of a
// clock that went backwards, and within nothing.
func within(age, limit time.Duration) bool { return age >= 0 && age <= limit }

func subject(key any) string {
	if id, ok := key.(asid.ID); ok {
		return "ASID " + id.String()
	}
	return fmt.Sprint(key)
}
