// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

func TestCRLTimes(t *testing.T) {
	p := newCRLPKI(t)
	for _, c := range []struct {
		name string
		crl  revocationtest.CRL
		want crlVerdict
	}{
		{"in its time", between(p.ca.crl(), -time.Hour, time.Hour), good},
		{"at its nextUpdate", between(p.ca.crl(), -time.Hour, 0), good},
		{"a second after its nextUpdate", between(p.ca.crl(), -time.Hour, -time.Second), unknown(revocation.ErrExpired)},
		{"a second after its nextUpdate, listing the certificate", between(p.ca.crl(leafSerial), -time.Hour, -time.Second), revokedFor(revocation.ReasonUnspecified)},
		{"by an issuer whose clock is five minutes ahead", between(p.ca.crl(), 5*time.Minute, time.Hour), good},
		{"by an issuer whose clock is more than that ahead", between(p.ca.crl(), 5*time.Minute+time.Second, time.Hour), unknown(revocation.ErrNotYetValid)},
		{"of the future, listing the certificate", between(p.ca.crl(leafSerial), time.Hour, 2*time.Hour), revokedFor(revocation.ReasonUnspecified)},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.want.require(t, crlsOf(t, c.crl), p.leaf(t), ocspNow)
		})
	}
}

// What is known of an expired CRL comes with the error, for Policy.MaxStale.
func TestCRLExpiredAnswer(t *testing.T) {
	p := newCRLPKI(t)
	some := revocationtest.Scope{OnlySomeReasons: []revocation.Reason{revocation.ReasonKeyCompromise}}
	rest := revocationtest.Scope{OnlySomeReasons: []revocation.Reason{
		revocation.ReasonCACompromise, revocation.ReasonAffiliationChanged, revocation.ReasonSuperseded, revocation.ReasonCessationOfOperation,
		revocation.ReasonCertificateHold, revocation.ReasonPrivilegeWithdrawn, revocation.ReasonAACompromise,
	}}
	over := between(p.ca.crl(), -2*time.Hour, -time.Hour)
	for name, c := range map[string]struct {
		crls  []revocationtest.CRL
		stale bool
	}{
		"one":                           {[]revocationtest.CRL{over}, true},
		"one for some reasons":          {[]revocationtest.CRL{inScope(over, some)}, false},
		"one of two for all reasons":    {[]revocationtest.CRL{inScope(over, some), inScope(p.ca.crl(), rest)}, true},
		"one by another, and unsigned":  {[]revocationtest.CRL{with(over, func(c *revocationtest.CRL) { c.BrokenSignature = true })}, false},
		"one of another kind":           {[]revocationtest.CRL{inScope(over, revocationtest.Scope{OnlyCACerts: true})}, false},
		"both of two, over before that": {[]revocationtest.CRL{inScope(over, some), inScope(between(p.ca.crl(), -3*time.Hour, -time.Minute), rest)}, true},
	} {
		t.Run(name, func(t *testing.T) {
			answer, err := crlsOf(t, c.crls...).Status(t.Context(), revocation.Query{Path: p.leaf(t), At: ocspNow})
			require.Error(t, err)
			if !c.stale {
				require.Equal(t, revocation.Answer{}, answer)
				return
			}
			require.ErrorIs(t, err, revocation.ErrExpired)
			require.Equal(t, revocation.Good, answer.Status)
			require.Equal(t, over.NextUpdate, answer.NextUpdate)
		})
	}
}

// An answer from several CRLs is as old as the oldest and lasts no longer than
// the first to end.
func TestCRLAnswerTimes(t *testing.T) {
	p := newCRLPKI(t)
	some := revocationtest.Scope{OnlySomeReasons: []revocation.Reason{revocation.ReasonKeyCompromise}}
	one, two := inScope(between(p.ca.crl(), -time.Hour, 3*time.Hour), some), between(p.ca.crl(), -2*time.Hour, time.Hour)
	answer, err := crlsOf(t, one, two).Status(t.Context(), revocation.Query{Path: p.leaf(t), At: ocspNow})
	require.NoError(t, err)
	assert.Equal(t, two.ThisUpdate, answer.ThisUpdate)
	assert.Equal(t, two.NextUpdate, answer.NextUpdate)
	assert.Equal(t, "added", answer.Source)
	assert.True(t, answer.Cached)
}
