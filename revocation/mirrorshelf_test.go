// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

// A list whose issuingDistributionPoint has no name is found by where it came from,
// which the Cache does not tell: each of its URLs that answers serves it again.
func TestMirrorServesScopedListsWithoutANameByTheirURLs(t *testing.T) {
	t.Parallel()
	w := newMirrorWorld(t)
	w.crls.Cache, w.crls.URLs = &memoryCache{}, []string{firstPoint, secondPoint}
	scoped := func(l *revocationtest.CRL) { l.Scope = &revocationtest.Scope{OnlyUserCerts: true} }
	list := w.publish(firstPoint, scoped)
	require.Equal(t, list, w.publish(secondPoint, scoped))
	served := func() {
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = w.crls.Run(ctx) })
		defer running.Wait()
		defer cancel()
		for _, url := range w.crls.URLs {
			require.Eventually(t, func() bool { return w.get(http.MethodGet, "", url).Code == http.StatusOK }, time.Minute, time.Millisecond, url)
			w.requireServed(t, list, url)
		}
	}
	served()
	w.crls.Settle()

	w.crls = &revocation.CRLs{Fetcher: w.server, Cache: w.crls.Cache, URLs: w.crls.URLs, Time: w.now}
	w.mirror = &revocation.Mirror{CRLs: w.crls, CAs: w.mirror.CAs, Hosts: w.mirror.Hosts}
	require.NoError(t, w.crls.Add(list)) // as what the Cache has
	served()
}
