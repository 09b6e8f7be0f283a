// SPDX-License-Identifier: Apache-2.0

package openssl_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/internal/testpki"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/openssl"
)

func TestWhatIsWrongIsFoundWhenBuilt(t *testing.T) {
	needLibrary(t)
	for name, change := range map[string]func(e *tlsconfig.Endpoint){
		"no certificate":        func(e *tlsconfig.Endpoint) { e.Certificate = nil },
		"no pins":               func(e *tlsconfig.Endpoint) { e.Verifier.Pins = nil },
		"no revocation checker": func(e *tlsconfig.Endpoint) { e.Verifier.Revocation = nil },
		"a suite that is none":  func(e *tlsconfig.Endpoint) { e.Suites = []tlsconfig.Suite{0xC013} },
		"the key of another certificate": func(e *tlsconfig.Endpoint) {
			cert := spine().Leaf(serverName)
			cert.PrivateKey = testpki.Key("root")
			e.Certificate = tlsconfig.StaticCertificate(cert)
		},
		"a key that is not RSA": func(e *tlsconfig.Endpoint) {
			k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
			require.NoError(t, err)
			cert := spine().Leaf(serverName)
			cert.PrivateKey = k
			e.Certificate = tlsconfig.StaticCertificate(cert)
		},
		"an expired certificate": func(e *tlsconfig.Endpoint) {
			e.Certificate = tlsconfig.StaticCertificate(spine().Leaf(serverName, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }))
		},
		"a source that fails": func(e *tlsconfig.Endpoint) {
			e.Certificate = func(context.Context) (*tls.Certificate, error) { return nil, errors.New("no such file") }
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := serverEndpoint()
			change(e)
			_, err := openssl.NewListener(nil, e)
			require.Error(t, err)
			e.Verifier.FQDNs = []string{serverName}
			_, err = openssl.NewDialer(e)
			require.Error(t, err)
		})
	}
	t.Run("no endpoint", func(t *testing.T) {
		_, err := openssl.NewListener(nil, nil)
		require.Error(t, err)
		_, err = openssl.NewDialer(nil)
		require.Error(t, err)
	})
}

func TestTheCertificateAndThePinsMayChange(t *testing.T) {
	needLibrary(t)
	first, second := spine().Leaf(serverName), spine().Leaf(serverName)
	unfit := spine().Leaf(serverName, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
	var current atomic.Pointer[tls.Certificate]
	current.Store(&first)
	server := serverEndpoint()
	server.Certificate = func(context.Context) (*tls.Certificate, error) { return current.Load(), nil }
	newServer, err := openssl.NewServer(server)
	require.NoError(t, err)

	var asked *tls.CertificateRequestInfo
	client := spine().Leaf(clientName)
	dial := func(t *testing.T) *x509.Certificate {
		t.Helper()
		cfg := loose(&client)
		present := cfg.GetClientCertificate
		cfg.GetClientCertificate = func(info *tls.CertificateRequestInfo) (*tls.Certificate, error) {
			asked = info
			return present(info)
		}
		c, _, clientErr, serverErr := shaken(t, cfg, newServer)
		require.NoError(t, clientErr)
		require.NoError(t, serverErr)
		return c.ConnectionState().PeerCertificates[0]
	}
	assert.True(t, dial(t).Equal(first.Leaf))
	assert.Equal(t, [][]byte{spine().SubCA.RawSubject}, asked.AcceptableCAs)

	current.Store(&unfit)
	assert.True(t, dial(t).Equal(first.Leaf), "what no peer would accept is not presented")
	assert.True(t, dial(t).Equal(first.Leaf))

	current.Store(&second)
	assert.True(t, dial(t).Equal(second.Leaf))

	both, err := tlsconfig.NewPins([]*x509.Certificate{spine().Root}, []*x509.Certificate{spine().SubCA, spine().Sibling})
	require.NoError(t, err)
	server.Verifier.Pins.Replace(both)
	assert.True(t, dial(t).Equal(second.Leaf))
	assert.Equal(t, [][]byte{spine().SubCA.RawSubject, spine().Sibling.RawSubject}, asked.AcceptableCAs)
}

func TestNoSessionIsEverResumed(t *testing.T) {
	needLibrary(t)
	cert := spine().Leaf(clientName)
	cfg := loose(&cert)
	cfg.SessionTicketsDisabled, cfg.ClientSessionCache = false, tls.NewLRUClientSessionCache(1)
	checks := 0
	server := serverEndpoint()
	server.Verifier.Revocation = checker(func(context.Context, []*x509.Certificate, []byte) error { checks++; return nil })
	newServer, err := openssl.NewServer(server)
	require.NoError(t, err)
	for i := range 3 {
		a, b := tcpPipe(t)
		c, s := tls.Client(a, cfg), newServer(b)
		clientErr, serverErr := shake(c, s)
		require.NoError(t, clientErr)
		require.NoError(t, serverErr)
		assert.False(t, c.ConnectionState().DidResume)
		_, ticket := cfg.ClientSessionCache.Get(serverName)
		assert.False(t, ticket, "no ticket is issued")
		assert.Equal(t, i+1, checks)
		c.Close()
		s.Close()
	}
}

func TestAnEndpointThatIsChangedAfterwardsDoesNotChangeTheListener(t *testing.T) {
	needLibrary(t)
	e := serverEndpoint()
	newServer, err := openssl.NewServer(e)
	require.NoError(t, err)
	e.Verifier.FQDNs[0] = "other.nhs.uk" // as for the next listener
	cert := spine().Leaf("other.nhs.uk")
	_, _, _, serverErr := shaken(t, loose(&cert), newServer)
	requireRule(t, tlsconfig.RuleFQDN, serverErr)
}

func TestACertificateThatIsNotYetValidIsPresentedOnceItIs(t *testing.T) {
	needLibrary(t)
	for _, engine := range ourEngines {
		t.Run(engine.name, func(t *testing.T) {
			now := time.Now()
			first := spine().Leaf(serverName)
			next := spine().Leaf(serverName, func(c *x509.Certificate) { c.NotBefore = now.Add(10 * time.Minute) })
			var current atomic.Pointer[tls.Certificate]
			var at atomic.Int64
			at.Store(now.UnixNano())
			current.Store(&first)
			server := serverEndpoint()
			server.Certificate = func(context.Context) (*tls.Certificate, error) { return current.Load(), nil }
			server.Verifier.Time = func() time.Time { return time.Unix(0, at.Load()) }
			addr := engine.answer(t, server)
			cert := spine().Leaf(clientName)
			presented := func() *x509.Certificate {
				conn, err := tls.Dial("tcp", addr, loose(&cert))
				require.NoError(t, err)
				defer conn.Close()
				return conn.ConnectionState().PeerCertificates[0]
			}
			assert.True(t, presented().Equal(first.Leaf))
			current.Store(&next)
			assert.True(t, presented().Equal(first.Leaf))
			at.Store(now.Add(15 * time.Minute).UnixNano())
			assert.True(t, presented().Equal(next.Leaf), "its time has come")
		})
	}
}

// A lockedLog is written by a server while a test reads it.
type lockedLog struct {
	mu    sync.Mutex
	lines []string
	more  chan struct{} // has a value for each line
}

func newLog() *lockedLog { return &lockedLog{more: make(chan struct{}, 100)} }

func (l *lockedLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, string(b))
	l.more <- struct{}{}
	return len(b), nil
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "")
}

func TestAReasonThatComesBackIsLoggedAgain(t *testing.T) {
	needLibrary(t)
	for _, engine := range ourEngines {
		t.Run(engine.name, func(t *testing.T) {
			log := newLog()
			var broken atomic.Bool
			own := spine().Leaf(serverName)
			server := serverEndpoint()
			server.Logger = slog.New(slog.NewTextHandler(log, nil))
			server.Certificate = func(context.Context) (*tls.Certificate, error) {
				if broken.Load() {
					return &own, errors.New("the vault is shut")
				}
				return &own, nil
			}
			addr := engine.answer(t, server)
			cert := spine().Leaf(clientName)
			for _, state := range []bool{true, false, true} {
				broken.Store(state)
				conn, err := tls.Dial("tcp", addr, loose(&cert))
				require.NoError(t, err)
				conn.Close()
			}
			assert.Equal(t, 2, strings.Count(log.String(), "the vault is shut"))
		})
	}
}

// net/http knows of no handshake but crypto/tls's.
// A stalled handler is one of a log whose reader has stopped.
type stalled struct {
	slog.Handler
	until chan struct{}
}

func (stalled) Enabled(context.Context, slog.Level) bool { return true }

func (h stalled) Handle(context.Context, slog.Record) error {
	<-h.until
	return nil
}

func TestALogThatStallsHoldsNoHandshakeUp(t *testing.T) {
	needLibrary(t)
	t.Parallel()
	until := make(chan struct{})
	e := serverEndpoint()
	e.Logger = slog.New(stalled{slog.DiscardHandler, until})
	newServer, err := openssl.NewServer(e)
	require.NoError(t, err)
	cfg := loose(nil)
	cfg.CipherSuites = []uint16{tls.TLS_RSA_WITH_AES_256_GCM_SHA384}
	_, _, clientErr, serverErr := shaken(t, cfg, newServer)
	close(until) // after the handshake
	requireAlert(t, 40, clientErr)
	_, ok := errors.AsType[*openssl.LibraryError](serverErr)
	require.True(t, ok, "%v", serverErr)
}

func TestAHandshakeThatFailsIsLogged(t *testing.T) {
	needLibrary(t)
	for name, say := range map[string]func(t *testing.T, addr string){
		"no shared cipher": func(t *testing.T, addr string) {
			cert := spine().Leaf(clientName)
			cfg := loose(&cert)
			cfg.CipherSuites = []uint16{tls.TLS_RSA_WITH_AES_256_GCM_SHA384}
			_, err := tls.Dial("tcp", addr, cfg)
			requireAlert(t, 40, err)
		},
		"http request": func(t *testing.T, addr string) {
			conn, err := net.Dial("tcp", addr)
			require.NoError(t, err)
			defer conn.Close()
			_, err = io.WriteString(conn, "GET / HTTP/1.1\r\n\r\n")
			require.NoError(t, err)
			_, _ = io.Copy(io.Discard, conn)
		},
		"unexpected EOF": func(t *testing.T, addr string) {
			conn, err := net.Dial("tcp", addr)
			require.NoError(t, err)
			_, err = conn.Write([]byte{22}) // the first octet of a ClientHello
			require.NoError(t, err)
			conn.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			log := newLog()
			e := serverEndpoint()
			e.Logger = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
			say(t, serve(t, e, http.NotFoundHandler()))
			<-log.more
			assert.Regexp(t, `level=WARN msg="handshake failed" remote=127\.0\.0\.1:\d+ detail=.*`+name, log.String())
		})
	}
	t.Run("what the verifier refuses is logged once", func(t *testing.T) {
		log := newLog()
		e := serverEndpoint()
		e.Logger = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		newServer, err := openssl.NewServer(e)
		require.NoError(t, err)
		cert := spine().Leaf("other.nhs.uk")
		_, _, _, serverErr := shaken(t, loose(&cert), newServer)
		requireRule(t, tlsconfig.RuleFQDN, serverErr)
		assert.Equal(t, 1, strings.Count(log.String(), "\n"), log)
		assert.Regexp(t, `rule=fqdn .* remote=127\.0\.0\.1:\d+ `, log.String())
	})
}

// A certificate that Go does not read never comes before the verifier.
func TestACertificateThatCannotBeReadIsLogged(t *testing.T) {
	needLibrary(t)
	testenv.Need(t, "openssl", "openssl")
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	out, err := exec.CommandContext(t.Context(), "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN="+clientName,
		"-set_serial", "-5", "-keyout", key, "-out", cert).CombinedOutput()
	require.NoError(t, err, "%s", out)
	log := newLog()
	e := serverEndpoint()
	e.Logger = slog.New(slog.NewTextHandler(log, nil))
	cmd := exec.CommandContext(t.Context(), "openssl", "s_client", "-connect", serve(t, e, http.NotFoundHandler()), "-tls1_2", "-cert", cert, "-key", key)
	cmd.Stdin = strings.NewReader("")
	said, _ := cmd.CombinedOutput()
	assert.Contains(t, string(said), "alert number 42")
	<-log.more
	assert.Contains(t, log.String(), "negative serial number")
}

// Connections of one's own need not have an address.
func TestAConnectionWithoutAnAddress(t *testing.T) {
	needLibrary(t)
	log := newLog()
	e := serverEndpoint()
	e.Logger = slog.New(slog.NewTextHandler(log, nil))
	newServer, err := openssl.NewServer(e)
	require.NoError(t, err)
	conn := newServer(&spokenConn{said: []byte("GET / HTTP/1.1\r\n\r\n")})
	defer conn.Close()
	require.Error(t, conn.Handshake())
	assert.Contains(t, log.String(), "http request")
}
