// SPDX-License-Identifier: Apache-2.0

package tlsconfig_test

import (
	"context"
	"crypto/x509"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testca"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// Of a SubCA that was renewed with its key there are several paths. Each that is valid
// is asked about until one is good, a revoked leaf is revoked on all, and of several
// refusals the one that is certain is told, with the certificate that is revoked.
func TestSeveralPathsAreAskedAbout(t *testing.T) {
	t.Parallel()
	root := newRoot(t, "NHS Root", "root")
	key := testca.RSA("subca")
	ended := root.issueCA(t, "NHS SubCA", key, func(c *x509.Certificate) { c.NotAfter = now.AddDate(0, 0, 10) })
	first, second := root.issueCA(t, "NHS SubCA", key), root.issueCA(t, "NHS SubCA", key)
	outage := errors.New("the CRL cannot be fetched")
	leaf := first.issue(t, sspName).Leaf
	revoked := func(c *x509.Certificate) error { return revokedCertificate{c} }
	for name, test := range map[string]struct {
		answers map[*x509.Certificate]error // by the SubCA of the path
		asked   []*x509.Certificate
		refused *x509.Certificate // nil: accepted
		certain bool
	}{
		"the first is good":                    {nil, []*x509.Certificate{first.cert}, nil, false},
		"the second is good":                   {map[*x509.Certificate]error{first.cert: outage}, []*x509.Certificate{first.cert, second.cert}, nil, false},
		"the first is revoked, the second not": {map[*x509.Certificate]error{first.cert: revoked(first.cert)}, []*x509.Certificate{first.cert, second.cert}, nil, false},
		"the leaf is revoked":                  {map[*x509.Certificate]error{first.cert: revoked(leaf)}, []*x509.Certificate{first.cert}, leaf, true},
		"neither is known": {map[*x509.Certificate]error{first.cert: outage, second.cert: outage},
			[]*x509.Certificate{first.cert, second.cert}, leaf, false},
		"one unknown, then one revoked": {map[*x509.Certificate]error{first.cert: outage, second.cert: revoked(second.cert)},
			[]*x509.Certificate{first.cert, second.cert}, second.cert, true},
		"one revoked, then one unknown": {map[*x509.Certificate]error{first.cert: revoked(first.cert), second.cert: outage},
			[]*x509.Certificate{first.cert, second.cert}, first.cert, true},
		"both revoked": {map[*x509.Certificate]error{first.cert: revoked(first.cert), second.cert: revoked(second.cert)},
			[]*x509.Certificate{first.cert, second.cert}, first.cert, true},
	} {
		var asked []*x509.Certificate
		at := now
		v := &tlsconfig.Verifier{Pins: pin(t, []*authority{root}, []*authority{ended, first, second}), FQDNs: []string{sspName}, Time: func() time.Time { return at }}
		v.Revocation = new(revocations)
		_, err := v.Verify(t.Context(), clientPresents(leaf)) // all three are valid, and found
		require.NoError(t, err, name)
		at = now.AddDate(0, 0, 11)
		v.Revocation = checkerFunc(func(_ context.Context, chain []*x509.Certificate, _ []byte) error {
			asked = append(asked, chain[1])
			return test.answers[chain[1]]
		})
		_, err = v.Verify(t.Context(), clientPresents(leaf))
		assert.Equal(t, test.asked, asked, name)
		if test.refused == nil {
			assert.NoError(t, err, name)
			continue
		}
		refusal := refused(t, err, tlsconfig.RuleRevocation)
		assert.Same(t, test.refused, refusal.Cert, name)
		assert.Equal(t, test.certain, refusal.Definite(), name)
	}

	// Once the context has ended, no further path is asked about.
	ctx, cancel := context.WithCancel(t.Context())
	asked := 0
	v := &tlsconfig.Verifier{Pins: pin(t, []*authority{root}, []*authority{first, second}), FQDNs: []string{sspName}, Time: clock}
	v.Revocation = checkerFunc(func(ctx context.Context, _ []*x509.Certificate, _ []byte) error {
		asked++
		cancel()
		return ctx.Err()
	})
	_, err := v.Verify(ctx, clientPresents(leaf))
	refused(t, err, tlsconfig.RuleRevocation)
	assert.Equal(t, 1, asked)
}
