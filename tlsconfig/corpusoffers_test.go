// SPDX-License-Identifier: Apache-2.0

package tlsconfig_test

import (
	"crypto/tls"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/testdata"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/probe"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/spinetest"
)

// Each offer of the corpus is answered with the suite that its case says, or refused.
func TestCorpusOfOffers(t *testing.T) {
	t.Parallel()
	pki := spinetest.NewPKI()
	defer pki.Close()
	server := pki.NewServer(pki.Endpoint("provider.nhs.uk", "ssp.nhs.uk"), http.NotFoundHandler())
	defer server.Close()
	prober := &probe.Prober{ServerName: "provider.nhs.uk", Timeout: 30 * time.Second}
	for _, c := range testdata.Cases() {
		if c.Offer == nil {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			version, suite, err := prober.Offer(t.Context(), strings.TrimPrefix(server.URL, "https://"), c.Offer.Codes(), c.Offer.Suites)
			require.NoError(t, err)
			if c.Offer.Native == 0 {
				require.Zero(t, suite, "let through")
			}
			assert.Equal(t, c.Offer.Native, suite)
			if suite != 0 {
				assert.EqualValues(t, tls.VersionTLS12, version)
			}
		})
	}
}
