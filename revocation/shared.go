// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/fetch"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/known"
)

// shared is a source's part of the Cache: the entries that it has read, and the
// merges that are under way.
type shared struct {
	cache Cache // nil: there is none
	kind  string
	asker *fetch.Asker

	under func(key string) []known.Member                                   // what is known under a key
	take  func(m *known.Member, key string, path []*x509.Certificate) error // verifies a member, and puts it into the set
	warn  func(message string, err error)

	mu     sync.Mutex
	merges int           // that are under way
	idle   chan struct{} // closed when none is; nil: no caller waits
}

// A sharedEntry is what the Cache has under one key.
type sharedEntry struct {
	key  string
	path atomic.Pointer[[]*x509.Certificate] // of the caller that asked last

	// Under shared.mu.
	merging, again bool
	restored       []known.Member // in place of those that have other octets in the Cache
}

// cacheHost is the host of all entries.
const cacheHost = "cache"

// maxCall bounds a call of the Cache, which no check waits for. As long as one hangs, no
// check waits for the first look at an entry.
const maxCall = 10 * time.Second

// cacheKey is the key in the Cache.
func (c *shared) cacheKey(key string) string {
	sum := sha256.Sum256([]byte(key))
	return c.kind + "-" + hex.EncodeToString(sum[:])
}

// entry returns the entry of a key, which is looked after from now on.
func (c *shared) entry(key string, path []*x509.Certificate) *fetch.Watch {
	w := c.asker.Known("cache " + key)
	if w == nil {
		e := &sharedEntry{key: key}
		if path != nil {
			e.path.Store(&path) // before Run may read it
		}
		w = c.asker.Watch(fetch.Target{Key: "cache " + key, URL: "cache", Host: cacheHost, Of: e, Do: func(ctx context.Context) error {
			return c.read(ctx, e)
		}})
	}
	if path != nil {
		w.Of.(*sharedEntry).path.Store(&path)
	}
	return w
}

// read puts what the Cache has under a key into the set, and merges what it lacks, or
// has with other octets than the document that it says it is.
func (c *shared) read(ctx context.Context, e *sharedEntry) error {
	get, cancel := context.WithTimeout(ctx, maxCall)
	members, err := c.cache.Get(get, c.cacheKey(e.key))
	cancel()
	if err != nil {
		return fmt.Errorf("the Cache: %w", err)
	}
	var path []*x509.Certificate
	if p := e.path.Load(); p != nil {
		path = *p
	}
	theirs := toMembers(members)
	restored := restore(c.under(e.key), theirs)
	for i := range theirs {
		if !slices.ContainsFunc(slices.Concat(c.under(e.key), restored), theirs[i].Same) {
			if err := c.take(&theirs[i], e.key, path); err != nil {
				c.warn("document in the cache does not count", err)
			}
		}
	}
	c.mu.Lock()
	e.restored = restored
	c.mu.Unlock()
	if slices.ContainsFunc(slices.Concat(c.under(e.key), restored), func(ours known.Member) bool { return !slices.ContainsFunc(theirs, ours.Same) }) {
		c.merge(e.key)
	}
	return nil
}

// restore returns what puts documents back that the Cache has with other octets. A
// merge replaces no member, and Join cannot tell which octets are right: so the document
// is merged once more as another one, whose Digest follows from the wrong octets, so
// that each process chooses the same. Those who read it go by its octets alone.
func restore(ours, theirs []known.Member) (restored []known.Member) {
	for _, right := range ours {
		again := right
		for n := range theirs { // which may have wrong octets for this one, too
			i := slices.IndexFunc(theirs, again.Same)
			if i < 0 || bytes.Equal(theirs[i].Bytes, right.Bytes) {
				break
			}
			again.Digest = sha256.Sum256(slices.Concat([]byte{byte(n)}, again.Digest[:], theirs[i].Bytes))
		}
		if again.Digest != right.Digest {
			restored = append(restored, again)
		}
	}
	return restored
}

// merge merges what is known under a key into the Cache, beside the caller.
func (c *shared) merge(key string) {
	if c.cache == nil {
		return
	}
	e := c.entry(key, nil).Of.(*sharedEntry)
	c.mu.Lock()
	defer c.mu.Unlock()
	if e.merging {
		e.again = true
		return
	}
	e.merging = true
	c.merges++
	go func() {
		for more := true; more; {
			if err := c.mergeNow(e); err != nil {
				c.warn("document not cached", err)
			}
			more = c.more(e)
		}
	}()
}

// more notes that a merge has ended, and reports whether another one is to follow.
func (c *shared) more(e *sharedEntry) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e.merging, e.again = e.again, false; e.merging {
		return true
	}
	if c.merges--; c.merges == 0 && c.idle != nil {
		close(c.idle)
		c.idle = nil
	}
	return false
}

func (c *shared) mergeNow(e *sharedEntry) (err error) {
	defer func() {
		if r := recover(); r != nil { // there is no caller who could
			err = fmt.Errorf("the Cache panicked: %v", r)
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), maxCall)
	defer cancel()
	c.mu.Lock()
	restored := e.restored
	c.mu.Unlock()
	return c.cache.Merge(ctx, c.cacheKey(e.key), fromMembers(slices.Concat(c.under(e.key), restored))...)
}

// wait waits until no merge is under way, for as long as one may take. Others may
// begin meanwhile, which a sync.WaitGroup does not allow.
func (c *shared) wait() {
	c.mu.Lock()
	if c.merges == 0 {
		c.mu.Unlock()
		return
	}
	if c.idle == nil {
		c.idle = make(chan struct{})
	}
	idle := c.idle
	c.mu.Unlock()
	timer := time.NewTimer(maxCall)
	defer timer.Stop()
	select {
	case <-idle:
	case <-timer.C:
	}
}
