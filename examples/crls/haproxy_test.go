// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/terminator"
)

// TestHAProxyGoesByWhatIsHandedOver: by its stats socket, with HAProxy as it is
// rendered and no reload.
func TestHAProxyGoesByWhatIsHandedOver(t *testing.T) {
	if testing.Short() {
		t.Skip("starts HAProxy")
	}
	t.Parallel()
	haproxy := testenv.Need(t, "haproxy", "haproxy")
	e := newEstate(t)
	peer, other := e.leaf(t, "ssp.nhs.uk"), e.leaf(t, "ssp.nhs.uk")
	cert, key := e.pair(t, "server", e.leaf(t, "provider.nhs.uk"))
	require.NoError(t, os.Rename(key, cert+".key")) // where HAProxy looks for it
	dh := filepath.Join(e.dir, "dh.pem")
	require.NoError(t, os.WriteFile(dh, terminator.DHParams(), 0o600))
	pins, err := tlsconfig.LoadPins(e.roots, e.subCAs)
	require.NoError(t, err)
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "served") }))
	t.Cleanup(backend.Close)
	address := testenv.FreeAddress(t)
	rendered, err := terminator.Render(terminator.HAProxy, terminator.Params{
		Listen: address, Backend: strings.TrimPrefix(backend.URL, "http://"), Certificate: cert, Key: cert + ".key", CAs: e.cas, CRLs: e.crl, DHParams: dh,
		Pins: pins, FQDNs: []string{"ssp.nhs.uk"}, Secret: strings.Repeat("0123456789abcdef", 2),
	})
	require.NoError(t, err)
	config, socket := filepath.Join(e.dir, "haproxy.cfg"), filepath.Join(e.dir, "stats")
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, "global\n    stats socket %s mode 600 level admin\n%s", socket, rendered), 0o600))

	args := e.args(t, "-once", "-write", "haproxy:"+e.crl)
	require.NoError(t, run(t.Context(), args, io.Discard, io.Discard), "before it is started")
	var log buffer
	server := exec.Command(haproxy, "-db", "-f", config)
	server.Stdout, server.Stderr = &log, &log
	require.NoError(t, server.Start())
	t.Cleanup(func() {
		_ = server.Process.Signal(os.Interrupt)
		_ = server.Wait()
		if t.Failed() {
			t.Log(log.String())
		}
	})
	status := func(cert *tls.Certificate) int {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{
			InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12,
			GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return cert, nil },
		}}}
		response, err := client.Get("https://" + address + "/")
		if err != nil {
			return 0
		}
		response.Body.Close()
		return response.StatusCode
	}
	require.Eventually(t, func() bool { return status(&peer) == http.StatusOK }, time.Minute, 20*time.Millisecond, &log)

	e.authority.Revoke(peer.Leaf, revocation.ReasonKeyCompromise, time.Time{})
	var stderr buffer
	require.NoError(t, run(t.Context(), append(args, "-haproxy", socket), io.Discard, &stderr), &stderr)
	assert.Contains(t, stderr.String(), "taken by the program")
	require.Zero(t, status(&peer), "from its answer on")
	require.Equal(t, http.StatusOK, status(&other))
}
