// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/examples/internal/exampletest"
	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
)

const self = "200000000205"

// start runs the provider until the test ends and returns its address.
func start(t *testing.T, files *exampletest.Files, more ...string) string {
	t.Helper()
	addr, stop := startLogging(t, files, t.Output(), more...)
	t.Cleanup(func() { assert.NoError(t, stop()) })
	return addr
}

// startLogging runs the provider until stop, which returns what came of it.
func startLogging(t *testing.T, files *exampletest.Files, stderr io.Writer, more ...string) (addr string, stop func() error) {
	t.Helper()
	own := files.Leaf(t, "provider.nhs.uk")
	args := append([]string{"-listen", "127.0.0.1:0", "-cert", own.Cert, "-key", own.Key, "-roots", files.Roots,
		"-subcas", files.SubCAs, "-fqdn", "ssp.nhs.uk", "-asid", self, "-crl", files.CRL, "-crl", files.ARL}, more...)
	return exampletest.Start(t, run, stderr, args...)
}

// ssp is a client that presents the certificate of the SSP and sends its headers.
func ssp(t *testing.T, files *exampletest.Files, addr string) *http.Client {
	t.Helper()
	config, err := files.PKI.Endpoint("ssp.nhs.uk", "provider.nhs.uk").ClientConfig()
	require.NoError(t, err)
	code, err := asid.ParseODSCode("RGD")
	require.NoError(t, err)
	base := &http.Transport{TLSClientConfig: config, DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, addr)
	}}
	t.Cleanup(base.CloseIdleConnections)
	return &http.Client{Transport: &asid.Transport{
		From: asid.MustParseID("928942012545"), To: asid.MustParseID(self), Base: base,
		Interaction: asid.DocumentReferenceContentRead, Protocol: asid.SSP,
		Claims: asid.Claims{Organization: code, User: "111222333444"},
	}}
}

func TestFilesAreServedAndNothingElse(t *testing.T) {
	t.Parallel()
	dir, outside := t.TempDir(), t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(outside, "secret.json"), []byte("secret"), 0o600))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "folder"), 0o700))
	for _, name := range []string{"one.json", "index.html", filepath.Join("folder", "two.json")} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(`{"record":"of a file"}`), 0o600))
	}
	require.NoError(t, os.Symlink(filepath.Join(outside, "secret.json"), filepath.Join(dir, "escape.json")))
	testenv.FIFO(t, filepath.Join(dir, "pipe"))
	files := exampletest.NewFiles(t)
	client := ssp(t, files, start(t, files, "-records", dir))
	for path, status := range map[string]int{
		"one.json": 200, "index.html": 200, "folder/two.json": 200,
		"": 404, "folder": 404, "folder/": 404, "none.json": 404, "escape.json": 404, "pipe": 404,
		"..%2fsecret.json": 404, "%2e%2e/secret.json": 404,
	} {
		resp, err := client.Get("https://provider.nhs.uk/records/" + path)
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		require.NoError(t, err)
		assert.Equal(t, status, resp.StatusCode, path)
		assert.Equal(t, status == 200, strings.Contains(string(body), "of a file"), path)
		assert.Equal(t, "no-store", resp.Header.Get("Cache-Control"), path)
	}
}

func TestWhatIsInFlightIsFinished(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const size = 64 << 20 // more than any buffer on the way
	require.NoError(t, os.WriteFile(filepath.Join(dir, "large"), make([]byte, size), 0o600))
	files := exampletest.NewFiles(t)
	addr, stop := startLogging(t, files, t.Output(), "-records", dir)
	resp, err := ssp(t, files, addr).Get("https://provider.nhs.uk/records/large")
	require.NoError(t, err)
	defer resp.Body.Close()
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	for { // until no new connection is accepted
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			break
		}
		conn.Close()
	}
	n, err := io.Copy(io.Discard, resp.Body)
	require.NoError(t, err)
	assert.EqualValues(t, size, n)
	resp.Body.Close()
	assert.NoError(t, <-stopped)
}

// A log is what the program has logged, and may be read while it runs.
type log struct {
	mu    sync.Mutex
	lines []string
	more  chan struct{} // has a value for each line
}

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, string(b)) // slog writes a record at once
	l.more <- struct{}{}
	return len(b), nil
}

func TestEachHandshakeAndEachRequestIsLogged(t *testing.T) {
	t.Parallel()
	files := exampletest.NewFiles(t)
	config, err := files.PKI.Endpoint("ssp.nhs.uk", "provider.nhs.uk").ClientConfig()
	require.NoError(t, err)
	config.ServerName = "provider.nhs.uk"
	for _, engine := range []string{"native", "openssl"} {
		t.Run(engine, func(t *testing.T) {
			if engine == "openssl" {
				testenv.Need(t, "openssl", "openssl")
			}
			log := log{more: make(chan struct{}, 100)}
			addr, stop := startLogging(t, files, &log, "-engine", engine)
			client := ssp(t, files, addr)
			for range 2 { // on one connection
				resp, err := client.Get("https://provider.nhs.uk/records/demo.json")
				require.NoError(t, err)
				_, err = io.Copy(io.Discard, resp.Body)
				require.NoError(t, err)
				resp.Body.Close()
			}
			client.CloseIdleConnections()

			conn, err := tls.Dial("tcp", addr, config)
			require.NoError(t, err)
			conn.Close() // and asks for nothing

			newer := config.Clone()
			newer.MinVersion, newer.MaxVersion = tls.VersionTLS13, tls.VersionTLS13
			_, err = tls.Dial("tcp", addr, newer)
			require.Error(t, err)

			plain, err := net.Dial("tcp", addr)
			require.NoError(t, err)
			_, err = io.WriteString(plain, "GET / HTTP/1.1\r\n\r\n")
			require.NoError(t, err)
			_, _ = io.Copy(io.Discard, plain) // until the server closes
			plain.Close()
			for range 6 { // net/http says that a connection was closed after it has let go of it
				<-log.more
			}
			require.NoError(t, stop())

			messages := map[string]int{}
			for _, line := range log.lines {
				var record struct{ Msg string }
				require.NoError(t, json.Unmarshal([]byte(line), &record), line)
				kind, _, _ := strings.Cut(record.Msg, ":")
				if strings.HasPrefix(kind, "http") || kind == "handshake failed" {
					kind = "refused"
				}
				messages[kind]++
			}
			assert.Equal(t, map[string]int{"handshake": 2, "request authorised": 2, "refused": 2}, messages, "%s", log.lines)
		})
	}
}
