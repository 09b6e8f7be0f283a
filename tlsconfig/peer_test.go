// SPDX-License-Identifier: Apache-2.0

package tlsconfig_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testca"
	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/openssl"
)

// A keepAlive is a server and one connection to it, which stays open.
type keepAlive struct {
	server *tlsconfig.Endpoint
	client *http.Client
	url    string
	dialed atomic.Int64
	log    *testenv.Log
}

// engines are how a server of an endpoint listens.
var engines = map[string]func(t *testing.T, inner net.Listener, e *tlsconfig.Endpoint) net.Listener{
	"crypto/tls": func(t *testing.T, inner net.Listener, e *tlsconfig.Endpoint) net.Listener {
		cfg, err := e.ServerConfig()
		require.NoError(t, err)
		return tls.NewListener(inner, cfg)
	},
	"libssl": func(t *testing.T, inner net.Listener, e *tlsconfig.Endpoint) net.Listener {
		if err := openssl.Available(); err != nil {
			testenv.Missing(t, err.Error())
		}
		l, err := openssl.NewListener(inner, e)
		require.NoError(t, err)
		return l
	},
}

func newKeepAlive(t *testing.T, engine string, s *spine, own tls.Certificate, change func(*tlsconfig.Endpoint)) *keepAlive {
	t.Helper()
	k := &keepAlive{server: s.endpoint(t, providerName, sspName), log: new(testenv.Log)}
	k.server.Logger = slog.New(slog.NewJSONHandler(k.log, nil))
	change(k.server)
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := &http.Server{
		Handler:  k.server.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "ok") })),
		ErrorLog: log.New(io.Discard, "", 0),
	}
	testenv.Serve(t, server, engines[engine](t, inner, k.server))
	client := s.endpoint(t, sspName, providerName)
	client.Certificate = tlsconfig.StaticCertificate(own)
	cfg, err := client.ClientConfig()
	require.NoError(t, err)
	transport := &http.Transport{DialTLSContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		k.dialed.Add(1)
		cfg := cfg.Clone()
		cfg.ServerName = providerName
		return (&tls.Dialer{Config: cfg}).DialContext(ctx, "tcp", inner.Addr().String())
	}}
	t.Cleanup(transport.CloseIdleConnections)
	k.client, k.url = &http.Client{Transport: transport}, "https://"+providerName+"/"
	return k
}

// get makes one request and says whether the server closed the connection.
func (k *keepAlive) get(t *testing.T) (status int, body string, closed bool) {
	t.Helper()
	resp, err := k.client.Get(k.url)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, strings.TrimSpace(string(text)), resp.Close
}

func TestPeerIsJudgedForEachRequestOfAConnection(t *testing.T) {
	t.Parallel()
	s := newSpine(t)
	other := newSpine(t)
	for engine := range engines {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			outage := errors.New("the CRL cannot be fetched")
			for name, c := range map[string]struct {
				// prepare returns the server's change and what happens while the connection is open.
				happens func(k *keepAlive, leaf *x509.Certificate, ahead *atomic.Int64, unknown *atomic.Bool)
				rule    string
				closed  bool
			}{
				"revoked": {func(k *keepAlive, leaf *x509.Certificate, _ *atomic.Int64, _ *atomic.Bool) {
					k.server.Verifier.Revocation.(*outages).revoke(leaf)
				}, "revocation", true},
				"expired": {func(_ *keepAlive, _ *x509.Certificate, ahead *atomic.Int64, _ *atomic.Bool) {
					ahead.Store(int64(3 * 365 * 24 * time.Hour))
				}, "validity", true},
				"no longer pinned": {func(k *keepAlive, _ *x509.Certificate, _ *atomic.Int64, _ *atomic.Bool) {
					k.server.Verifier.Pins.Replace(pin(t, []*authority{other.root}, []*authority{other.sibling}))
				}, "subca", true},
				"of unknown revocation": {func(_ *keepAlive, _ *x509.Certificate, _ *atomic.Int64, unknown *atomic.Bool) {
					unknown.Store(true)
				}, "revocation", false},
			} {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					var ahead atomic.Int64
					own := s.subCA.issue(t, sspName)
					checker := &outages{err: outage}
					k := newKeepAlive(t, engine, s, own, func(e *tlsconfig.Endpoint) {
						e.Verifier.Pins = pin(t, []*authority{s.root}, []*authority{s.subCA})
						e.Verifier.Revocation = checker
						e.Verifier.Time = func() time.Time { return now.Add(time.Duration(ahead.Load())) }
					})
					for range 3 {
						status, body, closed := k.get(t)
						assert.Equal(t, http.StatusOK, status, body)
						assert.False(t, closed)
					}
					c.happens(k, own.Leaf, &ahead, &checker.unknown)
					status, body, closed := k.get(t)
					assert.Equal(t, http.StatusForbidden, status)
					assert.Contains(t, body, c.rule)
					assert.Equal(t, c.closed, closed)
					assert.EqualValues(t, 1, k.dialed.Load(), "all on one connection")
					records := k.log.Records(t)
					require.Len(t, records, 1)
					assert.Equal(t, c.rule, records[0]["rule"])
					assert.NotEmpty(t, records[0]["remote"])
					if !c.closed {
						checker.unknown.Store(false)
						status, _, _ = k.get(t)
						assert.Equal(t, http.StatusOK, status, "once it is known again")
						assert.EqualValues(t, 1, k.dialed.Load())
					}
				})
			}
		})
	}
}

// outages is a RevocationChecker that may be unable to answer.
type outages struct {
	revocations
	unknown atomic.Bool
	err     error
}

func (o *outages) Check(ctx context.Context, chain []*x509.Certificate, stapled []byte) error {
	if o.unknown.Load() {
		return o.err
	}
	if err := o.revocations.Check(ctx, chain, stapled); err != nil {
		return revokedCertificate{chain[0]}
	}
	return nil
}

// A revokedCertificate is an error as package revocation's RevokedError.
type revokedCertificate struct{ cert *x509.Certificate }

func (revokedCertificate) Error() string                { return "revoked" }
func (e revokedCertificate) Revoked() *x509.Certificate { return e.cert }

func TestPeerRefusesWhatNoHandshakeOfTheProfileMade(t *testing.T) {
	t.Parallel()
	s := newSpine(t)
	leaf := s.subCA.issue(t, sspName).Leaf
	good := tls.ConnectionState{Version: tls.VersionTLS12, CipherSuite: uint16(tlsconfig.DHE_RSA_AES256_SHA), HandshakeComplete: true,
		PeerCertificates: []*x509.Certificate{leaf}}
	for name, c := range map[string]struct {
		change func(*tls.ConnectionState) *tls.ConnectionState
		end    func(*tlsconfig.Endpoint)
		rule   tlsconfig.Rule
	}{
		"no TLS":                         {func(*tls.ConnectionState) *tls.ConnectionState { return nil }, nil, tlsconfig.RuleVersion},
		"an incomplete handshake":        {func(cs *tls.ConnectionState) *tls.ConnectionState { cs.HandshakeComplete = false; return cs }, nil, tlsconfig.RuleVersion},
		"TLS 1.3":                        {func(cs *tls.ConnectionState) *tls.ConnectionState { cs.Version = tls.VersionTLS13; return cs }, nil, tlsconfig.RuleVersion},
		"a foreign suite":                {func(cs *tls.ConnectionState) *tls.ConnectionState { cs.CipherSuite = 0xCCA8; return cs }, nil, tlsconfig.RuleSuite},
		"a suite that was not asked for": {func(cs *tls.ConnectionState) *tls.ConnectionState { return cs }, func(e *tlsconfig.Endpoint) { e.Suites = tlsconfig.Suites()[:2] }, tlsconfig.RuleSuite},
		"no certificate":                 {func(cs *tls.ConnectionState) *tls.ConnectionState { cs.PeerCertificates = nil; return cs }, nil, tlsconfig.RuleNoCertificate},
		"a nil certificate": {func(cs *tls.ConnectionState) *tls.ConnectionState {
			cs.PeerCertificates = []*x509.Certificate{nil}
			return cs
		}, nil, tlsconfig.RuleNoCertificate},
		"another name": {func(cs *tls.ConnectionState) *tls.ConnectionState { return cs },
			func(e *tlsconfig.Endpoint) { e.Verifier.FQDNs = []string{"other.nhs.uk"} }, tlsconfig.RuleFQDN},
		"a zero endpoint": {func(cs *tls.ConnectionState) *tls.ConnectionState { return cs },
			func(e *tlsconfig.Endpoint) { *e = tlsconfig.Endpoint{} }, tlsconfig.RuleSubCA},
		"no revocation": {func(cs *tls.ConnectionState) *tls.ConnectionState { return cs },
			func(e *tlsconfig.Endpoint) { e.Verifier.Revocation = nil }, tlsconfig.RuleRevocation},
		"a checker that panics": {func(cs *tls.ConnectionState) *tls.ConnectionState { return cs },
			func(e *tlsconfig.Endpoint) { e.Verifier.Revocation = panics{} }, tlsconfig.RuleRevocation},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := s.endpoint(t, providerName, sspName)
			if c.end != nil {
				c.end(e)
			}
			state := good
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.TLS = c.change(&state)
			cert, err := e.Peer(r)
			assert.Nil(t, cert)
			refused(t, err, c.rule)
		})
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.TLS = &good
	cert, err := s.endpoint(t, providerName, sspName).Peer(r)
	require.NoError(t, err)
	assert.Same(t, leaf, cert)
}

// A SubCA may expire before the leaf, and while the leaf's connection is open.
func TestPeerIsRefusedOnceItsSubCAHasExpired(t *testing.T) {
	t.Parallel()
	s := newSpine(t)
	end := now.Add(time.Hour)
	subCA := s.root.issueCA(t, "NHS INT Authentication G2", testca.RSA("subca"), func(c *x509.Certificate) { c.NotAfter = end })
	e := s.endpoint(t, providerName, sspName)
	e.Verifier.Pins = pin(t, []*authority{s.root}, []*authority{subCA})
	at := now
	e.Verifier.Time = func() time.Time { return at }
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.TLS = &tls.ConnectionState{Version: tls.VersionTLS12, CipherSuite: 0xC030, HandshakeComplete: true,
		PeerCertificates: []*x509.Certificate{subCA.issue(t, sspName, func(c *x509.Certificate) { c.NotAfter = end.Add(time.Hour) }).Leaf}}
	_, err := e.Peer(r)
	require.NoError(t, err)
	at = end.Add(time.Second)
	cert, err := e.Peer(r)
	assert.Nil(t, cert)
	refused(t, err, tlsconfig.RuleValidity)
}

type panics struct{}

func (panics) Check(context.Context, []*x509.Certificate, []byte) error { panic("broken") }

// What is merely unknown may be known at the next request: the connection stays open.
func TestConnectionIsToBeClosedOnlyForADefiniteRefusal(t *testing.T) {
	t.Parallel()
	s := newSpine(t)
	leaf := s.subCA.issue(t, sspName).Leaf
	checker := &outages{err: errors.New("the CRL cannot be fetched")}
	e := s.endpoint(t, providerName, sspName)
	e.Verifier.Revocation = checker
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.TLS = &tls.ConnectionState{Version: tls.VersionTLS12, CipherSuite: 0xC030, HandshakeComplete: true, PeerCertificates: []*x509.Certificate{leaf}}
	closes := func() bool {
		_, err := e.Peer(r)
		var refusal *tlsconfig.RequestPeerError
		require.ErrorAs(t, err, &refusal)
		return refusal.CloseConnection()
	}
	checker.unknown.Store(true)
	assert.False(t, closes())
	checker.unknown.Store(false)
	checker.revoke(leaf)
	assert.True(t, closes())
}

func BenchmarkMiddleware(b *testing.B) {
	s := newSpine(b)
	e := s.endpoint(b, providerName, sspName)
	e.Verifier.Revocation = tlsconfig.InsecureSkipRevocation{} // package revocation measures its own
	e.Verifier.Time = nil
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	leaf := s.subCA.issue(b, sspName, func(c *x509.Certificate) { c.NotAfter = time.Now().AddDate(1, 0, 0) }).Leaf
	r.TLS = &tls.ConnectionState{Version: tls.VersionTLS12, CipherSuite: 0xC030, HandshakeComplete: true, PeerCertificates: []*x509.Certificate{leaf}}
	handler := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	w := httptest.NewRecorder()
	for name, h := range map[string]http.Handler{"handler alone": handler, "judged": e.Middleware(handler)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(w, r)
			}
			require.Equal(b, http.StatusOK, w.Code)
		})
	}
}

// A connection ends with the answer after which it is too old, and one whose age
// is unknown, for want of ConnContext, with the first.
func TestConnectionsAreOnlySoOld(t *testing.T) {
	t.Parallel()
	s := newSpine(t)
	leaf := s.subCA.issue(t, sspName).Leaf
	state := &tls.ConnectionState{Version: tls.VersionTLS12, CipherSuite: 0xC030, HandshakeComplete: true, PeerCertificates: []*x509.Certificate{leaf}}
	synctest.Test(t, func(t *testing.T) {
		e := s.endpoint(t, providerName, sspName)
		h := e.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		closes := func(ctx context.Context) bool {
			w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil).WithContext(ctx)
			r.TLS = state
			h.ServeHTTP(w, r)
			require.Equal(t, http.StatusOK, w.Code)
			return w.Header().Get("Connection") == "close"
		}
		ctx := e.ConnContext(t.Context(), nil)
		time.Sleep(1000 * time.Hour)
		assert.False(t, closes(ctx), "no age is set")
		e.MaxConnectionAge = time.Hour
		assert.True(t, closes(ctx))
		ctx = e.ConnContext(t.Context(), nil)
		time.Sleep(time.Hour - time.Nanosecond)
		assert.False(t, closes(ctx))
		time.Sleep(time.Nanosecond)
		assert.True(t, closes(ctx))
		assert.True(t, closes(t.Context()), "without ConnContext")
	})
	e := s.endpoint(t, providerName, sspName)
	e.MaxConnectionAge = -1
	_, err := e.ServerConfig()
	assert.ErrorContains(t, err, "MaxConnectionAge")
}
