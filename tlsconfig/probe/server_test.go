// SPDX-License-Identifier: Apache-2.0

package probe_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testca"
	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/openssl"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/probe"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/spinetest"
)

const (
	serverName = "provider.nhs.uk"
	clientName = "ssp.nhs.uk"
)

func selfSigned(t *testing.T, like *x509.Certificate) probe.BadCertificate {
	t.Helper()
	cert, err := probe.SelfSigned(like)
	require.NoError(t, err)
	return cert
}

// newProber returns a prober that has all that can be given, of one PKI.
func newProber(t *testing.T, pki *spinetest.PKI) *probe.Prober {
	t.Helper()
	good := pki.Issue(clientName)
	return &probe.Prober{
		ServerName:  serverName,
		Certificate: &good,
		Bad: []probe.BadCertificate{
			selfSigned(t, good.Leaf),
			{Why: "of another SubCA", Certificate: pki.Issue(clientName, spinetest.FromOtherSubCA())},
			{Why: "that has expired", Certificate: pki.Issue(clientName, spinetest.Expired())},
			{Why: "of another FQDN", Certificate: pki.Issue("other.nhs.uk")},
		},
		Verifier: &tlsconfig.Verifier{Pins: pki.Pins(), Revocation: pki.Checker()},
		Timeout:  10 * time.Second,
	}
}

// findings returns those of one severity, by subject.
func findings(report *probe.Report, severity probe.Severity) (subjects []string) {
	for _, f := range report.Findings {
		if f.Severity == severity {
			subjects = append(subjects, f.Subject)
		}
	}
	return subjects
}

// newPKI returns the process's Spine, of which tests revoke no certificate but their own.
// A test that says why it takes long is left out where tests are to be short.
func newPKI(t *testing.T, long string) *spinetest.PKI {
	t.Helper()
	if long != "" && testing.Short() {
		t.Skip(long)
	}
	return spine()
}

var spine = sync.OnceValue(spinetest.NewPKI)

// serve serves HTTP over the config until the test ends.
func serve(t *testing.T, cfg *tls.Config) string {
	t.Helper()
	return serveBy(t, cfg, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
}

func serveBy(t *testing.T, cfg *tls.Config, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.TLS = cfg
	server.EnableHTTP2 = slices.Contains(cfg.NextProtos, "h2")
	server.Config.ErrorLog = discard
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

func TestServerOfThisLibraryIsConformant(t *testing.T) {
	t.Parallel()
	pki := newPKI(t, "connects with every suite and every bad certificate")
	server := pki.NewServer(pki.Endpoint(serverName, clientName), http.NotFoundHandler())
	t.Cleanup(server.Close)
	report, err := newProber(t, pki).Server(t.Context(), strings.TrimPrefix(server.URL, "https://"))
	require.NoError(t, err)
	assert.Equal(t, probe.Conformant, report.Verdict(), "%+v", report.Findings)
	assert.Empty(t, findings(report, probe.Departure))
	assert.Empty(t, findings(report, probe.Undecided))
	assert.ElementsMatch(t, []string{
		"DHE-RSA-AES256-GCM-SHA384", "DHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-SHA384", "DHE-RSA-AES256-SHA256", "DHE-RSA-AES256-SHA",
		"resumption of sessions",
	}, findings(report, probe.Advice))
}

func TestServerOnLibsslIsConformant(t *testing.T) {
	t.Parallel()
	pki := newPKI(t, "connects with every suite and every bad certificate")
	if err := openssl.Available(); err != nil {
		t.Skip(err) // the package libssl3 is part of every Debian system
	}
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	listener, err := openssl.NewListener(inner, pki.Endpoint(serverName, clientName))
	require.NoError(t, err)
	server := &http.Server{Handler: http.NotFoundHandler(), ReadHeaderTimeout: 10 * time.Second, ErrorLog: discard}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	report, err := newProber(t, pki).Server(t.Context(), inner.Addr().String())
	require.NoError(t, err)
	assert.Equal(t, probe.Conformant, report.Verdict(), "%+v", report.Findings)
	assert.Empty(t, findings(report, probe.Advice))
	assert.Empty(t, findings(report, probe.NotAsked))
}

// The departures of servers that are wrong in one way each, and no other.
func TestDeparturesAreFound(t *testing.T) {
	t.Parallel()
	pki := newPKI(t, "connects to a wrong server for each departure")
	right := func(cert tls.Certificate) *tls.Config {
		end := pki.Endpoint(serverName, clientName)
		end.Certificate = func(context.Context) (*tls.Certificate, error) { return &cert, nil }
		cfg, err := end.ServerConfig()
		require.NoError(t, err)
		return cfg
	}
	// Every suite config is changed, as a change to crypto/tls's own would be.
	changed := func(change func(*tls.Config)) *tls.Config {
		cfg := right(pki.Issue(serverName))
		inner := cfg.GetConfigForClient
		cfg.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			chosen, err := inner(hello)
			if chosen == nil || err != nil {
				return chosen, err
			}
			chosen = chosen.Clone()
			change(chosen)
			return chosen, nil
		}
		change(cfg)
		return cfg
	}
	plain := func(change func(*tls.Config)) *tls.Config {
		verify := changed(func(*tls.Config) {})
		base, err := verify.GetConfigForClient(&tls.ClientHelloInfo{CipherSuites: []uint16{uint16(tlsconfig.ECDHE_RSA_AES256_GCM_SHA384)}, SupportedVersions: []uint16{tls.VersionTLS12}})
		require.NoError(t, err)
		cfg := base.Clone()
		change(cfg)
		return cfg
	}
	unchecked := func(cfg *tls.Config) { cfg.VerifyConnection = nil }
	for _, test := range []struct {
		name   string
		config *tls.Config
		want   []string
	}{
		{"TLS 1.3 too", plain(func(c *tls.Config) { c.MaxVersion = tls.VersionTLS13 }), []string{"TLS 1.3"}},
		{"TLS 1.1 too", plain(func(c *tls.Config) { c.MinVersion = tls.VersionTLS11; c.CipherSuites = nil }), []string{"TLS 1.1", "suites outside the list", "order of preference"}},
		{"TLS 1.0 too", plain(func(c *tls.Config) { c.MinVersion = tls.VersionTLS10; c.CipherSuites = nil }), []string{"TLS 1.0", "TLS 1.1", "suites outside the list", "order of preference"}},
		{"TLS 1.3 only", plain(func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS13, tls.VersionTLS13 }), []string{"TLS 1.2", "TLS 1.3", "a suite of the list"}},
		{"a suite outside the list", plain(func(c *tls.Config) {
			c.CipherSuites = append(slices.Clone(c.CipherSuites), tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256)
		}), []string{"suites outside the list"}},
		{"crypto/tls's own order", plain(func(c *tls.Config) {
			c.CipherSuites = []uint16{tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}
		}), []string{"order of preference"}},
		{"no client certificate asked for", plain(func(c *tls.Config) { c.ClientAuth = tls.NoClientCert; unchecked(c) }),
			[]string{"request of a client certificate", "a client without a certificate", "a client certificate that signs itself", "a client certificate of another SubCA", "a client certificate that has expired", "a client certificate of another FQDN"}},
		{"a client certificate is optional", plain(func(c *tls.Config) { c.ClientAuth = tls.VerifyClientCertIfGiven; unchecked(c) }),
			[]string{"a client without a certificate", "a client certificate of another FQDN"}},
		{"any client certificate", plain(unchecked),
			[]string{"a client certificate that signs itself", "a client certificate of another SubCA", "a client certificate that has expired", "a client certificate of another FQDN"}},
		{"the SubCA's certificates, whatever the name", plain(func(c *tls.Config) { c.ClientAuth = tls.RequireAndVerifyClientCert; unchecked(c) }),
			[]string{"a client certificate of another FQDN"}},
		{"HTTP/2 with a CBC suite", plain(func(c *tls.Config) {
			c.CipherSuites, c.NextProtos = append(slices.Clone(c.CipherSuites), tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA), []string{"h2", "http/1.1"}
		}), []string{"HTTP/2", "order of preference"}},
		{"a certificate of another name", plain(func(c *tls.Config) {
			other := pki.Issue("elsewhere.nhs.uk")
			c.GetCertificate, c.Certificates = nil, []tls.Certificate{other}
		}), []string{"the server's certificate"}},
		{"an expired certificate", plain(func(c *tls.Config) {
			c.GetCertificate, c.Certificates = nil, []tls.Certificate{pki.Issue(serverName, spinetest.Expired())}
		}), []string{"the server's certificate"}},
		{"a certificate of another SubCA", plain(func(c *tls.Config) {
			c.GetCertificate, c.Certificates = nil, []tls.Certificate{pki.Issue(serverName, spinetest.FromOtherSubCA())}
		}), []string{"the server's certificate"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			report, err := newProber(t, pki).Server(t.Context(), serve(t, test.config))
			require.NoError(t, err)
			assert.Equal(t, probe.Departure, report.Verdict())
			assert.ElementsMatch(t, test.want, findings(report, probe.Departure), "%+v", report.Findings)
		})
	}
}

func TestWithoutCertificateAndPinsNothingIsHeldAgainstTheServer(t *testing.T) {
	t.Parallel()
	pki := newPKI(t, "")
	server := pki.NewServer(pki.Endpoint(serverName, clientName), http.NotFoundHandler())
	t.Cleanup(server.Close)
	report, err := (&probe.Prober{ServerName: serverName}).Server(t.Context(), strings.TrimPrefix(server.URL, "https://"))
	require.NoError(t, err)
	assert.Equal(t, probe.Conformant, report.Verdict(), "%+v", report.Findings)
	assert.ElementsMatch(t, []string{"the server's certificate", "the good client", "resumption of sessions", renegotiation}, findings(report, probe.NotAsked))
}

// A server that lets every client in and then says nothing, or nothing of HTTP/1, has
// refused none.
func TestWhatIsNoHTTPIsNoRefusal(t *testing.T) {
	t.Parallel()
	pki := newPKI(t, "")
	own := pki.Issue(serverName)
	for name, answer := range map[string]func(server net.Conn, timeOut func()){
		"another protocol":        func(c net.Conn, _ func()) { io.WriteString(c, "220 smtp.nhs.uk ESMTP service ready\r\n") },
		"a word":                  func(c net.Conn, _ func()) { io.WriteString(c, "220\r\n") },
		"silence":                 func(c net.Conn, timeOut func()) { timeOut(); io.Copy(io.Discard, c) },
		"the end, as to everyone": func(net.Conn, func()) {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inner := loopback(t)
			var last atomic.Pointer[net.Conn] // the prober has one at a time
			timeOut := func() { (*last.Load()).SetReadDeadline(time.Unix(1, 0)) }
			serveEach(t, tls.NewListener(inner, &tls.Config{MaxVersion: tls.VersionTLS12, Certificates: []tls.Certificate{own}, ClientAuth: tls.RequestClientCert,
				CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384}}), func(conn net.Conn) {
				if _, err := conn.Read(make([]byte, 4096)); err == nil {
					answer(conn, timeOut)
				}
			})
			p := newProber(t, pki)
			p.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
				conn, err := new(net.Dialer).DialContext(ctx, network, address)
				last.Store(&conn)
				return conn, err
			}
			report, err := p.Server(t.Context(), inner.Addr().String())
			require.NoError(t, err)
			undecided := findings(report, probe.Undecided)
			assert.Subset(t, undecided, []string{"the good client", "a client without a certificate", "a client certificate that signs itself",
				"a client certificate of another SubCA", "a client certificate that has expired", "a client certificate of another FQDN"}, "%+v", report.Findings)
		})
	}
}

// A proxy and the server behind it may refuse with one status: what the good client
// is answered with is then told from a refusal by the format of the answer, and is
// undecided where that is the same.
func TestARefusalIsToldByItsFormat(t *testing.T) {
	t.Parallel()
	pki := newPKI(t, "")
	own := pki.Issue(serverName)
	verifier := &tlsconfig.Verifier{Pins: pki.Pins(), Revocation: pki.Checker(), FQDNs: []string{clientName}}
	for name, test := range map[string]struct {
		refusal string // the Content-Type that bad clients get; empty: none
		want    probe.Severity
	}{
		"as nginx answers":          {"text/html", probe.Conformant},
		"as the server behind does": {"application/fhir+json", probe.Undecided},
		"without a format":          {"", probe.Undecided},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := &tls.Config{MaxVersion: tls.VersionTLS12, Certificates: []tls.Certificate{own}, ClientAuth: tls.RequestClientCert}
			address := serveBy(t, cfg, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/fhir+json")
				if _, err := verifier.Verify(r.Context(), tlsconfig.Presented{Certificates: r.TLS.PeerCertificates, Usage: x509.ExtKeyUsageClientAuth}); err != nil {
					w.Header()["Content-Type"] = []string{test.refusal}
					if test.refusal == "" {
						w.Header()["Content-Type"] = nil
					}
				}
				w.WriteHeader(http.StatusBadRequest)
			})
			report, err := newProber(t, pki).Server(t.Context(), address)
			require.NoError(t, err)
			assert.Equal(t, probe.Conformant, finding(t, report, "the good client").Severity)
			for _, subject := range append([]string{"a client without a certificate"}, badClients...) {
				assert.Equal(t, test.want, finding(t, report, subject).Severity, "%s: %s", subject, finding(t, report, subject).Found)
			}
		})
	}
}

// What a server writes into its certificate is cut, so that a report stays one that
// can be read, and written at once.
func TestWhatAServerSaysOfItselfIsCut(t *testing.T) {
	t.Parallel()
	key, template := testca.RSA("probe"), testca.CA(strings.Repeat("a", 200_000), 1)
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	cert := testca.Sign(template, nil, &key.PublicKey, key)
	address := serve(t, &tls.Config{MaxVersion: tls.VersionTLS12, Certificates: []tls.Certificate{{Certificate: [][]byte{cert.Raw}, PrivateKey: key}}})
	report, err := (&probe.Prober{ServerName: serverName, Timeout: 30 * time.Second}).Server(t.Context(), address)
	require.NoError(t, err)
	assert.Contains(t, finding(t, report, "the server's certificate").Found, "aaaa")
	for _, f := range report.Findings {
		assert.LessOrEqual(t, len(f.Found), 4<<10, f.Subject)
	}
}

func TestNothingListens(t *testing.T) {
	t.Parallel()
	_, err := new(probe.Prober).Server(t.Context(), "127.0.0.1:1")
	require.Error(t, err)
	_, err = new(probe.Prober).Server(t.Context(), "no port")
	require.Error(t, err)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = new(probe.Prober).Server(ended, "127.0.0.1:1")
	require.ErrorIs(t, err, context.Canceled)
}

// What is no TLS server at all is undecided, and every question ends.
func TestServersThatSpeakNoTLS(t *testing.T) {
	t.Parallel()
	for name, talk := range map[string]func(net.Conn){
		"an HTTP server":                    func(c net.Conn) { c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")) },
		"a record that promises too much":   func(c net.Conn) { c.Write([]byte{22, 3, 3, 0xff, 0xff}) },
		"a hello that is cut":               func(c net.Conn) { c.Write([]byte{22, 3, 3, 0, 8, 2, 0, 0, 4, 3, 3, 0, 0}) },
		"an unencrypted application record": func(c net.Conn) { c.Write([]byte{23, 3, 3, 0, 1, 0}) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := testenv.Accept(t, func(conn net.Conn) {
				conn.Read(make([]byte, 4096))
				talk(conn)
				conn.Close()
			})
			report, err := (&probe.Prober{ServerName: serverName}).Server(t.Context(), address)
			require.NoError(t, err)
			assert.NotEqual(t, probe.Conformant, report.Verdict())
		})
	}
}
