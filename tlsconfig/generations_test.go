// SPDX-License-Identifier: Apache-2.0

package tlsconfig_test

import (
	"crypto/x509"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testca"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

func TestTwoGenerationsLiveSideBySide(t *testing.T) {
	g1root := newRoot(t, "NHS Root Authority", "root")
	g2root := newRoot(t, "NHS Root Authority G2", "impostor")
	g1 := g1root.issueCA(t, "NHS Level 1C", testca.RSA("subca"))
	g2 := g2root.issueCA(t, "NHS Authentication G2", testca.RSA("sibling"))
	// The same name as g1, another key: a SubCA that was made anew.
	anew := g2root.issueCA(t, "NHS Level 1C", testca.RSA("anew"))
	v := &tlsconfig.Verifier{
		Pins:  pin(t, []*authority{g1root, g2root}, []*authority{g1, g2, anew}),
		FQDNs: []string{sspName}, Revocation: new(revocations), Time: clock,
	}
	for name, want := range map[string]struct{ subCA, root *authority }{
		"the first generation":                        {g1, g1root},
		"the second generation":                       {g2, g2root},
		"a SubCA of the same name with a new key":     {anew, g2root},
		"again the first, whose name is in use twice": {g1, g1root},
	} {
		t.Run(name, func(t *testing.T) {
			leaf := want.subCA.issue(t, sspName).Leaf
			chain, err := v.Verify(t.Context(), clientPresents(leaf))
			require.NoError(t, err)
			require.Equal(t, []*x509.Certificate{leaf, want.subCA.cert, want.root.cert}, chain)
		})
	}
}

func TestARenewedSubCATakesOverWhenTheOldOneExpires(t *testing.T) {
	root := newRoot(t, "NHS Root", "root")
	older := root.issueCA(t, "NHS SubCA", testca.RSA("subca"), func(c *x509.Certificate) { c.NotAfter = now.AddDate(0, 1, 0) })
	newer := root.issueCA(t, "NHS SubCA", testca.RSA("subca"), func(c *x509.Certificate) { c.NotBefore = now.AddDate(0, 0, 7) })
	at := now
	v := &tlsconfig.Verifier{
		Pins: pin(t, []*authority{root}, []*authority{older, newer}), FQDNs: []string{sspName},
		Revocation: new(revocations), Time: func() time.Time { return at },
	}
	leaf := older.issue(t, sspName).Leaf
	for _, step := range []struct {
		at   time.Time
		want *authority
	}{{now, older}, {now.AddDate(0, 0, 8), older}, {now.AddDate(0, 2, 0), newer}, {now, older}} {
		at = step.at
		chain, err := v.Verify(t.Context(), clientPresents(leaf))
		require.NoError(t, err)
		require.Same(t, step.want.cert, chain[1])
	}
}

func TestPinsThatAreReplacedTakeVerdictsWithThem(t *testing.T) {
	s := rsaSpine(t)
	v := s.verifier(sspName)
	leaf := s.subCA.issue(t, sspName).Leaf
	_, err := v.Verify(t.Context(), clientPresents(leaf))
	require.NoError(t, err)

	s.pins.Replace(pin(t, []*authority{s.root}, []*authority{s.sibling}))
	_, err = v.Verify(t.Context(), clientPresents(leaf))
	refused(t, err, tlsconfig.RuleSubCA)
	_, err = v.Verify(t.Context(), clientPresents(s.sibling.issue(t, sspName).Leaf))
	require.NoError(t, err)

	s.pins.Replace(nil)
	_, err = v.Verify(t.Context(), clientPresents(leaf))
	refused(t, err, tlsconfig.RuleSubCA)
	require.Empty(t, s.pins.Roots())
	require.Empty(t, s.pins.SubCAs())
}
