// SPDX-License-Identifier: Apache-2.0

package probe_test

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testca"
	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/probe"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/spinetest"
)

// settings are what a server is told; the zero value is as near to the guidance
// as programs come that know a root and no names.
type settings struct {
	old, new    bool // TLS 1.0 and 1.1; TLS 1.3
	foreign     bool // suites outside the list
	reversed    bool // the order of suites
	clientOrder bool
	clients     string // "none", "optional", "any"; empty: "required"
	certificate string // a file of certificates; empty: "good"
	rootOnly    bool   // no SubCA is trusted, so none is there to complete the server's chain with
	sessions    bool
	http2       bool
	renegotiate bool // with clients that ask for it; other programs than OpenSSL are not told
}

// A fault is one thing that is wrong, and the departures by which it is found,
// beside those of unpinned where the clients are as they were.
type fault struct {
	name     string
	settings settings
	want     []string
}

var faults = []fault{
	{"to the guidance but for pins and names", settings{}, nil},
	{"TLS 1.0 and 1.1", settings{old: true}, []string{"TLS 1.0", "TLS 1.1"}},
	{"TLS 1.3", settings{new: true}, []string{"TLS 1.3"}},
	{"foreign suites", settings{foreign: true}, []string{"suites outside the list"}},
	{"the suites in another order", settings{reversed: true}, []string{"order of preference"}},
	{"the client's preference", settings{clientOrder: true}, []string{"order of preference"}},
	{"no client certificate is asked for", settings{clients: "none"}, append([]string{"request of a client certificate", "a client without a certificate"}, badClients...)},
	{"a client certificate is optional", settings{clients: "optional"}, append([]string{"a client without a certificate"}, unpinned...)},
	{"any CA's client certificate", settings{clients: "any"}, badClients},
	{"an expired certificate", settings{certificate: "expired"}, []string{"the server's certificate"}},
	{"a certificate of another FQDN", settings{certificate: "elsewhere"}, []string{"the server's certificate"}},
	{"a certificate of another SubCA", settings{certificate: "other"}, []string{"the server's certificate"}},
	{"a certificate without its SubCA", settings{certificate: "alone", rootOnly: true}, []string{"the server's chain"}},
	{"a revoked certificate", settings{certificate: "revoked"}, []string{"the server's certificate"}},
	{"sessions are resumed", settings{sessions: true}, nil}, // found as advice
	{"HTTP/2 beside CBC suites", settings{http2: true}, []string{"HTTP/2"}},
}

// A job is one server to start.
type job struct {
	settings
	addr, dir string
}

func (j *job) port() string {
	_, port, _ := net.SplitHostPort(j.addr)
	return port
}

func (j *job) certificate() string {
	if j.settings.certificate == "" {
		return "good"
	}
	return j.settings.certificate
}

func (j *job) cas() string {
	if j.rootOnly {
		return j.dir + "/root.pem"
	}
	return j.dir + "/cas.pem"
}

// suites are those of the guidance, by name.
func (j *job) suites(name func(tlsconfig.Suite) string, foreign ...string) (names []string) {
	for _, suite := range tlsconfig.Suites() {
		names = append(names, name(suite))
	}
	if j.reversed {
		slices.Reverse(names)
	}
	if j.settings.foreign {
		names = append(names, foreign...)
	}
	return names
}

// TestEachFaultOfEachProgram probes six programs with each fault: it is found,
// and nothing else is.
func TestEachFaultOfEachProgram(t *testing.T) {
	t.Parallel()
	pki := newPKI(t, "starts other servers")
	prober := newProber(t, pki)
	prober.Timeout = 30 * time.Second // Java compiles its suites as it meets them
	dir := t.TempDir()
	writeCertificates(t, dir, pki)
	for _, program := range programs {
		t.Run(program.name, func(t *testing.T) {
			t.Parallel()
			path := testenv.Need(t, program.binary, program.debian)
			var jobs []*job
			var asked []fault
			for _, f := range faults {
				if program.cannot[f.name] == "" {
					jobs = append(jobs, &job{f.settings, testenv.FreeAddress(t), dir})
					asked = append(asked, f)
				}
			}
			require.Len(t, jobs, len(faults)-len(program.cannot), "a reason is given for a fault that is not in the table")
			program.serve(t, path, jobs)
			for i, f := range asked {
				t.Run(f.name, func(t *testing.T) {
					t.Parallel()
					want := slices.Clone(f.want)
					if f.settings.clients == "" {
						want = append(want, unpinned...)
					}
					if other, ok := program.differs[f.name]; ok {
						want = other
					}
					report, err := prober.Server(t.Context(), jobs[i].addr)
					require.NoError(t, err)
					assert.ElementsMatch(t, want, findings(report, probe.Departure), "%+v", report.Findings)
					assert.Empty(t, findings(report, probe.Undecided), "%+v", report.Findings)
					assert.Equal(t, f.settings.sessions, slices.Contains(findings(report, probe.Advice), "resumption of sessions"), "%+v", report.Findings)
				})
			}
		})
	}
}

// writeCertificates writes each certificate with its SubCA as NAME.pem, the SubCA
// as NAME.chain, the key as NAME.key and all of it as NAME.both.
func writeCertificates(t *testing.T, dir string, pki *spinetest.PKI) {
	t.Helper()
	write := func(name string, text []byte) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), text, 0o600))
	}
	revoked := pki.Issue(serverName)
	pki.Authority.Revoke(revoked.Leaf, revocation.ReasonKeyCompromise, time.Now())
	alone := pki.Issue(serverName)
	alone.Certificate = alone.Certificate[:1]
	for name, cert := range map[string]tls.Certificate{
		"good": pki.Issue(serverName), "expired": pki.Issue(serverName, spinetest.Expired()), "elsewhere": pki.Issue("elsewhere.nhs.uk"),
		"other": pki.Issue(serverName, spinetest.FromOtherSubCA()), "alone": alone, "revoked": revoked, "client": pki.Issue(clientName),
	} {
		key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
		require.NoError(t, err)
		chain, private := testca.PEM("CERTIFICATE", cert.Certificate...), testca.PEM("PRIVATE KEY", key)
		write(name+".pem", chain)
		write(name+".chain", testca.PEM("CERTIFICATE", cert.Certificate[1:]...))
		write(name+".key", private)
		write(name+".both", append(slices.Clone(chain), private...))
	}
	write("cas.pem", testca.PEM("CERTIFICATE", pki.SubCA.Raw, pki.Root.Raw))
	write("root.pem", testca.PEM("CERTIFICATE", pki.Root.Raw))
}
