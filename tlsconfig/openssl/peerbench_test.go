// SPDX-License-Identifier: Apache-2.0

package openssl_test

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/internal/testpki"
)

// BenchmarkPeer has openssl s_time call openssl s_server and, in turn, a server
// of this engine in this process, with each suite: full handshakes with mutual
// TLS, one after the other, and a file that is fetched. s_time counts whole
// seconds; here its connections are divided by the time that it ran.
func BenchmarkPeer(b *testing.B) {
	needLibrary(b)
	testenv.Need(b, "openssl", "openssl")
	files, client := spine().Write(b, certificates(serverName)[right]), spine().Write(b, certificates(clientName)[right])
	dir := b.TempDir()
	require.NoError(b, os.WriteFile(filepath.Join(dir, "bulk"), make([]byte, 128<<20), 0o600))
	b.Chdir(dir) // what s_server -WWW serves from
	// s_server reads one CRL from a file of CRLs, but all from a file of CAs.
	var trusted []byte
	for _, file := range []string{files.CAs, files.CRLs} {
		text, err := os.ReadFile(file)
		require.NoError(b, err)
		trusted = append(trusted, text...)
	}
	require.NoError(b, os.WriteFile("trusted", trusted, 0o600))

	theirs := testenv.FreeAddress(b)
	end := start(b, theirs, nil, "openssl", "s_server", "-accept", theirs, "-cert", files.Cert, "-cert_chain", files.Cert, "-key", files.Key,
		"-CAfile", "trusted", "-crl_check_all", "-Verify", "3", "-verify_return_error",
		"-tls1_2", "-no_ticket", "-no_cache", "-cipher", "ALL", "-WWW", "-quiet")
	defer end()
	ours := serve(b, serverEndpoint(), http.FileServer(http.Dir(dir)))

	servers := []struct{ name, addr string }{{"s_server", theirs}, {"engine", ours}}
	for _, suite := range tlsconfig.Suites() {
		for _, server := range servers {
			b.Run("handshakes/"+suite.String()+"/"+server.name, func(b *testing.B) {
				n, _, took := sTime(b, server.addr, suite, client)
				b.ReportMetric(float64(n)/took.Seconds(), "handshakes/s")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
	for _, suite := range tlsconfig.Suites() {
		for _, server := range servers {
			b.Run("bulk/"+suite.String()+"/"+server.name, func(b *testing.B) {
				n, each, took := sTime(b, server.addr, suite, client, "-www", "/bulk")
				require.Positive(b, each)
				b.ReportMetric(float64(n)*float64(each)/1e6/took.Seconds(), "MB/s")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

var connections = regexp.MustCompile(`(\d+) connections in \d+ real seconds, (\d+) bytes read per connection`)

// sTime runs openssl s_time and returns how many connections it made and what it
// read on each.
func sTime(b *testing.B, addr string, suite tlsconfig.Suite, files testpki.Files, more ...string) (n, each int, took time.Duration) {
	args := append([]string{"s_time", "-connect", addr, "-new", "-time", "2", "-tls1_2", "-cipher", suite.String(),
		"-cert", files.Cert, "-key", files.Key, "-CAfile", files.CAs}, more...)
	begin := time.Now()
	out, err := exec.CommandContext(b.Context(), "openssl", args...).CombinedOutput()
	took = time.Since(begin)
	require.NoError(b, err, "%s", out)
	found := connections.FindSubmatch(out)
	require.NotNil(b, found, "%s", out)
	n, err = strconv.Atoi(string(found[1]))
	require.NoError(b, err)
	each, err = strconv.Atoi(string(found[2]))
	require.NoError(b, err)
	require.Positive(b, n, "%s", out)
	return n, each, took
}
