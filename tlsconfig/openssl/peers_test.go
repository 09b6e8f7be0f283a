// SPDX-License-Identifier: Apache-2.0

package openssl_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/internal/testpki"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/terminator"
)

// A clientJob is one connection of a foreign client to one of our servers.
type clientJob struct {
	addr  string
	suite tlsconfig.Suite
	files testpki.Files // Cert empty: none is presented
	cas   string
}

func (j *clientJob) port() string {
	_, port, _ := net.SplitHostPort(j.addr)
	return port
}

// A clientPeer makes connections and returns for each all that it has to say:
// the answer, or why there is none.
type clientPeer struct {
	name, binary, debian string
	run                  func(t *testing.T, jobs []clientJob) []string
}

// javaClasses is the folder of the Java peer's classes.
var javaClasses string

// compileJavaPeer compiles what is started once for each engine and end: java would
// compile it each time, which takes longer than all its connections.
func compileJavaPeer(t *testing.T) {
	javaClasses = t.TempDir()
	args := append(testenv.JavaFlags("-J"), "-d", javaClasses, "testdata/peers/Peer.java")
	out, err := exec.CommandContext(t.Context(), testenv.Need(t, "javac", "default-jdk-headless"), args...).CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// javaPeer is the command that runs it.
func javaPeer(args ...string) []string {
	command := append([]string{"java"}, testenv.JavaFlags("")...)
	return append(append(command, "-cp", javaClasses, "Peer"), args...)
}

var clientPeers = []clientPeer{
	{"OpenSSL", "openssl", "openssl", eachJob(func(j *clientJob) []string {
		args := []string{"openssl", "s_client", "-quiet", "-connect", j.addr, "-servername", serverName, "-verify_hostname", serverName,
			"-CAfile", j.cas, "-verify_return_error", "-tls1_2", "-cipher", j.suite.String()}
		if j.files.Cert != "" {
			args = append(args, "-cert", j.files.Cert, "-key", j.files.Key, "-cert_chain", j.files.Cert)
		}
		return args
	})},
	{"GnuTLS", "gnutls-cli", "gnutls-bin", eachJob(func(j *clientJob) []string {
		args := []string{"gnutls-cli", "--port", j.port(), "--sni-hostname", serverName, "--verify-hostname", serverName,
			"--x509cafile", j.cas, "--priority", gnutlsPriority(j.suite)}
		if j.files.Cert != "" {
			args = append(args, "--x509certfile", j.files.Cert, "--x509keyfile", j.files.Key)
		}
		return append(args, "127.0.0.1")
	})},
	{"curl", "curl", "curl", eachJob(func(j *clientJob) []string {
		args := []string{"curl", "-sS", "--http1.1", "--tlsv1.2", "--tls-max", "1.2", "--ciphers", j.suite.String(), "--cacert", j.cas,
			"--resolve", serverName + ":" + j.port() + ":127.0.0.1"}
		if j.files.Cert != "" {
			args = append(args, "--cert", j.files.Cert, "--key", j.files.Key)
		}
		return append(args, "https://"+serverName+":"+j.port()+"/")
	})},
	{"Node", "node", "nodejs", allJobs("node", "testdata/peers/client.js")},
	{"Python", "python3", "python3", allJobs("python3", "testdata/peers/client.py")},
	{"Java", "java", "default-jdk-headless", func(t *testing.T, jobs []clientJob) []string { return allJobs(javaPeer()...)(t, jobs) }},
	{"nginx", "nginx", "nginx", nginxClient},
	{"HAProxy", "haproxy", "haproxy", haproxyClient},
}

// gnutlsPriority allows one suite.
func gnutlsPriority(s tlsconfig.Suite) string {
	kx, rest, _ := strings.Cut(s.String(), "-RSA-")
	cipher, mac := map[string][2]string{
		"AES256-GCM-SHA384": {"AES-256-GCM", "AEAD"}, "AES128-GCM-SHA256": {"AES-128-GCM", "AEAD"},
		"AES256-SHA384": {"AES-256-CBC", "SHA384"}, "AES256-SHA256": {"AES-256-CBC", "SHA256"}, "AES256-SHA": {"AES-256-CBC", "SHA1"},
	}[rest][0], map[string]string{
		"AES256-GCM-SHA384": "AEAD", "AES128-GCM-SHA256": "AEAD", "AES256-SHA384": "SHA384", "AES256-SHA256": "SHA256", "AES256-SHA": "SHA1",
	}[rest]
	return "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+" + kx + "-RSA:-CIPHER-ALL:+" + cipher + ":-MAC-ALL:+" + mac
}

// eachJob runs the command that args gives once for each job. What it asks is
// on its standard input, which stays open until it has had its answer.
func eachJob(args func(j *clientJob) []string) func(*testing.T, []clientJob) []string {
	return func(t *testing.T, jobs []clientJob) []string {
		results := make([]string, len(jobs))
		for i := range jobs {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			line := args(&jobs[i])
			cmd := exec.CommandContext(ctx, line[0], line[1:]...)
			in, err := cmd.StdinPipe()
			require.NoError(t, err)
			var out bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &out
			require.NoError(t, cmd.Start())
			_, _ = io.WriteString(in, "GET / HTTP/1.0\r\n\r\n")
			_ = cmd.Wait() // what it prints says more than its status
			require.NoError(t, ctx.Err(), "%v did not end: %s", line, out.Bytes())
			cancel()
			results[i] = out.String()
		}
		return results
	}
}

// allJobs gives a script one line for each job and reads one for each.
func allJobs(command ...string) func(*testing.T, []clientJob) []string {
	return func(t *testing.T, jobs []clientJob) []string {
		var in strings.Builder
		for _, j := range jobs {
			cert, key := "-", "-"
			if j.files.Cert != "" {
				cert, key = j.files.Cert, j.files.Key
			}
			fmt.Fprintln(&in, j.port(), j.suite, j.suite.IANA(), cert, key, j.cas, serverName)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, command[0], command[1:]...)
		cmd.Stdin = strings.NewReader(in.String())
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		require.NoError(t, err, "%s", stderr.Bytes())
		lines := strings.Split(strings.TrimRight(string(out), "\n"), "\n")
		require.Len(t, lines, len(jobs), "%s%s", out, stderr.Bytes())
		return lines
	}
}

// nginxClient is nginx as a reverse proxy, with a location for each job.
func nginxClient(t *testing.T, jobs []clientJob) []string {
	dir, addr := t.TempDir(), testenv.FreeAddress(t)
	var b strings.Builder
	fmt.Fprintf(&b, "daemon off; master_process off; pid %[1]s/pid; error_log %[1]s/log; events {}\nhttp {\naccess_log off;\n"+
		"client_body_temp_path %[1]s/b; proxy_temp_path %[1]s/p; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;\nserver {\nlisten %[2]s;\n", dir, addr)
	for i, j := range jobs {
		fmt.Fprintf(&b, "location = /%d { proxy_pass https://%s/; proxy_ssl_protocols TLSv1.2; proxy_ssl_ciphers %s; proxy_ssl_server_name on; proxy_ssl_name %s; "+
			"proxy_ssl_verify on; proxy_ssl_verify_depth 2; proxy_ssl_trusted_certificate %s; proxy_ssl_session_reuse off;", i, j.addr, j.suite, serverName, j.cas)
		if j.files.Cert != "" {
			fmt.Fprintf(&b, " proxy_ssl_certificate %s; proxy_ssl_certificate_key %s;", j.files.Cert, j.files.Key)
		}
		b.WriteString(" }\n")
	}
	b.WriteString("}}\n")
	results := viaProxy(t, addr, len(jobs), start(t, addr, nil, "nginx", "-e", filepath.Join(dir, "log"), "-c", configFile(t, dir, b.String())))
	log, err := os.ReadFile(filepath.Join(dir, "log"))
	require.NoError(t, err)
	for line := range strings.Lines(string(log)) {
		for i := range results {
			if strings.Contains(line, fmt.Sprintf(`"GET /%d HTTP`, i)) {
				results[i] += line
			}
		}
	}
	return results
}

// haproxyClient is HAProxy with a backend for each job.
func haproxyClient(t *testing.T, jobs []clientJob) []string {
	dir, addr := t.TempDir(), testenv.FreeAddress(t)
	var b, backends strings.Builder
	fmt.Fprintf(&b, "defaults\nmode http\ntimeout connect 5s\ntimeout client 10s\ntimeout server 10s\nretries 0\nfrontend jobs\nbind %s\n", addr)
	for i, j := range jobs {
		fmt.Fprintf(&b, "use_backend job%d if { path /%d }\n", i, i)
		fmt.Fprintf(&backends, "backend job%d\nserver s %s ssl ca-file %s verify required verifyhost %s sni str(%s) ssl-min-ver TLSv1.2 ssl-max-ver TLSv1.2 ciphers %s no-ssl-reuse",
			i, j.addr, j.cas, serverName, serverName, j.suite)
		if j.files.Cert != "" {
			fmt.Fprintf(&backends, " crt %s", j.files.Cert)
		}
		backends.WriteString("\n")
	}
	return viaProxy(t, addr, len(jobs), start(t, addr, nil, "haproxy", "-db", "-f", configFile(t, dir, b.String()+backends.String())))
}

func configFile(t *testing.T, dir, text string) string {
	t.Helper()
	file := filepath.Join(dir, "config")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

// viaProxy asks a proxy for each job and ends it.
func viaProxy(t *testing.T, addr string, jobs int, end func()) []string {
	defer end()
	results := make([]string, jobs)
	transport := new(http.Transport)
	defer transport.CloseIdleConnections()
	for i := range results {
		resp, err := (&http.Client{Transport: transport, Timeout: 20 * time.Second}).Get(fmt.Sprintf("http://%s/%d", addr, i))
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		require.NoError(t, err)
		results[i] = string(body)
	}
	return results
}

// A serverJob is one foreign server.
type serverJob struct {
	addr  string
	files testpki.Files
}

func (j *serverJob) port() string {
	_, port, _ := net.SplitHostPort(j.addr)
	return port
}

// A serverPeer serves the jobs until the test ends. It demands a client
// certificate and answers a request with a line that begins with HTTP/1.
type serverPeer struct {
	name, binary, debian string
	serve                func(t *testing.T, jobs []serverJob)
}

var serverPeers = []serverPeer{
	{"OpenSSL", "openssl", "openssl", eachServer(func(j *serverJob) []string {
		return []string{"openssl", "s_server", "-accept", j.addr, "-cert", j.files.Cert, "-cert_chain", j.files.Cert, "-key", j.files.Key,
			"-CAfile", j.files.CAs, "-Verify", "3", "-verify_return_error", "-tls1_2", "-cipher", "ALL", "-www", "-quiet"}
	})},
	{"GnuTLS", "gnutls-serv", "gnutls-bin", eachServer(func(j *serverJob) []string {
		return []string{"gnutls-serv", "--port", j.port(), "--x509certfile", j.files.Cert, "--x509keyfile", j.files.Key, "--x509cafile", j.files.CAs,
			"--require-client-cert", "--verify-client-cert", "--http", "--priority", "NORMAL:-VERS-ALL:+VERS-TLS1.2:+SHA384:+SHA256"}
	})},
	{"Node", "node", "nodejs", func(t *testing.T, jobs []serverJob) {
		script(t, jobs, "node", "testdata/peers/server.js", jobs[0].files.CAs)
	}},
	{"Python", "python3", "python3", func(t *testing.T, jobs []serverJob) {
		script(t, jobs, "python3", "testdata/peers/server.py", jobs[0].files.CAs, dhParams(t))
	}},
	{"Java", "java", "default-jdk-headless", func(t *testing.T, jobs []serverJob) {
		script(t, jobs, javaPeer(jobs[0].files.CAs)...)
	}},
	{"nginx", "nginx", "nginx", nginxServer},
	{"HAProxy", "haproxy", "haproxy", haproxyServer},
}

func eachServer(args func(j *serverJob) []string) func(*testing.T, []serverJob) {
	return func(t *testing.T, jobs []serverJob) {
		for i := range jobs {
			line := args(&jobs[i])
			t.Cleanup(start(t, jobs[i].addr, nil, line[0], line[1:]...))
		}
	}
}

// script starts one process for all jobs.
func script(t *testing.T, jobs []serverJob, command ...string) {
	var others []string
	for _, j := range jobs {
		command = append(command, j.port(), j.files.Cert, j.files.Key)
		others = append(others, j.addr)
	}
	t.Cleanup(start(t, others[0], others[1:], command[0], command[1:]...))
}

func dhParams(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ffdhe2048.pem")
	require.NoError(t, os.WriteFile(file, terminator.DHParams(), 0o600))
	return file
}

func nginxServer(t *testing.T, jobs []serverJob) {
	dir := t.TempDir()
	var b strings.Builder
	fmt.Fprintf(&b, "daemon off; master_process off; pid %[1]s/pid; error_log %[1]s/log; events {}\nhttp {\naccess_log off;\n"+
		"client_body_temp_path %[1]s/b; proxy_temp_path %[1]s/p; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;\n", dir)
	var addrs []string
	for _, j := range jobs {
		fmt.Fprintf(&b, "server { listen %s ssl; ssl_protocols TLSv1.2; ssl_ciphers ALL; ssl_dhparam %s; ssl_certificate %s; ssl_certificate_key %s; "+
			"ssl_verify_client on; ssl_verify_depth 2; ssl_client_certificate %s; location / { return 200 served; } }\n",
			j.addr, dhParams(t), j.files.Cert, j.files.Key, j.files.CAs)
		addrs = append(addrs, j.addr)
	}
	b.WriteString("}\n")
	t.Cleanup(start(t, addrs[0], addrs[1:], "nginx", "-e", filepath.Join(dir, "log"), "-c", configFile(t, dir, b.String())))
}

func haproxyServer(t *testing.T, jobs []serverJob) {
	var b strings.Builder
	b.WriteString("global\ntune.ssl.default-dh-param 2048\ndefaults\nmode http\ntimeout client 10s\ntimeout connect 5s\ntimeout server 10s\n")
	var addrs []string
	for i, j := range jobs {
		fmt.Fprintf(&b, "frontend f%d\nbind %s ssl crt %s ca-file %s verify required ssl-max-ver TLSv1.2 ciphers ALL\nhttp-request return status 200 content-type text/plain string served\n",
			i, j.addr, j.files.Cert, j.files.CAs)
		addrs = append(addrs, j.addr)
	}
	t.Cleanup(start(t, addrs[0], addrs[1:], "haproxy", "-db", "-f", configFile(t, t.TempDir(), b.String())))
}

// start runs a server and returns when it accepts connections on all its
// addresses. What it returns ends the server.
func start(t testing.TB, addr string, others []string, name string, args ...string) (end func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, name, args...)
	in, err := cmd.StdinPipe() // the scripts end with their input, the others do not read it
	require.NoError(t, err)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	require.NoError(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	end = func() {
		in.Close()
		cancel()
		<-ended
		if t.Failed() {
			t.Logf("%s: %s", name, log.Bytes())
		}
	}
	for _, addr := range append([]string{addr}, others...) {
		// None of them tells when it is ready: it is when it accepts connections.
		for ready := false; !ready; {
			conn, err := net.Dial("tcp", addr)
			if err == nil {
				conn.Close()
				ready = true
				continue
			}
			select {
			case err := <-ended:
				ended <- err
				end()
				t.Fatalf("%s ended before it listened: %v: %s", name, err, log.Bytes())
			case <-t.Context().Done():
				t.Fatal(t.Context().Err())
			case <-time.After(10 * time.Millisecond):
			}
		}
	}
	return end
}
