// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"bytes"
	"context"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
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
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

// serve serves the mirror on loopback.
func (w *mirrorWorld) serve(t testing.TB) *httptest.Server {
	server := httptest.NewServer(w.mirror)
	t.Cleanup(server.Close)
	return server
}

// TestMirrorFeedsWhoReachesNothingElse: by RewriteHost, also where two hosts have
// the same path.
func TestMirrorFeedsWhoReachesNothingElse(t *testing.T) {
	t.Parallel()
	w := newMirrorWorld(t)
	served := w.serve(t)
	w.publish(firstPoint, nil)
	w.publish(secondPoint, nil)
	leaves := map[string]revocation.Query{}
	for _, url := range []string{firstPoint, secondPoint} {
		w.ask(t, points(at(urls(url))))
		leaves[url] = revocation.Query{Path: w.leaf(t, points(at(urls(url)))), At: ocspNow}
	}
	w.server.requests()

	only := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		require.Equal(t, served.Listener.Addr().String(), address, "there is no other way out")
		return new(net.Dialer).DialContext(ctx, network, address)
	}}}
	t.Cleanup(only.CloseIdleConnections)
	client := func() *revocation.CRLs {
		return &revocation.CRLs{Time: w.now, Fetcher: &revocation.HTTPFetcher{
			Client: only, Hosts: revocation.AllowHosts("crl.nhs.uk", "crl.nhs.uk:8080"), Rewrite: revocation.RewriteHost(served.URL),
		}}
	}
	crls := client()
	for url, q := range leaves {
		answer, err := crls.Status(t.Context(), q)
		require.NoError(t, err, url)
		assert.Equal(t, revocation.Good, answer.Status)
		assert.Equal(t, url, answer.Source)
	}

	// A revocation reaches the mirror, and through it the client.
	revoked := w.publish(secondPoint, func(l *revocationtest.CRL) {
		l.Number, l.ThisUpdate = 2, ocspNow
		l.Entries = []revocationtest.Entry{{Serial: leaves[secondPoint].Path[0].SerialNumber}}
	})
	require.NoError(t, w.crls.Add(revoked))
	answer, err := client().Status(t.Context(), leaves[secondPoint])
	require.NoError(t, err)
	assert.Equal(t, revocation.Revoked, answer.Status)
	answer, err = client().Status(t.Context(), leaves[firstPoint])
	require.NoError(t, err)
	assert.Equal(t, revocation.Good, answer.Status)

	// What the mirror does not have, it says when to ask for again.
	w.time.Store(2 * 3600)
	_, err = (&revocation.HTTPFetcher{
		Client: only, Hosts: revocation.AllowHosts("crl.nhs.uk"), Rewrite: revocation.RewriteHost(served.URL),
	}).Fetch(t.Context(), revocation.Request{URL: firstPoint, MaxBytes: 1 << 20})
	failed := new(revocation.FetchError)
	require.ErrorAs(t, err, &failed)
	assert.Equal(t, http.StatusServiceUnavailable, failed.StatusCode)
	assert.Positive(t, failed.RetryAfter)
	assert.Empty(t, w.server.requests(), "a request caused a fetch")
}

// TestMirrorServesJava: a Java program that checks CRLs by itself has the mirror as
// its HTTP proxy.
func TestMirrorServesJava(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("starts a Java virtual machine")
	}
	testenv.Need(t, "javac", "default-jdk-headless") // which java calls
	java := testenv.Need(t, "java", "default-jdk-headless")
	w := newMirrorWorld(t)
	good, revoked := w.leaf(t, points(at(urls(firstPoint)))), w.leaf(t, points(at(urls(firstPoint))))
	unserved := w.leaf(t, points(at(urls("http://elsewhere.example/1.crl"))))
	w.publish(firstPoint, func(l *revocationtest.CRL) {
		l.Entries = []revocationtest.Entry{{Serial: revoked[0].SerialNumber, Reason: revocation.ReasonKeyCompromise}}
	})
	w.ask(t, points(at(urls(firstPoint))))

	dir := t.TempDir()
	args := []string{"testdata/MirrorClient.java", ocspNow.Format(time.RFC3339)}
	for name, path := range map[string][]byte{"root": w.p.root.cert.Raw, "ca": w.p.ca.cert.Raw, "good": good[0].Raw, "revoked": revoked[0].Raw, "unserved": unserved[0].Raw} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: path}), 0o600))
	}
	for _, name := range []string{"root", "ca", "good", "revoked", "unserved"} {
		args = append(args, filepath.Join(dir, name))
	}
	host, port, err := net.SplitHostPort(w.serve(t).Listener.Addr().String())
	require.NoError(t, err)
	var stderr bytes.Buffer
	command := exec.CommandContext(t.Context(), java, append([]string{
		"-Dhttp.proxyHost=" + host, "-Dhttp.proxyPort=" + port, "-Dcom.sun.security.enableCRLDP=true",
		"-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
	}, args...)...)
	command.Stderr = &stderr
	out, err := command.Output()
	require.NoError(t, err, stderr.String())
	assert.Equal(t, "good\nREVOKED\nUNDETERMINED_REVOCATION_STATUS\n", string(out), stderr.String())
	assert.Empty(t, w.server.requests(), "a request caused a fetch")
}

func TestMirrorServesCurl(t *testing.T) {
	t.Parallel()
	curl := testenv.Need(t, "curl", "curl")
	w := newMirrorWorld(t)
	der := w.publish(firstPoint, nil)
	w.ask(t, points(at(urls(firstPoint))))
	served := w.serve(t)
	dir := t.TempDir()
	list := filepath.Join(dir, "list")
	run := func(args ...string) string {
		t.Helper()
		command := exec.CommandContext(t.Context(), curl, append([]string{"-sS", "-w", "%{http_code} %{content_type} %{size_download}"}, args...)...)
		command.Dir = dir
		command.Env = []string{"PATH=" + os.Getenv("PATH")} // and no proxy
		out, err := command.CombinedOutput()
		require.NoError(t, err, string(out))
		return strings.TrimSpace(string(out))
	}
	base, err := url.Parse(served.URL)
	require.NoError(t, err)
	whole := "200 application/pkix-crl " + big.NewInt(int64(len(der))).String()
	fetched := func() {
		t.Helper()
		got, err := os.ReadFile(list)
		require.NoError(t, err)
		assert.Equal(t, der, got)
	}
	// As its proxy, keeping the list's time and tag.
	assert.Equal(t, whole, run("-x", served.URL, "-R", "-o", "list", "--etag-save", "tag", firstPoint))
	fetched()
	info, err := os.Stat(list)
	require.NoError(t, err)
	assert.Equal(t, ocspNow.Add(-time.Hour).Unix(), info.ModTime().Unix())
	assert.Equal(t, "304  0", run("-x", served.URL, "-z", "list", "-o", "unchanged", firstPoint))
	assert.Equal(t, "304  0", run("-x", served.URL, "--etag-compare", "tag", "-o", "unchanged", firstPoint))
	// As if its address were the distribution point's.
	assert.Equal(t, whole, run("--connect-to", "crl.nhs.uk:80:"+base.Host, "-o", "list", firstPoint))
	fetched()
	// By its own name.
	assert.Equal(t, whole, run("-o", "list", served.URL+"/lists/1.crl"))
	fetched()

	next := w.publish(firstPoint, func(l *revocationtest.CRL) { l.Number, l.ThisUpdate = 2, ocspNow })
	require.NoError(t, w.crls.Add(next))
	der, whole = next, "200 application/pkix-crl "+big.NewInt(int64(len(next))).String()
	assert.Equal(t, whole, run("-x", served.URL, "--etag-compare", "tag", "-o", "list", firstPoint))
	fetched()
	assert.True(t, strings.HasPrefix(run("-x", served.URL, "-o", "none", "http://elsewhere.example/1.crl"), "404 "))
}
