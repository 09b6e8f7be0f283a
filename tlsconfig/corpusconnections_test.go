// SPDX-License-Identifier: Apache-2.0

package tlsconfig_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/testdata"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/spinetest"
)

// The codes of what the corpus' connections were negotiated with.
var (
	corpusVersions = map[string]uint16{"SSLv3": 0x0300, "TLSv1": tls.VersionTLS10, "TLSv1.1": tls.VersionTLS11, "TLSv1.2": tls.VersionTLS12, "TLSv1.3": tls.VersionTLS13}
	corpusSuites   = map[string]uint16{
		"AES256-GCM-SHA384": 0x009D, "ECDHE-ECDSA-AES256-GCM-SHA384": 0xC02C, "ECDHE-RSA-CHACHA20-POLY1305": 0xCCA8,
		"DHE-RSA-AES128-SHA": 0x0033, "ECDHE-RSA-AES128-SHA256": 0xC027, "NULL-SHA256": 0x003B, "ECDHE-RSA-AES256-GCM-SHA384": 0xC030,
	}
)

// A connection of the corpus is let pass or refused by the rule that its case names,
// whichever config negotiated it: at the end of the handshake, where a config that was changed
// could have brought it about, and for each request.
func TestCorpusOfConnections(t *testing.T) {
	t.Parallel()
	pki := spinetest.NewPKI()
	t.Cleanup(pki.Close)
	endpoint := pki.Endpoint("provider.nhs.uk", "ssp.nhs.uk")
	config, err := endpoint.ServerConfig()
	require.NoError(t, err)
	leaf, err := x509.ParseCertificate(pki.Issue("ssp.nhs.uk").Certificate[0])
	require.NoError(t, err)
	for _, c := range testdata.Cases() {
		if c.Request == nil || c.Request.Version == "" {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			version, suite := corpusVersions[c.Request.Version], corpusSuites[c.Request.Suite]
			require.NotZero(t, version)
			require.NotZero(t, suite)
			state := tls.ConnectionState{Version: version, CipherSuite: suite, HandshakeComplete: true, PeerCertificates: []*x509.Certificate{leaf}}
			_, peerErr := endpoint.Peer(&http.Request{TLS: &state})
			for _, err := range []error{config.VerifyConnection(state), peerErr} {
				if c.Rule == "" {
					require.NoError(t, err)
					continue
				}
				require.Error(t, err, "let through")
				refusal, ok := errors.AsType[*tlsconfig.PeerError](err)
				require.True(t, ok, "%v", err)
				assert.Equal(t, c.Rule, refusal.Rule.String())
			}
		})
	}
}
