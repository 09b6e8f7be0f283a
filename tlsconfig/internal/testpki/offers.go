// SPDX-License-Identifier: Apache-2.0

package testpki

import (
	"crypto/tls"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/testdata"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/probe"
)

// TestOffers makes each offer of the corpus to the server at address. It must be
// answered with the suite that want returns, or be refused if that is 0.
func TestOffers(t *testing.T, address, serverName string, want func(*testdata.Offer) uint16) {
	prober := &probe.Prober{ServerName: serverName, Timeout: 30 * time.Second}
	for _, c := range testdata.Cases() {
		if c.Offer == nil {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			version, suite, err := prober.Offer(t.Context(), address, c.Offer.Codes(), c.Offer.Suites)
			require.NoError(t, err)
			if want(c.Offer) == 0 {
				require.Zero(t, suite, "let through")
			}
			assert.Equal(t, want(c.Offer), suite)
			if suite != 0 {
				assert.EqualValues(t, tls.VersionTLS12, version)
			}
		})
	}
}
