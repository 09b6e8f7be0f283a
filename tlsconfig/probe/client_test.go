// SPDX-License-Identifier: Apache-2.0

package probe_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig/probe"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/spinetest"
)

// clientConfig returns that of a client that is to the guidance.
func clientConfig(t *testing.T, pki *spinetest.PKI) *tls.Config {
	t.Helper()
	cfg, err := pki.Endpoint(clientName).ClientConfig()
	require.NoError(t, err)
	cfg.ServerName = serverName
	return cfg
}

// loopback returns a listener for a client.
func loopback(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	return listener
}

// probeClient has a client call until its report is there.
func probeClient(t *testing.T, prober *probe.Prober, cfg *tls.Config) *probe.Report {
	t.Helper()
	return probeClientAt(t, loopback(t), prober, cfg)
}

func probeClientAt(t *testing.T, listener net.Listener, prober *probe.Prober, cfg *tls.Config) *probe.Report {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	called := make(chan struct{})
	go func() {
		defer close(called)
		for ctx.Err() == nil {
			client := &http.Client{Transport: &http.Transport{TLSClientConfig: cfg.Clone(), DisableKeepAlives: true}}
			request, _ := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+listener.Addr().String(), nil)
			if response, err := client.Do(request); err == nil {
				response.Body.Close()
			}
		}
	}()
	report, err := prober.Client(t.Context(), listener)
	cancel()
	<-called
	require.NoError(t, err)
	return report
}

func newClientProber(t *testing.T, pki *spinetest.PKI) *probe.Prober {
	t.Helper()
	prober := newProber(t, pki)
	good := pki.Issue(serverName)
	prober.Certificate = &good
	prober.Bad = []probe.BadCertificate{
		selfSigned(t, good.Leaf),
		{Why: "of another SubCA", Certificate: pki.Issue(serverName, spinetest.FromOtherSubCA())},
		{Why: "of another FQDN", Certificate: pki.Issue("other.nhs.uk")},
	}
	return prober
}

func TestClientOfThisLibraryIsConformant(t *testing.T) {
	t.Parallel()
	pki := newPKI(t, "connects to a server for every suite and every bad certificate")
	cfg := clientConfig(t, pki)
	report := probeClient(t, newClientProber(t, pki), cfg)
	assert.Equal(t, probe.Conformant, report.Verdict(), "%+v", report.Findings)
	assert.Equal(t, []string{"order of preference"}, findings(report, probe.Advice), "crypto/tls orders the offer itself")
	assert.Empty(t, findings(report, probe.NotAsked))
}

func TestDeparturesOfClientsAreFound(t *testing.T) {
	t.Parallel()
	pki := newPKI(t, "")
	bad := []string{"a server certificate that signs itself", "a server certificate of another SubCA", "a server certificate of another FQDN"}
	for _, test := range []struct {
		name   string
		change func(*tls.Config)
		want   []string
	}{
		{"verifies nothing", func(c *tls.Config) { c.VerifyConnection = nil }, bad},
		{"offers TLS 1.3", func(c *tls.Config) { c.MaxVersion = tls.VersionTLS13 }, []string{"versions offered", "suites outside the list"}},
		{"offers the suites of crypto/tls", func(c *tls.Config) { c.CipherSuites = nil }, []string{"suites outside the list"}},
		{"presents no certificate", func(c *tls.Config) { c.GetClientCertificate, c.Certificates = nil, nil }, []string{"the client's certificate"}},
		{"presents a certificate of another SubCA", func(c *tls.Config) {
			other := pki.Issue(clientName, spinetest.FromOtherSubCA())
			c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &other, nil }
		}, []string{"the client's certificate"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			cfg := clientConfig(t, pki)
			test.change(cfg)
			report := probeClient(t, newClientProber(t, pki), cfg)
			assert.ElementsMatch(t, test.want, findings(report, probe.Departure), "%+v", report.Findings)
		})
	}
}

// A client that accepts every certificate and then waits, or has none of its own,
// has refused nothing.
func TestWhatIsNoRequestIsNoRefusal(t *testing.T) {
	t.Parallel()
	pki := newPKI(t, "")
	for name, own := range map[string][]tls.Certificate{"it waits": {pki.Issue(clientName)}, "it has no certificate": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inner := loopback(t)
			listener := &accepted{Listener: inner, conns: make(chan net.Conn, 4)} // one for the good certificate and one for each bad one
			calling := make(chan struct{})
			go func() {
				defer close(calling)
				for {
					conn, err := tls.Dial("tcp", inner.Addr().String(), &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12, Certificates: own})
					server, open := <-listener.conns
					if !open {
						return
					}
					if err == nil {
						defer conn.Close()
						server.SetReadDeadline(time.Unix(1, 0)) // in place of the time-out
					}
				}
			}()
			report, err := newClientProber(t, pki).Client(t.Context(), listener)
			require.NoError(t, err)
			close(listener.conns)
			<-calling
			assert.Subset(t, findings(report, probe.Undecided), []string{"a server certificate that signs itself",
				"a server certificate of another SubCA", "a server certificate of another FQDN"}, "%+v", report.Findings)
		})
	}
}

// An accepted listener hands its connections on once they are accepted.
type accepted struct {
	net.Listener
	conns chan net.Conn
}

func (a *accepted) Accept() (net.Conn, error) {
	conn, err := a.Listener.Accept()
	if err == nil {
		a.conns <- conn
	}
	return conn, err
}

func TestClientThatDoesNotCall(t *testing.T) {
	t.Parallel()
	listener := loopback(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := new(probe.Prober).Client(ctx, listener)
	require.ErrorIs(t, err, context.Canceled)

	listener = loopback(t)
	ctx, cancel = context.WithCancel(t.Context())
	go func() {
		defer cancel()
		call(listener.Addr().String(), "GET / HTTP/1.1\r\n\r\n")
	}()
	report, err := (&probe.Prober{Timeout: 10 * time.Second}).Client(ctx, listener)
	require.NoError(t, err)
	assert.Equal(t, probe.Undecided, report.Verdict(), "%+v", report.Findings)
}

// call sends text and reads until the other end closes the connection.
func call(address, text string) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer conn.Close()
	io.WriteString(conn, text)
	conn.(*net.TCPConn).CloseWrite()
	io.Copy(io.Discard, conn)
}

// A shared listener has its second, fourth and so on connection from another machine.
type shared struct {
	net.Listener
	others net.Listener
	turn   int
}

func (s *shared) Accept() (net.Conn, error) {
	if s.turn++; s.turn%2 != 0 {
		return s.Listener.Accept()
	}
	conn, err := s.others.Accept()
	return elsewhere{conn}, err
}

func (s *shared) Close() error { return errors.Join(s.Listener.Close(), s.others.Close()) }

type elsewhere struct{ net.Conn }

func (elsewhere) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 443} }

// Between the client's calls come a port scanner, a health check of HTTP, half a
// hello, and another machine's client that verifies nothing: none is counted as the client's.
func TestConnectionsOfOthersAskNothing(t *testing.T) {
	t.Parallel()
	pki := newPKI(t, "")
	cfg := clientConfig(t, pki)
	prober := newClientProber(t, pki)
	listener := loopback(t)
	address := listener.Addr().String()
	ctx, cancel := context.WithCancel(t.Context())
	called := make(chan struct{})
	go func() {
		defer close(called)
		for ctx.Err() == nil {
			for _, text := range []string{"", "GET /health HTTP/1.0\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00", "\x80"} {
				call(address, text)
			}
			if conn, err := tls.Dial("tcp", address, cfg); err == nil {
				io.WriteString(conn, "GET / HTTP/1.1\r\n\r\n")
				io.Copy(io.Discard, conn)
				conn.Close()
			}
		}
	}()
	report, err := prober.Client(t.Context(), listener)
	cancel()
	<-called
	require.NoError(t, err)
	assert.Equal(t, probe.Conformant, report.Verdict(), "%+v", report.Findings)
	assert.Empty(t, findings(report, probe.NotAsked))
}

func TestAnotherMachinesClientIsNotTheClient(t *testing.T) {
	t.Parallel()
	pki := newPKI(t, "")
	cfg := clientConfig(t, pki)
	listener := loopback(t)
	others := loopback(t)
	t.Cleanup(func() { others.Close() })
	ctx, cancel := context.WithCancel(t.Context())
	var calling sync.WaitGroup
	called := make(chan struct{})
	once := sync.OnceFunc(func() { close(called) })
	calls := func(address string, cfg *tls.Config) {
		for ctx.Err() == nil {
			if conn, err := tls.Dial("tcp", address, cfg); err == nil {
				once()
				io.WriteString(conn, "GET / HTTP/1.1\r\n\r\n")
				io.Copy(io.Discard, conn)
				conn.Close()
			}
		}
	}
	calling.Go(func() { calls(listener.Addr().String(), cfg) })
	calling.Go(func() {
		<-called // the client is the one that has called first
		calls(others.Addr().String(), &tls.Config{InsecureSkipVerify: true})
	})
	report, err := newClientProber(t, pki).Client(t.Context(), &shared{Listener: listener, others: others})
	cancel()
	others.Close()
	calling.Wait()
	require.NoError(t, err)
	assert.Equal(t, probe.Conformant, report.Verdict(), "%+v", report.Findings)
	assert.Empty(t, findings(report, probe.NotAsked))
}

// A client of SSL version 3 offers no version that crypto/tls has a name for, and is
// no less wrong for it.
func TestClientOfSSLVersion3IsADeparture(t *testing.T) {
	t.Parallel()
	listener := loopback(t)
	sent := make(chan error, 1)
	go func() {
		conn, err := net.Dial("tcp", listener.Addr().String())
		if err == nil {
			hello := append([]byte{1, 0, 0, 41, 3, 0}, make([]byte, 32)...)
			hello = append(hello, 0, 0, 2, 0, 0x2f, 1, 0)
			_, err = conn.Write(append([]byte{22, 3, 0, 0, byte(len(hello))}, hello...))
			defer conn.Close()
			io.Copy(io.Discard, conn)
		}
		sent <- err
	}()
	report, err := new(probe.Prober).Client(t.Context(), listener)
	require.NoError(t, err)
	require.NoError(t, <-sent)
	for _, finding := range report.Findings {
		if finding.Subject == "versions offered" {
			assert.Equal(t, probe.Departure, finding.Severity, finding.Found)
			return
		}
	}
	t.Errorf("the versions are not reported: %+v", report.Findings)
}
