// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

// The first look at a delta CRL is waited for, though the Checker has asked before what is
// known without it, because there is another source.
func TestFirstLookAtADeltaIsWaitedForBesideAnotherSource(t *testing.T) {
	t.Parallel()
	const fresh = "http://crl.example/delta.crl"
	for _, test := range []struct {
		name    string
		sources func(*revocation.CRLs, *network) []revocation.Source
	}{
		{"by CRLs alone", func(s *revocation.CRLs, _ *network) []revocation.Source { return []revocation.Source{s} }},
		{"by CRLs ahead of OCSP", func(s *revocation.CRLs, n *network) []revocation.Source {
			return []revocation.Source{s, &revocation.OCSP{Fetcher: n}}
		}},
		{"by CRLs behind OCSP", func(s *revocation.CRLs, n *network) []revocation.Source {
			return []revocation.Source{&revocation.OCSP{Fetcher: n}, s}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(ocspNow))
				p := newCRLPKI(t)
				delta := with(p.ca.crl(leafSerial), func(c *revocationtest.CRL) { c.Number, c.BaseNumber = 2, 1 })
				complete := with(p.ca.crl(), func(c *revocationtest.CRL) {
					c.Number, c.FreshestCRL = 1, []revocationtest.DistributionPoint{at(urls(fresh))}
				})
				net := newNetwork(map[string]answerer{fresh: func(context.Context, revocation.Request) (*revocation.Response, error) {
					return &revocation.Response{Body: delta.DER()}, nil
				}})
				crls := &revocation.CRLs{Fetcher: net}
				require.NoError(t, crls.Add(complete.DER()))
				require.NoError(t, crls.Add(p.root.crl().DER()))
				checker := &revocation.Checker{Sources: test.sources(crls, net)}
				for range 2 {
					took, err := checkAsHandshake(t, checker, p.leaf(t))
					assert.True(t, isRevoked(err), "%v", err)
					assert.LessOrEqual(t, took, time.Second)
				}
				time.Sleep(time.Minute) // for what checks have begun to end
			})
		})
	}
}
