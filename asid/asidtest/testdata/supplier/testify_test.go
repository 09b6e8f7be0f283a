// SPDX-License-Identifier: Apache-2.0

package supplier

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid/asidtest"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/spinetest"
)

// The same with testify: each kit returns what it found as an error.
func TestWithTestify(t *testing.T) {
	require.NoError(t, asidtest.TestGate(func(s asidtest.Setting) http.Handler {
		return Handler(s.Self, s.Peers, s.Time, asidtest.Mark(http.NotFoundHandler()))
	}, asidtest.Route{Target: "/records/1"}, asidtest.Route{Target: "/letters/1"}))

	pki := spinetest.NewPKI()
	t.Cleanup(pki.Close)
	config, err := Endpoint(tlsconfig.StaticCertificate(pki.Issue("provider.nhs.uk")), pki.Pins(), pki.Fetcher(), pki.Now).ServerConfig()
	require.NoError(t, err)
	require.NoError(t, spinetest.TestServer(pki, config, "ssp.nhs.uk"))
}
