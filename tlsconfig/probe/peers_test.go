// SPDX-License-Identifier: Apache-2.0

package probe_test

import (
	"crypto/x509"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testca"
	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/probe"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/spinetest"
)

// A foreignServer is a program that serves TLS with one configuration, and the
// departures that it has.
type foreignServer struct {
	name            string
	program, debian string
	// start returns the command that serves on addr. cert, key and cas are PEM
	// files in dir, the last of the pinned CAs.
	start func(addr, dir string) []string
	want  []string
}

const guidance = "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384:DHE-RSA-AES128-GCM-SHA256:" +
	"ECDHE-RSA-AES256-SHA384:DHE-RSA-AES256-SHA256:DHE-RSA-AES256-SHA:ECDHE-RSA-AES256-SHA"

// The bad certificates of newProber, as findings.
var badClients = []string{
	"a client certificate that signs itself", "a client certificate of another SubCA",
	"a client certificate that has expired", "a client certificate of another FQDN",
}

// unpinned is what a program lets in that trusts a root and knows no names: any
// of its SubCAs will do.
var unpinned = []string{"a client certificate of another SubCA", "a client certificate of another FQDN"}

func sServer(args ...string) func(addr, dir string) []string {
	return func(addr, dir string) []string {
		return append([]string{"s_server", "-accept", addr, "-cert", dir + "/cert.pem", "-cert_chain", dir + "/subca.pem", "-key", dir + "/key.pem",
			"-CAfile", dir + "/cas.pem", "-www", "-quiet"}, args...)
	}
}

func nginx(directives string) func(addr, dir string) []string {
	return func(addr, dir string) []string {
		conf := fmt.Sprintf(`daemon off; master_process off; pid %[1]s/pid; error_log /dev/null; events {}
http { access_log off; client_body_temp_path %[1]s/b; proxy_temp_path %[1]s/p; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
server { listen %[2]s ssl; ssl_certificate %[1]s/cert.pem; ssl_certificate_key %[1]s/key.pem; ssl_client_certificate %[1]s/cas.pem; ssl_verify_depth 2; %[3]s
location / { return 204; } } }`, dir, addr, directives)
		if err := os.WriteFile(dir+"/nginx.conf", []byte(conf), 0o600); err != nil {
			panic(err)
		}
		return []string{"-c", dir + "/nginx.conf"}
	}
}

var foreignServers = []foreignServer{
	{"OpenSSL with every version", "openssl", "openssl", sServer("-cipher", guidance+":@SECLEVEL=0", "-min_protocol", "TLSv1", "-serverpref", "-Verify", "2", "-verify_return_error"), append([]string{"TLS 1.0", "TLS 1.1", "TLS 1.3"}, unpinned...)},
	{"OpenSSL with suites of its own", "openssl", "openssl", sServer("-tls1_2", "-cipher", "DEFAULT", "-serverpref", "-Verify", "2", "-verify_return_error"), append([]string{"suites outside the list", "order of preference"}, unpinned...)},
	{"OpenSSL with NULL and anonymous suites", "openssl", "openssl", sServer("-tls1_2", "-cipher", guidance+":eNULL:aNULL:@SECLEVEL=0", "-serverpref", "-Verify", "2", "-verify_return_error"), append([]string{"suites outside the list"}, unpinned...)},
	{"nginx as installed", "nginx", "nginx", nginx(""), append([]string{"suites outside the list", "order of preference", "request of a client certificate", "a client without a certificate"}, badClients...)},
	{"nginx with an optional certificate", "nginx", "nginx", nginx("ssl_protocols TLSv1.2; ssl_ciphers " + guidance + "; ssl_prefer_server_ciphers on; ssl_verify_client optional_no_ca;"),
		[]string{"a client without a certificate", "a client certificate that signs itself", "a client certificate of another SubCA", "a client certificate of another FQDN"}},
}

// Programs that are wrong in several ways at once, or in one of their own: every
// fault is found, and none is invented. TestEachFaultOfEachProgram has the rest.
func TestForeignServers(t *testing.T) {
	t.Parallel()
	pki := newPKI(t, "starts other servers")
	prober := newProber(t, pki)
	for _, server := range foreignServers {
		t.Run(server.name, func(t *testing.T) {
			t.Parallel()
			program := testenv.Need(t, server.program, server.debian)
			dir, addr := t.TempDir(), testenv.FreeAddress(t)
			writeFiles(t, dir, pki)
			testenv.Start(t, []string{addr}, program, server.start(addr, dir)...)
			report, err := prober.Server(t.Context(), addr)
			require.NoError(t, err)
			assert.ElementsMatch(t, server.want, findings(report, probe.Departure), "%+v", report.Findings)
			assert.Empty(t, findings(report, probe.Undecided), "%+v", report.Findings)
		})
	}
}

func writeFiles(t *testing.T, dir string, pki *spinetest.PKI) {
	t.Helper()
	cert := pki.Issue(serverName)
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	require.NoError(t, err)
	write := func(name, kind string, blocks ...[]byte) {
		testca.WritePEM(dir, name, kind, blocks...)
	}
	write("cert.pem", "CERTIFICATE", cert.Certificate...)
	write("subca.pem", "CERTIFICATE", pki.SubCA.Raw)
	write("key.pem", "PRIVATE KEY", key)
	write("cas.pem", "CERTIFICATE", pki.SubCA.Raw, pki.Root.Raw)
}
