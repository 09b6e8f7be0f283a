// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/examples/internal/exampletest"
	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/spinetest"
)

// pageCommands returns the lines of the examples' page that begin with a dollar.
func pageCommands(t *testing.T) (commands []string) {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "README.md"))
	require.NoError(t, err)
	_, rest, ok := strings.Cut(string(page), "<!-- behind -->\n```console\n")
	require.True(t, ok)
	lines, _, ok := strings.Cut(rest, "```\n<!-- end of behind -->\n")
	require.True(t, ok)
	for line := range strings.Lines(lines) {
		command, ok := strings.CutPrefix(strings.TrimSpace(line), "$ ")
		require.True(t, ok, line)
		commands = append(commands, command)
	}
	return commands
}

// asThePageSays does what the page says in a folder with its files, and returns
// where nginx and the server behind it listen. Ports are others than the page's, and
// nginx is told to leave the machine's own folders alone.
func asThePageSays(t *testing.T, files *exampletest.Files) (proxy, behind string) {
	t.Helper()
	dir := t.TempDir()
	own := files.Leaf(t, nrlName)
	for name, file := range map[string]string{"nrl.pem": own.Cert, "nrl.key": own.Key, "roots.pem": files.Roots, "subcas.pem": files.SubCAs,
		"crl.pem": files.CRL, "arl.pem": files.ARL} {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "registry.json"), []byte(registry), 0o600))
	terminator := filepath.Join(dir, "terminator")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-ldflags", "-s -w", "-o", terminator, "../terminator").CombinedOutput()
	require.NoError(t, err, "%s", out)

	proxy, behind = testenv.FreeAddress(t), testenv.FreeAddress(t)
	replace := strings.NewReplacer("127.0.0.1:8443", proxy, "127.0.0.1:8080", behind, "go run ./examples/terminator", terminator)
	for _, command := range pageCommands(t) {
		command = replace.Replace(command)
		switch {
		case strings.HasPrefix(command, "go run ./examples/nrl "):
			serve(t, dir, strings.Fields(strings.TrimPrefix(command, "go run ./examples/nrl ")))
		case strings.HasPrefix(command, "nginx "):
			config := filepath.Join(dir, "nginx.conf")
			main, err := os.ReadFile(config)
			require.NoError(t, err)
			main = bytes.Replace(main, []byte("http {"), []byte("http { access_log off; client_body_temp_path b; proxy_temp_path p; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;"), 1)
			require.NoError(t, os.WriteFile(config, main, 0o600))
			args := strings.Fields(strings.ReplaceAll(command, "$PWD", dir))
			testenv.Start(t, []string{proxy}, args[0], append(args[1:], "-p", dir, "-e", "stderr", "-g", "daemon off; master_process off; pid pid; error_log stderr;")...)
		default:
			cmd := exec.CommandContext(t.Context(), "sh", "-c", command)
			cmd.Dir = dir
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, "%s: %s", command, out)
		}
	}
	info, err := os.Stat(filepath.Join(dir, "proxy.secret"))
	require.NoError(t, err)
	assert.Zero(t, info.Mode().Perm()&0o077, "another user of the machine reaches the server, and would be nginx with the secret")
	return proxy, behind
}

// serve runs the server with the page's arguments, whose files are in dir.
func serve(t *testing.T, dir string, args []string) {
	t.Helper()
	for i, arg := range args {
		if _, err := os.Stat(filepath.Join(dir, arg)); err == nil {
			args[i] = filepath.Join(dir, arg)
		}
	}
	_, stop := exampletest.Start(t, run, t.Output(), args...)
	t.Cleanup(func() { assert.NoError(t, stop()) })
}

// Behind nginx a pointer lives as it does without a proxy, and the binding of a
// certificate to its ASID decides: what a client says of its certificate, through the
// proxy and past it, decides nothing.
func TestBehindNginx(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds a program, starts nginx and calls curl some sixty times")
	}
	testenv.Need(t, "curl", "curl")
	testenv.Need(t, "openssl", "openssl")
	testenv.Need(t, "nginx", "nginx")
	files := exampletest.NewFiles(t)
	revoked := files.PKI.Issue("rgd.nhs.uk")
	files.PKI.Authority.Revoke(revoked.Leaf, revocation.ReasonKeyCompromise, time.Now())
	files.WriteCRLs(t)
	proxy, behind := asThePageSays(t, files)
	_, port, err := net.SplitHostPort(proxy)
	require.NoError(t, err)

	assert.Equal(t, pointersLife(t, files, start(t, files)), pointersLife(t, files, port), "the same answers as without a proxy")

	rgd, rr8 := newSystem(t, files, "rgd.nhs.uk", "928942012545", "RGD", true), newSystem(t, files, "rr8.nhs.uk", "200000000205", "RR8", true)
	escaped := func(pair exampletest.Pair) string {
		text, err := os.ReadFile(pair.Cert)
		require.NoError(t, err)
		leaf, _, _ := strings.Cut(string(text), "-----END CERTIFICATE-----\n")
		return url.PathEscape(leaf + "-----END CERTIFICATE-----\n")
	}
	const subject = "?subject=https%3A%2F%2Fdemographics.spineservices.nhs.uk%2FSTU3%2FPatient%2F9000000009"
	ask := func(target string, cert exampletest.Pair, headers *system, more ...string) string {
		t.Helper()
		args := []string{"-sS", "-o", filepath.Join(t.TempDir(), "body"), "-w", "%{http_code}", "--insecure", "-H", "@" + headers.headers}
		if cert.Cert != "" {
			args = append(args, "--cert", cert.Cert, "--key", cert.Key)
		}
		for _, header := range more {
			args = append(args, "-H", header)
		}
		out, err := exec.CommandContext(t.Context(), "curl", append(args, target+"/STU3/DocumentReference"+subject)...).CombinedOutput()
		require.NoError(t, err, "%s", out)
		return string(out)
	}
	through, past := "https://"+proxy, "http://"+behind
	assert.Equal(t, "200", ask(through, rgd.pair, rgd), "the ASID's own certificate")
	assert.Equal(t, "403", ask(through, rr8.pair, rgd), "another system's")
	assert.Equal(t, "403", ask(through, files.Leaf(t, "rgd.nhs.uk", spinetest.FromOtherSubCA()), rgd), "of another SubCA")
	assert.Equal(t, "403", ask(through, files.WritePair(t, revoked), rgd), "revoked")
	assert.Equal(t, "400", ask(through, exampletest.Pair{}, rgd), "none: nginx's own answer")
	for _, name := range []string{"Ssl-Client-Cert", "SSL-CLIENT-CERT", "Ssl_Client_Cert", "X-Ssl-Client-Cert", "Client-Cert"} {
		assert.Equal(t, "403", ask(through, rr8.pair, rgd, name+": "+escaped(rgd.pair)), "another system's, which says in %s that it is the ASID's", name)
		assert.Equal(t, "200", ask(through, rgd.pair, rgd, name+": "+escaped(rr8.pair)), "the ASID's own, whatever %s says", name)
	}
	forged := []string{"Ssl-Client-Cert: " + escaped(rgd.pair), "Ssl-Protocol: TLSv1.2", "Ssl-Cipher: ECDHE-RSA-AES256-GCM-SHA384"}
	assert.Equal(t, "403", ask(past, exampletest.Pair{}, rgd), "past the proxy, with nothing")
	assert.Equal(t, "403", ask(past, exampletest.Pair{}, rgd, forged...), "past the proxy, without its secret")
	assert.Equal(t, "403", ask(past, exampletest.Pair{}, rgd, append(forged, "Ssl-Proxy-Secret: "+strings.Repeat("0", 64))...), "past the proxy, with another secret")
}
