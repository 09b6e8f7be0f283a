// SPDX-License-Identifier: Apache-2.0

package openssl_test

import (
	"crypto/tls"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/testdata"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/probe"
)

// Each offer of the corpus is answered with the suite that a server with all eight
// chooses, or refused.
func TestCorpusOfOffers(t *testing.T) {
	needLibrary(t)
	address := serve(t, serverEndpoint(), http.NotFoundHandler())
	prober := &probe.Prober{ServerName: serverName, Timeout: 30 * time.Second}
	for _, c := range testdata.Cases() {
		if c.Offer == nil {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			version, suite, err := prober.Offer(t.Context(), address, c.Offer.Codes(), c.Offer.Suites)
			require.NoError(t, err)
			if c.Offer.Chosen == 0 {
				require.Zero(t, suite, "let through")
			}
			assert.Equal(t, c.Offer.Chosen, suite)
			if suite != 0 {
				assert.EqualValues(t, tls.VersionTLS12, version)
			}
		})
	}
}
