// SPDX-License-Identifier: Apache-2.0

package tlsconfig

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"slices"
	"sync/atomic"
)

// ServerConfig returns a config that speaks TLS 1.2 only, demands a client
// certificate, verifies it by Verifier on every handshake, resumed ones included,
// and prefers suites in the guidance's order. It returns an error if anything
// is missing or wrong, if crypto/tls has none of Suites, or if GODEBUG, which is for the
// whole process, has tlssha1=1.
//
// The config is complete. What is changed on it afterwards has no effect on the
// connections, which get a config of GetConfigForClient's: Audit reports such
// changes where they would bear on the guidance, except of ClientCAs, which only
// tells clients what is pinned.
// GetConfigForClient decides about each connection and VerifyConnection, on
// the configs that it returns, about each peer. Each call returns a new config
// with ticket keys of its own.
func (e *Endpoint) ServerConfig() (*tls.Config, error) {
	e, own, suites, err := e.build(x509.ExtKeyUsageServerAuth)
	if err != nil {
		return nil, err
	}
	return (&serverConfigs{endpoint: e, own: own, suites: suites}).outer(), nil
}

// A server chooses the suite by choosing the config: crypto/tls takes
// Config.CipherSuites for a set and has an order of its own, so each suite has
// a config with that suite alone.
//
// Resumption stays sound. crypto/tls keeps the ticket keys of the outer
// config, rotates them daily and uses them for every config that has none of
// its own, so all the configs share their keys at all times; it resumes a
// session only under a config that has the session's suite; and VerifyConnection
// runs on each of them, resumed or not.
type serverConfigs struct {
	endpoint *Endpoint
	own      *ownCertificate
	suites   []Suite     // in the guidance's order
	tickets  *tls.Config // whose keys tickets are under: what was handed out
	current  atomic.Pointer[perSuite]
}

// A perSuite holds the configs that were made for one set of pins.
type perSuite struct {
	pins    *pinSet
	configs []*tls.Config // as serverConfigs.suites
	none    *tls.Config   // has no suite: for who shares none
}

// choose is the outer config's GetConfigForClient. It never leaves the choice
// to the outer config.
func (s *serverConfigs) choose(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	now := s.perSuite()
	for i, suite := range s.suites {
		if slices.Contains(hello.CipherSuites, uint16(suite)) {
			cfg := now.configs[i].Clone()
			j := s.hook()
			j.ctx = hello.Context()
			if hello.Conn != nil {
				j.remote = hello.Conn.RemoteAddr()
			}
			cfg.VerifyConnection = j.verify
			return cfg, nil
		}
	}
	return now.none, nil
}

func (s *serverConfigs) hook() *hook {
	return &hook{endpoint: s.endpoint, peer: x509.ExtKeyUsageClientAuth, suites: s.suites}
}

// perSuite returns the configs for the pins of now: the CertificateRequest
// names the pinned SubCAs, and some clients choose by it.
func (s *serverConfigs) perSuite() *perSuite {
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
func (s *serverConfigs) config(pins *pinSet, suites ...Suite) *tls.Config {
	subCAs := x509.NewCertPool()
	if pins != nil {
		for _, cert := range pins.subCAs {
			subCAs.AddCert(cert)
		}
	}
	cfg := s.endpoint.config(suites)
	cfg.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		return s.own.present(hello.Context()), nil
	}
	cfg.ClientAuth = tls.RequireAnyClientCert
	cfg.ClientCAs = subCAs
	cfg.VerifyConnection = s.hook().verify
	cfg.WrapSession, cfg.UnwrapSession = s.wrap, s.unwrap
	return cfg
}

// outer returns the config to hand out.
func (s *serverConfigs) outer() *tls.Config {
	suites := s.suites
	// net/http refuses to serve TLS 1.2 with HTTP/2 possible and this suite
	// missing. Nothing is negotiated by this list, and the hook
	// refuses what is not in s.suites.
	if !slices.Contains(suites, ECDHE_RSA_AES128_GCM_SHA256) {
		suites = append(slices.Clone(suites), ECDHE_RSA_AES128_GCM_SHA256)
	}
	cfg := s.config(s.endpoint.Verifier.Pins.snapshot(), suites...)
	cfg.GetConfigForClient = s.choose
	s.tickets = cfg
	return cfg
}

// wrap makes a ticket that names the client's leaf by its hash.
func (s *serverConfigs) wrap(cs tls.ConnectionState, session *tls.SessionState) ([]byte, error) {
	if len(cs.PeerCertificates) > 0 {
		sum := sha256.Sum256(cs.PeerCertificates[0].Raw)
		session.Extra = [][]byte{sum[:]}
	}
	return s.tickets.EncryptTicket(cs, session)
}

// unwrap resumes the session of a ticket only if its client is still good: one that
// has a new certificate by now would be refused for the old one otherwise. It gets a
// full handshake.
func (s *serverConfigs) unwrap(ticket []byte, cs tls.ConnectionState) (*tls.SessionState, error) {
	if len(ticket) == 0 {
		return nil, nil
	}
	session, err := s.tickets.DecryptTicket(ticket, cs)
	if err != nil || session == nil || len(session.Extra) != 1 || len(session.Extra[0]) != sha256.Size {
		return nil, nil
	}
	pins := s.endpoint.Verifier.Pins.snapshot()
	if pins == nil {
		return nil, nil
	}
	known := pins.verdicts.get(&verdictKey{leaf: [sha256.Size]byte(session.Extra[0]), usage: x509.ExtKeyUsageClientAuth})
	if known == nil || !s.endpoint.resumable(Presented{Certificates: []*x509.Certificate{known.leaf}, Usage: x509.ExtKeyUsageClientAuth}) {
		return nil, nil
	}
	return session, nil
}
