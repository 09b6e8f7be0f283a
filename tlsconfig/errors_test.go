// SPDX-License-Identifier: Apache-2.0

package tlsconfig_test

import (
	"crypto/x509"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

func TestRulesHaveStableNames(t *testing.T) {
	for rule, want := range map[tlsconfig.Rule]string{
		0: "rule(0)", tlsconfig.RuleVersion: "version", tlsconfig.RuleSuite: "suite", tlsconfig.RuleNoCertificate: "no-certificate",
		tlsconfig.RuleSubCA: "subca", tlsconfig.RuleRoot: "root", tlsconfig.RuleValidity: "validity",
		tlsconfig.RuleKey: "key", tlsconfig.RuleUsage: "usage", tlsconfig.RuleFQDN: "fqdn",
		tlsconfig.RuleRevocation: "revocation", tlsconfig.RuleRevocation + 1: "rule(11)",
	} {
		assert.Equal(t, want, rule.String())
	}
}

func TestErrorsSayWhatWasFoundAndNoMore(t *testing.T) {
	cause := errors.New("the CRL has expired")
	for _, test := range []struct {
		err  error
		want string
	}{
		{&tlsconfig.PeerError{Rule: tlsconfig.RuleKey, Detail: "too short"}, "peer refused by rule key: too short"},
		{&tlsconfig.PeerError{Rule: tlsconfig.RuleRevocation, Err: cause}, "peer refused by rule revocation: the CRL has expired"},
		{&tlsconfig.PeerError{Rule: tlsconfig.RuleUsage, Detail: "why", Err: cause}, "peer refused by rule usage: why: the CRL has expired"},
		{&tlsconfig.AuditError{Field: "MinVersion", Clause: "Ciphers", Detail: "not set"}, "tls.Config.MinVersion: not set (guidance: Ciphers)"},
	} {
		require.EqualError(t, test.err, test.want)
	}
}

func TestAPeersCertificateCannotMakeAnErrorLong(t *testing.T) {
	s := newSpine(t)
	long := strings.Repeat("x", 50_000)
	for _, edit := range []func(*x509.Certificate){
		func(c *x509.Certificate) { c.Subject.CommonName = long },
		func(c *x509.Certificate) {
			c.DNSNames = strings.Split(strings.Repeat("a.nhs.uk ", 5000)+"b.nhs.uk", " ")
		},
		func(c *x509.Certificate) { c.DNSNames = []string{long + ".nhs.uk"} },
		func(c *x509.Certificate) { c.Subject.CommonName, c.NotAfter = long, now.AddDate(0, 0, -1) },
	} {
		_, err := s.verifier(sspName).Verify(t.Context(), clientPresents(s.subCA.issue(t, sspName, edit).Leaf))
		require.Less(t, len(err.Error()), 1000)
	}
	_, err := s.verifier(sspName).Verify(t.Context(), clientPresents(newRoot(t, long, "leaf").cert))
	require.Less(t, len(refused(t, err, tlsconfig.RuleSubCA).Error()), 1000)
}

// crypto/x509's errors repeat names of the certificate's, of which a peer may choose
// the length.
func TestPeerErrorIsBounded(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 100_000)
	for _, err := range []*tlsconfig.PeerError{{Rule: tlsconfig.RuleUsage, Err: errors.New(long)}, {Rule: tlsconfig.RuleUsage, Detail: long, Err: errors.New(long)}} {
		require.Less(t, len(err.Error()), 1100)
	}
	for shift := range 3 { // wherever the cut falls
		err := &tlsconfig.PeerError{Rule: tlsconfig.RuleUsage, Detail: strings.Repeat("x", shift) + strings.Repeat("€", 1000)}
		require.True(t, utf8.ValidString(err.Error()), "no character is cut in two")
	}
}
