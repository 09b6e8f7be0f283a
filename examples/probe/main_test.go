// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"crypto/tls"
	"crypto/x509"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testca"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/probe"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/spinetest"
)

// flagsOf writes the files that a run needs and returns the flags that name them.
func flagsOf(t *testing.T, pki *spinetest.PKI, cert tls.Certificate) []string {
	t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	require.NoError(t, err)
	dir := t.TempDir()
	return []string{
		"-cert", testca.WritePEM(dir, "cert.pem", "CERTIFICATE", cert.Certificate...), "-key", testca.WritePEM(dir, "key.pem", "PRIVATE KEY", key),
		"-roots", testca.WritePEM(dir, "roots.pem", "CERTIFICATE", pki.Root.Raw), "-subcas", testca.WritePEM(dir, "subcas.pem", "CERTIFICATE", pki.SubCA.Raw),
		"-fqdn", "provider.nhs.uk",
	}
}

func TestReportsAndExitStatuses(t *testing.T) {
	t.Parallel()
	pki := spinetest.NewPKI()
	t.Cleanup(pki.Close)
	server := pki.NewServer(pki.Endpoint("provider.nhs.uk", "ssp.nhs.uk"), http.NotFoundHandler())
	t.Cleanup(server.Close)
	address := strings.TrimPrefix(server.URL, "https://")
	flags := flagsOf(t, pki, pki.Issue("ssp.nhs.uk"))

	var stdout, stderr bytes.Buffer
	assert.Equal(t, conformant, run(t.Context(), append(flags, address), &stdout, &stderr), stderr.String())
	assert.Contains(t, stdout.String(), "server "+address+": conformant")
	assert.NotContains(t, stdout.String(), "\x1b", "no control sequences where the output is no terminal")

	stdout.Reset()
	assert.Equal(t, conformant, run(t.Context(), append(flags, "-json", address), &stdout, &stderr), stderr.String())
	var report struct {
		probe.Report
		Verdict probe.Severity
	}
	require.NoError(t, json.Unmarshal(stdout.Bytes(), &report))
	assert.Equal(t, probe.Conformant, report.Verdict)
	assert.NotEmpty(t, report.Findings)

	page := filepath.Join(t.TempDir(), "report.html")
	assert.Equal(t, conformant, run(t.Context(), append(flags, "-html", page, address), &stdout, &stderr), stderr.String())
	html, err := os.ReadFile(page)
	require.NoError(t, err)
	assert.Contains(t, string(html), "Verdict: conformant")
	for _, fetched := range []string{"<script", "src=", "href=", "url(", "@import"} {
		assert.NotContains(t, string(html), fetched, "the page stands alone")
	}

	// Another name than the server's.
	stdout.Reset()
	flags[len(flags)-1] = "elsewhere.nhs.uk"
	assert.Equal(t, departs, run(t.Context(), append(flags, address), &stdout, &stderr))
	assert.Contains(t, stdout.String(), "departure")
}

func TestNothingCanBeTold(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"no address":                {},
		"two addresses":             {"a:1", "b:1"},
		"nothing listens":           {"127.0.0.1:1"},
		"a certificate, but no key": {"-cert", "x", "127.0.0.1:1"},
		"roots without SubCAs":      {"-roots", "x", "127.0.0.1:1"},
		"CRLs without pins":         {"-crl", "x", "127.0.0.1:1"},
		"two formats":               {"-json", "-html", "x", "127.0.0.1:1"},
		"an unknown flag":           {"-nonsense"},
		"files that are not there":  {"-roots", "/none", "-subcas", "/none", "127.0.0.1:1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr bytes.Buffer
			assert.Equal(t, undecided, run(t.Context(), args, &stdout, &stderr))
			assert.Empty(t, stdout.String())
			assert.NotEmpty(t, stderr.String())
		})
	}
}

func TestListeningForAClient(t *testing.T) {
	t.Parallel()
	pki := spinetest.NewPKI()
	t.Cleanup(pki.Close)
	cfg, err := pki.Endpoint("ssp.nhs.uk").ClientConfig()
	require.NoError(t, err)
	cfg.ServerName = "provider.nhs.uk"
	flags := flagsOf(t, pki, pki.Issue("provider.nhs.uk"))
	flags = append(flags[:len(flags)-2], "-listen", "-json", "127.0.0.1:0")

	told, out := newAddressWriter(), new(bytes.Buffer)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan int, 1)
	go func() { done <- run(t.Context(), flags, out, told); cancel() }()
	address := <-told.address
	for ctx.Err() == nil {
		if conn, err := (&tls.Dialer{Config: cfg}).DialContext(ctx, "tcp", address); err == nil {
			conn.Write([]byte("GET / HTTP/1.1\r\n\r\n"))
			conn.Close()
		}
	}
	assert.Equal(t, conformant, <-done, out.String())
}

// An addressWriter finds the address in what is written to it.
type addressWriter struct{ address chan string }

func newAddressWriter() *addressWriter { return &addressWriter{make(chan string, 1)} }

func (w *addressWriter) Write(p []byte) (int, error) {
	if _, rest, ok := strings.Cut(string(p), "listening on "); ok {
		address, _, _ := strings.Cut(rest, " ")
		w.address <- address
	}
	return len(p), nil
}
