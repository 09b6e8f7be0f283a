// SPDX-License-Identifier: Apache-2.0

package revocationtest_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

// A mapCache is a Cache as its documentation shows one. What is wrong with one that
// is wrong stands in its fields.
type mapCache struct {
	mu      sync.Mutex
	entries map[string][]revocation.Member

	name  func(key string) string
	store func(there, members []revocation.Member) []revocation.Member
}

func newMapCache() *mapCache {
	return &mapCache{
		entries: map[string][]revocation.Member{}, name: func(key string) string { return key },
		store: func(there, members []revocation.Member) []revocation.Member {
			return revocation.Join(time.Now(), there, members)
		},
	}
}

func (c *mapCache) Get(_ context.Context, key string) ([]revocation.Member, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.entries[c.name(key)], nil
}

func (c *mapCache) Merge(_ context.Context, key string, members ...revocation.Member) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.entries[c.name(key)] = c.store(c.entries[c.name(key)], members)
	return nil
}

// A racing is a Cache whose Merge reads, joins and writes without a lock around them:
// two merges under one key read before either writes.
type racing struct {
	*mapCache
	once  sync.Mutex
	first chan struct{} // of the first of the two
	over  bool
}

func (c *racing) Merge(ctx context.Context, key string, members ...revocation.Member) error {
	if !strings.Contains(key, "at-once") {
		return c.mapCache.Merge(ctx, key, members...)
	}
	there, _ := c.Get(ctx, key)
	c.once.Lock()
	switch {
	case c.over:
		c.once.Unlock()
		return c.mapCache.Merge(ctx, key, members...)
	case c.first == nil:
		first := make(chan struct{})
		c.first = first
		c.once.Unlock()
		<-first
	default:
		c.over = true
		close(c.first)
		c.once.Unlock()
	}
	joined := c.store(there, members)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.entries[key] = joined
	return nil
}

func TestCachesThatAreRight(t *testing.T) {
	t.Parallel()
	memory := newMapCache()
	require.NoError(t, revocationtest.TestCache(func() revocation.Cache { return memory }))
	dir := revocation.DirCache(t.TempDir() + "/cache")
	require.NoError(t, revocationtest.TestCache(func() revocation.Cache { return dir }))
}

func TestCachesThatAreWrong(t *testing.T) {
	t.Parallel()
	for name, break_ := range map[string]func(*mapCache){
		"the last writer wins": func(c *mapCache) {
			c.store = func(_, members []revocation.Member) []revocation.Member { return members }
		},
		"one member an order": func(c *mapCache) {
			c.store = func(there, members []revocation.Member) []revocation.Member {
				var kept []revocation.Member
				for _, m := range revocation.Join(time.Now(), there, members) {
					if len(kept) == 0 || kept[len(kept)-1].Order != m.Order {
						kept = append(kept, m)
					}
				}
				return kept
			}
		},
		"what is superseded goes at once": func(c *mapCache) {
			c.store = func(there, members []revocation.Member) []revocation.Member {
				return revocation.Join(time.Now().AddDate(1, 0, 0), there, members)
			}
		},
		"members twice": func(c *mapCache) {
			c.store = func(there, members []revocation.Member) []revocation.Member {
				return append(there[:len(there):len(there)], members...)
			}
		},
		"long keys are cut":       func(c *mapCache) { c.name = func(key string) string { return key[:min(len(key), 64)] } },
		"the caller's list grows": func(c *mapCache) { c.store = inPlace },
	} {
		t.Run(name, func(t *testing.T) {
			c := newMapCache()
			break_(c)
			assert.Error(t, revocationtest.TestCache(func() revocation.Cache { return c }))
		})
	}
	t.Run("reading and writing are two things", func(t *testing.T) {
		c := &racing{mapCache: newMapCache()}
		assert.Error(t, revocationtest.TestCache(func() revocation.Cache { return c }))
	})
	t.Run("each process has its own", func(t *testing.T) {
		assert.Error(t, revocationtest.TestCache(func() revocation.Cache { return newMapCache() }))
	})
	t.Run("none", func(t *testing.T) {
		assert.Error(t, revocationtest.TestCache(func() revocation.Cache { return nil }))
	})
}

// inPlace joins members by overwriting those that a caller may still read.
func inPlace(there, members []revocation.Member) []revocation.Member {
	joined := revocation.Join(time.Now(), there, members)
	copy(there, joined)
	return joined
}
