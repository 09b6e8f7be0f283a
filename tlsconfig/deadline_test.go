// SPDX-License-Identifier: Apache-2.0

package tlsconfig_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nrlsecurity/nrlsecurity/internal/bounded"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
	"github.com/stretchr/testify/assert"
)

// A slow checker waits for its context.
type slow struct{}

func (slow) Check(ctx context.Context, _ []*x509.Certificate, _ []byte) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestPeerIsBoundedByTheTimeout(t *testing.T) {
	t.Parallel()
	s := newSpine(t)
	e := s.endpoint(t, providerName, sspName)
	e.Timeout = 20 * time.Millisecond
	e.Verifier.Revocation = slow{}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.TLS = &tls.ConnectionState{Version: tls.VersionTLS12, CipherSuite: 0xC030, HandshakeComplete: true,
		PeerCertificates: []*x509.Certificate{s.subCA.issue(t, sspName).Leaf}}
	_, err := e.Peer(r)
	refusal := refused(t, err, tlsconfig.RuleRevocation)
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	assert.False(t, refusal.Definite())
}

// A stubborn checker accepts after six seconds, whatever its context says.
type stubborn struct{}

func (stubborn) Check(context.Context, []*x509.Certificate, []byte) error {
	time.Sleep(6 * time.Second) // the bubble's time
	return nil
}

// A wrong checker is one that says of itself that it honours its context.
type wrong struct{ stubborn }

func (wrong) HonoursContext() bool { return true }

// What a checker accepts after its time counts for nothing, and is not waited for.
func TestACheckerThatIgnoresItsContextAcceptsNoPeer(t *testing.T) {
	t.Parallel()
	s := newSpine(t)
	leaf := s.subCA.issue(t, sspName).Leaf
	for _, test := range []struct {
		name    string
		checker tlsconfig.RevocationChecker
		most    time.Duration
	}{
		{"not waited for", stubborn{}, time.Second + time.Second/8 + bounded.Grace},
		{"waited for and refused, where it says that it honours its context", wrong{}, 6 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				e := &tlsconfig.Endpoint{Timeout: time.Second, Verifier: tlsconfig.Verifier{
					Pins: pin(t, []*authority{s.root}, []*authority{s.subCA}), FQDNs: []string{sspName}, Revocation: test.checker, Time: clock}}
				for name, judge := range map[string]func() error{
					"handshake": func() error { return e.VerifyPeer(context.Background(), clientPresents(leaf)) },
					"request":   func() error { return e.VerifyLeaf(leaf) },
				} {
					began := time.Now()
					err := judge()
					refusal := refused(t, err, tlsconfig.RuleRevocation)
					assert.ErrorIs(t, err, context.DeadlineExceeded, name)
					assert.False(t, refusal.Definite(), name)
					assert.LessOrEqual(t, time.Since(began), test.most, name)
				}
				time.Sleep(time.Minute) // the calls that were left end
			})
		})
	}
}

// Checks share a deadline, and each still has its endpoint's Timeout, and no more than
// an eighth beyond it. The pins, which hold the deadline, are made in the bubble: a
// context of one bubble cannot be waited for in another.
func TestChecksShareDeadlinesWithinAnEighthOfTheTimeout(t *testing.T) {
	t.Parallel()
	s := newSpine(t)
	leaf := s.subCA.issue(t, sspName).Leaf
	own := s.subCA.issue(t, providerName)
	state := &tls.ConnectionState{Version: tls.VersionTLS12, CipherSuite: 0xC030, HandshakeComplete: true, PeerCertificates: []*x509.Certificate{leaf}}
	for name, timeouts := range map[string][]time.Duration{
		"one endpoint":                    {8 * time.Second},
		"endpoints of different Timeouts": {8 * time.Second, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				pins := pin(t, []*authority{s.root}, []*authority{s.subCA})
				var mu sync.Mutex
				ends := make(map[time.Duration]map[time.Time]bool)
				var checks sync.WaitGroup
				for range 20 {
					for _, timeout := range timeouts {
						e := &tlsconfig.Endpoint{Certificate: tlsconfig.StaticCertificate(own), Timeout: timeout,
							Verifier: tlsconfig.Verifier{Pins: pins, FQDNs: []string{sspName}, Revocation: slow{}, Time: clock}}
						checks.Go(func() {
							began := time.Now()
							r := httptest.NewRequest(http.MethodGet, "/", nil)
							r.TLS = state
							_, err := e.Peer(r)
							assert.ErrorIs(t, err, context.DeadlineExceeded)
							assert.GreaterOrEqual(t, time.Since(began), timeout)
							assert.LessOrEqual(t, time.Since(began), timeout+timeout/8)
							mu.Lock()
							defer mu.Unlock()
							if ends[timeout] == nil {
								ends[timeout] = make(map[time.Time]bool)
							}
							ends[timeout][time.Now()] = true
						})
					}
					time.Sleep(250 * time.Millisecond)
				}
				checks.Wait()
				if len(timeouts) == 1 {
					assert.Len(t, ends[8*time.Second], 5, "the checks of each second end at once")
				}
			})
		})
	}
}
