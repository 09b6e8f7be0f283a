// SPDX-License-Identifier: Apache-2.0

package spinetest_test

import (
	"context"
	"crypto/tls"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/spinetest"
)

func TestRunServer(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("has a server meet each case: ExampleTestServer is the sample")
	}
	pki := newPKI(t)
	cfg, err := pki.Endpoint(provider, proxy).ServerConfig()
	require.NoError(t, err)
	spinetest.RunServer(t, pki, cfg, proxy)
}

func TestRunClient(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("has a client meet each case: ExampleTestServer is the sample")
	}
	pki := newPKI(t)
	cfg, err := pki.Endpoint(proxy).ClientConfig()
	require.NoError(t, err)
	spinetest.RunClient(t, pki, cfg, provider)
}

// A memory is a cache. One in a folder of the test's could still be written to by a
// look that a handshake has begun, when the folder is removed.
type memory struct {
	mu      sync.Mutex
	entries map[string][]revocation.Member
}

func (m *memory) Get(_ context.Context, key string) ([]revocation.Member, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.entries[key], nil
}

func (m *memory) Merge(_ context.Context, key string, members ...revocation.Member) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.entries == nil {
		m.entries = map[string][]revocation.Member{}
	}
	m.entries[key] = revocation.Join(time.Now(), m.entries[key], members)
	return nil
}

// caching returns a checker as a supplier sets it up, with sources that keep
// their answers and look for news.
func caching(t *testing.T, pki *spinetest.PKI) *revocation.Checker {
	t.Helper()
	crls := &revocation.CRLs{Fetcher: pki.Fetcher(), Cache: new(memory), Time: pki.Now}
	ocsp := &revocation.OCSP{Fetcher: pki.Fetcher(), Cache: new(memory), ResponderStatus: crls, Time: pki.Now}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{}, 2)
	for _, run := range []func(context.Context) error{crls.Run, ocsp.Run} {
		go func() {
			run(ctx)
			ended <- struct{}{}
		}()
	}
	t.Cleanup(func() { cancel(); <-ended; <-ended })
	return &revocation.Checker{Sources: []revocation.Source{ocsp, crls}, Time: pki.Now}
}

func TestCachesAreNoFault(t *testing.T) {
	if testing.Short() {
		t.Skip("goes through all cases twice")
	}
	t.Parallel()
	pki := newPKI(t)
	server, client := pki.Endpoint(provider, proxy), pki.Endpoint(proxy)
	server.Verifier.Revocation = caching(t, pki)
	client.Verifier.Revocation = server.Verifier.Revocation
	config, err := server.ServerConfig()
	require.NoError(t, err)
	assert.NoError(t, spinetest.TestServer(pki, config, proxy))
	config, err = client.ClientConfig()
	require.NoError(t, err)
	assert.NoError(t, spinetest.TestClient(pki, config, provider))
}

func TestWhatIsNoFault(t *testing.T) {
	if testing.Short() {
		t.Skip("goes through all cases eight times")
	}
	t.Parallel()
	pki := newPKI(t)
	for name, change := range map[string]func(*tlsconfig.Endpoint){
		"one suite": func(e *tlsconfig.Endpoint) { e.Suites = []tlsconfig.Suite{tlsconfig.ECDHE_RSA_AES256_GCM_SHA384} },
		"a suite less": func(e *tlsconfig.Endpoint) {
			e.Suites = []tlsconfig.Suite{tlsconfig.ECDHE_RSA_AES128_GCM_SHA256, tlsconfig.ECDHE_RSA_AES256_SHA}
		},
		"no tickets": func(e *tlsconfig.Endpoint) { e.SessionTicketsDisabled = true },
		"two names":  func(e *tlsconfig.Endpoint) { e.Verifier.FQDNs = append(e.Verifier.FQDNs, "second.nhs.uk") },
		"CRLs alone": func(e *tlsconfig.Endpoint) {
			e.Verifier.Revocation = &revocation.Checker{Sources: pki.Checker().Sources[1:], Time: pki.Now}
		},
		"a maximum age": func(e *tlsconfig.Endpoint) {
			c := pki.Checker()
			c.Policy.MaxAge = 20 * time.Hour
			e.Verifier.Revocation = c
		},
	} {
		e := pki.Endpoint(provider, proxy)
		change(e)
		config, err := e.ServerConfig()
		require.NoError(t, err)
		assert.Empty(t, spinetest.ServerFaults(pki, config, proxy), name)
	}
	byName := new(wrong).build(t, pki, true)
	whole := byName.Clone()
	byName.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if hello.ServerName != provider {
			return nil, errors.New("there is no such server here")
		}
		return whole, nil
	}
	assert.NoError(t, spinetest.TestServer(pki, byName, proxy), "a server that answers to its own name alone")
	e := pki.Endpoint(proxy, provider) // a client that names its server, whatever it dials
	config, err := e.ClientConfig()
	require.NoError(t, err)
	assert.Empty(t, spinetest.ClientFaults(pki, config, provider))
	config.NextProtos = nil
	config.GetClientCertificate = nil
	config.Certificates = []tls.Certificate{pki.Issue(proxy)}
	assert.Empty(t, spinetest.ClientFaults(pki, config, provider))
}
