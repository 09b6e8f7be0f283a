// SPDX-License-Identifier: Apache-2.0

package openssl_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/internal/testpki"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/openssl"
)

// badPeers are the ways to be refused, and what both ends learn of it.
var badPeers = []struct {
	name  string
	cert  func(p *testpki.PKI, fqdn string) tls.Certificate
	rule  tlsconfig.Rule
	alert tls.AlertError
}{
	{"issued by a sibling of the pinned SubCA", func(p *testpki.PKI, fqdn string) tls.Certificate { return p.SiblingLeaf(fqdn) },
		tlsconfig.RuleSubCA, 48},
	{"expired", func(p *testpki.PKI, fqdn string) tls.Certificate {
		return p.Leaf(fqdn, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
	}, tlsconfig.RuleValidity, 45},
	{"not yet valid", func(p *testpki.PKI, fqdn string) tls.Certificate {
		return p.Leaf(fqdn, func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = time.Now().Add(24*time.Hour), time.Now().Add(48*time.Hour)
		})
	}, tlsconfig.RuleValidity, 42},
	{"for another use", func(p *testpki.PKI, fqdn string) tls.Certificate {
		return p.Leaf(fqdn, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning} })
	}, tlsconfig.RuleUsage, 43},
	{"of another system", func(p *testpki.PKI, _ string) tls.Certificate { return p.Leaf("other.nhs.uk") },
		tlsconfig.RuleFQDN, 42},
	{"revoked", func(p *testpki.PKI, fqdn string) tls.Certificate { return p.Revoke(p.Leaf(fqdn)) },
		tlsconfig.RuleRevocation, 44},
}

// loose is a config of crypto/tls that verifies nothing.
func loose(cert *tls.Certificate) *tls.Config {
	cfg := &tls.Config{
		InsecureSkipVerify: true, MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12,
		ServerName: serverName, ClientAuth: tls.RequireAnyClientCert, SessionTicketsDisabled: true,
		// With no list of CAs to choose by, a certificate is presented to every server.
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			if cert == nil {
				return new(tls.Certificate), nil
			}
			return cert, nil
		},
	}
	if cert != nil {
		cfg.Certificates = []tls.Certificate{*cert}
	}
	return cfg
}

func TestBadClientsAreRefusedWithTheRightAlert(t *testing.T) {
	needLibrary(t)
	for _, bad := range badPeers {
		t.Run(bad.name, func(t *testing.T) {
			newServer, err := openssl.NewServer(serverEndpoint())
			require.NoError(t, err)
			cert := bad.cert(spine(), clientName)
			_, s, clientErr, serverErr := shaken(t, loose(&cert), newServer)
			requireRule(t, bad.rule, serverErr)
			requireAlert(t, bad.alert, clientErr)
			_, err = s.Read(make([]byte, 1))
			assert.Equal(t, serverErr, err, "the refusal is final")
			assert.False(t, s.ConnectionState().HandshakeComplete)
		})
	}
}

func TestBadServersAreRefusedWithTheRightAlert(t *testing.T) {
	needLibrary(t)
	for _, bad := range badPeers {
		t.Run(bad.name, func(t *testing.T) {
			d, err := openssl.NewDialer(clientEndpoint())
			require.NoError(t, err)
			a, b := tcpPipe(t)
			cert := bad.cert(spine(), serverName)
			c, s := d.Client(a, serverName), tls.Server(b, loose(&cert))
			defer c.Close()
			defer s.Close()
			clientErr, serverErr := shake(c, s)
			requireRule(t, bad.rule, clientErr)
			requireAlert(t, bad.alert, serverErr)
			assert.Empty(t, s.ConnectionState().PeerCertificates, "the client's certificate is for none but a verified server")
		})
	}
}

func TestAClientWithoutACertificateIsRefused(t *testing.T) {
	needLibrary(t)
	newServer, err := openssl.NewServer(serverEndpoint())
	require.NoError(t, err)
	_, _, clientErr, serverErr := shaken(t, loose(nil), newServer)
	requireRule(t, tlsconfig.RuleNoCertificate, serverErr)
	requireAlert(t, 40, clientErr)
}

func TestAServerBearsTheNameThatWasDialled(t *testing.T) {
	needLibrary(t)
	client := clientEndpoint()
	client.Verifier.FQDNs = nil
	d, err := openssl.NewDialer(client)
	require.NoError(t, err)
	for name, want := range map[string]tlsconfig.Rule{serverName: 0, "other.nhs.uk": tlsconfig.RuleFQDN, "127.0.0.1": tlsconfig.RuleFQDN} {
		t.Run(name, func(t *testing.T) {
			clientErr, serverErr := dialled(t, d, name)
			if want == 0 {
				require.NoError(t, clientErr)
				require.NoError(t, serverErr)
				return
			}
			requireRule(t, want, clientErr)
			requireAlert(t, 42, serverErr)
		})
	}
}

func TestForeignProtocolsAndSuitesAreRefused(t *testing.T) {
	needLibrary(t)
	cert := spine().Leaf(clientName)
	for name, c := range map[string]struct {
		change func(*tls.Config)
		alert  tls.AlertError
	}{
		"TLS 1.1":                     {func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }, 70},
		"TLS 1.3":                     {func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS13, tls.VersionTLS13 }, 70},
		"no suite of the guidance":    {func(c *tls.Config) { c.CipherSuites = []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA} }, 40},
		"HTTP/2 and nothing else":     {func(c *tls.Config) { c.NextProtos = []string{"h2"} }, 120},
		"RSA key exchange, AES256GCM": {func(c *tls.Config) { c.CipherSuites = []uint16{tls.TLS_RSA_WITH_AES_256_GCM_SHA384} }, 40},
	} {
		t.Run(name, func(t *testing.T) {
			newServer, err := openssl.NewServer(serverEndpoint())
			require.NoError(t, err)
			cfg := loose(&cert)
			c.change(cfg)
			_, _, clientErr, serverErr := shaken(t, cfg, newServer)
			refusal, ok := errors.AsType[*openssl.LibraryError](serverErr)
			require.True(t, ok, "%v", serverErr)
			assert.NotEmpty(t, refusal.Reason)
			requireAlert(t, c.alert, clientErr)
		})
	}
}

func TestALPNIsHTTP11OrNothing(t *testing.T) {
	needLibrary(t)
	cert := spine().Leaf(clientName)
	for name, c := range map[string]struct {
		offer []string
		want  string
	}{
		"none offered":        {nil, ""},
		"HTTP/2 before it":    {[]string{"h2", "http/1.1"}, "http/1.1"},
		"HTTP/1.1 on its own": {[]string{"http/1.1"}, "http/1.1"},
	} {
		t.Run(name, func(t *testing.T) {
			newServer, err := openssl.NewServer(serverEndpoint())
			require.NoError(t, err)
			cfg := loose(&cert)
			cfg.NextProtos = c.offer
			client, server, clientErr, serverErr := shaken(t, cfg, newServer)
			require.NoError(t, clientErr)
			require.NoError(t, serverErr)
			assert.Equal(t, c.want, client.ConnectionState().NegotiatedProtocol)
			assert.Equal(t, c.want, server.ConnectionState().NegotiatedProtocol)
		})
	}
}

// A checker is a revocation checker of one test.
type checker func(ctx context.Context, chain []*x509.Certificate, stapled []byte) error

func (c checker) Check(ctx context.Context, chain []*x509.Certificate, stapled []byte) error {
	return c(ctx, chain, stapled)
}

func TestAVerifierThatCannotAnswerRefuses(t *testing.T) {
	needLibrary(t)
	for name, c := range map[string]struct {
		check checker
		alert tls.AlertError
	}{
		"it panics":         {func(context.Context, []*x509.Certificate, []byte) error { panic("checker") }, 46},
		"it does not know":  {func(context.Context, []*x509.Certificate, []byte) error { return &revocation.UnknownError{} }, 46},
		"it waits for ever": {func(ctx context.Context, _ []*x509.Certificate, _ []byte) error { <-ctx.Done(); return ctx.Err() }, 46},
	} {
		for _, role := range []string{"client", "server"} {
			t.Run(name+", "+role, func(t *testing.T) {
				client, server := clientEndpoint(), serverEndpoint()
				judge := client
				if role == "server" {
					judge = server
				}
				judge.Verifier.Revocation = c.check
				judge.Timeout = 20 * time.Millisecond
				conn, s := pair(t, client, server)
				refused, told := shake(conn, s)
				if role == "server" {
					refused, told = told, refused
				}
				requireRule(t, tlsconfig.RuleRevocation, refused)
				requireAlert(t, c.alert, told)
			})
		}
	}
}

func TestNothingLeavesBeforeTheVerdict(t *testing.T) {
	needLibrary(t)
	for _, role := range []string{"client", "server"} {
		t.Run(role, func(t *testing.T) {
			judging, verdict := make(chan struct{}), make(chan struct{})
			client, server := clientEndpoint(), serverEndpoint()
			judge := client
			if role == "server" {
				judge = server
			}
			judge.Verifier.Revocation = checker(func(context.Context, []*x509.Certificate, []byte) error {
				close(judging)
				<-verdict
				return nil
			})
			d, err := openssl.NewDialer(client)
			require.NoError(t, err)
			newServer, err := openssl.NewServer(server)
			require.NoError(t, err)
			a, b := tcpPipe(t)
			sent := &recorder{Conn: a}
			if role == "server" {
				sent.Conn, b = b, sent
			} else {
				sent.Conn, a = a, sent
			}
			c, s := d.Client(a, serverName), newServer(b)
			defer c.Close()
			defer s.Close()
			done := make(chan error, 2)
			go func() { done <- s.Handshake() }()
			go func() { done <- c.Handshake() }()
			<-judging
			select {
			case err := <-done:
				t.Fatalf("an end was done before the verdict: %v", err)
			default:
			}
			before := sent.types(t)
			assert.NotContains(t, before, byte(20), "ChangeCipherSpec, which Finished follows")
			close(verdict)
			require.NoError(t, <-done)
			require.NoError(t, <-done)
			assert.Contains(t, sent.types(t), byte(20))
			if role == "client" {
				assert.Equal(t, []byte{22}, before, "nothing but its hello")
			}
		})
	}
}

// A recorder keeps what is written to a connection.
type recorder struct {
	net.Conn
	mu   sync.Mutex
	sent []byte
}

func (r *recorder) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sent = append(r.sent, b...)
	return r.Conn.Write(b)
}

// types are the content types of the records written so far.
func (r *recorder) types(t *testing.T) (types []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for rest := r.sent; len(rest) > 0; {
		require.GreaterOrEqual(t, len(rest), 5)
		n := 5 + int(binary.BigEndian.Uint16(rest[3:]))
		require.GreaterOrEqual(t, len(rest), n)
		types, rest = append(types, rest[0]), rest[n:]
	}
	return types
}

func requireRule(t *testing.T, want tlsconfig.Rule, err error) {
	t.Helper()
	refusal, ok := errors.AsType[*tlsconfig.PeerError](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, want, refusal.Rule, "%v", err)
}

// requireAlert wants the peer's alert, as either engine reports it.
func requireAlert(t *testing.T, want tls.AlertError, err error) {
	t.Helper()
	op, ok := errors.AsType[*net.OpError](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, "remote error", op.Op)
	require.Equal(t, want.Error(), op.Err.Error())
}

func TestAClockThatPanicsRefuses(t *testing.T) {
	needLibrary(t)
	server := serverEndpoint()
	var broken atomic.Bool
	server.Verifier.Time = func() time.Time {
		if broken.Load() {
			panic("no clock")
		}
		return time.Now()
	}
	c, s := pair(t, clientEndpoint(), server)
	broken.Store(true)
	clientErr, serverErr := shake(c, s)
	require.Error(t, clientErr)
	refusal, ok := errors.AsType[*tlsconfig.PeerError](serverErr)
	require.True(t, ok, "%v", serverErr)
	assert.Contains(t, refusal.Error(), "panic")
}

// A hooked handler calls its hook for each record.
type hooked struct {
	slog.Handler
	hook func()
}

func (hooked) Enabled(context.Context, slog.Level) bool { return true }

func (h hooked) Handle(context.Context, slog.Record) error {
	h.hook()
	return nil
}

// The alert for a certificate that is not valid now depends on the time, too.
func TestAClockThatPanicsAfterTheVerdictRefuses(t *testing.T) {
	needLibrary(t)
	server := serverEndpoint()
	var broken atomic.Bool
	server.Logger = slog.New(hooked{slog.DiscardHandler, func() { broken.Store(true) }})
	server.Verifier.Time = func() time.Time {
		if broken.Load() {
			panic("no clock")
		}
		return time.Now()
	}
	newServer, err := openssl.NewServer(server)
	require.NoError(t, err)
	cert := spine().Leaf(clientName, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
	_, _, clientErr, serverErr := shaken(t, loose(&cert), newServer)
	require.True(t, broken.Load(), "the refusal is logged once the verdict is known")
	requireRule(t, tlsconfig.RuleValidity, serverErr)
	requireAlert(t, 45, clientErr)
}
