// SPDX-License-Identifier: Apache-2.0

package tlsconfig_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testca"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// resumingClient keeps its sessions, as any plain client may.
func resumingClient(cert tls.Certificate) *tls.Config {
	client := plainClient(cert)
	client.ServerName = providerName
	client.ClientSessionCache = tls.NewLRUClientSessionCache(0)
	return client
}

func TestSessionsAreResumedUnderEverySuite(t *testing.T) {
	s := newSpine(t)
	e := s.endpoint(t, providerName, sspName)
	checker := new(revocations)
	e.Verifier.Revocation = checker
	server := serverConfig(t, e)
	for _, suite := range native() {
		t.Run(suite.String(), func(t *testing.T) {
			client := resumingClient(s.subCA.issue(t, sspName))
			client.CipherSuites = []uint16{uint16(suite)}
			for i := range 3 {
				asked := checker.asked.Load()
				o := handshake(t, client, server)
				require.NoError(t, o.clientErr)
				require.NoError(t, o.serverErr)
				require.Equal(t, i > 0, o.server.DidResume)
				require.Equal(t, suite, tlsconfig.Suite(o.server.CipherSuite))
				want := asked + 1
				if i > 0 {
					want++ // before its session is resumed, too
				}
				require.Equal(t, want, checker.asked.Load(), "the peer is verified in every handshake")
			}
		})
	}
}

func TestAResumedSessionIsRefusedWhenItsPeerNoLongerPasses(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(t *testing.T, s *spine, checker *revocations, at *time.Time, leaf *x509.Certificate)
		want   tlsconfig.Rule
	}{
		{"since the certificate was revoked", func(_ *testing.T, _ *spine, checker *revocations, _ *time.Time, leaf *x509.Certificate) {
			checker.revoke(leaf)
		}, tlsconfig.RuleRevocation},
		{"since the SubCA was revoked", func(_ *testing.T, s *spine, checker *revocations, _ *time.Time, _ *x509.Certificate) {
			checker.revoke(s.subCA.cert)
		}, tlsconfig.RuleRevocation},
		{"since the pins were replaced", func(t *testing.T, s *spine, _ *revocations, _ *time.Time, _ *x509.Certificate) {
			s.pins.Replace(pin(t, []*authority{s.root}, []*authority{s.sibling}))
		}, tlsconfig.RuleSubCA},
		{"since the SubCA expired", func(_ *testing.T, _ *spine, _ *revocations, at *time.Time, _ *x509.Certificate) {
			*at = now.AddDate(0, 0, 2)
		}, tlsconfig.RuleValidity},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSpine(t)
			s.subCA = s.root.issueCA(t, "NHS INT Authentication G2", testca.RSA("subca"),
				func(c *x509.Certificate) { c.NotAfter = now.AddDate(0, 0, 1) })
			s.pins = pin(t, []*authority{s.root}, []*authority{s.subCA})
			checker, at := new(revocations), now
			e := s.endpoint(t, providerName, sspName)
			e.Verifier.Revocation = checker
			e.Verifier.Time = func() time.Time { return at }
			server := serverConfig(t, e)
			ssp := s.subCA.issue(t, sspName)
			client := resumingClient(ssp)

			require.NoError(t, handshake(t, client, server).serverErr)
			o := handshake(t, client, server)
			require.NoError(t, o.serverErr)
			require.True(t, o.server.DidResume)

			test.change(t, s, checker, &at, ssp.Leaf)
			o = handshake(t, client, server)
			refused(t, o.serverErr, test.want)
			alert(t, o.clientErr, alertBadCertificate)
		})
	}
}

func TestAClientRefusesAResumedSessionWhenTheServerWasRevoked(t *testing.T) {
	s := newSpine(t)
	own := s.subCA.issue(t, providerName)
	server := s.endpoint(t, providerName, sspName)
	server.Certificate = tlsconfig.StaticCertificate(own)
	serverCfg := serverConfig(t, server)
	checker := new(revocations)
	e := s.endpoint(t, sspName)
	e.Verifier.Revocation = checker
	client := dialling(clientConfig(t, e), providerName)

	require.NoError(t, handshake(t, client, serverCfg).clientErr)
	o := handshake(t, client, serverCfg)
	require.NoError(t, o.clientErr)
	require.True(t, o.client.DidResume)

	checker.revoke(own.Leaf)
	o = handshake(t, client, serverCfg)
	refused(t, o.clientErr, tlsconfig.RuleRevocation)
	require.False(t, o.client.DidResume, "the session is not offered")
	alert(t, o.serverErr, alertBadCertificate)
}

// A turning checker accepts the first question of each handshake and none after it.
type turning struct{ accept atomic.Int64 }

func (c *turning) Check(context.Context, []*x509.Certificate, []byte) error {
	if c.accept.Add(-1) < 0 {
		return errRevoked
	}
	return nil
}

// What is asked before a session is resumed replaces no verdict.
func TestAResumedSessionIsJudgedAgain(t *testing.T) {
	s := newSpine(t)
	for _, side := range []string{"server", "client"} {
		t.Run(side, func(t *testing.T) {
			checker := new(turning)
			server, client := s.endpoint(t, providerName, sspName), s.endpoint(t, sspName)
			if side == "server" {
				server.Verifier.Revocation = checker
			} else {
				client.Verifier.Revocation = checker
			}
			serverCfg, clientCfg := serverConfig(t, server), dialling(clientConfig(t, client), providerName)
			checker.accept.Store(1)
			require.NoError(t, handshake(t, clientCfg, serverCfg).clientErr)
			checker.accept.Store(2)
			o := handshake(t, clientCfg, serverCfg)
			require.NoError(t, o.serverErr)
			require.True(t, o.server.DidResume)
			checker.accept.Store(1)
			o = handshake(t, clientCfg, serverCfg)
			require.True(t, o.server.DidResume)
			if side == "server" {
				refused(t, o.serverErr, tlsconfig.RuleRevocation)
			} else {
				refused(t, o.clientErr, tlsconfig.RuleRevocation)
			}
		})
	}
}

// Where a full handshake works, a session of before breaks nothing: the end that has
// a new certificate is not refused for the old one.
func TestASessionDoesNotBreakTheHandshakeThatWorksWithoutIt(t *testing.T) {
	s := newSpine(t)
	for _, test := range []struct {
		name string
		ends func(older *x509.Certificate, checker *revocations, pins *tlsconfig.Pins)
	}{
		{"revoked", func(older *x509.Certificate, checker *revocations, _ *tlsconfig.Pins) { checker.revoke(older) }},
		{"of a SubCA that is no longer pinned", func(_ *x509.Certificate, _ *revocations, pins *tlsconfig.Pins) {
			pins.Replace(pin(t, []*authority{s.root}, []*authority{s.sibling}))
		}},
	} {
		for _, side := range []string{"server", "client"} {
			t.Run(side+", whose old certificate is "+test.name, func(t *testing.T) {
				name, peer := providerName, sspName
				if side == "client" {
					name, peer = sspName, providerName
				}
				older, newer := s.subCA.issue(t, name), s.sibling.issue(t, name)
				var current atomic.Pointer[tls.Certificate]
				current.Store(&older)
				changing := s.endpoint(t, name, peer)
				changing.Certificate = func(context.Context) (*tls.Certificate, error) { return current.Load(), nil }
				judging, checker := s.endpoint(t, peer, name), new(revocations)
				judging.Verifier.Revocation = checker
				judging.Verifier.Pins = pin(t, []*authority{s.root}, []*authority{s.subCA, s.sibling})

				var client, server *tls.Config
				if side == "server" {
					client, server = dialling(clientConfig(t, judging), providerName), serverConfig(t, changing)
				} else {
					// As any other client, which keeps its session when it gets a new certificate.
					client, server = plainClient(older), serverConfig(t, judging)
					client.ServerName, client.ClientSessionCache = providerName, tls.NewLRUClientSessionCache(0)
					client.Certificates = nil
					client.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return current.Load(), nil }
				}
				for i := range 2 {
					o := handshake(t, client, server)
					require.NoError(t, o.clientErr)
					require.Equal(t, i > 0, o.client.DidResume)
				}
				current.Store(&newer)
				test.ends(older.Leaf, checker, judging.Verifier.Pins)
				for i := range 2 {
					o := handshake(t, client, server)
					require.NoError(t, o.clientErr)
					require.NoError(t, o.serverErr)
					require.Equal(t, i > 0, o.client.DidResume)
				}
			})
		}
	}
}

// A session that began under the old certificate and ends once there is a new one is
// not taken for one of the new one's.
func TestASessionThatOverlapsARenewalIsNotKept(t *testing.T) {
	s := newSpine(t)
	older, newer := s.subCA.issue(t, sspName), s.subCA.issue(t, sspName)
	var current atomic.Pointer[tls.Certificate]
	current.Store(&older)
	e := s.endpoint(t, sspName, providerName)
	e.Certificate = func(context.Context) (*tls.Certificate, error) { return current.Load(), nil }
	client := dialling(clientConfig(t, e), providerName)

	judging := s.endpoint(t, providerName, sspName)
	var renew func()
	judging.Verifier.Revocation = checkerFunc(func(context.Context, []*x509.Certificate, []byte) error {
		renew() // the client has presented its certificate by now
		return nil
	})
	server := serverConfig(t, judging)
	renew = func() {
		current.Store(&newer)
		cert, err := client.GetClientCertificate(new(tls.CertificateRequestInfo)) // as another connection does
		require.NoError(t, err)
		require.Equal(t, newer.Certificate, cert.Certificate)
		_, known := client.ClientSessionCache.Get(providerName)
		require.False(t, known)
	}
	o := handshake(t, client, server)
	require.NoError(t, o.serverErr)
	require.Equal(t, older.Certificate[0], o.server.PeerCertificates[0].Raw)
	renew = func() {}
	o = handshake(t, client, server)
	require.NoError(t, o.serverErr)
	require.Equal(t, newer.Certificate[0], o.server.PeerCertificates[0].Raw, "and not the session of the old one")
}

func TestAClientWithANewCertificateResumesNoSessionOfTheOldOne(t *testing.T) {
	s := newSpine(t)
	server := serverConfig(t, s.endpoint(t, providerName, sspName))
	older, newer := s.subCA.issue(t, sspName), s.subCA.issue(t, sspName)
	var current atomic.Pointer[tls.Certificate]
	e := s.endpoint(t, sspName, providerName)
	e.Certificate = func(context.Context) (*tls.Certificate, error) { return current.Load(), nil }
	current.Store(&older)
	client := dialling(clientConfig(t, e), providerName)
	for _, step := range []struct {
		present *tls.Certificate
		resumed bool
	}{{&older, false}, {&older, true}, {&newer, false}, {&newer, true}, {&older, true}} {
		current.Store(step.present)
		o := handshake(t, client, server)
		require.NoError(t, o.clientErr)
		require.Equal(t, step.resumed, o.client.DidResume)
		require.Equal(t, step.present.Leaf.Raw, o.server.PeerCertificates[0].Raw)
	}
}

func TestRotatingTheTicketKeysOfTheConfigRotatesThemForEverySuite(t *testing.T) {
	s := newSpine(t)
	server := serverConfig(t, s.endpoint(t, providerName, sspName))
	first, second := [32]byte{1}, [32]byte{2}
	server.SetSessionTicketKeys([][32]byte{first})
	for _, suite := range native() {
		client := resumingClient(s.subCA.issue(t, sspName))
		client.CipherSuites = []uint16{uint16(suite)}
		resumes := func(want bool) {
			t.Helper()
			o := handshake(t, client, server)
			require.NoError(t, o.serverErr)
			require.Equal(t, want, o.server.DidResume, "%v", suite)
		}
		server.SetSessionTicketKeys([][32]byte{first})
		resumes(false)
		resumes(true)
		server.SetSessionTicketKeys([][32]byte{second, first})
		resumes(true) // and gets a ticket under the new key
		server.SetSessionTicketKeys([][32]byte{second})
		resumes(true)
		server.SetSessionTicketKeys([][32]byte{{3}})
		resumes(false)
	}
}

func TestTicketKeysAgeTogetherUnderEverySuite(t *testing.T) {
	s := newSpine(t)
	at := now
	e := s.endpoint(t, providerName, sspName)
	e.Verifier.Time = func() time.Time { return at }
	server := serverConfig(t, e)
	for _, suite := range native() {
		at = at.AddDate(0, 0, 10) // past every key of before
		client := resumingClient(s.subCA.issue(t, sspName, func(c *x509.Certificate) { c.NotBefore = at.Add(-time.Hour) }))
		client.Time = e.Verifier.Time
		client.CipherSuites = []uint16{uint16(suite)}
		for _, step := range []struct {
			after time.Duration
			want  bool
		}{{0, false}, {time.Hour, true}, {25 * time.Hour, true}, {8 * 24 * time.Hour, false}} {
			at = at.Add(step.after)
			o := handshake(t, client, server)
			require.NoError(t, o.serverErr)
			require.Equal(t, step.want, o.server.DidResume, "%v after %v", suite, step.after)
		}
	}
}

// A stolenCache hands one client's sessions to others.
type stolenCache struct {
	mu      sync.Mutex
	session *tls.ClientSessionState
}

func (c *stolenCache) Get(string) (*tls.ClientSessionState, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.session, c.session != nil
}

func (c *stolenCache) Put(_ string, session *tls.ClientSessionState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session == nil {
		c.session = session
	}
}

func TestASessionOfOneSuiteIsNotResumedUnderAnother(t *testing.T) {
	s := newSpine(t)
	server := serverConfig(t, s.endpoint(t, providerName, sspName))
	stolen := new(stolenCache)
	client := plainClient(s.subCA.issue(t, sspName))
	client.ClientSessionCache = stolen
	client.CipherSuites = []uint16{uint16(tlsconfig.ECDHE_RSA_AES128_GCM_SHA256)}
	require.NoError(t, handshake(t, client, server).serverErr)

	// Both suites on offer: the session's is still offered, but the server
	// prefers the other, and may not fall back to what the ticket says.
	client = client.Clone()
	client.CipherSuites = []uint16{uint16(tlsconfig.ECDHE_RSA_AES128_GCM_SHA256), uint16(tlsconfig.ECDHE_RSA_AES256_GCM_SHA384)}
	o := handshake(t, client, server)
	require.NoError(t, o.serverErr)
	require.False(t, o.server.DidResume)
	require.Equal(t, tlsconfig.ECDHE_RSA_AES256_GCM_SHA384, tlsconfig.Suite(o.server.CipherSuite))
}

func TestATicketOfAnotherServerIsNotResumed(t *testing.T) {
	s := newSpine(t)
	lenient := s.endpoint(t, providerName, "other.nhs.uk")
	strict := s.endpoint(t, providerName, sspName)
	client := resumingClient(s.subCA.issue(t, "other.nhs.uk"))
	require.NoError(t, handshake(t, client, serverConfig(t, lenient)).serverErr)
	o := handshake(t, client, serverConfig(t, strict))
	refused(t, o.serverErr, tlsconfig.RuleFQDN)
	require.False(t, o.server.DidResume)

	t.Run("nor if they share ticket keys: it is verified by the rules of this one", func(t *testing.T) {
		keys := [][32]byte{{7}}
		a, b := serverConfig(t, lenient), serverConfig(t, strict)
		a.SetSessionTicketKeys(keys)
		b.SetSessionTicketKeys(keys)
		client := resumingClient(s.subCA.issue(t, "other.nhs.uk"))
		require.NoError(t, handshake(t, client, a).serverErr)
		o := handshake(t, client, b)
		refused(t, o.serverErr, tlsconfig.RuleFQDN)
		require.False(t, o.server.DidResume)
	})
}
