// SPDX-License-Identifier: Apache-2.0

package front_test

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/front"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/spinetest"
)

const (
	sspFQDN = "ssp.nhs.uk"
	secret  = "0123456789abcdef0123456789abcdef"
	suite   = "ECDHE-RSA-AES256-GCM-SHA384"
)

// spine is the process's Spine, of which tests revoke no certificate but their own.
var spine = sync.OnceValue(spinetest.NewPKI)

func newFront(pki *spinetest.PKI, form front.Form) *front.Front {
	return &front.Front{
		Form:     form,
		Verifier: tlsconfig.Verifier{Pins: pki.Pins(), FQDNs: []string{sspFQDN}, Revocation: pki.Checker()},
		Proxies:  []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")},
		Secret:   secret,
	}
}

// A behind is a server behind a proxy, whose part the test plays.
type behind struct {
	url     string
	client  *http.Client
	err     error // of Peer, for the last request
	peer    string
	headers http.Header // that the handler saw
	trailer http.Header
}

func serve(t *testing.T, f *front.Front, network, address string) *behind {
	t.Helper()
	b := &behind{client: &http.Client{}}
	listener, err := net.Listen(network, address)
	require.NoError(t, err)
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second, ConnContext: f.ConnContext, Handler: f.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		var leaf *x509.Certificate
		leaf, b.err = f.Peer(r)
		b.peer = ""
		if leaf != nil {
			b.peer = leaf.Subject.CommonName
		}
		b.headers, b.trailer = r.Header.Clone(), r.Trailer.Clone()
	}))}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	b.url = "http://" + listener.Addr().String()
	if network == "unix" {
		b.url = "http://unix"
		b.client.Transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, address)
		}}
	}
	return b
}

func (b *behind) get(t *testing.T, headers http.Header) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.url, nil)
	require.NoError(t, err)
	for name, values := range headers {
		request.Header[name] = values
	}
	response, err := b.client.Do(request)
	require.NoError(t, err)
	response.Body.Close()
}

// rule returns the word of the rule that refused the last request.
func (b *behind) rule(t *testing.T) string {
	t.Helper()
	if b.err == nil {
		return ""
	}
	e, ok := errors.AsType[*front.Error](b.err)
	require.True(t, ok, "%v", b.err)
	assert.False(t, e.CloseConnection())
	return e.PeerRule()
}

func escaped(der []byte) string {
	return url.PathEscape(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
}

// The header of a certificate as each program writes it.
var written = map[front.Form]struct {
	certificate, protocol, cipher string
	write                         func(der []byte) string
}{
	front.Nginx:   {"Ssl-Client-Cert", "Ssl-Protocol", "Ssl-Cipher", escaped},
	front.Apache:  {"Ssl-Client-Cert", "Ssl-Protocol", "Ssl-Cipher", func(der []byte) string { return strings.ReplaceAll(escaped(der), "%2B", "+") }},
	front.HAProxy: {"Ssl-Client-Cert", "Ssl-Protocol", "Ssl-Cipher", base64.StdEncoding.EncodeToString},
	front.Envoy: {"X-Forwarded-Client-Cert", "Ssl-Protocol", "Ssl-Cipher", func(der []byte) string {
		return `Hash=0a1b;Cert="` + escaped(der) + `";Subject="CN=\"x\",O=nhs"`
	}},
	front.RFC9440: {"Client-Cert", "Ssl-Protocol", "Ssl-Cipher", func(der []byte) string { return ":" + base64.StdEncoding.EncodeToString(der) + ":" }},
	front.AWS:     {"X-Amzn-Mtls-Clientcert", "X-Amzn-Tls-Version", "X-Amzn-Tls-Cipher-Suite", func(der []byte) string { return escaped(der) + escaped(der) }},
	front.AWSLeaf: {"X-Amzn-Mtls-Clientcert-Leaf", "X-Amzn-Tls-Version", "X-Amzn-Tls-Cipher-Suite", escaped},
}

func headersOf(form front.Form, der []byte) http.Header {
	w := written[form]
	return http.Header{w.certificate: {w.write(der)}, w.protocol: {"TLSv1.2"}, w.cipher: {suite}, front.SecretHeader: {secret}}
}

func TestBadInputIsRefused(t *testing.T) {
	t.Parallel()
	pki := spine()
	ssp := pki.Issue(sspFQDN)
	revoked := pki.Issue(sspFQDN)
	pki.Authority.Revoke(revoked.Leaf, revocation.ReasonKeyCompromise, time.Now())
	good := escaped(ssp.Certificate[0])
	b := serve(t, newFront(pki, front.Nginx), "tcp", "127.0.0.1:0")
	certificate := func(value ...string) func(http.Header) {
		return func(h http.Header) { h["Ssl-Client-Cert"] = value }
	}
	for _, test := range []struct {
		name   string
		change func(http.Header)
		rule   string
	}{
		{"nothing wrong", func(http.Header) {}, ""},
		{"no certificate", func(h http.Header) { h.Del("Ssl-Client-Cert") }, front.RuleHeader},
		{"two certificates", certificate(good, good), front.RuleHeader},
		{"an empty certificate", certificate(""), front.RuleHeader},
		{"base64 in place of PEM", certificate(base64.StdEncoding.EncodeToString(ssp.Certificate[0])), front.RuleHeader},
		{"a block of another type", certificate(strings.ReplaceAll(good, "CERTIFICATE", "PRIVATE%20KEY")), front.RuleHeader},
		{"two blocks", certificate(good + good), front.RuleHeader},
		{"text before the block", certificate("x%0A" + good), front.RuleHeader},
		{"text behind the block", certificate(good + "x"), front.RuleHeader},
		{"an escape that is none", certificate(good + "%zz"), front.RuleHeader},
		{"PEM of what is no certificate", certificate(escaped([]byte("x"))), front.RuleHeader},
		{"hundreds of kilobytes", certificate(good + strings.Repeat("%0A", 200_000)), front.RuleHeader},
		{"no protocol", func(h http.Header) { h.Del("Ssl-Protocol") }, front.RuleHeader},
		{"two protocols", func(h http.Header) { h["Ssl-Protocol"] = []string{"TLSv1.2", "TLSv1.2"} }, front.RuleHeader},
		{"TLS 1.3", func(h http.Header) { h.Set("Ssl-Protocol", "TLSv1.3") }, "version"},
		{"TLS 1.1", func(h http.Header) { h.Set("Ssl-Protocol", "TLSv1.1") }, "version"},
		{"an empty protocol", func(h http.Header) { h.Set("Ssl-Protocol", "") }, front.RuleHeader},
		{"an empty suite", func(h http.Header) { h.Set("Ssl-Cipher", "") }, front.RuleHeader},
		{"no suite", func(h http.Header) { h.Del("Ssl-Cipher") }, front.RuleHeader},
		{"a suite outside the list", func(h http.Header) { h.Set("Ssl-Cipher", "ECDHE-RSA-CHACHA20-POLY1305") }, "suite"},
		{"a suite by its other name", func(h http.Header) { h.Set("Ssl-Cipher", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384") }, "suite"},
		{"no secret", func(h http.Header) { h.Del(front.SecretHeader) }, front.RuleProxy},
		{"another secret", func(h http.Header) { h.Set(front.SecretHeader, strings.ToUpper(secret)) }, front.RuleProxy},
		{"the secret twice", func(h http.Header) { h[front.SecretHeader] = []string{secret, secret} }, front.RuleProxy},
		{"the secret with an underscore", func(h http.Header) { h.Del(front.SecretHeader); h["Ssl_Proxy_Secret"] = []string{secret} }, front.RuleProxy},
		{"the certificate with underscores", func(h http.Header) { h["Ssl_Client_Cert"] = h["Ssl-Client-Cert"]; delete(h, "Ssl-Client-Cert") }, front.RuleHeader},
		{"a certificate of another FQDN", certificate(escaped(pki.Issue("other.nhs.uk").Certificate[0])), "fqdn"},
		{"a certificate of another SubCA", certificate(escaped(pki.Issue(sspFQDN, spinetest.FromOtherSubCA()).Certificate[0])), "subca"},
		{"a certificate that signs itself", certificate(escaped(pki.Issue(sspFQDN, spinetest.SelfSigned()).Certificate[0])), "subca"},
		{"a certificate that has expired", certificate(escaped(pki.Issue(sspFQDN, spinetest.Expired()).Certificate[0])), "validity"},
		{"a certificate that is revoked", certificate(escaped(revoked.Certificate[0])), "revocation"},
	} {
		headers := headersOf(front.Nginx, ssp.Certificate[0])
		test.change(headers)
		b.get(t, headers)
		assert.Equal(t, test.rule, b.rule(t), "%s: %v", test.name, b.err)
		for name := range b.headers {
			assert.False(t, strings.HasPrefix(strings.ReplaceAll(strings.ToLower(name), "_", "-"), "ssl-"), "%s: the handler sees %s", test.name, name)
		}
	}
}

// A client's own headers go no further, in whatever spelling, with the proxy's
// beside them or alone, and neither do trailers.
func TestAClientsOwnHeadersAreTakenAway(t *testing.T) {
	t.Parallel()
	pki := spine()
	ssp := pki.Issue(sspFQDN)
	b := serve(t, newFront(pki, front.HAProxy), "tcp", "127.0.0.1:0")
	headers := headersOf(front.HAProxy, ssp.Certificate[0])
	for _, name := range []string{"SSL_CLIENT_CERT", "Ssl_Client_Cert", "ssl-client_cert", "Client-Cert", "Client-Cert-Chain", "X-Forwarded-Client-Cert",
		"X-Amzn-Mtls-Clientcert", "X_amzn_mtls_clientcert_leaf", "X-Ssl-Client-Verify", "X-Client-Cert", "X-ARR-ClientCert", "Ssl-Client-Verify"} {
		headers[name] = []string{"a client's"}
	}
	headers["X-Other"] = []string{"stays"}
	b.get(t, headers)
	require.NoError(t, b.err)
	for name := range b.headers {
		assert.Contains(t, []string{"X-Other", "User-Agent", "Accept-Encoding"}, name)
	}

	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.url, io.MultiReader(strings.NewReader("body")))
	require.NoError(t, err)
	request.Trailer = http.Header{"Ssl-Client-Cert": {"a client's"}}
	response, err := b.client.Do(request)
	require.NoError(t, err)
	response.Body.Close()
	assert.Empty(t, b.trailer)
	assert.Equal(t, front.RuleProxy, b.rule(t))
}

func TestWhoIsTheProxy(t *testing.T) {
	t.Parallel()
	pki := spine()
	headers := headersOf(front.Nginx, pki.Issue(sspFQDN).Certificate[0])

	elsewhere := newFront(pki, front.Nginx)
	elsewhere.Proxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	b := serve(t, elsewhere, "tcp", "127.0.0.1:0")
	b.get(t, headers)
	assert.Equal(t, front.RuleProxy, b.rule(t), "from another address, with the secret")

	noSecret := newFront(pki, front.Nginx)
	noSecret.Secret, noSecret.InsecureNoSecret = "", true
	b = serve(t, noSecret, "tcp", "127.0.0.1:0")
	b.get(t, headers)
	assert.NoError(t, b.err, "the loud word")

	wrapped := newFront(pki, front.Nginx)
	wrapped.Secret, wrapped.InsecureNoSecret = "", true
	for _, f := range []*front.Front{wrapped, newFront(pki, front.Nginx)} {
		ctx := f.ConnContext(t.Context(), claiming{})
		w := new(behind)
		h := f.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, w.err = f.Peer(r) }))
		r := httptest.NewRequest(http.MethodGet, "/", nil).WithContext(ctx)
		r.Header = headers.Clone()
		h.ServeHTTP(httptest.NewRecorder(), r)
		if f == wrapped {
			assert.Equal(t, front.RuleProxy, w.rule(t), "an address that a header may have said, and nothing else")
		} else {
			assert.NoError(t, w.err, "such an address, and the secret")
		}
	}

	socket := newFront(pki, front.Nginx)
	socket.Proxies, socket.Secret = nil, ""
	b = serve(t, socket, "unix", filepath.Join(t.TempDir(), "front.sock"))
	b.get(t, headers)
	assert.NoError(t, b.err, "the process's own user, by a unix socket")

	both := newFront(pki, front.Nginx)
	b = serve(t, both, "unix", filepath.Join(t.TempDir(), "front.sock"))
	b.get(t, headers)
	assert.NoError(t, b.err, "by a unix socket, with the secret")
	leaked := headers.Clone()
	leaked.Del(front.SecretHeader)
	b.get(t, leaked)
	assert.Equal(t, front.RuleProxy, b.rule(t), "by a unix socket, without a secret that is set")

	other := newFront(pki, front.Nginx)
	other.UIDs = []int{65533}
	b = serve(t, other, "unix", filepath.Join(t.TempDir(), "front.sock"))
	b.get(t, headers)
	assert.Equal(t, front.RuleProxy, b.rule(t), "another user's process")
}

func TestSuitesThatWereLeftOut(t *testing.T) {
	t.Parallel()
	pki := spine()
	f := newFront(pki, front.Nginx)
	f.Suites = []tlsconfig.Suite{tlsconfig.ECDHE_RSA_AES128_GCM_SHA256}
	b := serve(t, f, "tcp", "127.0.0.1:0")
	headers := headersOf(front.Nginx, pki.Issue(sspFQDN).Certificate[0])
	b.get(t, headers)
	assert.Equal(t, "suite", b.rule(t))
	headers.Set("Ssl-Cipher", "ECDHE-RSA-AES128-GCM-SHA256")
	b.get(t, headers)
	assert.NoError(t, b.err)
}

func TestRoutesThatWereLeftOut(t *testing.T) {
	t.Parallel()
	pki := spine()
	f := newFront(pki, front.Nginx)
	request := httptest.NewRequest(http.MethodGet, "/", nil)
	request.Header = headersOf(front.Nginx, pki.Issue(sspFQDN).Certificate[0])
	_, err := f.Peer(request)
	assert.ErrorContains(t, err, "does not stand before this handler")

	// A server without ConnContext.
	f.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, err = f.Peer(r) })).ServeHTTP(httptest.NewRecorder(), request)
	assert.ErrorContains(t, err, "ConnContext")
}

// What one front trusts is nothing that another may build on: it has another
// secret and other proxies.
func TestPeerOfAnotherFront(t *testing.T) {
	t.Parallel()
	pki := spine()
	strict, lax := newFront(pki, front.Nginx), newFront(pki, front.Nginx)
	lax.Secret, lax.InsecureNoSecret = "", true
	var laxErr, strictErr error
	server := httptest.NewUnstartedServer(lax.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, laxErr = lax.Peer(r)
		_, strictErr = strict.Peer(r)
	})))
	server.Config.ConnContext = strict.ConnContext
	server.Start()
	t.Cleanup(server.Close)
	b := &behind{url: server.URL, client: server.Client()}
	b.get(t, headersOf(front.Nginx, pki.Issue(sspFQDN).Certificate[0]))
	assert.NoError(t, laxErr)
	b.err = strictErr
	assert.Equal(t, front.RuleProxy, b.rule(t))
}

// A certificate that was accepted is judged again at each request.
func TestEachRequestIsJudgedNow(t *testing.T) {
	t.Parallel()
	pki := spine()
	ssp := pki.Issue(sspFQDN)
	b := serve(t, newFront(pki, front.Nginx), "tcp", "127.0.0.1:0")
	b.get(t, headersOf(front.Nginx, ssp.Certificate[0]))
	require.NoError(t, b.err)
	pki.Authority.Revoke(ssp.Leaf, revocation.ReasonKeyCompromise, time.Now())
	b.get(t, headersOf(front.Nginx, ssp.Certificate[0]))
	assert.Equal(t, "revocation", b.rule(t))
	_, revoked := errors.AsType[*revocation.RevokedError](b.err)
	assert.True(t, revoked)
}

// claiming is a connection whose address is what its client said.
type claiming struct{ net.Conn }

func (claiming) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }
