// SPDX-License-Identifier: Apache-2.0

package spinetest

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nrlsecurity/nrlsecurity/internal/kit"
	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// TestServer runs handshakes, good and bad, fresh and resumed, against a
// server's config and joins what it gets wrong. peer is the FQDN of the client
// that the config accepts, as PKI.Issue(peer) proves it. What is tested:
//
//   - the peer is accepted, also with its name in capitals or in a
//     subjectAltName, and when a session is resumed;
//   - of the guidance's suites that both ends have, the most preferred is
//     chosen; no other suite, no version but TLS 1.2 and no HTTP/2 is negotiated;
//   - no client without a certificate, and none with one of some 40 that are
//     wrong in one way, whichever server it asks for (server_name): its own by name,
//     as the good ones do, another or none;
//   - no client that is revoked or on hold, fresh or resumed, or whose SubCA is,
//     and none of whose revocation, or whose SubCA's, no source can tell;
//   - none whose certificate expired since the handshake before, and none whose
//     CRL did: neither a clock that stands still passes nor a policy with MaxStale.
//
// The config asks p about revocation, as Checker does or with sources that keep
// their answers. Those, the Checker and the Verifier go by the clock p.Now, which
// is moved: by a minute, by three seconds while certificates expire, some times
// by two hours, in which sources have to look for news, and by a day, in which the
// root's CRL expires. A config with another
// clock is waited for: 3 s, and up to 20 s wherever it has not noticed a
// revocation yet (10 s with the clock p.Now). On the way certificates are revoked, and p's services are made to
// fail and set right again: do not use p for other tests at the same time.
//
// A config says nothing of requests on connections that stay open, nor of other
// listeners: see [TestService].
func TestServer(p *PKI, cfg *tls.Config, peer string) error {
	return kit.Join(newServerTest(p, cfg, peer).cases())
}

// RunServer is TestServer with a subtest for each case.
func RunServer(t *testing.T, p *PKI, cfg *tls.Config, peer string) {
	t.Helper()
	kit.Subtests(t, newServerTest(p, cfg, peer).cases())
}

type serverTest struct {
	trial
	cfg   *tls.Config
	names func() []string // the server's own, as far as they are known
}

func newServerTest(p *PKI, cfg *tls.Config, peer string) *serverTest {
	s := &serverTest{trial: trial{pki: p, peer: peer, heed: heed, bad: badClients()}, cfg: cfg}
	s.names = sync.OnceValue(s.ownNames)
	s.present = func(cert tls.Certificate) func() (*outcome, error) {
		client := s.client(cert)
		if client.ServerName == "" {
			client.ServerName = "server.example.org" // the key of the session cache
		}
		client.ClientSessionCache = tls.NewLRUClientSessionCache(4)
		return func() (*outcome, error) { return s.handshake(client) }
	}
	return s
}

func (s *serverTest) cases() []kit.Case {
	good := func(name string, issue func() tls.Certificate) kit.Case {
		return kit.Case{Name: "a good client " + name, Run: func() error { return mustAccept(s.handshake(s.client(issue()))) }}
	}
	cases := []kit.Case{
		good("with the name in the common name", func() tls.Certificate { return s.pki.Issue(s.peer) }),
		good("with the name in capitals", func() tls.Certificate { return s.pki.Issue(strings.ToUpper(s.peer)) }),
		good("with the name in a subjectAltName", func() tls.Certificate {
			return s.pki.Issue("ignored.example.org", WithSAN(s.peer), keyOf(s.peer))
		}),
		good("whose certificate names a responder", func() tls.Certificate { return s.pki.Issue(s.peer, WithOCSP()) }),
		{Name: "a client without a certificate", Run: func() error { return mustRefuse(s.handshake(tls12Client())) }},
		{Name: "the order of the suites", Run: s.order},
		{Name: "suites outside the list", Run: s.foreignSuites},
		{Name: "a client of HTTP/2", Run: s.http2},
		{Name: "the server that a client asks for", Run: s.serverNames},
	}
	for _, version := range forbiddenVersions() {
		cases = append(cases, kit.Case{Name: "a client of " + tls.VersionName(version), Run: func() error {
			client := s.client(s.pki.Issue(s.peer))
			client.MinVersion, client.MaxVersion, client.CipherSuites = version, version, nil
			return mustRefuse(s.handshake(client))
		}})
	}
	return append(cases, s.trial.cases()...)
}

func tls12Client() *tls.Config {
	config := tls12()
	config.InsecureSkipVerify = true // it is the server that is on trial
	return config
}

// client returns the config of a client that presents cert come what may, and asks
// for the server by its name: some answer to no other (RFC 6066 section 3).
func (s *serverTest) client(cert tls.Certificate) *tls.Config {
	config := clientPresenting(cert)
	if names := s.names(); len(names) > 0 {
		config.ServerName = names[0]
	}
	return config
}

func clientPresenting(cert tls.Certificate) *tls.Config {
	config := tls12Client()
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert, nil }
	return config
}

func (s *serverTest) handshake(client *tls.Config) (*outcome, error) { return connect(s.cfg, client) }

// ownNames are those of the certificate that the config has or, to a client that asks
// for no name, presents. What name a server has is not judged here.
func (s *serverTest) ownNames() []string {
	var leaf *x509.Certificate
	if len(s.cfg.Certificates) > 0 && len(s.cfg.Certificates[0].Certificate) > 0 {
		leaf, _ = x509.ParseCertificate(s.cfg.Certificates[0].Certificate[0])
	} else if o, err := s.handshake(clientPresenting(s.pki.Issue(s.peer))); err == nil && o.accepted() {
		leaf = o.clientSaw.PeerCertificates[0]
	}
	if leaf == nil {
		return nil
	}
	names, _ := tlsconfig.FQDNs(leaf)
	return names
}

// serverNames asks for the server by its own names, by another and by none, of which
// a config for several servers may choose its rules.
func (s *serverTest) serverNames() error {
	good, other, revoked := s.pki.Issue(s.peer), s.pki.Issue("not-"+s.peer, keyOf(s.peer)), s.pki.Issue(s.peer, freshBatch())
	s.pki.Authority.Revoke(revoked.Leaf, revocation.ReasonKeyCompromise, time.Time{})
	var errs []error
	for _, name := range append([]string{"", "not-the-server.example.org"}, s.names()...) {
		for _, c := range []struct {
			what   string
			cert   tls.Certificate
			change func(*tls.Config)
		}{
			{"no certificate", good, func(c *tls.Config) { c.GetClientCertificate = nil }},
			{"a certificate of another FQDN", other, func(*tls.Config) {}},
			{"a certificate that is revoked", revoked, func(*tls.Config) {}},
			{"TLS 1.0", good, func(c *tls.Config) {
				c.MinVersion, c.MaxVersion, c.CipherSuites = tls.VersionTLS10, tls.VersionTLS10, nil
			}},
			{"TLS 1.3", good, func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS13, tls.VersionTLS13 }},
			{"suites outside the list", good, func(c *tls.Config) { c.CipherSuites = foreign() }},
		} {
			client := clientPresenting(c.cert)
			client.ServerName = name
			c.change(client)
			if err := mustRefuse(s.handshake(client)); err != nil {
				errs = append(errs, fmt.Errorf("asked for %q, with %s: %w", name, c.what, err))
			}
		}
	}
	return errors.Join(errs...)
}

// order finds out which suites the server has and whether it chooses as the
// guidance does whatever else is offered.
func (s *serverTest) order() error {
	cert := s.pki.Issue(s.peer)
	choose := func(offer ...uint16) (uint16, error) {
		client := s.client(cert)
		client.CipherSuites = offer
		o, err := s.handshake(client)
		switch {
		case err != nil:
			return 0, err
		case !o.accepted():
			return 0, nil
		}
		return o.clientSaw.CipherSuite, nil
	}
	var served []uint16
	for _, id := range native() {
		got, err := choose(id)
		if err != nil {
			return err
		}
		if got == id {
			served = append(served, id)
		}
	}
	if len(served) == 0 {
		return errors.New("no suite of the list is negotiated")
	}
	var errs []error
	for i, id := range served {
		// With foreign ones among them, and those that the server has not.
		others := slices.DeleteFunc(native(), func(other uint16) bool { return slices.Contains(served[:i], other) })
		for _, offer := range [][]uint16{served[i:], append(foreign(), others...)} {
			got, err := choose(offer...)
			if err != nil {
				return err
			}
			if got != id {
				errs = append(errs, fmt.Errorf("offered %s the server chose %s", suiteNames(offer), tls.CipherSuiteName(got)))
				break
			}
		}
	}
	return errors.Join(errs...)
}

func suiteNames(ids []uint16) string {
	var names []string
	for _, id := range ids {
		if slices.Contains(native(), id) {
			names = append(names, tlsconfig.Suite(id).String())
		}
	}
	return strings.Join(names, ", ")
}

func (s *serverTest) foreignSuites() error {
	cert := s.pki.Issue(s.peer)
	var errs []error
	for _, id := range foreign() {
		client := s.client(cert)
		client.CipherSuites = []uint16{id}
		if err := mustRefuse(s.handshake(client)); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", tls.CipherSuiteName(id), err))
		}
	}
	return errors.Join(errs...)
}

// http2 offers HTTP/2, which forbids the CBC suites of the guidance (RFC 9113
// section 9.2.2).
func (s *serverTest) http2() error {
	client := s.client(s.pki.Issue(s.peer))
	client.NextProtos = []string{"h2", "http/1.1"}
	o, err := s.handshake(client)
	if err != nil {
		return err
	}
	if o.accepted() && o.clientSaw.NegotiatedProtocol == "h2" {
		return errHTTP2
	}
	return nil
}
