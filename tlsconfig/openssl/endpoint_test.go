package openssl_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/internal/testpki"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/openssl"
)

func TestWhatIsWrongIsFoundWhenBuilt(t *testing.T) {
	needLibrary(t)
	for name, change := range map[string]func(e *tlsconfig.Endpoint){
		"no certificate":        func(e *tlsconfig.Endpoint) { e.Certificate = nil },
		"no pins":               func(e *tlsconfig.Endpoint) { e.Peer.Pins = nil },
		"no revocation checker": func(e *tlsconfig.Endpoint) { e.Peer.Revocation = nil },
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
			e.Peer.FQDNs = []string{serverName}
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
		a, b := tcpPipe(t)
		c, s := tls.Client(a, cfg), newServer(b)
		defer c.Close()
		defer s.Close()
		clientErr, serverErr := shake(c, s)
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
	server.Peer.Pins.Replace(both)
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
	server.Peer.Revocation = checker(func(context.Context, []*x509.Certificate, []byte) error { checks++; return nil })
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
