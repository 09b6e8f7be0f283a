// SPDX-License-Identifier: Apache-2.0

package tlsconfig_test

import (
	"context"
	"crypto/fips140"
	"crypto/tls"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// The guidance's list, word for word, with the registry's names and codes.
var guidance = []struct {
	openssl, iana string
	code          uint16
}{
	{"ECDHE-RSA-AES256-GCM-SHA384", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", 0xC030},
	{"ECDHE-RSA-AES128-GCM-SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", 0xC02F},
	{"DHE-RSA-AES256-GCM-SHA384", "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384", 0x009F},
	{"DHE-RSA-AES128-GCM-SHA256", "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256", 0x009E},
	{"ECDHE-RSA-AES256-SHA384", "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384", 0xC028},
	{"DHE-RSA-AES256-SHA256", "TLS_DHE_RSA_WITH_AES_256_CBC_SHA256", 0x006B},
	{"DHE-RSA-AES256-SHA", "TLS_DHE_RSA_WITH_AES_256_CBC_SHA", 0x0039},
	{"ECDHE-RSA-AES256-SHA", "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", 0xC014},
}

func TestTheSuitesAreThoseOfTheGuidanceInItsOrder(t *testing.T) {
	suites := tlsconfig.Suites()
	require.Len(t, suites, len(guidance))
	for i, want := range guidance {
		assert.Equal(t, want.code, uint16(suites[i]))
		assert.Equal(t, want.openssl, suites[i].String())
		assert.Equal(t, want.iana, suites[i].IANA())
		parsed, err := tlsconfig.ParseSuite(want.openssl)
		require.NoError(t, err)
		assert.Equal(t, suites[i], parsed)
	}
	suites[0] = 0
	assert.NotEqual(t, suites[0], tlsconfig.Suites()[0], "the slice is the caller's")
}

func TestASuiteIsNativeIfCryptoTLSHasIt(t *testing.T) {
	have := make(map[uint16]string)
	for _, suite := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		have[suite.ID] = suite.Name
	}
	for _, suite := range tlsconfig.Suites() {
		name, ok := have[uint16(suite)]
		assert.Equal(t, ok && (suite != tlsconfig.ECDHE_RSA_AES256_SHA || !fips140.Enabled()), suite.Native(), "%v", suite)
		if ok {
			assert.Contains(t, suite.IANA(), name) // crypto/tls leaves hash names out of some
		}
	}
}

func TestWhatIsNoSuiteOfTheGuidanceHasNoName(t *testing.T) {
	for _, name := range []string{"", "ECDHE-RSA-CHACHA20-POLY1305", "ecdhe-rsa-aes256-gcm-sha384",
		"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", " ECDHE-RSA-AES256-GCM-SHA384"} {
		_, err := tlsconfig.ParseSuite(name)
		require.Error(t, err, "%q", name)
	}
	foreign := tlsconfig.Suite(tls.TLS_AES_128_GCM_SHA256)
	assert.Equal(t, "0x1301", foreign.String())
	assert.Equal(t, "0x1301", foreign.IANA())
	assert.False(t, foreign.Native())
}

// In FIPS 140-3 mode crypto/tls leaves suites out, without a word: an endpoint of none
// but those would make no handshake.
func TestAnEndpointIsBuiltOfWhatFIPSModeHas(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("starts this program anew")
	}
	if !fips140.Enabled() { // which is decided when a process starts
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
		cmd.Env = append(os.Environ(), "GODEBUG=fips140=on")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		assert.Contains(t, string(out), "in FIPS mode")
		return
	}
	t.Log("in FIPS mode")
	s := newSpine(t)
	e := s.endpoint(t, providerName, sspName)
	e.Suites = []tlsconfig.Suite{tlsconfig.ECDHE_RSA_AES256_SHA}
	_, err := e.ServerConfig()
	assert.ErrorContains(t, err, "crypto/tls has none of the suites")
	_, err = e.ClientConfig()
	assert.ErrorContains(t, err, "crypto/tls has none of the suites")
	e.Suites = nil
	o := handshake(t, plainClient(s.subCA.issue(t, sspName)), serverConfig(t, e))
	require.NoError(t, o.serverErr)
}
