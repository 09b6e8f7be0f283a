// SPDX-License-Identifier: Apache-2.0

package spinetest_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/spinetest"
)

func hello(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") }

func TestRunService(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("has a service meet each case: ExampleTestServer is the sample")
	}
	pki := newPKI(t)
	e := pki.Endpoint(provider, proxy)
	e.Verifier.Revocation = caching(t, pki)
	server := pki.NewServer(e, e.Middleware(http.HandlerFunc(hello)))
	t.Cleanup(server.Close)
	spinetest.RunService(t, pki, proxy, server.URL, server.URL+"/records/1")
}

// Each service is wrong in one thing.
func TestEachWrongServiceIsCaught(t *testing.T) {
	if testing.Short() {
		t.Skip("connects to a wrong end for each mistake")
	}
	t.Parallel()
	pki := newPKI(t)
	const (
		good      = "a good client"
		outlives  = "a connection that outlives the revocation of its certificate"
		expires   = "a connection that outlives its certificate"
		revoked   = "a certificate that is revoked"
		plain     = "a client without TLS"
		http2     = "a client of HTTP/2"
		anonymous = "a client without a certificate"
	)
	e := pki.Endpoint(provider, proxy)
	e.Verifier.Revocation = caching(t, pki)
	records := e.Middleware(http.HandlerFunc(hello))
	config := func(change func(*tls.Config)) *tls.Config {
		config, err := e.ServerConfig()
		require.NoError(t, err)
		choose := config.GetConfigForClient
		config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			chosen, err := choose(hello)
			if chosen != nil {
				chosen = chosen.Clone()
				change(chosen)
			}
			return chosen, err
		}
		return config
	}
	serve := func(config *tls.Config, handler http.Handler) string {
		server := pki.Serve(config, provider, handler)
		t.Cleanup(server.Close)
		return server.URL
	}
	routes := func(handlers ...http.Handler) http.Handler {
		mux := http.NewServeMux()
		mux.Handle("/gated/", handlers[0])
		mux.Handle("/", handlers[1])
		return mux
	}
	open := func(c *tls.Config) { c.ClientAuth, c.VerifyConnection = tls.RequestClientCert, nil }
	withoutTLS := httptest.NewServer(http.HandlerFunc(hello))
	t.Cleanup(withoutTLS.Close)

	for name, c := range map[string]struct {
		url  string
		want []string
	}{
		"none":                            {serve(config(func(*tls.Config) {}), records), nil},
		"peers are judged by the handler": {serve(config(open), records), nil},
		"requests are not judged":         {serve(config(func(*tls.Config) {}), http.HandlerFunc(hello)), []string{outlives, expires}},
		"only requests to one route are":  {serve(config(func(*tls.Config) {}), routes(records, http.HandlerFunc(hello))), []string{outlives, expires}},
		"nothing is judged":               {serve(config(open), http.HandlerFunc(hello)), []string{anonymous, revoked, outlives, expires}},
		"fault is found with each request, in JSON": {serve(config(open), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadRequest)
			io.WriteString(w, `{"error": "unlike 400 The SSL certificate error"}`)
		})), []string{anonymous, revoked}},
		"a listener of plain HTTP": {strings.Replace(withoutTLS.URL, "http:", "https:", 1), []string{good, plain, outlives}},
		"no client is served": {serve(config(func(*tls.Config) {}), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusForbidden)
		})), []string{good, outlives}},
		"any name": {serve(config(func(c *tls.Config) {
			anyone := pki.Endpoint(provider)
			anyone.Verifier.AllowAnyFQDN = true
			c.VerifyConnection = func(s tls.ConnectionState) error {
				return anyone.VerifyPeer(t.Context(), tlsconfig.Presented{Certificates: s.PeerCertificates, Usage: x509.ExtKeyUsageClientAuth})
			}
		}), http.HandlerFunc(hello)), []string{"a certificate of another FQDN", outlives, expires}},
		"HTTP/2": {serve(&tls.Config{
			Certificates: []tls.Certificate{pki.Issue(provider)}, NextProtos: []string{"h2", "http/1.1"},
			ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12,
		}, records), []string{http2}},
		"TLS 1.3": {serve(&tls.Config{
			Certificates: []tls.Certificate{pki.Issue(provider)}, ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS12,
		}, http.HandlerFunc(hello)), []string{"a client of TLS 1.3", anonymous}},
	} {
		t.Run(name, func(t *testing.T) {
			u := c.url + "/records/1"
			if len(c.want) == 0 {
				assert.NoError(t, spinetest.TestService(pki, proxy, u))
				return
			}
			faults := spinetest.ServiceFaults(pki, proxy, u)
			for _, want := range c.want {
				assert.Contains(t, faults, u+": "+want)
			}
		})
	}
	assert.Error(t, spinetest.TestService(pki, proxy), "no URL proves nothing")
	gated := serve(config(func(*tls.Config) {}), routes(records, http.HandlerFunc(hello)))
	assert.NoError(t, spinetest.TestService(pki, proxy, gated+"/gated/1"))
	assert.Len(t, spinetest.ServiceFaults(pki, proxy, gated+"/gated/1", gated+"/open"), 2, "the second route is found when it is named")
}

// The cases are for the PKI's own servers: whatever the URLs say, no other is dialled.
func TestServiceIsOneOfThePKIs(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("has a service meet each case")
	}
	pki := newPKI(t)
	e := pki.Endpoint(provider, proxy)
	server := pki.NewServer(e, e.Middleware(http.HandlerFunc(hello)))
	t.Cleanup(server.Close)
	assert.NoError(t, spinetest.TestService(pki, proxy, "https://"+provider+"/records/1"), "by its name")
	assert.ErrorContains(t, spinetest.TestService(pki, proxy, "https://records.invalid/records/1"), `no server of this PKI is called "records.invalid"`)
}
