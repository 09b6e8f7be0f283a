// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/examples/internal/exampletest"
	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/spinetest"
)

const proxySecret = "00112233445566778899aabbccddeeff"

// behindNginx runs the provider behind a proxy, whose part the test plays.
func behindNginx(t *testing.T, files *exampletest.Files, listen string, more ...string) (ask func(leaf []byte, change func(http.Header)) *http.Response) {
	t.Helper()
	secret := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(secret, []byte(proxySecret+"\n"), 0o600))
	args := []string{"-listen", listen, "-roots", files.Roots, "-subcas", files.SubCAs, "-fqdn", "ssp.nhs.uk", "-asid", self,
		"-crl", files.CRL, "-crl", files.ARL, "-behind", "nginx"}
	if !strings.HasPrefix(listen, "unix:") {
		args = append(args, "-trust", "127.0.0.1", "-secret", secret)
	}
	address, stop := exampletest.Start(t, run, t.Output(), append(args, more...)...)
	t.Cleanup(func() { assert.NoError(t, stop()) })

	// The headers that the SSP's transport makes.
	code, err := asid.ParseODSCode("RGD")
	require.NoError(t, err)
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		network := "tcp"
		if strings.HasPrefix(listen, "unix:") {
			network = "unix"
		}
		return new(net.Dialer).DialContext(ctx, network, address)
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return func(leaf []byte, change func(http.Header)) *http.Response {
		base := roundTrip(func(r *http.Request) (*http.Response, error) {
			r = r.Clone(r.Context())
			r.URL.Scheme = "http"
			r.Header["Ssl-Client-Cert"] = []string{url.PathEscape(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf})))}
			r.Header["Ssl-Protocol"], r.Header["Ssl-Cipher"] = []string{"TLSv1.2"}, []string{"ECDHE-RSA-AES256-GCM-SHA384"}
			r.Header["Ssl-Proxy-Secret"] = []string{proxySecret}
			if change != nil {
				change(r.Header)
			}
			return transport.RoundTrip(r)
		})
		client := &http.Client{Transport: &asid.Transport{
			From: asid.MustParseID("928942012545"), To: asid.MustParseID(self), Base: base,
			Interaction: asid.DocumentReferenceContentRead, Protocol: asid.SSP,
			Claims: asid.Claims{Organization: code, User: "111222333444"},
		}}
		response, err := client.Get("https://provider.nhs.uk/records/demo.json")
		require.NoError(t, err)
		response.Body.Close()
		return response
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Behind a proxy the certificate that it hands on is judged as in a handshake, and
// what does not come from the proxy is refused.
func TestBehindAProxy(t *testing.T) {
	t.Parallel()
	files := exampletest.NewFiles(t)
	ssp, other := files.PKI.Issue("ssp.nhs.uk"), files.PKI.Issue("other.nhs.uk")
	sibling := files.PKI.Issue("ssp.nhs.uk", spinetest.FromOtherSubCA())
	revoked := files.PKI.Issue("ssp.nhs.uk")
	files.PKI.Authority.Revoke(revoked.Leaf, revocation.ReasonKeyCompromise, time.Now())
	files.WriteCRLs(t)
	for _, listen := range []string{"127.0.0.1:0", "unix:" + filepath.Join(t.TempDir(), "front.sock")} {
		ask := behindNginx(t, files, listen)
		response := ask(ssp.Certificate[0], nil)
		assert.Equal(t, http.StatusOK, response.StatusCode, listen)
		assert.Equal(t, "no-store", response.Header.Get("Cache-Control"))
		for name, leaf := range map[string][]byte{"another FQDN": other.Certificate[0], "another SubCA": sibling.Certificate[0], "revoked": revoked.Certificate[0], "none": nil} {
			response := ask(leaf, nil)
			assert.Equal(t, http.StatusForbidden, response.StatusCode, "%s: %s", listen, name)
			assert.False(t, response.Close, "the connection is the proxy's, and carries others' requests")
		}
		assert.Equal(t, http.StatusForbidden, ask(ssp.Certificate[0], func(h http.Header) { h.Set("Ssl-Protocol", "TLSv1.3") }).StatusCode)
		if !strings.HasPrefix(listen, "unix:") {
			assert.Equal(t, http.StatusForbidden, ask(ssp.Certificate[0], func(h http.Header) { h.Del("Ssl-Proxy-Secret") }).StatusCode, "past the proxy")
		}
	}
}

// Where a secret is named it is wanted on a unix socket, too.
func TestSecretOnAUnixSocket(t *testing.T) {
	t.Parallel()
	files := exampletest.NewFiles(t)
	secret := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(secret, []byte(proxySecret+"\n"), 0o600))
	ask := behindNginx(t, files, "unix:"+filepath.Join(t.TempDir(), "front.sock"), "-secret", secret)
	leaf := files.PKI.Issue("ssp.nhs.uk").Certificate[0]
	assert.Equal(t, http.StatusOK, ask(leaf, nil).StatusCode)
	assert.Equal(t, http.StatusForbidden, ask(leaf, func(h http.Header) { h.Del("Ssl-Proxy-Secret") }).StatusCode)
}

// A process that was killed leaves its socket, which must not keep the next from starting;
// one that still serves there does, and so does a file of another kind.
func TestSocketOfADeadProcess(t *testing.T) {
	t.Parallel()
	files := exampletest.NewFiles(t)
	dir := t.TempDir()
	left := filepath.Join(dir, "left.sock")
	listener, err := net.Listen("unix", left)
	require.NoError(t, err)
	listener.(*net.UnixListener).SetUnlinkOnClose(false)
	require.NoError(t, listener.Close())
	ask := behindNginx(t, files, "unix:"+left)
	leaf := files.PKI.Issue("ssp.nhs.uk").Certificate[0]
	assert.Equal(t, http.StatusOK, ask(leaf, nil).StatusCode)

	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, []byte("of another kind"), 0o600))
	for _, taken := range []string{left, file} {
		err := run(t.Context(), []string{"-listen", "unix:" + taken, "-roots", files.Roots, "-subcas", files.SubCAs, "-fqdn", "ssp.nhs.uk", "-asid", self,
			"-crl", files.CRL, "-crl", files.ARL, "-behind", "nginx"}, io.Discard, io.Discard)
		require.ErrorContains(t, err, taken)
		_, err = os.Lstat(taken)
		require.NoError(t, err)
	}
	assert.Equal(t, http.StatusOK, ask(leaf, nil).StatusCode)
}

func TestBehindNeedsToKnowTheProxy(t *testing.T) {
	t.Parallel()
	files := exampletest.NewFiles(t)
	for name, more := range map[string][]string{
		"nothing":            {"-behind", "nginx"},
		"no secret":          {"-behind", "nginx", "-trust", "127.0.0.1"},
		"AWS, no secret":     {"-behind", "aws", "-trust", "10.0.0.0/8"},
		"a secret and none":  {"-behind", "aws", "-trust", "10.0.0.0/8", "-secret", files.Roots, "-insecure-no-secret"},
		"an empty secret":    {"-behind", "aws", "-trust", "10.0.0.0/8", "-secret", os.DevNull},
		"none, from nowhere": {"-behind", "aws", "-insecure-no-secret"},
		"stunnel":            {"-behind", "stunnel", "-trust", "127.0.0.1", "-secret", files.Roots},
		"no address":         {"-behind", "nginx", "-trust", "proxy", "-secret", files.Roots},
		"no file of secrets": {"-behind", "nginx", "-trust", "127.0.0.1", "-secret", "/none"},
	} {
		args := append([]string{"-roots", files.Roots, "-subcas", files.SubCAs, "-fqdn", "ssp.nhs.uk", "-asid", self, "-crl", files.CRL, "-crl", files.ARL}, more...)
		assert.Error(t, run(t.Context(), args, io.Discard, io.Discard), name)
	}
}
