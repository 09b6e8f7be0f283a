// SPDX-License-Identifier: Apache-2.0

package tlsconfig

import (
	"crypto/tls"
	"crypto/x509"
	"slices"
	"sync/atomic"
)

// A server chooses the suite by choosing the config: crypto/tls takes
// Config.CipherSuites for a set and has an order of its own, so each suite has
// a config with that suite alone.
//
// Resumption stays sound. crypto/tls keeps the ticket keys of the outer
// config, rotates them daily and uses them for every config that has none of
// its own, so all the configs share their keys at all times; it resumes a
// session only under a config that has the session's suite; and VerifyConnection
// runs on each of them, resumed or not.
type server struct {
	endpoint *Endpoint
	own      *ownCertificate
	suites   []Suite // in the guidance's order
	current  atomic.Pointer[perSuite]
}

// A perSuite holds the configs that were made for one set of pins.
type perSuite struct {
	pins    *pinned
	configs []*tls.Config // as server.suites
	none    *tls.Config   // has no suite: for who shares none
}

// choose is the outer config's GetConfigForClient. It never leaves the choice
// to the outer config.
func (s *server) choose(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	now := s.perSuite()
	for i, suite := range s.suites {
		if slices.Contains(hello.CipherSuites, uint16(suite)) {
			return now.configs[i], nil
		}
	}
	return now.none, nil
}

// perSuite returns the configs for the pins of now: the CertificateRequest
// names the pinned SubCAs, and some clients choose by it.
func (s *server) perSuite() *perSuite {
	pins := s.endpoint.Verifier.Pins.snapshot()
	if current := s.current.Load(); current != nil && current.pins == pins {
		return current
	}
	next := &perSuite{pins: pins, none: s.config(pins)}
	for _, suite := range s.suites {
		next.configs = append(next.configs, s.config(pins, suite))
	}
	s.current.Store(next)
	return next
}

// config returns a server's config with the given suites and everything else
// that the guidance asks for: no config relies on another for that.
func (s *server) config(pins *pinned, suites ...Suite) *tls.Config {
	subCAs := x509.NewCertPool()
	if pins != nil {
		for _, cert := range pins.subCAs {
			subCAs.AddCert(cert)
		}
	}
	cfg := s.endpoint.config(suites)
	cfg.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		return s.own.present(hello.Context())
	}
	cfg.ClientAuth = tls.RequireAnyClientCert
	cfg.ClientCAs = subCAs
	cfg.VerifyConnection = s.endpoint.verifyConnection(x509.ExtKeyUsageClientAuth, s.suites)
	return cfg
}

// outer returns the config to hand out.
func (s *server) outer() *tls.Config {
	suites := s.suites
	// net/http refuses to serve TLS 1.2 with HTTP/2 possible and this suite
	// missing. Nothing is negotiated by this list, and verifyConnection
	// refuses what is not in s.suites.
	if !slices.Contains(suites, ECDHE_RSA_AES128_GCM_SHA256) {
		suites = append(slices.Clone(suites), ECDHE_RSA_AES128_GCM_SHA256)
	}
	cfg := s.config(s.endpoint.Verifier.Pins.snapshot(), suites...)
	cfg.GetConfigForClient = s.choose
	return cfg
}
