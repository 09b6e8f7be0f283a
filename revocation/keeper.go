// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxKept bounds how many documents a keeper knows of. URLs come from
	// certificates that a pinned CA signed, so this is a matter of memory, not
	// of strangers.
	maxKept = 10_000

	// fetchTimeout bounds one fetch, whoever waits for it.
	fetchTimeout = 20 * time.Second

	keptBuckets = 256
)

// A document is a CRL or an OCSP response.
type document interface {
	// lifetime returns the times between which the document counts; nextUpdate
	// is not zero.
	lifetime() (thisUpdate, nextUpdate time.Time)
}

// A keeper gets documents and keeps them: in memory, where they are read without
// a lock, and in a Cache, whose bytes are trusted no more than those of the
// network. The fields must not change once it is used.
type keeper[T document] struct {
	fetcher Fetcher       // nil: only the Cache
	cache   documentCache // nil: memory only

	// parse reads a document; source is its URL.
	parse func(raw []byte, source string) (T, error)

	// replaces says why newer must not take the place of older, which has been
	// believed before; nil: if its thisUpdate is earlier.
	replaces func(newer, older T) error

	now    func() time.Time // nil: time.Now
	logger *slog.Logger     // nil: none

	seed    maphash.Seed
	seeding sync.Once
	buckets [keptBuckets]atomic.Pointer[map[string]*kept[T]]
	writing sync.Mutex // held to replace a bucket
	count   int        // of keys, under writing
	holds   atomic.Uint64
	wake    chan struct{}
}

// A kept is what a keeper knows under one key.
type kept[T document] struct {
	key     string
	current atomic.Pointer[held[T]]
	used    atomic.Bool // since it was fetched or last refreshed
	gone    atomic.Bool // given up

	mu      sync.Mutex
	request Request       // of the last get, for refreshes
	asks    string        // the host that request asks
	judge   func(T) error // of the last get
	flight  *flight[T]    // nil: nothing is under way
	failure failure
}

// A held is a document that has been believed.
type held[T document] struct {
	number   uint64 // no other of the keeper's has it
	doc      T
	end      time.Time // nextUpdate
	refresh  time.Time // when to ask for a newer one
	etag     string
	modified string
}

// A flight is one fetch and those who wait for it.
type flight[T document] struct {
	done    chan struct{}
	cancel  context.CancelFunc
	waiting int
	goesOn  bool // though nobody waits any more

	// Set before done is closed.
	held    *held[T]
	fetched bool
	err     error
}

// get returns the document under key, which request asks for, and whether it was
// at hand.
//
// A document that is at hand and counts at the given time is returned at once.
// If there is none, it is read from the Cache or fetched, once however many
// callers wait; a caller whose ctx ends leaves the others waiting. With the last
// one the fetch is called off, unless it was his time that was over. judge, which must not depend on the time, is
// asked before a document is believed: until it and parse have passed, nothing
// is kept, nothing goes into the Cache, and what was believed before stays.
//
// With an error of the kind ErrExpired comes the last document that was
// believed, if its time is over and there is no newer one. Failures are
// remembered for a moment, so that a source that is down does not hold up every
// caller.
func (k *keeper[T]) get(ctx context.Context, key string, request Request, at time.Time, judge func(T) error) (doc T, atHand bool, err error) {
	return k.getFrom(ctx, nil, key, request, at, judge)
}

// getFrom is get for a caller that has a spot for the key, or nil.
func (k *keeper[T]) getFrom(ctx context.Context, from *spot[T], key string, request Request, at time.Time, judge func(T) error) (doc T, atHand bool, err error) {
	e := k.findFrom(from, key)
	if e == nil {
		if k.fetcher == nil && k.cache == nil {
			return doc, false, &FetchError{URL: request.URL, Err: ErrNoSource}
		}
		e = k.add(key)
	}
	if h := e.current.Load(); h != nil && !at.After(h.end) {
		if !e.used.Load() {
			e.used.Store(true)
		}
		return h.doc, true, nil
	}
	f, err := k.join(ctx, e, request, at, judge)
	if err != nil {
		return e.stale(err)
	}
	select {
	case <-f.done:
	case <-ctx.Done():
		// A source that uses up its callers' time has to become a failure that
		// is remembered, so the fetch goes on without them.
		e.leave(f, !errors.Is(ctx.Err(), context.DeadlineExceeded))
		return e.stale(&FetchError{URL: request.URL, Err: ctx.Err()})
	}
	if f.err != nil {
		return e.stale(f.err)
	}
	e.used.Store(true)
	if at.After(f.held.end) {
		return f.held.doc, !f.fetched, &FetchError{URL: request.URL, Err: ErrExpired}
	}
	return f.held.doc, !f.fetched, nil
}

// leave ends the wait for a fetch. With the last one who waits it may be called
// off, and leave says whether it was.
func (e *kept[T]) leave(f *flight[T], callOff bool) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	f.waiting--
	f.goesOn = f.goesOn || !callOff // or whoever leaves next undoes it
	if f.goesOn || f.waiting > 0 || e.flight != f {
		return false
	}
	e.flight = nil // whoever comes next wants a fetch that goes on
	f.cancel()
	return true
}

// stale returns the last document beside an error, if there is one.
func (e *kept[T]) stale(err error) (doc T, atHand bool, _ error) {
	if h := e.current.Load(); h != nil {
		return h.doc, true, errors.Join(err, &FetchError{URL: e.url(), Err: ErrExpired})
	}
	return doc, false, err
}

// join joins the fetch that is under way, or starts one, unless the last one
// failed a moment ago.
func (k *keeper[T]) join(ctx context.Context, e *kept[T], request Request, at time.Time, judge func(T) error) (*flight[T], error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.request, e.judge = request, judge
	if e.flight == nil {
		if err := e.failure.remembered(k.clock()); err != nil {
			return nil, err
		}
		k.start(context.WithoutCancel(ctx), e, at)
	}
	e.flight.waiting++
	return e.flight, nil
}

// start starts a fetch; e.mu is held. The goroutine ends with the fetch, which
// ends when nobody waits any more, or after fetchTimeout.
func (k *keeper[T]) start(ctx context.Context, e *kept[T], at time.Time) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	f := &flight[T]{done: make(chan struct{}), cancel: cancel}
	e.flight = f
	request, judge := e.request, e.judge
	go func() {
		defer cancel()
		f.held, f.fetched, f.err = k.attempt(ctx, e, request, judge, at)
		e.mu.Lock()
		if e.flight == f { // else it was called off, and another may have brought what is newer
			switch {
			case f.err == nil && !at.After(f.held.end):
				e.failure = failure{}
			case f.err == nil:
				e.failure.again(k.clock(), &FetchError{URL: request.URL, Err: ErrExpired})
			default:
				e.failure.again(k.clock(), f.err)
			}
			if f.held != nil && !e.gone.Load() {
				e.current.Store(f.held)
			}
			e.flight = nil
		}
		e.mu.Unlock()
		close(f.done)
		k.reschedule()
	}()
}

// attempt is obtain, with a panic of the Fetcher or the Cache for an error: the
// goroutine has no caller who could recover.
func (k *keeper[T]) attempt(ctx context.Context, e *kept[T], request Request, judge func(T) error, at time.Time) (h *held[T], fetched bool, err error) {
	defer func() {
		if r := recover(); r != nil {
			h, err = nil, &FetchError{URL: request.URL, Err: fmt.Errorf("the fetch panicked: %v", r)}
		}
	}()
	return k.obtain(ctx, e, request, judge, at)
}

// obtain gets a document that counts at the given time: from the Cache, if there
// is none in memory, or by fetching it.
func (k *keeper[T]) obtain(ctx context.Context, e *kept[T], request Request, judge func(T) error, at time.Time) (_ *held[T], fetched bool, _ error) {
	old := e.current.Load()
	if old == nil && k.cache != nil {
		if old, _ = k.recall(ctx, e.key, request.URL, judge, at); old != nil && !at.After(old.end) {
			return old, false, nil
		}
	}
	h, err := k.fetch(ctx, e.key, request, judge, old, at)
	if err != nil && old != nil {
		e.current.CompareAndSwap(nil, old) // expired, but all there is
	}
	return h, true, err
}

// recall reads a document from the Cache. Whatever is wrong with it, it is as if
// it were not there; the error says that it may be right another time.
func (k *keeper[T]) recall(ctx context.Context, key, url string, judge func(T) error, at time.Time) (*held[T], error) {
	raw, err := k.cache.Get(ctx, key)
	if errors.Is(err, ErrCacheMiss) {
		return nil, nil
	}
	if err != nil {
		k.log(ctx, "cache not readable", url, err)
		return nil, err
	}
	doc, err := k.believe(raw, url, judge, at)
	if err != nil {
		k.log(ctx, "cached document not believed", url, err)
		if errors.Is(err, ErrNotYetValid) {
			return nil, err
		}
		return nil, nil
	}
	return k.hold(doc), nil
}

func (k *keeper[T]) believe(raw []byte, url string, judge func(T) error, at time.Time) (doc T, err error) {
	doc, err = k.parse(raw, url)
	if err == nil && judge != nil {
		err = judge(doc)
	}
	if err != nil {
		return doc, err
	}
	// One that has not begun must not take the place of one that counts, nor
	// keep out those that come before it.
	if now := k.clock(); now.After(at) {
		at = now
	}
	if from, _ := doc.lifetime(); from.After(at.Add(clockTolerance)) {
		return doc, &FetchError{URL: url, Err: ErrNotYetValid}
	}
	return doc, nil
}

// fetch fetches a document that may take the place of old, nil if there is none.
func (k *keeper[T]) fetch(ctx context.Context, key string, request Request, judge func(T) error, old *held[T], at time.Time) (*held[T], error) {
	if k.fetcher == nil {
		return nil, &FetchError{URL: request.URL, Err: ErrNoSource}
	}
	if old != nil {
		request.ETag, request.LastModified = old.etag, old.modified
	}
	response, err := k.fetcher.Fetch(ctx, request)
	if err != nil {
		return nil, err
	}
	if response == nil {
		return nil, &FetchError{URL: request.URL, Err: errors.New("the Fetcher returned neither an answer nor an error")}
	}
	if response.NotModified {
		if old == nil || request.ETag == "" && request.LastModified == "" {
			return nil, &FetchError{URL: request.URL, Err: errors.New("not modified, but nothing was at hand")}
		}
		again := k.hold(old.doc)
		again.etag, again.modified = old.etag, old.modified
		return again, nil
	}
	if request.MaxBytes > 0 && int64(len(response.Body)) > request.MaxBytes {
		return nil, &FetchError{URL: request.URL, Err: ErrTooLarge}
	}
	doc, err := k.believe(response.Body, request.URL, judge, at)
	if err == nil && errors.Is(ctx.Err(), context.Canceled) {
		err = ctx.Err() // called off: what another fetch brings meanwhile may be newer
	}
	if err != nil {
		return nil, err
	}
	if old != nil {
		if err := k.mayReplace(doc, old.doc); err != nil {
			return nil, err
		}
	}
	h := k.hold(doc)
	h.etag, h.modified = response.ETag, response.LastModified
	if k.cache != nil && h.end.After(k.clock()) {
		// A disk that is full is no reason to refuse a certificate.
		if err := k.cache.Put(context.WithoutCancel(ctx), key, response.Body, h.end); err != nil {
			k.log(ctx, "document not cached", request.URL, err)
		}
	}
	return h, nil
}

func (k *keeper[T]) mayReplace(newer, older T) error {
	if k.replaces != nil {
		return k.replaces(newer, older)
	}
	is, _ := newer.lifetime()
	was, _ := older.lifetime()
	if is.Before(was) {
		return errors.New("older than the one that was believed before")
	}
	return nil
}

// hold makes a document ready to be kept.
func (k *keeper[T]) hold(doc T) *held[T] {
	_, end := doc.lifetime()
	now := k.clock()
	// Somewhere in the second half of what is left, so that a fleet that started
	// together does not ask together.
	left := max(end.Sub(now), 0)
	wait := left/2 + time.Duration(rand.Float64()*0.3*float64(left))
	return &held[T]{number: k.holds.Add(1), doc: doc, end: end, refresh: now.Add(max(wait, minRefresh))}
}

func (k *keeper[T]) clock() time.Time {
	if k.now != nil {
		return k.now()
	}
	return time.Now()
}

func (k *keeper[T]) log(ctx context.Context, message, url string, err error) {
	if k.logger != nil {
		k.logger.LogAttrs(ctx, slog.LevelWarn, message, slog.String("url", url), slog.Any("error", err))
	}
}
