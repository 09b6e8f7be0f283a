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

// TestNginxGoesByWhatIsWritten: from cron, as README.md says it, with nginx as it is
// rendered.
func TestNginxGoesByWhatIsWritten(t *testing.T) {
	if testing.Short() {
		t.Skip("starts nginx")
	}
	t.Parallel()
	nginx := testenv.Need(t, "nginx", "nginx")
	e := newEstate(t)
	peer, other := e.leaf(t, "ssp.nhs.uk"), e.leaf(t, "ssp.nhs.uk")
	// The workers of nginx, where it is started by root, are of another user.
	require.NoError(t, os.Chmod(e.dir, 0o755))
	cert, key := e.pair(t, "server", e.leaf(t, "provider.nhs.uk"))
	dh := filepath.Join(e.dir, "dh.pem")
	require.NoError(t, os.WriteFile(dh, terminator.DHParams(), 0o600))
	pins, err := tlsconfig.LoadPins(e.roots, e.subCAs)
	require.NoError(t, err)
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "served") }))
	t.Cleanup(backend.Close)
	address := testenv.FreeAddress(t)
	rendered, err := terminator.Render(terminator.Nginx, terminator.Params{
		Listen: address, Backend: strings.TrimPrefix(backend.URL, "http://"), Certificate: cert, Key: key, CAs: e.cas, CRLs: e.crl, DHParams: dh,
		Pins: pins, FQDNs: []string{"ssp.nhs.uk"}, Secret: strings.Repeat("0123456789abcdef", 2),
	})
	require.NoError(t, err)
	config := filepath.Join(e.dir, "nginx.conf")
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, "daemon off; pid %[1]s/pid; error_log stderr; events {}\nhttp {\naccess_log off;\n"+
		"client_body_temp_path %[1]s/b; proxy_temp_path %[1]s/p; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;\n%[2]s}\n",
		e.dir, rendered), 0o600))

	command := nginx + " -e stderr -c " + config
	args := e.args(t, "-once", "-write", "nginx:"+e.crl)
	require.NoError(t, run(t.Context(), args, io.Discard, io.Discard), "before it is started")
	var log buffer
	server := exec.Command(nginx, "-e", "stderr", "-c", config)
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
	reload := append(args, "-reload", command+" -t && "+command+" -s reload")
	require.NoError(t, run(t.Context(), reload, io.Discard, &stderr), &stderr)
	assert.Contains(t, stderr.String(), "taken by the program")
	require.Eventually(t, func() bool { return status(&peer) == http.StatusBadRequest }, time.Minute, 20*time.Millisecond, &log)
	require.Equal(t, http.StatusOK, status(&other))

	// A reload that its test forbids is an error, and the file is there all the same.
	e.authority.Revoke(other.Leaf, revocation.ReasonKeyCompromise, time.Time{})
	require.Error(t, run(t.Context(), append(args, "-reload", "false && "+command+" -s reload"), io.Discard, &stderr))
	assert.Equal(t, http.StatusOK, status(&other), "nginx has not been told")
	require.NoError(t, run(t.Context(), reload, io.Discard, &stderr), &stderr)
	require.Eventually(t, func() bool { return status(&other) == http.StatusBadRequest }, time.Minute, 20*time.Millisecond, &log)
}
