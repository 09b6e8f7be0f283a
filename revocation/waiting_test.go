// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

// TestNoHandshakeWaitsWhenAnAnswerIsKnown: a handshake a second for an hour, with
// something that hangs. Cold, the first is served within two seconds. After that
// only the first look at what may know better is waited for, a second at most.
func TestNoHandshakeWaitsWhenAnAnswerIsKnown(t *testing.T) {
	t.Parallel()
	const list, mirror, fresh, responder = "http://crl.example/1.crl", "http://mirror.example/1.crl", "http://delta.example/1.crl", "http://ocsp.example/"
	for _, test := range []struct {
		name   string
		has    func(c *publisher) map[string]answerer
		points []string
		fresh  bool
		ahead  bool // OCSP ahead of the CRLs
		policy revocation.Policy
		after  func(n *network, elapsed time.Duration) // changes the network
		slow   int                                     // checks that may take up to a second
	}{
		{
			name: "the first of two URLs hangs", points: []string{mirror, list},
			has: func(c *publisher) map[string]answerer { return map[string]answerer{mirror: hanging, list: c.now()} },
		},
		{
			name: "the second of two URLs hangs", points: []string{list, mirror},
			has: func(c *publisher) map[string]answerer { return map[string]answerer{mirror: hanging, list: c.now()} },
		},
		{
			name: "the only URL hangs after ten minutes", points: []string{list},
			has: func(c *publisher) map[string]answerer { return map[string]answerer{list: c.now()} },
			after: func(n *network, elapsed time.Duration) {
				if elapsed > 10*time.Minute {
					n.set(list, hanging)
				}
			},
		},
		{
			name: "a freshestCRL hangs", points: []string{list}, fresh: true, slow: 1,
			has: func(c *publisher) map[string]answerer { return map[string]answerer{list: c.now(), fresh: hanging} },
		},
		{
			name: "a responder ahead of the CRLs hangs", points: []string{list}, ahead: true, slow: 1,
			has: func(c *publisher) map[string]answerer {
				return map[string]answerer{list: c.now(), responder: hanging}
			},
		},
		{
			name: "a stale list under Allow, and the URL hangs", points: []string{list}, slow: 1,
			policy: revocation.Policy{Unknown: revocation.Allow, MaxStale: 12 * time.Hour},
			has: func(c *publisher) map[string]answerer {
				c.lifetime = time.Hour + 20*time.Minute // it was published an hour ago
				return map[string]answerer{list: c.now()}
			},
			after: func(n *network, elapsed time.Duration) {
				if elapsed > 10*time.Minute {
					n.set(list, hanging)
				}
			},
		},
	} {
		for _, run := range []bool{true, false} {
			name := test.name + ", with Run"
			if !run {
				name = test.name + ", without Run"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					time.Sleep(time.Until(ocspNow))
					ca := newPublisher(t, 7*24*time.Hour)
					net := newNetwork(test.has(ca))
					extensions := points(at(urls(test.points...)))
					path := ca.p.leaf(t, extensions)
					if test.fresh {
						path = ca.p.leaf(t, extensions, revocationtest.FreshestCRL(at(urls(fresh))))
					}
					crls := &revocation.CRLs{Fetcher: net}
					policy := test.policy
					policy.Depth = revocation.EndEntity
					checker := &revocation.Checker{Sources: []revocation.Source{crls}, Policy: policy}
					if test.ahead {
						checker.Sources = []revocation.Source{&revocation.OCSP{Fetcher: net, Responder: responder}, crls}
					}
					if run {
						defer running(t, crls.Run)()
					}
					start, slow, longest := time.Now(), 0, time.Duration(0)
					for second := 0; time.Since(start) < time.Hour; second++ {
						if test.after != nil {
							test.after(net, time.Since(start))
						}
						took, err := checkAsHandshake(t, checker, path)
						require.NoError(t, err, "after %s", time.Since(start))
						if second == 0 {
							assert.LessOrEqual(t, took, 2*time.Second, "the first handshake")
						} else if took > 50*time.Millisecond {
							slow++
							longest = max(longest, took)
						}
						time.Sleep(max(0, time.Second-took))
					}
					t.Logf("%d handshakes waited, for %s at most", slow, longest)
					assert.LessOrEqual(t, slow, test.slow)
					assert.LessOrEqual(t, longest, time.Second+50*time.Millisecond)
					time.Sleep(time.Minute) // for what checks have begun to end
				})
			})
		}
	}
}

// The lists of a chain are fetched together: the check takes as long as one of them.
func TestListsOfAChainAreFetchedTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newCRLPKI(t)
		const ofLeaf, ofCA = "http://crl.example/1.crl", "http://root.example/1.crl"
		path := p.leaf(t, points(at(urls(ofLeaf))))
		path[1] = new(*path[1])
		path[1].Extensions = append(slices.Clone(path[1].Extensions), points(at(urls(ofCA))))
		server := &crlServer{}
		server.publish(ofLeaf, p.ca.crl())
		server.publish(ofCA, p.root.crl())
		start := time.Now()
		now := func() time.Time { return ocspNow.Add(time.Since(start)) }
		crls := &revocation.CRLs{Fetcher: slowFetcher{server, 3 * time.Second}, Time: now}
		checker := &revocation.Checker{Sources: []revocation.Source{crls}, Time: now}
		require.NoError(t, checker.Check(t.Context(), path, nil))
		assert.Equal(t, 3*time.Second, time.Since(start))
		assert.ElementsMatch(t, []string{ofLeaf, ofCA}, server.requests())
	})
}

// A slowFetcher takes its time for each document.
type slowFetcher struct {
	revocation.Fetcher
	takes time.Duration
}

func (f slowFetcher) Fetch(ctx context.Context, r revocation.Request) (*revocation.Response, error) {
	time.Sleep(f.takes)
	return f.Fetcher.Fetch(ctx, r)
}

// What comes while a certificate is asked about may revoke its CA, which was answered
// good before: then that is the reason, and not that nothing is known of the certificate.
func TestCAWhoseRevocationComesWhileTheLeafIsAskedAbout(t *testing.T) {
	p := newCRLPKI(t)
	const url = "http://crl.example/1.crl"
	crls := &revocation.CRLs{Time: clock}
	crls.Fetcher = fetcherFunc(func(_ context.Context, r revocation.Request) (*revocation.Response, error) {
		later := numbered(between(p.root.crl(2), -time.Minute, time.Hour), 2)
		later.Entries[0].Reason = revocation.ReasonKeyCompromise
		return nil, errors.Join(crls.Add(later.DER()), &revocation.FetchError{URL: r.URL, StatusCode: 404})
	})
	require.NoError(t, crls.Add(numbered(p.root.crl(), 1).DER()))
	var recorded []error
	checker := &revocation.Checker{Sources: []revocation.Source{crls}, Time: clock, Record: func(_ context.Context, d revocation.Decision) {
		recorded = append(recorded, d.Err)
	}}
	err := checker.Check(t.Context(), p.leaf(t, points(at(urls(url)))), nil)
	var revoked *revocation.RevokedError
	require.ErrorAs(t, err, &revoked)
	require.Equal(t, p.ca.cert, revoked.Cert)
	require.Len(t, recorded, 3, "good, unknown, revoked")
	require.NoError(t, recorded[0])
	require.ErrorAs(t, recorded[1], new(*revocation.UnknownError))
	require.Equal(t, err, recorded[2])
}
