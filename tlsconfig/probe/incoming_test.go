// SPDX-License-Identifier: Apache-2.0

package probe_test

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig/probe"
)

// However many connections say nothing, or half a hello, the client's are answered at once.
func TestSilentConnectionsHoldNothingUp(t *testing.T) {
	t.Parallel()
	pki := newPKI(t, "")
	prober := newClientProber(t, pki)
	prober.Timeout = time.Hour
	listener := loopback(t)
	for i := range 100 {
		conn, err := net.Dial("tcp", listener.Addr().String())
		require.NoError(t, err)
		t.Cleanup(func() { conn.Close() })
		if i%2 == 0 {
			_, err = conn.Write([]byte{22, 3, 1, 2, 0, 1})
			require.NoError(t, err)
		}
	}
	report := probeClientAt(t, listener, prober, clientConfig(t, pki))
	assert.Equal(t, probe.Conformant, report.Verdict(), "%+v", report.Findings)
	assert.Empty(t, findings(report, probe.NotAsked))
}
