// SPDX-License-Identifier: Apache-2.0

package spinetest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/nrlsecurity/nrlsecurity/internal/kit"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// TestClient is TestServer for a client's config: peer is the FQDN of the server
// that the config accepts. If the config names no server it is told that it
// dials peer, as net/http does. The client has no say in the order of the
// suites, so that is not tested; that it presents a certificate that a server of
// the Spine accepts is, and that it does not renegotiate, by the config's word alone.
func TestClient(p *PKI, cfg *tls.Config, peer string) error {
	return kit.Join(newClientTest(p, cfg, peer).cases())
}

// RunClient is TestClient with a subtest for each case.
func RunClient(t *testing.T, p *PKI, cfg *tls.Config, peer string) {
	t.Helper()
	kit.Subtests(t, newClientTest(p, cfg, peer).cases())
}

type clientTest struct {
	trial
	cfg *tls.Config
}

func newClientTest(p *PKI, cfg *tls.Config, peer string) *clientTest {
	c := &clientTest{trial{pki: p, peer: peer, heed: heed, bad: badServers()}, cfg}
	c.present = func(cert tls.Certificate) func() (*outcome, error) {
		server, client := c.server(cert), c.client()
		return func() (*outcome, error) { return connect(server, client) }
	}
	return c
}

func (c *clientTest) cases() []kit.Case {
	good := func(name string, issue func() tls.Certificate) kit.Case {
		return kit.Case{Name: "a good server " + name, Run: func() error {
			return mustAccept(connect(c.server(issue()), c.client()))
		}}
	}
	cases := []kit.Case{
		good("with the name in the common name", func() tls.Certificate { return c.pki.Issue(c.peer) }),
		good("with the name in capitals", func() tls.Certificate { return c.pki.Issue(strings.ToUpper(c.peer)) }),
		good("with the name in a subjectAltName", func() tls.Certificate {
			return c.pki.Issue("ignored.example.org", WithSAN(c.peer), keyOf(c.peer))
		}),
		good("whose certificate names a responder", func() tls.Certificate { return c.pki.Issue(c.peer, WithOCSP()) }),
		good("with a stapled response", func() tls.Certificate {
			cert := c.pki.Issue(c.peer, WithOCSP())
			cert.OCSPStaple = c.pki.Authority.OCSP(cert.Leaf)
			return cert
		}),
		{Name: "the client's own certificate", Run: c.presents},
		{Name: "suites outside the list", Run: c.foreignSuites},
		{Name: "a server of HTTP/2", Run: c.http2},
		{Name: "renegotiation", Run: c.renegotiation},
	}
	for _, version := range forbiddenVersions() {
		cases = append(cases, kit.Case{Name: "a server of " + tls.VersionName(version), Run: func() error {
			server := c.server(c.pki.Issue(c.peer))
			server.MinVersion, server.MaxVersion, server.CipherSuites = version, version, nil
			return mustRefuse(connect(server, c.client()))
		}})
	}
	return append(cases, c.trial.cases()...)
}

// client returns a copy of the config with sessions of its own.
func (c *clientTest) client() *tls.Config {
	config := c.cfg.Clone()
	if config.ServerName == "" {
		config.ServerName = c.peer
	}
	if config.ClientSessionCache != nil {
		config.ClientSessionCache = tls.NewLRUClientSessionCache(4)
	}
	return config
}

// server returns the config of a server that presents cert come what may.
func (c *clientTest) server(cert tls.Certificate) *tls.Config {
	config := tls12()
	config.ClientAuth = tls.RequireAnyClientCert
	config.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &cert, nil }
	return config
}

// http2 offers HTTP/2, which forbids the CBC suites of the guidance.
func (c *clientTest) http2() error {
	server := c.server(c.pki.Issue(c.peer))
	server.NextProtos = []string{"h2", "http/1.1"}
	o, err := connect(server, c.client())
	if err != nil {
		return err
	}
	if o.accepted() && o.clientSaw.NegotiatedProtocol == "h2" {
		return errHTTP2
	}
	return nil
}

// presents looks at the certificate that the client shows, and whether it does
// so only after it was asked.
func (c *clientTest) presents() error {
	o, err := connect(c.server(c.pki.Issue(c.peer)), c.client())
	if err := mustAccept(o, err); err != nil {
		return err
	}
	presented := o.serverSaw.PeerCertificates
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(c.pki.Root)
	for _, cert := range presented[1:] {
		between.AddCert(cert)
	}
	_, err = presented[0].Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: between, CurrentTime: c.pki.Now(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return fmt.Errorf("no server of the Spine would accept it: %w", err)
	}
	server := tlsconfig.Verifier{Pins: c.pki.Pins(), AllowAnyFQDN: true, Revocation: c.pki.Checker(), Time: c.pki.Now}
	_, err = server.Verify(context.Background(), tlsconfig.Presented{Certificates: presented, Usage: x509.ExtKeyUsageClientAuth})
	if err != nil {
		return fmt.Errorf("no server of the Spine would accept it: %w", err)
	}
	return nil
}

// renegotiation looks at the config: no server of crypto/tls asks for it, and no
// client of crypto/tls verifies the peer again when one does.
func (c *clientTest) renegotiation() error {
	if c.cfg.Renegotiation != tls.RenegotiateNever {
		return errors.New("the config allows it, and no peer is verified in it")
	}
	return nil
}

func (c *clientTest) foreignSuites() error {
	cert := c.pki.Issue(c.peer)
	var errs []error
	for _, id := range foreign() {
		server := c.server(cert)
		server.CipherSuites = []uint16{id}
		if err := mustRefuse(connect(server, c.client())); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", tls.CipherSuiteName(id), err))
		}
	}
	return errors.Join(errs...)
}
