// SPDX-License-Identifier: Apache-2.0

package sdstest

import (
	"net/http"
	"slices"
	"sync"
	"time"
)

// The gateway keeps an answer for so long, and the stand-in so many.
const (
	cachedFor = 30 * time.Minute
	maxCached = 1_000
)

// A gatewayCache has what was answered to each question, for all callers: with the
// X-Correlation-Id of the one that was answered. The zero value is ready for use.
type gatewayCache struct {
	mu      sync.Mutex
	answers map[string]cachedAnswer
}

type cachedAnswer struct {
	correlation string
	text        []byte
	at          time.Time
}

// cacheKey is what makes two requests the same to the gateway: not the API key.
func cacheKey(r *http.Request) string {
	return r.Method + " " + r.URL.Path + "?" + r.URL.RawQuery + "\n" + r.Header.Get("Accept")
}

// find returns the answer for a request, unless it has exactly Cache-Control: no-cache.
func (c *gatewayCache) find(r *http.Request) (cachedAnswer, bool) {
	if slices.Equal(r.Header.Values("Cache-Control"), []string{"no-cache"}) {
		return cachedAnswer{}, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	a, found := c.answers[cacheKey(r)]
	return a, found && time.Since(a.at) < cachedFor
}

func (c *gatewayCache) add(r *http.Request, correlation string, text []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.answers == nil || len(c.answers) >= maxCached {
		c.answers = make(map[string]cachedAnswer)
	}
	c.answers[cacheKey(r)] = cachedAnswer{correlation, text, time.Now()}
}
