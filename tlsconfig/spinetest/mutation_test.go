// SPDX-License-Identifier: Apache-2.0

package spinetest_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/spinetest"
)

// A wrong end is right but for one thing.
type wrong struct {
	endpoint func(*tlsconfig.Endpoint, *spinetest.PKI)                        // changes what the verifier is made of
	verdict  func(refusal *tlsconfig.PeerError, leaf *x509.Certificate) error // changes what it says when it refuses
	hook     func(tls.ConnectionState, func(tls.ConnectionState) error) error // changes when it is asked
	config   func(*tls.Config, *spinetest.PKI)                                // changes the rest
	want     []string                                                         // cases that must fail
}

// build returns a config by hand that does what it should but for w, with sources
// that keep their answers; the order of the suites is right since there is only one.
func (w *wrong) build(t *testing.T, pki *spinetest.PKI, server bool) *tls.Config {
	t.Helper()
	own, peer, usage := provider, proxy, x509.ExtKeyUsageClientAuth
	if !server {
		own, peer, usage = proxy, provider, x509.ExtKeyUsageServerAuth
	}
	e := pki.Endpoint(own, peer)
	e.Verifier.Revocation = caching(t, pki)
	if w.endpoint != nil {
		w.endpoint(e, pki)
	}
	verify := func(state tls.ConnectionState) error {
		_, err := e.Verifier.Verify(context.Background(), tlsconfig.Presented{
			Certificates: state.PeerCertificates, Usage: usage, ServerName: state.ServerName, OCSPResponse: state.OCSPResponse})
		if refusal, ok := errors.AsType[*tlsconfig.PeerError](err); ok && w.verdict != nil && len(state.PeerCertificates) > 0 {
			return w.verdict(refusal, state.PeerCertificates[0])
		}
		return err
	}
	cfg := &tls.Config{
		Certificates: []tls.Certificate{pki.Issue(own)},
		MinVersion:   tls.VersionTLS12, MaxVersion: tls.VersionTLS12,
		CipherSuites:     []uint16{uint16(tlsconfig.ECDHE_RSA_AES256_GCM_SHA384)},
		VerifyConnection: verify,
	}
	if server {
		cfg.ClientAuth = tls.RequireAnyClientCert
	} else {
		cfg.InsecureSkipVerify, cfg.ServerName = true, peer
		cfg.ClientSessionCache = tls.NewLRUClientSessionCache(4)
	}
	if w.hook != nil {
		cfg.VerifyConnection = func(state tls.ConnectionState) error { return w.hook(state, verify) }
	}
	if w.config != nil {
		w.config(cfg, pki)
	}
	return cfg
}

// The names of cases.
const (
	certificate = "a certificate "
	resumption  = certificate + "that is revoked between handshake and resumption"
	byCRL       = certificate + "that is revoked by CRL"
	byOCSP      = certificate + "that is revoked by OCSP"
	onHold      = certificate + "that is on hold"
	noARL       = certificate + "of a SubCA whose CRL is out of reach"
	subCA       = certificate + "of a SubCA that is revoked"
	passed      = certificate + "that expires between handshake and resumption"
	listPassed  = certificate + "whose CRL expires between handshake and resumption"
	noCRL       = certificate + "whose CRL is out of reach"
	oldCRL      = certificate + "whose CRL has expired"
	forgedCRL   = certificate + "whose CRL is wrongly signed"
	response    = certificate + "whose OCSP response "
	noResponse  = response + "is out of reach"
	asksFor     = "the server that a client asks for"
	foreignCRL  = certificate + "whose CRL is another CA's"
	siblingCRL  = certificate + "whose CRL is another partition's"
	others      = "suites outside the list"
	noCert      = "a client without a certificate"
	order       = "the order of the suites"
	own         = "the client's own certificate"
)

// pass lets pass what is refused by the rule, of certificates that are so.
func pass(rule tlsconfig.Rule, so func(leaf *x509.Certificate) bool) func(*tlsconfig.PeerError, *x509.Certificate) error {
	return func(refusal *tlsconfig.PeerError, leaf *x509.Certificate) error {
		if refusal.Rule == rule && (so == nil || so(leaf)) {
			return nil
		}
		return refusal
	}
}

// A source answers in the place of another.
type source struct {
	inner  revocation.Source
	answer func(a revocation.Answer, err error) (revocation.Answer, error)
}

func (s source) Status(ctx context.Context, q revocation.Query) (revocation.Answer, error) {
	return s.answer(s.inner.Status(ctx, q))
}

// A checker is one function.
type checker func(ctx context.Context, chain []*x509.Certificate, stapled []byte) error

func (c checker) Check(ctx context.Context, chain []*x509.Certificate, stapled []byte) error {
	return c(ctx, chain, stapled)
}

func names(cert *x509.Certificate) []string { return append(cert.DNSNames, cert.Subject.CommonName) }

func anyName(is func(name, peer string) bool) func(*x509.Certificate) bool {
	return func(leaf *x509.Certificate) bool {
		return slices.ContainsFunc(names(leaf), func(name string) bool { return is(name, proxy) || is(name, provider) })
	}
}

func asked(change func(*revocation.Checker)) func(*tlsconfig.Endpoint, *spinetest.PKI) {
	return func(e *tlsconfig.Endpoint, _ *spinetest.PKI) { change(e.Verifier.Revocation.(*revocation.Checker)) }
}

// answering replaces the answers of the sources.
func answering(answer func(revocation.Answer, error) (revocation.Answer, error)) func(*tlsconfig.Endpoint, *spinetest.PKI) {
	return asked(func(c *revocation.Checker) {
		for i, s := range c.Sources {
			c.Sources[i] = source{s, answer}
		}
	})
}

// good is an answer that clears.
func good(at time.Time) revocation.Answer {
	return revocation.Answer{Status: revocation.Good, ThisUpdate: at, NextUpdate: at.AddDate(1, 0, 0)}
}

// unlisted clears whatever fails in that way.
func unlisted(kind error) func(*tlsconfig.Endpoint, *spinetest.PKI) {
	return answering(func(a revocation.Answer, err error) (revocation.Answer, error) {
		if err != nil && errors.Is(err, kind) {
			return good(time.Now().Add(-time.Minute)), nil
		}
		return a, err
	})
}

// remembering asks once about each certificate and never again.
func remembering(e *tlsconfig.Endpoint, _ *spinetest.PKI) {
	var known sync.Map
	inner := e.Verifier.Revocation
	e.Verifier.Revocation = checker(func(ctx context.Context, chain []*x509.Certificate, stapled []byte) error {
		once, _ := known.LoadOrStore(chain[0].SerialNumber.String(), sync.OnceValue(func() error { return inner.Check(ctx, chain, stapled) }))
		return once.(func() error)()
	})
}

// caught runs the named cases against each wrong end; a name without "a
// certificate" is completed, since the ends call their peers differently.
func caught(t *testing.T, server bool, tables ...map[string]wrong) {
	t.Helper()
	pki := newPKI(t)
	faults, kind, peer := spinetest.ServerFaults, "client", proxy
	if !server {
		faults, kind, peer = spinetest.ClientFaults, "server", provider
	}
	for _, table := range tables {
		for name, w := range table {
			t.Run(name, func(t *testing.T) {
				var want []string
				for _, c := range w.want {
					switch {
					case strings.HasPrefix(c, "with the name"):
						c = fmt.Sprintf("a good %s %s", kind, c)
					case strings.HasPrefix(c, "TLS 1") || c == "HTTP/2":
						c = fmt.Sprintf("a %s of %s", kind, c)
					}
					want = append(want, c)
				}
				require.NotEmpty(t, want)
				slices.Sort(want)
				assert.Equal(t, want, faults(pki, w.build(t, pki, server), peer, want...))
			})
		}
	}
	test := spinetest.TestServer
	if !server {
		test = spinetest.TestClient
	}
	assert.NoError(t, test(pki, new(wrong).build(t, pki, server), peer), "nothing is wrong with the config that the others are made of")
}

func TestEachWrongServerIsCaught(t *testing.T) {
	if testing.Short() {
		t.Skip("connects to a wrong end for each mistake")
	}
	t.Parallel()
	caught(t, true, wrongEnds, wrongServers, writtenEnds, writtenServers)
}

func TestEachWrongClientIsCaught(t *testing.T) {
	if testing.Short() {
		t.Skip("connects to a wrong end for each mistake")
	}
	t.Parallel()
	caught(t, false, wrongEnds, wrongClients, writtenEnds, writtenClients)
}
