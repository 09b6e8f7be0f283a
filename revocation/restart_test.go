// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"context"
	"crypto/x509"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

// statuses returns a function that asks a new CRLs, as after a restart or in another
// process, which then reads what the Cache has and merges what it knows. It is for a bubble
// of synctest.
func statuses(t *testing.T, cache revocation.Cache, path []*x509.Certificate) func(f revocation.Fetcher) revocation.Status {
	return func(f revocation.Fetcher) revocation.Status {
		t.Helper()
		crls := &revocation.CRLs{Fetcher: f, Cache: cache, Time: clock}
		for range 2 { // the second answer may be a cached one
			a, err := crls.Status(t.Context(), revocation.Query{Path: path, At: ocspNow})
			require.NoError(t, err)
			synctest.Wait() // what has come counts a moment before it is merged
			crls.Settle()
			if a.Status == revocation.Revoked {
				return a.Status
			}
		}
		return revocation.Good
	}
}

// A revocation that one URL, one point or one process has brought stands, whatever
// another serves after a restart or to another process.
func TestRevocationStandsAfterARestart(t *testing.T) {
	p := newCRLPKI(t)
	const one, two = "http://one.example/1.crl", "http://two.example/1.crl"
	older, newer := numbered(between(p.ca.crl(), -2*time.Hour, time.Hour), 4), numbered(p.ca.crl(leafSerial), 5)
	itsOwn := func(list revocationtest.CRL, url string) revocationtest.CRL {
		return inScope(list, revocationtest.Scope{PointName: urls(url)})
	}
	for name, c := range map[string]struct {
		points []revocationtest.DistributionPoint
		newer  revocationtest.CRL // from two
		older  revocationtest.CRL // from one, afterwards
	}{
		"two URLs of one point": {[]revocationtest.DistributionPoint{at(urls(one, two))}, newer, older},
		"two points":            {[]revocationtest.DistributionPoint{at(urls(one)), at(urls(two))}, newer, older},
		"two URLs whose lists each name only their own":    {[]revocationtest.DistributionPoint{at(urls(one, two))}, itsOwn(newer, two), itsOwn(older, one)},
		"two points whose lists each name only their own":  {[]revocationtest.DistributionPoint{at(urls(one)), at(urls(two))}, itsOwn(newer, two), itsOwn(older, one)},
		"two URLs, and the list names the first URL alone": {[]revocationtest.DistributionPoint{at(urls(one, two))}, itsOwn(newer, one), itsOwn(older, one)},
	} {
		for cacheName, cache := range map[string]revocation.Cache{"memory": &memoryCache{}, "DirCache": revocation.DirCache(t.TempDir() + "/c")} {
			t.Run(name+", "+cacheName, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { // which ends when all looks and merges have
					time.Sleep(time.Until(ocspNow))
					ask := statuses(t, cache, p.leaf(t, points(c.points...)))
					fromTwo, fromOne := &crlServer{}, &crlServer{}
					fromTwo.publish(two, c.newer)
					fromOne.publish(one, c.older)
					require.Equal(t, revocation.Revoked, ask(fromTwo))
					require.Equal(t, revocation.Revoked, ask(fromOne), "the older one, restarted")
					require.Equal(t, revocation.Revoked, ask(nil), "what the one with the older list has merged")
				})
			})
		}
	}
}

// A process that knows a list that is older than what another has put into their
// DirCache learns from it, and leaves it there.
func TestProcessBehindALaggingMirrorOverwritesNothing(t *testing.T) {
	p := newCRLPKI(t)
	const url = "http://crl.example/1.crl"
	path, cache := p.leaf(t, points(at(urls(url)))), revocation.DirCache(t.TempDir()+"/c")
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(ocspNow))
		current, lagging := &crlServer{}, &crlServer{}
		lagging.publish(url, numbered(between(p.ca.crl(), -2*time.Hour, 100*time.Hour), 4))
		current.publish(url, numbered(between(p.ca.crl(), -2*time.Hour, 100*time.Hour), 4))
		status := func(crls *revocation.CRLs) revocation.Status {
			t.Helper()
			a, err := crls.Status(t.Context(), revocation.Query{Path: path, At: time.Now()})
			require.NoError(t, err)
			return a.Status
		}
		ahead, behind, reader := &revocation.CRLs{Fetcher: current, Cache: cache}, &revocation.CRLs{Fetcher: lagging, Cache: cache}, &revocation.CRLs{Cache: cache}
		for _, crls := range []*revocation.CRLs{ahead, behind, reader} {
			defer running(t, crls.Run)()
			require.Equal(t, revocation.Good, status(crls))
			crls.Settle()
		}
		current.publish(url, numbered(between(p.ca.crl(leafSerial), -time.Hour, 100*time.Hour), 5))
		time.Sleep(2*time.Hour + time.Minute) // one to fetch it, one for the others to read it
		for name, crls := range map[string]*revocation.CRLs{"current": ahead, "behind the lagging mirror": behind, "without a Fetcher": reader} {
			require.Equal(t, revocation.Revoked, status(crls), name)
		}
		require.Equal(t, revocation.Revoked, status(&revocation.CRLs{Cache: cache}), "the Cache")
	})
}

// Policy.MaxStale allows after a restart what it allowed before.
func TestStaleAnswerOutlivesARestart(t *testing.T) {
	const url = "http://crl.example/1.crl"
	p, o := newCRLPKI(t), newOCSPPKI(t)
	for name, test := range map[string]struct {
		path   []*x509.Certificate
		source func(f revocation.Fetcher, c revocation.Cache) revocation.Source
		answer answerer
	}{
		"CRLs": {
			p.leaf(t, points(at(urls(url)))),
			func(f revocation.Fetcher, c revocation.Cache) revocation.Source {
				return &revocation.CRLs{Fetcher: f, Cache: c}
			},
			func(context.Context, revocation.Request) (*revocation.Response, error) {
				return &revocation.Response{Body: p.ca.crl().DER()}, nil
			},
		},
		"OCSP": {
			o.path(),
			func(f revocation.Fetcher, c revocation.Cache) revocation.Source {
				return &revocation.OCSP{Fetcher: f, Cache: c, Responder: url}
			},
			func(_ context.Context, r revocation.Request) (*revocation.Response, error) {
				body, err := answering(o.good())(r)
				return &revocation.Response{Body: body}, err
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(ocspNow))
				cache, net := &memoryCache{}, newNetwork(map[string]answerer{url: test.answer})
				check := func() error { // in a process of its own
					t.Helper()
					checker := &revocation.Checker{
						Sources: []revocation.Source{test.source(net, cache)},
						Policy:  revocation.Policy{Depth: revocation.EndEntity, Unknown: revocation.Allow, MaxStale: 6 * time.Hour},
					}
					_, err := checkAsHandshake(t, checker, test.path)
					time.Sleep(time.Minute) // for what the check has begun to end
					return err
				}
				require.NoError(t, check())
				net.set(url, nil)                                  // an outage
				time.Sleep(time.Until(ocspNow.Add(6 * time.Hour))) // nextUpdate is an hour after ocspNow
				require.NoError(t, check(), "stale for five hours")
				time.Sleep(time.Until(ocspNow.Add(7*time.Hour + time.Second)))
				require.ErrorIs(t, check(), revocation.ErrExpired)
			})
		})
	}
}

// A list that was added does not keep the network from being asked.
func TestAddedListIsLookedAfter(t *testing.T) {
	const url, month = "http://crl.example/1.crl", 30 * 24 * time.Hour
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(ocspNow))
		p, server := newCRLPKI(t), &crlServer{}
		server.publish(url, numbered(p.ca.crl(leafSerial), 2))
		crls := &revocation.CRLs{Fetcher: server}
		list := numbered(between(p.ca.crl(), -month, 5*month), 1)
		require.NoError(t, crls.Add(list.DER()))
		path := p.leaf(t, points(at(urls(url))))
		a, err := crls.Status(t.Context(), revocation.Query{Path: path, At: time.Now()})
		require.NoError(t, err)
		require.Equal(t, revocation.Good, a.Status, "the network is not waited for")
		synctest.Wait()
		revokedFor(revocation.ReasonUnspecified).require(t, crls, path, time.Now())
	})
}
