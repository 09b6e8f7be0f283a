// SPDX-License-Identifier: Apache-2.0

package spinetest

import (
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// TestServer runs handshakes, good and bad, fresh and resumed, against a
// server's config and joins what it gets wrong. peer is the FQDN of the client
// that the config accepts, as PKI.Issue(peer) proves it. What is tested:
//
//   - the peer is accepted, also with its name in capitals or in a
//     subjectAltName, and when a session is resumed;
//   - of the guidance's suites that both ends have, the most preferred is
//     chosen; no other suite, and no version but TLS 1.2, is negotiated;
//   - no client without a certificate, and none with one of some 25 that are
//     wrong in one way;
//   - no revoked client, fresh or resumed, and none whose revocation no source can
//     tell.
//
// The config must ask p about revocation and keep no answer, as Checker does:
// the peer's certificates are revoked on the way, and p.Authority is made to
// fail and set right again. Do not use p for other tests at the same time.
func TestServer(p *PKI, cfg *tls.Config, peer string) error {
	return join((&serverTest{p, cfg, peer}).cases())
}

// RunServer is TestServer with a subtest for each case.
func RunServer(t *testing.T, p *PKI, cfg *tls.Config, peer string) {
	t.Helper()
	subtests(t, (&serverTest{p, cfg, peer}).cases())
}

type serverTest struct {
	pki  *PKI
	cfg  *tls.Config
	peer string
}

func (s *serverTest) cases() []conformanceCase {
	good := func(name string, issue func() tls.Certificate) conformanceCase {
		return conformanceCase{"a good client " + name, func() error { return mustAccept(s.handshake(s.client(issue()))) }}
	}
	cases := []conformanceCase{
		good("with the name in the common name", func() tls.Certificate { return s.pki.Issue(s.peer) }),
		good("with the name in capitals", func() tls.Certificate { return s.pki.Issue(strings.ToUpper(s.peer)) }),
		good("with the name in a subjectAltName", func() tls.Certificate {
			return s.pki.Issue("ignored.example.org", WithSAN(s.peer), keyOf(s.peer))
		}),
		good("whose certificate names a responder", func() tls.Certificate { return s.pki.Issue(s.peer, WithOCSP()) }),
		{"a client without a certificate", func() error { return mustRefuse(s.handshake(tls12Client())) }},
		{"the order of the suites", s.order},
		{"suites outside the list", s.foreignSuites},
	}
	for _, version := range forbiddenVersions() {
		cases = append(cases, conformanceCase{"a client of " + tls.VersionName(version), func() error {
			client := s.client(s.pki.Issue(s.peer))
			client.MinVersion, client.MaxVersion, client.CipherSuites = version, version, nil
			return mustRefuse(s.handshake(client))
		}})
	}
	for _, bad := range badClients() {
		cases = append(cases, conformanceCase{"a certificate " + bad.name, func() error {
			return mustRefuse(s.handshake(s.client(bad.issue(s.pki, s.peer))))
		}})
	}
	return append(cases,
		conformanceCase{"a certificate that is revoked by CRL", func() error { return s.revoked(freshBatch()) }},
		conformanceCase{"a certificate that is revoked by OCSP", func() error { return s.revoked(freshBatch(), WithOCSP()) }},
		conformanceCase{"a certificate that is revoked between handshake and resumption", s.revokedWhileResuming},
		conformanceCase{"a certificate whose CRL is out of reach", func() error { return s.failing(revocationtest.Unreachable) }},
		conformanceCase{"a certificate whose CRL has expired", func() error { return s.failing(revocationtest.Expired) }},
		conformanceCase{"a certificate whose CRL is wrongly signed", func() error { return s.failing(revocationtest.WrongSignature) }},
		conformanceCase{"a certificate whose CRL is another CA's", func() error { return s.failing(revocationtest.WrongIssuer) }},
		conformanceCase{"a certificate whose CRL is another partition's", func() error { return s.failing(revocationtest.WrongScope) }},
	)
}

func tls12Client() *tls.Config {
	config := tls12()
	config.InsecureSkipVerify = true // it is the server that is on trial
	return config
}

// client returns the config of a client that presents cert come what may.
func (s *serverTest) client(cert tls.Certificate) *tls.Config {
	config := tls12Client()
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert, nil }
	return config
}

func (s *serverTest) handshake(client *tls.Config) (*outcome, error) { return connect(s.cfg, client) }

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

// revoked revokes a certificate before it is first used.
func (s *serverTest) revoked(variations ...Variation) error {
	cert := s.pki.Issue(s.peer, variations...)
	s.pki.Authority.Revoke(cert.Leaf, revocation.ReasonKeyCompromise, time.Time{})
	return mustRefuse(s.handshake(s.client(cert)))
}

// failing presents a good certificate whose sources of revocation fail.
func (s *serverTest) failing(fault revocationtest.Fault) error {
	client := s.client(s.pki.Issue(s.peer, freshBatch()))
	s.pki.Authority.Fail(fault)
	defer s.pki.Authority.Fail(revocationtest.None)
	return mustRefuse(s.handshake(client))
}

func (s *serverTest) revokedWhileResuming() error {
	cert := s.pki.Issue(s.peer, freshBatch())
	client := s.client(cert)
	client.ServerName = "server.example.org" // the key of the session cache
	client.ClientSessionCache = tls.NewLRUClientSessionCache(4)
	return resumed(
		func() (*outcome, error) { return s.handshake(client) },
		func() { s.pki.Authority.Revoke(cert.Leaf, revocation.ReasonKeyCompromise, time.Time{}) },
	)
}

// resumed connects twice, which must succeed, revokes, and connects again, which
// must not. That no session is resumed is no fault.
func resumed(handshake func() (*outcome, error), revoke func()) error {
	for _, what := range []string{"the first handshake", "the second handshake"} {
		if err := mustAccept(handshake()); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	revoke()
	o, err := handshake()
	if err := mustRefuse(o, err); err != nil {
		if o != nil && o.clientSaw.DidResume {
			return errResumed
		}
		return err
	}
	return nil
}
