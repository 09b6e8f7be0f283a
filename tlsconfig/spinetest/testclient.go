// SPDX-License-Identifier: Apache-2.0

package spinetest

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// TestClient is TestServer for a client's config: peer is the FQDN of the server
// that the config accepts. If the config names no server it is told that it
// dials peer, as net/http does. The client has no say in the order of the
// suites, so that is not tested; that it presents a certificate of the Spine is.
func TestClient(p *PKI, cfg *tls.Config, peer string) error {
	return join((&clientTest{p, cfg, peer}).cases())
}

// RunClient is TestClient with a subtest for each case.
func RunClient(t *testing.T, p *PKI, cfg *tls.Config, peer string) {
	t.Helper()
	subtests(t, (&clientTest{p, cfg, peer}).cases())
}

type clientTest struct {
	pki  *PKI
	cfg  *tls.Config
	peer string
}

func (c *clientTest) cases() []conformanceCase {
	good := func(name string, issue func() tls.Certificate) conformanceCase {
		return conformanceCase{"a good server " + name, func() error {
			return mustAccept(c.handshake(c.server(issue()), c.client()))
		}}
	}
	cases := []conformanceCase{
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
		{"the client's own certificate", c.presents},
		{"suites outside the list", c.foreignSuites},
	}
	for _, version := range forbiddenVersions() {
		cases = append(cases, conformanceCase{"a server of " + tls.VersionName(version), func() error {
			server := c.server(c.pki.Issue(c.peer))
			server.MinVersion, server.MaxVersion, server.CipherSuites = version, version, nil
			return mustRefuse(c.handshake(server, c.client()))
		}})
	}
	for _, bad := range badServers() {
		cases = append(cases, conformanceCase{"a certificate " + bad.name, func() error {
			return mustRefuse(c.handshake(c.server(bad.issue(c.pki, c.peer)), c.client()))
		}})
	}
	return append(cases,
		conformanceCase{"a certificate that is revoked by CRL", func() error { return c.revoked(freshBatch()) }},
		conformanceCase{"a certificate that is revoked by OCSP", func() error { return c.revoked(freshBatch(), WithOCSP()) }},
		conformanceCase{"a certificate that is revoked between handshake and resumption", c.revokedWhileResuming},
		conformanceCase{"a certificate whose CRL is out of reach", func() error { return c.failing(revocationtest.Unreachable) }},
		conformanceCase{"a certificate whose CRL has expired", func() error { return c.failing(revocationtest.Expired) }},
		conformanceCase{"a certificate whose CRL is wrongly signed", func() error { return c.failing(revocationtest.WrongSignature) }},
		conformanceCase{"a certificate whose CRL is another CA's", func() error { return c.failing(revocationtest.WrongIssuer) }},
		conformanceCase{"a certificate whose CRL is another partition's", func() error { return c.failing(revocationtest.WrongScope) }},
	)
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

func (c *clientTest) handshake(server, client *tls.Config) (*outcome, error) {
	return connect(server, client)
}

// presents looks at the certificate that the client shows, and whether it does
// so only after it was asked.
func (c *clientTest) presents() error {
	o, err := c.handshake(c.server(c.pki.Issue(c.peer)), c.client())
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
		Roots: roots, Intermediates: between, CurrentTime: c.pki.now(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return fmt.Errorf("no server of the Spine would accept it: %w", err)
	}
	if _, err := tlsconfig.FQDNs(presented[0]); err != nil {
		return fmt.Errorf("it names no FQDN: %w", err)
	}
	return nil
}

func (c *clientTest) foreignSuites() error {
	cert := c.pki.Issue(c.peer)
	var errs []error
	for _, id := range foreign() {
		server := c.server(cert)
		server.CipherSuites = []uint16{id}
		if err := mustRefuse(c.handshake(server, c.client())); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", tls.CipherSuiteName(id), err))
		}
	}
	return errors.Join(errs...)
}

func (c *clientTest) revoked(variations ...Variation) error {
	cert := c.pki.Issue(c.peer, variations...)
	c.pki.Authority.Revoke(cert.Leaf, revocation.ReasonKeyCompromise, time.Time{})
	return mustRefuse(c.handshake(c.server(cert), c.client()))
}

func (c *clientTest) failing(fault revocationtest.Fault) error {
	server := c.server(c.pki.Issue(c.peer, freshBatch()))
	c.pki.Authority.Fail(fault)
	defer c.pki.Authority.Fail(revocationtest.None)
	return mustRefuse(c.handshake(server, c.client()))
}

func (c *clientTest) revokedWhileResuming() error {
	cert := c.pki.Issue(c.peer, freshBatch())
	server, client := c.server(cert), c.client()
	return resumed(
		func() (*outcome, error) { return c.handshake(server, client) },
		func() { c.pki.Authority.Revoke(cert.Leaf, revocation.ReasonKeyCompromise, time.Time{}) },
	)
}
