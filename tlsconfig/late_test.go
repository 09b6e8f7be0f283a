// SPDX-License-Identifier: Apache-2.0

package tlsconfig_test

import (
	"context"
	"crypto/x509"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/nrlsecurity/nrlsecurity/internal/bounded"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// A deaf checker never answers about one leaf, nil: about any, until it is closed.
type deaf struct {
	about  *x509.Certificate
	until  chan struct{}
	called atomic.Int64
}

func (d *deaf) Check(_ context.Context, chain []*x509.Certificate, _ []byte) error {
	d.called.Add(1)
	if d.about == nil || chain[0].Equal(d.about) {
		<-d.until
	}
	return nil
}

// Endpoints share their pins. A checker that never returns must not have the peers of
// another endpoint refused, and a peer about whom it never returns no other peer.
func TestACheckerThatNeverReturnsRefusesNoOtherPeers(t *testing.T) {
	t.Parallel()
	s := newSpine(t)
	leaf, other := s.subCA.issue(t, sspName).Leaf, s.subCA.issue(t, sspName).Leaf
	accepts := func(context.Context, []*x509.Certificate, []byte) error { return nil }
	for name, test := range map[string]struct {
		of     func(t *testing.T, hangs *deaf) (broken, sound tlsconfig.RevocationChecker)
		sound  *x509.Certificate // the leaf that is accepted
		always bool              // the broken checker answers about no leaf
	}{
		"of another endpoint": {func(_ *testing.T, d *deaf) (tlsconfig.RevocationChecker, tlsconfig.RevocationChecker) {
			return d, checkerFunc(accepts)
		}, leaf, true},
		"of another endpoint, both being functions": {func(_ *testing.T, d *deaf) (tlsconfig.RevocationChecker, tlsconfig.RevocationChecker) {
			return checkerFunc(d.Check), checkerFunc(accepts)
		}, leaf, true},
		"of the same endpoint": {func(_ *testing.T, d *deaf) (tlsconfig.RevocationChecker, tlsconfig.RevocationChecker) {
			return d, d
		}, other, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				hangs := &deaf{until: make(chan struct{})}
				if !test.always {
					hangs.about = leaf
				}
				broken, sound := test.of(t, hangs)
				pins := pin(t, []*authority{s.root}, []*authority{s.subCA})
				endpoint := func(checker tlsconfig.RevocationChecker) *tlsconfig.Endpoint {
					return &tlsconfig.Endpoint{Timeout: time.Second, Verifier: tlsconfig.Verifier{
						Pins: pins, FQDNs: []string{sspName}, Revocation: checker, Time: clock}}
				}
				flooded, quiet := endpoint(broken), endpoint(sound)
				for range 2 * bounded.MaxLate {
					err := flooded.VerifyPeer(t.Context(), clientPresents(leaf))
					refused(t, err, tlsconfig.RuleRevocation)
				}
				assert.Less(t, hangs.called.Load(), int64(bounded.MaxLate), "and only so many of its calls go on")
				called := hangs.called.Load()
				pins.Replace(pin(t, []*authority{s.root}, []*authority{s.subCA, s.sibling}))
				refused(t, flooded.VerifyPeer(t.Context(), clientPresents(leaf)), tlsconfig.RuleRevocation)
				assert.Equal(t, called, hangs.called.Load(), "nor does it get more with new pins")

				assert.NoError(t, quiet.VerifyPeer(t.Context(), clientPresents(test.sound)))
				assert.NoError(t, quiet.VerifyLeaf(test.sound))
				close(hangs.until)
				synctest.Wait()
				assert.NoError(t, flooded.VerifyPeer(t.Context(), clientPresents(leaf)), "once its calls have returned")
			})
		})
	}
}
