// SPDX-License-Identifier: Apache-2.0

package probe_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/terminator"
)

// A program serves all its jobs until the test ends, in one process where it can.
type program struct {
	name, binary, debian string
	serve                func(t *testing.T, path string, jobs []*job)
	cannot               map[string]string   // faults that it cannot have, and why
	differs              map[string][]string // departures that are not those of the table
}

var programs = []program{
	{name: "OpenSSL", binary: "openssl", debian: "openssl", serve: serveOpenSSL},
	{name: "nginx", binary: "nginx", debian: "nginx", serve: serveNginx, differs: map[string][]string{
		// optional_no_ca forgives an issuer that is not known, but no certificate that has expired.
		"any CA's client certificate": {"a client certificate that signs itself", "a client certificate of another SubCA", "a client certificate of another FQDN"},
	}},
	{name: "HAProxy", binary: "haproxy", debian: "haproxy", serve: serveHAProxy},
	{name: "Java", binary: "java", debian: "default-jdk-headless", serve: script("Server.java", tlsconfig.Suite.IANA, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "TLS_RSA_WITH_AES_128_CBC_SHA")},
	{name: "Node", binary: "node", debian: "nodejs", serve: script("server.js", tlsconfig.Suite.String, foreignOpenSSL...)},
	{name: "Python", binary: "python3", debian: "python3", serve: script("server.py", tlsconfig.Suite.String, foreignOpenSSL...), cannot: map[string]string{
		"any CA's client certificate": "the module ssl verifies every certificate that it asks for",
	}},
}

var foreignOpenSSL = []string{"ECDHE-RSA-AES128-SHA", "AES128-SHA"}

// cipherString is OpenSSL's list, at the level at which the old versions work.
func (j *job) cipherString() string {
	list := strings.Join(j.suites(tlsconfig.Suite.String, foreignOpenSSL...), ":")
	if j.old {
		list += ":@SECLEVEL=0"
	}
	return list
}

// versions are the lowest and the highest.
func (j *job) versions() (lowest, highest string) {
	lowest, highest = "1.2", "1.2"
	if j.old {
		lowest = "1.0"
	}
	if j.new {
		highest = "1.3"
	}
	return lowest, highest
}

// background starts a command that ends with the test, and waits until all jobs
// are served.
func background(t *testing.T, jobs []*job, path string, args ...string) {
	t.Helper()
	var addresses []string
	for _, j := range jobs {
		addresses = append(addresses, j.addr)
	}
	testenv.Start(t, addresses, path, args...)
}

// dhParams writes a group of 2048 bits for programs that bring none.
func dhParams(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ffdhe2048.pem")
	require.NoError(t, os.WriteFile(file, terminator.DHParams(), 0o600))
	return file
}

// script serves by a source in testdata, which reads a line for each job.
func script(source string, name func(tlsconfig.Suite) string, foreign ...string) func(*testing.T, string, []*job) {
	return func(t *testing.T, path string, jobs []*job) {
		var lines strings.Builder
		for _, j := range jobs {
			lowest, highest := j.versions()
			order, clients, sessions, http2 := "server", j.clients, "off", "off"
			if j.clientOrder {
				order = "client"
			}
			if clients == "" {
				clients = "required"
			}
			if j.sessions {
				sessions = "on"
			}
			if j.http2 {
				http2 = "on"
			}
			fmt.Fprintln(&lines, j.port(), j.dir+"/"+j.certificate()+".pem", j.dir+"/"+j.certificate()+".key", j.cas(), lowest, highest,
				strings.Join(j.suites(name, foreign...), ":"), order, clients, sessions, http2)
		}
		file := filepath.Join(t.TempDir(), "jobs")
		require.NoError(t, os.WriteFile(file, []byte(lines.String()), 0o600))
		args := []string{filepath.Join("testdata", source), file, dhParams(t)}
		if filepath.Ext(source) == ".java" {
			args = testenv.Java(args[0], args[1:]...)
		}
		background(t, jobs, path, args...)
	}
}

func serveOpenSSL(t *testing.T, path string, jobs []*job) {
	for _, j := range jobs {
		args := []string{"s_server", "-accept", j.addr, "-cert", j.dir + "/" + j.certificate() + ".pem", "-key", j.dir + "/" + j.certificate() + ".key",
			"-CAfile", j.cas(), "-cipher", j.cipherString(), "-www", "-quiet"}
		if j.certificate() != "alone" {
			args = append(args, "-cert_chain", j.dir+"/"+j.certificate()+".chain")
		}
		lowest, highest := j.versions()
		protocol := map[string]string{"1.0": "TLSv1", "1.2": "TLSv1.2", "1.3": "TLSv1.3"}
		args = append(args, "-min_protocol", protocol[lowest], "-max_protocol", protocol[highest])
		if !j.clientOrder {
			args = append(args, "-serverpref")
		}
		switch j.clients {
		case "":
			args = append(args, "-Verify", "2", "-verify_return_error")
		case "optional":
			args = append(args, "-verify", "2", "-verify_return_error")
		case "any":
			args = append(args, "-Verify", "2")
		}
		if !j.sessions {
			args = append(args, "-no_ticket", "-no_cache")
		}
		if j.renegotiate {
			args = append(args, "-client_renegotiation")
		}
		if j.http2 {
			args = append(args, "-alpn", "h2,http/1.1")
		}
		background(t, []*job{j}, path, args...)
	}
}

func serveNginx(t *testing.T, path string, jobs []*job) {
	dir := t.TempDir()
	var conf strings.Builder
	fmt.Fprintf(&conf, `daemon off; master_process off; pid %[1]s/pid; error_log stderr crit; events {}
http { access_log off; client_body_temp_path %[1]s/b; proxy_temp_path %[1]s/p; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
ssl_dhparam %[2]s; ssl_session_cache off;
`, dir, dhParams(t))
	for _, j := range jobs {
		listen, protocols, prefer, verify, tickets, more := j.addr+" ssl", "TLSv1.2", "on", "on", "off", ""
		if j.http2 {
			listen += " http2"
		}
		if j.old {
			protocols = "TLSv1 TLSv1.1 TLSv1.2"
		}
		if j.new {
			protocols = "TLSv1.2 TLSv1.3"
		}
		if j.clientOrder {
			prefer = "off"
		}
		switch j.clients {
		case "none":
			verify = "off"
		case "optional":
			verify = "optional"
		case "any":
			verify, more = "optional_no_ca", "if ($ssl_client_verify = NONE) { return 403; }"
		}
		if j.sessions {
			tickets = "on"
		}
		fmt.Fprintf(&conf, "server { listen %s; ssl_certificate %s.pem; ssl_certificate_key %[2]s.key; ssl_client_certificate %s; ssl_verify_depth 2; ssl_verify_client %s; "+
			"ssl_protocols %s; ssl_ciphers %s; ssl_prefer_server_ciphers %s; ssl_session_tickets %s; location / { %s return 204; } }\n",
			listen, j.dir+"/"+j.certificate(), j.cas(), verify, protocols, j.cipherString(), prefer, tickets, more)
	}
	conf.WriteString("}\n")
	file := filepath.Join(dir, "nginx.conf")
	require.NoError(t, os.WriteFile(file, []byte(conf.String()), 0o600))
	background(t, jobs, path, "-e", "stderr", "-c", file)
}

func serveHAProxy(t *testing.T, path string, jobs []*job) {
	var conf strings.Builder
	conf.WriteString("global\ntune.ssl.default-dh-param 2048\ntune.ssl.cachesize 0\ndefaults\nmode http\ntimeout client 30s\ntimeout connect 5s\ntimeout server 30s\n")
	for i, j := range jobs {
		lowest, highest := j.versions()
		bind := fmt.Sprintf("bind %s ssl crt %s/%s.both ca-file %s ssl-min-ver TLSv%s ssl-max-ver TLSv%s ciphers %s", j.addr, j.dir, j.certificate(), j.cas(), lowest, highest, j.cipherString())
		if j.clientOrder {
			bind += " prefer-client-ciphers"
		}
		switch j.clients {
		case "":
			bind += " verify required"
		case "optional":
			bind += " verify optional"
		case "any":
			bind += " verify required ca-ignore-err all crt-ignore-err all"
		}
		if !j.sessions {
			bind += " no-tls-tickets"
		}
		if j.http2 {
			bind += " alpn h2,http/1.1"
		} else {
			bind += " alpn http/1.1"
		}
		fmt.Fprintf(&conf, "frontend f%d\n%s\nhttp-request return status 200 content-type text/plain string served\n", i, bind)
	}
	file := filepath.Join(t.TempDir(), "haproxy.cfg")
	require.NoError(t, os.WriteFile(file, []byte(conf.String()), 0o600))
	background(t, jobs, path, "-db", "-f", file)
}
