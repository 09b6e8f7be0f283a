// SPDX-License-Identifier: Apache-2.0

package tlsconfig_test

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
)

// reusing connects three times with one session, and prints for each whether the
// server resumed it. An argument is an option for the context.
const reusing = `
import socket, ssl, sys
host, port, cert, key, options = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4], sys.argv[5:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
context.load_cert_chain(cert, key)
for option in options:
    context.options |= getattr(ssl, option)
session = None
for i in range(3):
    with socket.create_connection((host, port), timeout=30) as raw:
        with context.wrap_socket(raw, server_hostname="provider.nhs.uk", session=session) as conn:
            conn.sendall(b"GET / HTTP/1.0\r\n\r\n")
            answer = conn.recv(1000)
            assert answer.startswith(b"HTTP/1.0 200"), answer
            print("reused" if conn.session_reused else "new")
            session = conn.session
`

// Clients that ask for tickets, and those that do not, are served whether the Endpoint
// issues any or not.
func TestTicketsOnAndOff(t *testing.T) {
	t.Parallel()
	openssl, python := testenv.Need(t, "openssl", "openssl"), testenv.Need(t, "python3", "python3")
	s := newSpine(t)
	dir := t.TempDir()
	ssp := s.subCA.issue(t, sspName)
	cert, key := writeFile(t, dir, "cert.pem", certPEM(ssp.Certificate...)), writeFile(t, dir, "key.pem", keyPEM(t, ssp.PrivateKey))
	for name, off := range map[string]bool{"on": false, "off": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := s.endpoint(t, providerName, sspName)
			e.SessionTicketsDisabled = off
			inner, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			server := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), ReadHeaderTimeout: time.Minute}
			served := make(chan error, 1)
			go func() { served <- server.Serve(tls.NewListener(inner, serverConfig(t, e))) }()
			t.Cleanup(func() {
				server.Close()
				<-served
			})
			host, port, err := net.SplitHostPort(inner.Addr().String())
			require.NoError(t, err)
			run := func(stdin, program string, args ...string) string {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				cmd := exec.CommandContext(ctx, program, args...)
				cmd.Stdin = strings.NewReader(stdin)
				out, err := cmd.CombinedOutput()
				require.NoError(t, err, "%s", out)
				return string(out)
			}
			resumed := map[bool]string{false: "reused", true: "new"}[off]

			for client, want := range map[string]string{"": resumed, "OP_NO_TICKET": "new"} {
				out := run("", python, append([]string{"-c", reusing, host, port, cert, key}, strings.Fields(client)...)...)
				assert.Equal(t, "new\n"+want+"\n"+want+"\n", out, "Python %s", client)
			}

			out := run("", openssl, "s_client", "-connect", inner.Addr().String(), "-tls1_2", "-cert", cert, "-key", key, "-reconnect")
			assert.Equal(t, map[bool]int{false: 5, true: 0}[off], strings.Count(out, "Reused, TLSv1.2"), out)
			assert.Equal(t, map[bool]int{false: 1, true: 6}[off], strings.Count(out, "New, TLSv1.2"), out)
			out = run("GET / HTTP/1.0\r\n\r\n", openssl, "s_client", "-connect", inner.Addr().String(), "-tls1_2", "-cert", cert, "-key", key, "-no_ticket", "-ign_eof")
			assert.Contains(t, out, "HTTP/1.0 200")

			for client, cfg := range map[string]*tls.Config{
				"any": resumingClient(ssp), "ours": dialling(clientConfig(t, s.endpoint(t, sspName, providerName)), providerName),
			} {
				for i := range 3 {
					conn, err := tls.Dial("tcp", inner.Addr().String(), cfg)
					require.NoError(t, err)
					assert.Equal(t, i > 0 && !off, conn.ConnectionState().DidResume, "Go, %s", client)
					_, err = conn.Write([]byte("GET / HTTP/1.0\r\n\r\n"))
					require.NoError(t, err)
					answer := make([]byte, 12)
					_, err = conn.Read(answer)
					require.NoError(t, err)
					assert.Equal(t, "HTTP/1.0 200", string(answer))
					conn.Close()
				}
			}
		})
	}
}
