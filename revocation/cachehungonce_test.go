// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"context"
	"crypto/x509"
	"math/big"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ocsp"

	"github.com/nrlsecurity/nrlsecurity/internal/testca"
	"github.com/nrlsecurity/nrlsecurity/revocation"
)

// A hungOnce is a Cache one of whose Gets hangs until its context ends.
type hungOnce struct {
	memoryCache
	hang atomic.Bool
}

func (c *hungOnce) Get(ctx context.Context, key string) ([]revocation.Member, error) {
	if c.hang.CompareAndSwap(true, false) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return c.memoryCache.Get(ctx, key)
}

// A revocation that lies in the Cache refuses a certificate that is asked about for the
// first time half a minute after one Get of Run's, about another, has hung.
func TestRevocationInACacheThatHungOnce(t *testing.T) {
	t.Parallel()
	p := newOCSPPKI(t)
	other := *p
	other.leaf = ocspIssue(t, &x509.Certificate{SerialNumber: big.NewInt(leafSerial)}, testca.EC("leaf"), p.ca)
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(ocspNow))
		staple := stateAt(p, ocsp.Good, time.Now().Add(-time.Minute), 24*time.Hour).DER()
		cache := &hungOnce{}
		s := &revocation.OCSP{Cache: cache}
		status := func(s *revocation.OCSP, p *ocspPKI, staple []byte) revocation.Status {
			a, err := s.Status(t.Context(), revocation.Query{Path: p.path(), At: time.Now(), Stapled: staple})
			require.NoError(t, err)
			return a.Status
		}
		stop := running(t, s.Run)
		require.Equal(t, revocation.Good, status(s, &other, stateAt(&other, ocsp.Good, time.Now(), 24*time.Hour).DER()))
		cache.hang.Store(true)
		for cache.hang.Load() {
			time.Sleep(time.Second)
		}
		neighbour := &revocation.OCSP{Cache: cache}
		require.Equal(t, revocation.Revoked, status(neighbour, p, stateAt(p, ocsp.Revoked, time.Now(), 24*time.Hour).DER()))
		neighbour.Settle()
		time.Sleep(30 * time.Second)
		assert.Equal(t, revocation.Revoked, status(s, p, staple))
		time.Sleep(10 * time.Minute) // for what has begun to end
		stop()
	})
}
