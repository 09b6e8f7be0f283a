// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/revocation"
)

// A stuck is a Cache that hangs, as one on a network does, whether or not it looks at its
// context.
type stuck struct {
	memoryCache
	hangs
	released chan struct{}
}

// hangs says in which calls, and whether they return when their context ends.
type hangs struct{ get, merge, deaf bool }

func (c *stuck) hang(ctx context.Context) error {
	if c.deaf {
		<-c.released
		return errors.New("released")
	}
	select {
	case <-ctx.Done():
	case <-c.released:
	}
	return ctx.Err()
}

func (c *stuck) Get(ctx context.Context, key string) ([]revocation.Member, error) {
	if c.get {
		return nil, c.hang(ctx)
	}
	return c.memoryCache.Get(ctx, key)
}

func (c *stuck) Merge(ctx context.Context, key string, members ...revocation.Member) error {
	if c.merge {
		return c.hang(ctx)
	}
	return c.memoryCache.Merge(ctx, key, members...)
}

// A document that has been verified counts at once, whatever becomes of the Cache: one
// whose Get hangs has a second, once, and one whose Merge hangs none.
func TestCacheThatHangsHoldsUpNoCheck(t *testing.T) {
	t.Parallel()
	const list, responder = "http://crl.example/1.crl", "http://ocsp.example/"
	const travel = 100 * time.Millisecond // for requests, and what is asked beside the Cache
	for cacheName, cache := range map[string]hangs{
		"Get":                                 {get: true},
		"Merge":                               {merge: true},
		"both, without a look at the context": {get: true, merge: true, deaf: true},
	} {
		for sourceName, makeSource := range map[string]func(f revocation.Fetcher, c revocation.Cache) revocation.Source{
			"CRLs": func(f revocation.Fetcher, c revocation.Cache) revocation.Source {
				return &revocation.CRLs{Fetcher: f, Cache: c}
			},
			"OCSP": func(f revocation.Fetcher, c revocation.Cache) revocation.Source {
				return &revocation.OCSP{Fetcher: f, Cache: c, Responder: responder}
			},
		} {
			t.Run(sourceName+", "+cacheName, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					time.Sleep(time.Until(ocspNow))
					ca := newPublisher(t, 7*24*time.Hour)
					o := newOCSPPKI(t)
					net := newNetwork(map[string]answerer{list: ca.now(), responder: func(_ context.Context, r revocation.Request) (*revocation.Response, error) {
						body, err := answering(o.good())(r)
						return &revocation.Response{Body: body}, err
					}})
					c := &stuck{hangs: cache, released: make(chan struct{})}
					path := ca.p.leaf(t, points(at(urls(list))))
					if sourceName == "OCSP" {
						path = o.path()
					}
					checker := &revocation.Checker{Policy: revocation.Policy{Depth: revocation.EndEntity}, Sources: []revocation.Source{makeSource(net, c)}}
					took, err := checkAsHandshake(t, checker, path)
					require.NoError(t, err)
					if cache.get {
						assert.LessOrEqual(t, took, time.Second+travel, "the first")
					} else {
						assert.LessOrEqual(t, took, travel, "the first")
					}
					for range 30 * 60 {
						took, err := checkAsHandshake(t, checker, path)
						require.NoError(t, err)
						require.Zero(t, took)
						time.Sleep(time.Second)
					}
					close(c.released)
					time.Sleep(time.Minute) // for what checks have begun to end
				})
			})
		}
	}
}
