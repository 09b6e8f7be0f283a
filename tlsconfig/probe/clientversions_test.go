// SPDX-License-Identifier: Apache-2.0

package probe_test

import (
	"context"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/probe"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/spinetest"
)

// OpenSSL's hello of TLS 1.2 names the highest version alone, so that what is below it is
// asked for by a connection of its own, unless no suite would do for it.
func TestOlderVersionsOfAClientAreAskedFor(t *testing.T) {
	t.Parallel()
	pki := newPKI(t, "")
	for name, test := range map[string]struct {
		args     []string
		versions probe.Severity
		older    probe.Severity // zero: not reported
	}{
		"TLS 1.2 alone":               {[]string{"-tls1_2"}, probe.Conformant, probe.Conformant},
		"TLS 1.0 to 1.2":              {[]string{"-min_protocol", "TLSv1", "-max_protocol", "TLSv1.2", "-cipher", "ALL:@SECLEVEL=0"}, probe.Conformant, probe.Departure},
		"TLS 1.2 with its own suites": {[]string{"-tls1_2", "-cipher", "ECDHE-RSA-AES256-GCM-SHA384"}, probe.Conformant, 0},
		"TLS 1.1 at most":             {[]string{"-min_protocol", "TLSv1", "-max_protocol", "TLSv1.1", "-cipher", "ALL:@SECLEVEL=0"}, probe.Departure, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			listener := loopback(t)
			call := sClient(t, pki, listener.Addr().String(), test.args...)
			ctx, cancel := context.WithCancel(t.Context())
			var calling sync.WaitGroup
			calling.Go(func() {
				for ctx.Err() == nil {
					call(ctx)
				}
			})
			prober := newClientProber(t, pki)
			prober.Bad, prober.Timeout = nil, 30*time.Second
			report, err := prober.Client(t.Context(), listener)
			cancel()
			calling.Wait()
			require.NoError(t, err)
			assert.Equal(t, test.versions, finding(t, report, "versions offered").Severity, finding(t, report, "versions offered").Found)
			var older probe.Severity
			for _, f := range report.Findings {
				if f.Subject == "versions before TLS 1.2" {
					older = f.Severity
				}
			}
			assert.Equal(t, test.older, older, "%+v", report.Findings)
		})
	}
}

// A client that does not call a further time has not shown that it takes no older version.
func TestAClientThatCallsOnceIsUndecidedAboutOlderVersions(t *testing.T) {
	t.Parallel()
	pki := newPKI(t, "")
	listener := loopback(t)
	call := sClient(t, pki, listener.Addr().String(), "-tls1_2")
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer cancel()
		call(t.Context())
	}()
	prober := newClientProber(t, pki)
	prober.Bad, prober.Timeout = nil, 30*time.Second
	report, err := prober.Client(ctx, listener)
	require.NoError(t, err)
	assert.Equal(t, probe.Undecided, finding(t, report, "versions before TLS 1.2").Severity, "%+v", report.Findings)
}

// sClient returns a call by openssl s_client, with a good certificate.
func sClient(t *testing.T, pki *spinetest.PKI, address string, more ...string) (call func(context.Context)) {
	t.Helper()
	path, dir := testenv.Need(t, "openssl", "openssl"), t.TempDir()
	writeCertificates(t, dir, pki)
	args := append([]string{"s_client", "-connect", address, "-ign_eof", "-no_renegotiation",
		"-cert", dir + "/client.pem", "-key", dir + "/client.key", "-cert_chain", dir + "/client.chain"}, more...)
	return func(ctx context.Context) {
		cmd := exec.CommandContext(ctx, path, args...)
		cmd.Stdin = strings.NewReader("GET / HTTP/1.0\r\n\r\n")
		_ = cmd.Run() // that it is cut off is no matter
	}
}
