// SPDX-License-Identifier: Apache-2.0

package spinetest

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/nrlsecurity/nrlsecurity/internal/kit"
	"github.com/nrlsecurity/nrlsecurity/internal/nginx"
	"github.com/nrlsecurity/nrlsecurity/revocation"
)

// TestService sends requests to a running server and joins what it gets wrong.
// peer is the FQDN of the client that it accepts. urls are of https and an
// address on loopback, or a name that p knows (PKI.SetHost), for no other is dialled;
// one for each listener and each route: one without the
// check of peers is found only if it is named. For each URL
//
//   - the peer is answered, whatever with, but for 401, 403, 495 and 496, and the page, in
//     HTML, with status 400 by which nginx refuses a certificate;
//   - a client without a certificate, with one of some 40 that are wrong in one way
//     or revoked, or of another version than TLS 1.2, is refused in the handshake or
//     by one of these; HTTP/2 is not negotiated;
//   - without TLS nothing is served;
//   - on a connection that stays open, nothing is served any more once the peer's
//     certificate was revoked, or has expired.
//
// The server is one of TLS in this process or another, on whose clock and
// revocation see [TestServer], which says more of handshakes.
func TestService(p *PKI, peer string, urls ...string) error {
	return kit.Join(newServiceTest(p, peer).cases(urls))
}

// RunService is TestService with a subtest for each case.
func RunService(t *testing.T, p *PKI, peer string, urls ...string) {
	t.Helper()
	kit.Subtests(t, newServiceTest(p, peer).cases(urls))
}

type serviceTest struct {
	trial
	url string // of present, which finds out about the clock
}

func newServiceTest(p *PKI, peer string) *serviceTest {
	s := &serviceTest{trial: trial{pki: p, peer: peer, heed: heed}}
	s.follows = sync.OnceValue(s.clock)
	s.present = func(cert tls.Certificate) func() (*outcome, error) {
		return func() (*outcome, error) {
			client := s.client(&cert)
			defer client.CloseIdleConnections()
			return &outcome{client: fetch(client, s.url)}, nil
		}
	}
	return s
}

func (s *serviceTest) cases(urls []string) []kit.Case {
	if len(urls) == 0 {
		return []kit.Case{{Name: "the URLs", Run: func() error { return errors.New("there is none") }}}
	}
	s.url = urls[0]
	var cases []kit.Case
	for _, u := range urls {
		add := func(name string, run func() error) { cases = append(cases, kit.Case{Name: u + ": " + name, Run: run}) }
		add("a good client", func() error { return s.get(u, s.pki.Issue(s.peer)) })
		refused := func(name string, client func() *http.Client) {
			add(name, func() error {
				c := client()
				defer c.CloseIdleConnections()
				return unserved(fetch(c, u))
			})
		}
		refused("a client without a certificate", func() *http.Client { return s.client(nil) })
		for _, bad := range badClients() {
			refused("a certificate "+bad.name, func() *http.Client {
				cert := bad.issue(s.pki, s.peer)
				return s.client(&cert)
			})
		}
		add("a certificate that is revoked", func() error {
			cert := s.pki.Issue(s.peer, freshBatch())
			s.pki.Authority.Revoke(cert.Leaf, revocation.ReasonKeyCompromise, time.Time{})
			c := s.client(&cert)
			defer c.CloseIdleConnections()
			err := unserved(fetch(c, u))
			s.deaf.Store(err != nil)
			return err
		})
		for _, version := range forbiddenVersions() {
			refused("a client of "+tls.VersionName(version), func() *http.Client {
				cert := s.pki.Issue(s.peer)
				c := s.client(&cert)
				config := c.Transport.(*http.Transport).TLSClientConfig
				config.MinVersion, config.MaxVersion, config.CipherSuites = version, version, nil
				return c
			})
		}
		add("a client of HTTP/2", func() error { return s.http2(u) })
		add("a client without TLS", func() error { return s.plain(u) })
		add("a connection that outlives the revocation of its certificate", func() error { return s.outlived(u) })
		add("a connection that outlives its certificate", func() error { return s.expired(u) })
	}
	return cases
}

// client returns a client that presents cert, if not nil, to whatever server, and
// keeps its connection.
func (s *serviceTest) client(cert *tls.Certificate) *http.Client {
	config := tls12Client()
	if cert != nil {
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return cert, nil }
	}
	return &http.Client{
		Transport:     &http.Transport{DialContext: s.pki.DialContext, TLSClientConfig: config, MaxConnsPerHost: 1, ResponseHeaderTimeout: patience},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       patience,
	}
}

// A refusalError is an answer that says that the client may not.
type refusalError int

func (e refusalError) Error() string { return fmt.Sprintf("it was answered with status %d", int(e)) }

// fetch returns nil if the request was answered other than by a refusal.
func fetch(c *http.Client, u string) error {
	response, err := c.Get(u)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return err
	}
	switch response.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden, 495, 496:
		return refusalError(response.StatusCode)
	}
	if nginx.RefusesCertificate(response.StatusCode, response.Header.Get("Content-Type"), body) {
		return refusalError(response.StatusCode)
	}
	return nil
}

// unserved turns an error of fetch round.
func unserved(err error) error {
	if err == nil {
		return errors.New("it was served")
	}
	return nil
}

func (s *serviceTest) get(u string, cert tls.Certificate) error {
	c := s.client(&cert)
	defer c.CloseIdleConnections()
	if err := fetch(c, u); err != nil {
		return fmt.Errorf("it was refused: %w", err)
	}
	return nil
}

func (s *serviceTest) http2(u string) error {
	cert := s.pki.Issue(s.peer)
	c := s.client(&cert)
	defer c.CloseIdleConnections()
	c.Transport.(*http.Transport).ForceAttemptHTTP2 = true
	response, err := c.Get(u)
	if err != nil {
		return nil
	}
	defer response.Body.Close()
	if response.ProtoMajor != 1 {
		return errHTTP2
	}
	return nil
}

// plain asks without TLS. A server that says what it wants instead is right.
func (s *serviceTest) plain(u string) error {
	target, err := url.Parse(u)
	if err != nil {
		return err
	}
	target.Scheme = "http"
	c := s.client(nil)
	defer c.CloseIdleConnections()
	response, err := c.Get(target.String())
	if err != nil {
		return nil
	}
	defer response.Body.Close()
	if response.StatusCode < 300 || response.StatusCode == http.StatusNotFound || response.StatusCode >= 500 {
		return fmt.Errorf("it was answered with status %d", response.StatusCode)
	}
	return nil
}

// outlived revokes a certificate while a connection is open. Whatever the server
// does, be it to close the connection, no further request is served.
func (s *serviceTest) outlived(u string) error {
	s.follows()
	cert := s.pki.Issue(s.peer, freshBatch())
	c := s.client(&cert)
	defer c.CloseIdleConnections()
	if err := fetch(c, u); err != nil {
		return fmt.Errorf("before that: it was refused: %w", err)
	}
	s.pki.Authority.Revoke(cert.Leaf, revocation.ReasonKeyCompromise, time.Time{})
	return s.eventually(mustRefuse, func() (*outcome, error) { return &outcome{client: fetch(c, u)}, nil })
}

// expired lets a certificate expire while a connection is open.
func (s *serviceTest) expired(u string) error {
	wait := s.await
	if s.follows() {
		wait = s.pki.Pass
	}
	now := s.pki.Now()
	cert := s.pki.Issue(s.peer, Valid(now.Add(-time.Hour), now.Truncate(time.Second).Add(2*time.Second)))
	c := s.client(&cert)
	defer c.CloseIdleConnections()
	fetch(c, u) // on a slow machine it may be refused already: then this case shows less
	wait(3 * time.Second)
	return unserved(fetch(c, u))
}
