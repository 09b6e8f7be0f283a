// SPDX-License-Identifier: Apache-2.0

package front_test

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/front"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/spinetest"
)

// A secret that is there is wanted, whatever the loud word says.
func TestInsecureNoSecretWithASecret(t *testing.T) {
	t.Parallel()
	pki := spine()
	f := newFront(pki, front.Nginx)
	f.InsecureNoSecret = true
	b := serve(t, f, "tcp", "127.0.0.1:0")
	headers := headersOf(front.Nginx, pki.Issue(sspFQDN).Certificate[0])
	b.get(t, headers)
	assert.NoError(t, b.err)
	headers.Set(front.SecretHeader, secret[1:]+secret[:1])
	b.get(t, headers)
	assert.Equal(t, front.RuleProxy, b.rule(t))
	headers.Del(front.SecretHeader)
	b.get(t, headers)
	assert.Equal(t, front.RuleProxy, b.rule(t))
}

// A proxy that connects by mutual TLS is known by its certificate, for each
// request anew; neither its address nor a secret stands in for that.
func TestProxyByMutualTLS(t *testing.T) {
	t.Parallel()
	const proxyFQDN, serverFQDN = "proxy.nhs.uk", "records.nhs.uk"
	pki := spine()
	f := newFront(pki, front.Nginx)
	f.Secret, f.InsecureNoSecret = "", true
	f.ProxyPeers = pki.Endpoint(serverFQDN, proxyFQDN)
	anyone := pki.Endpoint(serverFQDN)
	anyone.Verifier.AllowAnyFQDN = true // so that the front's verdict is what refuses
	config, err := anyone.ServerConfig()
	require.NoError(t, err)
	b := new(behind)
	server := httptest.NewUnstartedServer(f.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, b.err = f.Peer(r) })))
	server.Config.ConnContext = f.ConnContext
	server.TLS = config
	server.StartTLS()
	t.Cleanup(server.Close)
	b.url = server.URL

	as := func(end *tlsconfig.Endpoint) *http.Client {
		config, err := end.ClientConfig()
		require.NoError(t, err)
		transport := &http.Transport{TLSClientConfig: config}
		t.Cleanup(transport.CloseIdleConnections)
		return &http.Client{Transport: transport}
	}
	headers := headersOf(front.Nginx, pki.Issue(sspFQDN).Certificate[0])
	b.client = as(pki.Endpoint("other.nhs.uk", serverFQDN))
	b.get(t, headers)
	assert.Equal(t, front.RuleProxy, b.rule(t), "another system, with the secret and from the proxy's address")
	assert.ErrorAs(t, b.err, new(*tlsconfig.PeerError))

	headers.Del(front.SecretHeader)
	proxy := pki.Endpoint(proxyFQDN, serverFQDN)
	own, err := proxy.Certificate(t.Context())
	require.NoError(t, err)
	b.client = as(proxy)
	b.get(t, headers)
	assert.NoError(t, b.err, "the proxy, without the secret")

	secret := newFront(pki, front.Nginx)
	secret.ProxyPeers = f.ProxyPeers
	server.Config.Handler = secret.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, b.err = secret.Peer(r) }))
	b.get(t, headers)
	assert.Equal(t, front.RuleProxy, b.rule(t), "the proxy, without a secret that is set")
	headers.Set(front.SecretHeader, secret.Secret)
	b.get(t, headers)
	assert.NoError(t, b.err, "the proxy, with it")

	leaf, err := x509.ParseCertificate(own.Certificate[0])
	require.NoError(t, err)
	pki.Authority.Revoke(leaf, revocation.ReasonKeyCompromise, time.Now())
	b.get(t, headers)
	assert.Equal(t, front.RuleProxy, b.rule(t), "the proxy, revoked since, on the connection that it has")
}

// A front that also knows its proxy by mutual TLS takes a plain connection by address
// and secret, as any other does.
func TestProxyPeersAndAPlainConnection(t *testing.T) {
	t.Parallel()
	pki := spine()
	f := newFront(pki, front.Nginx)
	f.ProxyPeers = pki.Endpoint("records.nhs.uk", "proxy.nhs.uk")
	b := serve(t, f, "tcp", "127.0.0.1:0")
	headers := headersOf(front.Nginx, pki.Issue(sspFQDN).Certificate[0])
	b.get(t, headers)
	assert.NoError(t, b.err)
	headers.Del(front.SecretHeader)
	b.get(t, headers)
	assert.Equal(t, front.RuleProxy, b.rule(t))
}

// A process whose user the kernel does not tell is refused, whatever UIDs has.
func TestUnixSocketOfAnUnknownUser(t *testing.T) {
	t.Parallel()
	pki := spine()
	f := newFront(pki, front.Nginx)
	f.UIDs, f.Secret, f.Proxies = []int{-1}, "", nil
	assert.Equal(t, front.RuleProxy, ruleOn(t, f, pki, new(net.UnixConn)))
}

// ruleOn is the rule by which f refuses a good request of nginx on a connection.
func ruleOn(t *testing.T, f *front.Front, pki *spinetest.PKI, conn net.Conn) string {
	t.Helper()
	b := new(behind)
	h := f.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, b.err = f.Peer(r) }))
	r := httptest.NewRequest(http.MethodGet, "/", nil).WithContext(f.ConnContext(t.Context(), conn))
	r.Header = headersOf(front.Nginx, pki.Issue(sspFQDN).Certificate[0])
	h.ServeHTTP(httptest.NewRecorder(), r)
	return b.rule(t)
}

// A wrapper is a connection around another, which may be nil.
type wrapper struct {
	net.Conn
	inner net.Conn
}

func (w wrapper) NetConn() net.Conn { return w.inner }

// net/http calls ConnContext where it accepts connections: a panic there would end the
// process.
func TestConnectionThatWrapsNothing(t *testing.T) {
	t.Parallel()
	pki := spine()
	ours, theirs := net.Pipe()
	t.Cleanup(func() { ours.Close(); theirs.Close() })
	for name, c := range map[string]net.Conn{
		"a wrapper":                wrapper{Conn: ours},
		"a wrapper of such":        wrapper{Conn: ours, inner: wrapper{Conn: ours}},
		"TLS over such":            tls.Server(wrapper{Conn: ours}, &tls.Config{}),
		"TLS over no connection":   tls.Server(nil, &tls.Config{}),
		"no connection whatsoever": nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, front.RuleProxy, ruleOn(t, newFront(pki, front.Nginx), pki, c))
		})
	}
}

// Whatever certificate the endpoint takes would be the proxy's, a client's own included.
func TestProxyOfAnyName(t *testing.T) {
	t.Parallel()
	pki := spine()
	f := newFront(pki, front.Nginx)
	end := pki.Endpoint("records.nhs.uk")
	end.Verifier.AllowAnyFQDN = true
	f.ProxyPeers = end
	require.ErrorContains(t, f.Validate(), "ProxyPeers")
}
