// SPDX-License-Identifier: Apache-2.0

package rediscache_test

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/rediscache"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/spinetest"
)

// A provider that starts while no distribution point can be reached serves, and
// refuses, by what another one has fetched.
func TestProviderStartsWarm(t *testing.T) {
	s := startRedis(t)
	pki := spinetest.NewPKI()
	t.Cleanup(pki.Close)
	records := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "records") })
	provider := func(fetcher revocation.Fetcher) *spinetest.Server {
		end := pki.Endpoint("provider.nhs.uk", "ssp.nhs.uk")
		end.Verifier.Revocation = &revocation.Checker{
			Time: pki.Now, Sources: []revocation.Source{&revocation.CRLs{Fetcher: fetcher, Cache: &rediscache.Cache{Client: s.client()}, Time: pki.Now}},
		}
		server := pki.NewServer(end, records)
		t.Cleanup(server.Close)
		return server
	}
	ssp, lost := pki.Issue("ssp.nhs.uk"), pki.Issue("ssp.nhs.uk")
	pki.Authority.Revoke(lost.Leaf, revocation.ReasonKeyCompromise, time.Now())
	first := provider(pki.Fetcher())
	response, err := first.Client(ssp).Get(first.URL)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())

	eventually(t, "a provider that starts is warm", func() bool {
		second := provider(mirror(nil))
		response, err := second.Client(ssp).Get(second.URL)
		if err != nil {
			return false // the merge is under way
		}
		require.NoError(t, response.Body.Close())
		_, err = second.Client(lost).Get(second.URL)
		require.Error(t, err)
		return true
	})
}
