// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"context"
	"crypto/x509"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testca"
	"github.com/nrlsecurity/nrlsecurity/revocation"
)

// A mergedCache is a Cache that has the octets it was given to merge.
type mergedCache struct {
	memoryCache
	merged [][]byte
}

func (c *mergedCache) Merge(ctx context.Context, key string, members ...revocation.Member) error {
	for _, m := range members {
		c.merged = append(c.merged, m.Bytes)
	}
	return c.memoryCache.Merge(ctx, key, members...)
}

// A Fetcher may use a buffer again, a Cache encrypt what it is given in place: what
// they write to is no reason to take a revoked certificate for good.
func TestOctetsThatOthersWriteToDecideNothing(t *testing.T) {
	p := newCRLPKI(t)
	const url = "http://crl.example/1.crl"
	other := ocspIssue(t, &x509.Certificate{SerialNumber: big.NewInt(leafSerial + 1)}, testca.EC("leaf"), p.ca)
	body := func() []byte { return p.ca.crl(leafSerial).DER() }
	for name, list := range map[string]func(t *testing.T, raw []byte) (crls *revocation.CRLs, written func() [][]byte){
		"added": func(t *testing.T, raw []byte) (*revocation.CRLs, func() [][]byte) {
			crls := &revocation.CRLs{Cache: revocation.DirCache(t.TempDir()), Time: clock}
			require.NoError(t, crls.Add(raw))
			return crls, func() [][]byte { return [][]byte{raw} }
		},
		"by a Fetcher": func(t *testing.T, raw []byte) (*revocation.CRLs, func() [][]byte) {
			crls := &revocation.CRLs{Fetcher: bodies{url: raw}, URLs: []string{url}, Cache: revocation.DirCache(t.TempDir()), Time: clock}
			return crls, func() [][]byte { return [][]byte{raw} }
		},
		"merged into a Cache": func(t *testing.T, raw []byte) (*revocation.CRLs, func() [][]byte) {
			cache := &mergedCache{}
			crls := &revocation.CRLs{Cache: cache, Time: clock}
			require.NoError(t, crls.Add(raw))
			return crls, func() [][]byte { return cache.merged }
		},
		"from a Cache": func(t *testing.T, raw []byte) (*revocation.CRLs, func() [][]byte) {
			cache := &mergedCache{}
			first := &revocation.CRLs{Cache: cache, Time: clock}
			require.NoError(t, first.Add(raw))
			good.require(t, first, []*x509.Certificate{other.cert, p.ca.cert, p.root.cert}, ocspNow)
			first.Settle()
			return &revocation.CRLs{Cache: cache, Time: clock}, func() [][]byte { return cache.merged }
		},
	} {
		t.Run(name, func(t *testing.T) {
			crls, written := list(t, body())
			good.require(t, crls, []*x509.Certificate{other.cert, p.ca.cert, p.root.cert}, ocspNow)
			crls.Settle()
			octets := written()
			require.NotEmpty(t, octets)
			for _, octets := range octets {
				clear(octets)
			}
			revokedFor(revocation.ReasonUnspecified).require(t, crls, p.leaf(t), ocspNow)
		})
	}
}
