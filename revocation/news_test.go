// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"context"
	"crypto/x509"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

// TestNewsArriveWithinRefresh: with Run going and a source that can be reached, a
// certificate is refused within an hour of the list that revokes it, however
// long the one before it is valid.
func TestNewsArriveWithinRefresh(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	const first, second = "http://first.example/1.crl", "http://second.example/1.crl"
	alone := func(c *publisher) map[string]answerer { return map[string]answerer{first: c.now()} }
	for _, test := range []struct {
		name     string
		lifetime time.Duration
		urls     []string
		has      func(c *publisher) map[string]answerer
		restart  time.Duration // zero: never
		within   time.Duration
	}{
		{"a list of a day", day, []string{first}, alone, 0, time.Hour},
		{"a list of a week", 7 * day, []string{first}, alone, 0, time.Hour},
		{"a list of half a year", 182 * day, []string{first}, alone, 0, time.Hour},
		{"a list of ten years", 3652 * day, []string{first}, alone, 0, time.Hour},
		{"a restart an hour", 7 * day, []string{first}, alone, time.Hour, time.Hour},
		{"a restart every 20 minutes", 7 * day, []string{first}, alone, 20 * time.Minute, time.Hour},
		{"the first URL hangs", 7 * day, []string{first, second}, func(c *publisher) map[string]answerer {
			return map[string]answerer{first: hanging, second: c.now()}
		}, 0, time.Hour},
		{"the first URL is a mirror three days old", 7 * day, []string{first, second}, func(c *publisher) map[string]answerer {
			return map[string]answerer{first: c.mirror(3 * day), second: c.now()}
		}, 0, time.Hour},
		{"a server that answers 304 for ever", 7 * day, []string{first}, func(c *publisher) map[string]answerer {
			return map[string]answerer{first: c.constant()}
		}, 0, day},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			longest := time.Duration(0)
			for trial := range 8 {
				synctest.Test(t, func(t *testing.T) {
					time.Sleep(time.Until(ocspNow))
					ca := newPublisher(t, test.lifetime)
					path := ca.p.leaf(t, points(at(urls(test.urls...))))
					net, cache := newNetwork(test.has(ca)), &memoryCache{}
					start := func() (*revocation.Checker, func()) {
						crls := &revocation.CRLs{Fetcher: net, Cache: cache}
						return &revocation.Checker{
							Sources: []revocation.Source{crls}, Policy: revocation.Policy{Depth: revocation.EndEntity},
						}, running(t, crls.Run)
					}
					checker, stop := start()
					began, revoked := time.Now(), time.Time{}
					for minute := 0; ; minute++ {
						if test.restart > 0 && minute > 0 && minute%int(test.restart/time.Minute) == 0 {
							stop()
							checker, stop = start()
						}
						_, err := checkAsHandshake(t, checker, path)
						if isRevoked(err) && !revoked.IsZero() {
							break
						}
						require.NoError(t, err)
						if revoked.IsZero() && time.Since(began) >= 90*time.Minute+time.Duration(trial)*11*time.Minute {
							ca.revoke()
							revoked = time.Now()
						}
						if !revoked.IsZero() && time.Since(revoked) > 2*test.within {
							break
						}
						time.Sleep(time.Minute)
					}
					longest = max(longest, time.Since(revoked))
					stop()
					time.Sleep(time.Minute) // for what checks have begun to end
				})
			}
			t.Logf("at most %s from revocation to refusal", longest)
			assert.LessOrEqual(t, longest, test.within+time.Minute, "a check a minute")
		})
	}
}

// A cache on the way that answers "not modified" for ever must not hide that one of
// the lists of a document has expired, though the others have not.
func TestListOfABundleThatRanOutIsAskedForOutright(t *testing.T) {
	t.Parallel()
	p := newCRLPKI(t)
	const url = "http://crl.example/all.pem"
	short, long := between(p.ca.crl(), -time.Hour, 2*time.Hour), between(p.other.crl(), -time.Hour, 7*24*time.Hour)
	for name, bundled := range map[string][]byte{
		"the one that runs out is the first": bundle(short, long),
		"it is the last":                     bundle(long, short),
		"beside one that ran out long ago":   bundle(between(p.root.crl(), -3*time.Hour, -2*time.Hour), short, long),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(ocspNow))
				var mu sync.Mutex
				body, asked := bundled, 0
				crls := &revocation.CRLs{Fetcher: fetcherFunc(func(_ context.Context, r revocation.Request) (*revocation.Response, error) {
					mu.Lock()
					defer mu.Unlock()
					asked++
					if r.ETag != "" {
						return &revocation.Response{NotModified: true, ETag: r.ETag}, nil
					}
					return &revocation.Response{Body: body, ETag: `"constant"`}, nil
				}), URLs: []string{url}, Issuers: []*x509.Certificate{p.root.cert, p.ca.cert, p.other.cert}}
				defer running(t, crls.Run)()
				time.Sleep(time.Minute)
				good.require(t, crls, p.leaf(t), time.Now())
				mu.Lock()
				body = bundle(numbered(between(p.ca.crl(), time.Hour, 9*time.Hour), 2), long)
				mu.Unlock()
				time.Sleep(2*time.Hour + time.Minute)
				good.require(t, crls, p.leaf(t), time.Now())
				mu.Lock()
				assert.LessOrEqual(t, asked, 20, "in two hours")
				mu.Unlock()
			})
		})
	}
}

// What no CA has signed does not say when to ask again.
func TestUnverifiedListDoesNotHastenTheNextLook(t *testing.T) {
	t.Parallel()
	p := newCRLPKI(t)
	const url = "http://crl.example/1.crl"
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(ocspNow))
		server := &crlServer{}
		server.publish(url, with(between(p.ca.crl(), -time.Hour, 10*time.Second), func(c *revocationtest.CRL) { c.Key = p.other.key }))
		stop := running(t, (&revocation.CRLs{Fetcher: server, URLs: []string{url}}).Run)
		time.Sleep(40 * time.Minute)
		assert.Len(t, server.requests(), 1)
		stop()
	})
}
