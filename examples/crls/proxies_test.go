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

// newProxied returns where the program of a Debian package is, and two peers for it. A
// test that starts one is left out where tests are to be short.
func newProxied(t *testing.T, program string) (path string, e *estate, peer, other tls.Certificate) {
	t.Helper()
	if testing.Short() {
		t.Skip("starts " + program)
	}
	t.Parallel()
	path, e = testenv.Need(t, program, program), newEstate(t)
	return path, e, e.leaf(t, "ssp.nhs.uk"), e.leaf(t, "ssp.nhs.uk")
}

// TestNginxGoesByWhatIsWritten: from cron, as README.md says it, with nginx as it is
// rendered.
func TestNginxGoesByWhatIsWritten(t *testing.T) {
	nginx, e, peer, other := newProxied(t, "nginx")
	// The workers of nginx, where it is started by root, are of another user.
	require.NoError(t, os.Chmod(e.dir, 0o755))
	args := e.args(t, "-once", "-write", "nginx:"+e.crl)
	p := e.startProxy(t, nginx, terminator.Nginx, args,
		func(rendered []byte) []byte {
			return fmt.Appendf(nil, "daemon off; pid %[1]s/pid; error_log stderr; events {}\nhttp {\naccess_log off;\n"+
				"client_body_temp_path %[1]s/b; proxy_temp_path %[1]s/p; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;\n%[2]s}\n",
				e.dir, rendered)
		},
		func(config string) []string { return []string{"-e", "stderr", "-c", config} })
	p.requireStatus(t, http.StatusOK, &peer)

	e.authority.Revoke(peer.Leaf, revocation.ReasonKeyCompromise, time.Time{})
	var stderr testenv.Log
	command := nginx + " -e stderr -c " + p.config
	reload := append(args, "-reload", command+" -t && "+command+" -s reload")
	require.NoError(t, run(t.Context(), reload, io.Discard, &stderr), &stderr)
	assert.Contains(t, stderr.String(), "taken by the program")
	p.requireStatus(t, http.StatusBadRequest, &peer)
	require.Equal(t, http.StatusOK, p.status(&other))

	// A reload that its test forbids is an error, and the file is there all the same.
	e.authority.Revoke(other.Leaf, revocation.ReasonKeyCompromise, time.Time{})
	require.Error(t, run(t.Context(), append(args, "-reload", "false && "+command+" -s reload"), io.Discard, &stderr))
	assert.Equal(t, http.StatusOK, p.status(&other), "nginx has not been told")
	require.NoError(t, run(t.Context(), reload, io.Discard, &stderr), &stderr)
	p.requireStatus(t, http.StatusBadRequest, &other)
}

// TestHAProxyGoesByWhatIsHandedOver: by its stats socket, with HAProxy as it is
// rendered and no reload.
func TestHAProxyGoesByWhatIsHandedOver(t *testing.T) {
	haproxy, e, peer, other := newProxied(t, "haproxy")
	socket := filepath.Join(e.dir, "stats")
	args := e.args(t, "-once", "-write", "haproxy:"+e.crl)
	p := e.startProxy(t, haproxy, terminator.HAProxy, args,
		func(rendered []byte) []byte {
			return fmt.Appendf(nil, "global\n    stats socket %s mode 600 level admin\n%s", socket, rendered)
		},
		func(config string) []string { return []string{"-db", "-f", config} })
	p.requireStatus(t, http.StatusOK, &peer)

	e.authority.Revoke(peer.Leaf, revocation.ReasonKeyCompromise, time.Time{})
	var stderr testenv.Log
	require.NoError(t, run(t.Context(), append(args, "-haproxy", socket), io.Discard, &stderr), &stderr)
	assert.Contains(t, stderr.String(), "taken by the program")
	require.Zero(t, p.status(&peer), "from its answer on")
	require.Equal(t, http.StatusOK, p.status(&other))
}

// A proxy is a program, as it is rendered, before a server, whose CRL file is written
// by the program under test.
type proxy struct {
	address string
	config  string // file
	log     testenv.Log
}

// startProxy starts a program that reads its CRLs from e.crl, which are written before
// with the flags of args. around completes what is rendered, and foreground
// returns the arguments that start it.
func (e *estate) startProxy(t *testing.T, binary string, program terminator.Program, args []string, around func(rendered []byte) []byte, foreground func(config string) []string) *proxy {
	t.Helper()
	cert, key := e.pair(t, "server", e.leaf(t, "provider.nhs.uk"))
	if program == terminator.HAProxy { // which looks for it there
		require.NoError(t, os.Rename(key, cert+".key"))
		key = cert + ".key"
	}
	dh := filepath.Join(e.dir, "dh.pem")
	require.NoError(t, os.WriteFile(dh, terminator.DHParams(), 0o600))
	pins, err := tlsconfig.LoadPins(e.roots, e.subCAs)
	require.NoError(t, err)
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "served") }))
	t.Cleanup(backend.Close)
	p := &proxy{address: testenv.FreeAddress(t), config: filepath.Join(e.dir, "proxy.conf")}
	rendered, err := terminator.Render(program, terminator.Params{
		Listen: p.address, Backend: strings.TrimPrefix(backend.URL, "http://"), Certificate: cert, Key: key, CAs: e.cas, CRLs: e.crl, DHParams: dh,
		Pins: pins, FQDNs: []string{"ssp.nhs.uk"}, Secret: strings.Repeat("0123456789abcdef", 2),
	})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(p.config, around(rendered), 0o600))
	require.NoError(t, run(t.Context(), args, io.Discard, io.Discard), "before it is started")
	server := exec.Command(binary, foreground(p.config)...)
	server.Stdout, server.Stderr = &p.log, &p.log
	require.NoError(t, server.Start())
	t.Cleanup(func() {
		_ = server.Process.Signal(os.Interrupt)
		_ = server.Wait()
		if t.Failed() {
			t.Log(p.log.String())
		}
	})
	return p
}

// status returns the status that a peer is answered with on a connection of its own, 0 if
// the connection is refused.
func (p *proxy) status(peer *tls.Certificate) int {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{
		InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return peer, nil },
	}}}
	response, err := client.Get("https://" + p.address + "/")
	if err != nil {
		return 0
	}
	response.Body.Close()
	return response.StatusCode
}

// requireStatus waits until a peer is answered with a status.
func (p *proxy) requireStatus(t *testing.T, status int, peer *tls.Certificate) {
	t.Helper()
	require.Eventually(t, func() bool { return p.status(peer) == status }, time.Minute, 20*time.Millisecond, &p.log)
}
