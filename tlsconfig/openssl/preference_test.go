// SPDX-License-Identifier: Apache-2.0

package openssl_test

import (
	"crypto/tls"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/openssl"
)

// offers returns n: each two of the eight suites, the less preferred one first, then
// random non-empty selections in random order.
func offers(n int) [][]tlsconfig.Suite {
	random := rand.New(rand.NewPCG(1, 2))
	var offers [][]tlsconfig.Suite
	for i, better := range tlsconfig.Suites() {
		for _, worse := range tlsconfig.Suites()[i+1:] {
			offers = append(offers, []tlsconfig.Suite{worse, better})
		}
	}
	random.Shuffle(len(offers), func(i, j int) { offers[i], offers[j] = offers[j], offers[i] })
	for len(offers) < n {
		all := tlsconfig.Suites()
		random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		offers = append(offers, all[:1+random.IntN(len(all))])
	}
	return offers[:n]
}

// best is the suite of the guidance's order that an offer leads to.
func best(offer []tlsconfig.Suite, has func(tlsconfig.Suite) bool) (tlsconfig.Suite, bool) {
	for _, s := range tlsconfig.Suites() {
		if has(s) && slices.Contains(offer, s) {
			return s, true
		}
	}
	return 0, false
}

func TestTheGuidancesOrderBeatsTheClients(t *testing.T) {
	if testing.Short() {
		t.Skip("connects with each pair of suites")
	}
	needLibrary(t)
	newServer, err := openssl.NewServer(serverEndpoint())
	require.NoError(t, err)
	native, err := serverEndpoint().ServerConfig()
	require.NoError(t, err)
	engines := map[string]struct {
		has   func(tlsconfig.Suite) bool
		serve func(t *testing.T, d *openssl.Dialer) (c *openssl.Conn, clientErr error)
	}{
		"libssl": {func(tlsconfig.Suite) bool { return true }, func(t *testing.T, d *openssl.Dialer) (*openssl.Conn, error) {
			a, b := tcpPipe(t)
			c, s := d.Client(a, serverName), newServer(b)
			defer s.Close()
			err, _ := shake(c, s)
			return c, err
		}},
		"crypto/tls": {tlsconfig.Suite.Native, func(t *testing.T, d *openssl.Dialer) (*openssl.Conn, error) {
			a, b := tcpPipe(t)
			c, s := d.Client(a, serverName), tls.Server(b, native)
			defer s.Close()
			err, _ := shake(c, s)
			return c, err
		}},
	}
	for name, engine := range engines {
		t.Run(name, func(t *testing.T) {
			agreed, made := 0, offers(int(amount(t, "OFFERS", 80)))
			for _, offer := range made {
				d, err := openssl.NewDialerOffering(clientEndpoint(), offer)
				require.NoError(t, err)
				c, err := engine.serve(t, d)
				if want, ok := best(offer, engine.has); ok {
					require.NoError(t, err, "%v", offer)
					require.Equal(t, want, tlsconfig.Suite(c.ConnectionState().CipherSuite), "offer %v", offer)
					agreed++
				} else {
					requireAlert(t, 40, err)
				}
				c.Close()
			}
			assert.Greater(t, agreed, len(made)*2/5)
		})
	}
}

// libssl leaves out of a list what it does not know, and says nothing of it.
func TestASuiteThatLibsslLeavesOutIsAnError(t *testing.T) {
	needLibrary(t)
	d, err := openssl.NewDialerOffering(clientEndpoint(), []tlsconfig.Suite{tlsconfig.ECDHE_RSA_AES256_GCM_SHA384, 0x1234})
	require.NoError(t, err)
	clientErr, serverErr := dialled(t, d, serverName)
	require.ErrorContains(t, clientErr, "0x1234] is wanted")
	require.Error(t, serverErr)
}

func TestAnEndpointMayNarrowTheSuites(t *testing.T) {
	needLibrary(t)
	server := serverEndpoint()
	server.Suites = []tlsconfig.Suite{tlsconfig.ECDHE_RSA_AES256_SHA, tlsconfig.DHE_RSA_AES256_SHA256}
	c, s := pair(t, clientEndpoint(), server)
	clientErr, serverErr := shake(c, s)
	require.NoError(t, clientErr)
	require.NoError(t, serverErr)
	assert.Equal(t, uint16(tlsconfig.DHE_RSA_AES256_SHA256), c.ConnectionState().CipherSuite, "and not reorder them")
}
