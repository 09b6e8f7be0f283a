// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"context"
	"crypto/sha256"
	"sync"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation"
)

// A memoryCache is a Cache.
type memoryCache struct {
	mu      sync.Mutex
	entries map[string][]revocation.Member
}

func (c *memoryCache) Get(_ context.Context, key string) ([]revocation.Member, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.entries[key], nil
}

func (c *memoryCache) Merge(_ context.Context, key string, members ...revocation.Member) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.entries == nil {
		c.entries = map[string][]revocation.Member{}
	}
	c.entries[key] = revocation.Join(time.Time{}, c.entries[key], members)
	return nil
}

// members returns how many documents there are.
func (c *memoryCache) members() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, members := range c.entries {
		n += len(members)
	}
	return n
}

// forge puts a document in the place of each.
func (c *memoryCache) forge(der []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, members := range c.entries {
		for _, m := range members {
			c.entries[key] = []revocation.Member{{Order: m.Order, Digest: sha256.Sum256(der), Bytes: der}}
		}
	}
}
