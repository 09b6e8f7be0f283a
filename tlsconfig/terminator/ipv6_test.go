// SPDX-License-Identifier: Apache-2.0

package terminator_test

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/internal/testpki"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/terminator"
)

// Each program takes IPv6 addresses, in Listen and in Backend.
func TestProxiesListenOnIPv6(t *testing.T) {
	t.Parallel()
	if l, err := net.Listen("tcp", "[::1]:0"); err != nil {
		t.Log("this machine has no IPv6:", err)
		return
	} else {
		require.NoError(t, l.Close())
	}
	for _, p := range proxies {
		t.Run(string(p.program), func(t *testing.T) {
			t.Parallel()
			testenv.Need(t, p.binary, p.debian)
			behind := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
			require.NoError(t, behind.Listener.Close())
			var err error
			behind.Listener, err = net.Listen("tcp", "[::1]:0")
			require.NoError(t, err)
			behind.Start()
			t.Cleanup(behind.Close)
			pki := testpki.Spine()
			ssp := pki.Leaf(sspFQDN)
			addr := p.startWith(t, pki, func(params *terminator.Params) {
				_, port, err := net.SplitHostPort(params.Listen)
				require.NoError(t, err)
				params.Listen, params.Backend = net.JoinHostPort("::1", port), behind.Listener.Addr().String()
			})
			status, err := get(t.Context(), func(ctx context.Context) (net.Conn, error) {
				return (&tls.Dialer{Config: client(&ssp, nil)}).DialContext(ctx, "tcp", addr)
			})
			require.NoError(t, err)
			assert.Equal(t, http.StatusOK, status)
		})
	}
}
