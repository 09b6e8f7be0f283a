// SPDX-License-Identifier: Apache-2.0

package probe_test

import (
	"bufio"
	"crypto/tls"
	"net"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/probe"
)

const renegotiation = "renegotiation begun by a client"

// finding returns the one of a subject.
func finding(t *testing.T, report *probe.Report, subject string) probe.Finding {
	t.Helper()
	i := slices.IndexFunc(report.Findings, func(f probe.Finding) bool { return f.Subject == subject })
	require.NotEqual(t, -1, i, "nothing is reported about %s: %+v", subject, report.Findings)
	return report.Findings[i]
}

// TestOpenSSLAgreesOnRenegotiation asks servers for a second handshake, by the probe
// and by openssl s_client.
func TestOpenSSLAgreesOnRenegotiation(t *testing.T) {
	t.Parallel()
	pki := newPKI(t, "starts other servers")
	client := testenv.Need(t, "openssl", "openssl")
	dir := t.TempDir()
	writeCertificates(t, dir, pki)
	prober := newProber(t, pki)
	prober.Timeout, prober.Bad = 30*time.Second, nil // Java compiles its suites as it meets them
	peers := append(slices.Clone(programs), program{name: "GnuTLS", binary: "gnutls-serv", debian: "gnutls-bin", serve: gnuTLS("%SAFE_RENEGOTIATION")},
		program{name: "GnuTLS without RFC 5746", binary: "gnutls-serv", debian: "gnutls-bin", serve: gnuTLS("%DISABLE_SAFE_RENEGOTIATION")})
	begins := []string{"OpenSSL", "Java", "Node", "GnuTLS", "GnuTLS without RFC 5746"}
	for _, peer := range peers {
		t.Run(peer.name, func(t *testing.T) {
			t.Parallel()
			jobs := []*job{{settings{renegotiate: true}, testenv.FreeAddress(t), dir}}
			peer.serve(t, testenv.Need(t, peer.binary, peer.debian), jobs)
			report, err := prober.Server(t.Context(), jobs[0].addr)
			require.NoError(t, err)
			found := finding(t, report, renegotiation)
			want := probe.Conformant
			if slices.Contains(begins, peer.name) {
				want = probe.Advice
			}
			assert.Equal(t, want, found.Severity, found.Found)
			assert.Equal(t, peer.name == "GnuTLS without RFC 5746", strings.Contains(found.Remedy, "CVE-2009-3555"), found.Remedy)
			assert.Equal(t, want == probe.Advice, renegotiates(t, client, jobs[0]), "by openssl s_client")
		})
	}
}

const renegotiationByServer = "renegotiation begun by a server"

// A client is asked by a HelloRequest for a second handshake, which crypto/tls and
// OpenSSL begin or refuse as they are told.
func TestRenegotiationThatAServerBegins(t *testing.T) {
	t.Parallel()
	pki := newPKI(t, "")
	for name, test := range map[string]struct {
		change func(*tls.Config)
		want   probe.Severity
	}{
		"as the library makes it": {func(*tls.Config) {}, probe.Conformant},
		"freely":                  {func(c *tls.Config) { c.Renegotiation = tls.RenegotiateFreelyAsClient }, probe.Advice},
		"without GCM":             {func(c *tls.Config) { c.CipherSuites = []uint16{tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA} }, probe.NotAsked},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg, err := pki.Endpoint(clientName).ClientConfig()
			require.NoError(t, err)
			cfg.ServerName = serverName
			test.change(cfg)
			prober := newClientProber(t, pki)
			prober.Bad = nil
			found := finding(t, probeClient(t, prober, cfg), renegotiationByServer)
			assert.Equal(t, test.want, found.Severity, found.Found)
		})
	}
	for name, test := range map[string]struct {
		more []string
		want probe.Severity
	}{"OpenSSL": {nil, probe.Advice}, "OpenSSL that refuses it": {[]string{"-no_renegotiation"}, probe.Conformant}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path, dir := testenv.Need(t, "openssl", "openssl"), t.TempDir()
			writeCertificates(t, dir, pki)
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			cmd := exec.CommandContext(t.Context(), path, append([]string{"s_client", "-connect", listener.Addr().String(), "-tls1_2", "-ign_eof",
				"-cipher", "ECDHE-RSA-AES256-GCM-SHA384", "-cert", dir + "/client.pem", "-key", dir + "/client.key", "-cert_chain", dir + "/client.chain"}, test.more...)...)
			cmd.Stdin = strings.NewReader("GET / HTTP/1.0\r\n\r\n")
			require.NoError(t, cmd.Start())
			prober := newClientProber(t, pki)
			prober.Bad, prober.Timeout = nil, 30*time.Second
			report, err := prober.Client(t.Context(), listener)
			require.NoError(t, err)
			_ = cmd.Wait() // that it was cut off is no matter
			found := finding(t, report, renegotiationByServer)
			assert.Equal(t, test.want, found.Severity, found.Found)
		})
	}
}

func gnuTLS(option string) func(*testing.T, string, []*job) {
	return func(t *testing.T, path string, jobs []*job) {
		for _, j := range jobs {
			background(t, []*job{j}, path, "-q", "-p", j.port(), "--http", "--x509certfile", j.dir+"/good.pem", "--x509keyfile", j.dir+"/good.key",
				"--x509cafile", j.cas(), "--require-client-cert", "--verify-client-cert", "--priority", "NORMAL:-VERS-ALL:+VERS-TLS1.2:"+option)
		}
	}
}

// renegotiates reports whether the server of j begins a second handshake with openssl
// s_client, which asks for one when it reads an R.
func renegotiates(t *testing.T, path string, j *job) bool {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), path, "s_client", "-connect", j.addr, "-tls1_2", "-legacy_server_connect", "-state",
		"-cert", j.dir+"/client.pem", "-key", j.dir+"/client.key", "-cert_chain", j.dir+"/client.chain")
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	cmd.Stderr = cmd.Stdout
	require.NoError(t, cmd.Start())
	defer cmd.Wait()
	defer in.Close()
	_, err = in.Write([]byte("R\n"))
	require.NoError(t, err)
	asked := false
	for lines := bufio.NewScanner(out); lines.Scan(); {
		asked = asked || strings.HasPrefix(lines.Text(), "RENEGOTIATING")
		if asked && strings.HasSuffix(lines.Text(), "read server hello") {
			return true
		}
	}
	require.True(t, asked, "openssl s_client did not come to ask")
	return false
}
