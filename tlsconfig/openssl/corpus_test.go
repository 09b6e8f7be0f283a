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
		version, suite, err := prober.Offer(t.Context(), address, c.Offer.Codes(), c.Offer.Suites)
		require.NoError(t, err, c.Name)
		assert.Equal(t, c.Offer.Chosen, suite, c.Name)
		if suite != 0 {
			assert.EqualValues(t, tls.VersionTLS12, version, c.Name)
		}
	}
}
