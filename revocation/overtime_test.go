// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ocsp"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

// deltaOf makes a list a delta CRL of a base.
func deltaOf(list revocationtest.CRL, number, base int64) revocationtest.CRL {
	return with(list, func(c *revocationtest.CRL) { c.Number, c.BaseNumber = number, base })
}

// onHold makes the first entry of a list a hold.
func onHold(list revocationtest.CRL) revocationtest.CRL {
	return listedFor(list, revocation.ReasonCertificateHold)
}

// listedFor gives the first entry of a list a reason.
func listedFor(list revocationtest.CRL, reason revocation.Reason) revocationtest.CRL {
	return with(list, func(c *revocationtest.CRL) { c.Entries[0].Reason = reason })
}

// Histories in which a revocation was once lost, or a release never seen: the same
// lists in any order say the same.
func TestListsInAnyOrder(t *testing.T) {
	p := newCRLPKI(t)
	hour := time.Hour
	at := func(list revocationtest.CRL, number int64, from, until time.Duration) revocationtest.CRL {
		return numbered(between(list, from, until), number)
	}
	clear, listed := p.ca.crl(), p.ca.crl(leafSerial)
	usersOnly := revocationtest.Scope{OnlyUserCerts: true}
	revoked, held := revokedFor(revocation.ReasonUnspecified), revokedFor(revocation.ReasonCertificateHold)
	for _, c := range []struct {
		name  string
		lists []revocationtest.CRL
		want  crlVerdict
	}{
		{"a delta of a later base keeps what one of the earlier base revokes", []revocationtest.CRL{
			at(clear, 10, -5*hour, hour), deltaOf(between(listed, -4*hour, -3*hour), 11, 10), deltaOf(between(clear, -hour, hour), 13, 12),
		}, revoked},
		{"a later complete list takes a delta's entry back", []revocationtest.CRL{
			at(clear, 10, -5*hour, hour), deltaOf(between(listed, -4*hour, -3*hour), 11, 10), at(clear, 12, -hour, hour),
		}, good},
		{"an older list says nothing against a newer one", []revocationtest.CRL{at(listed, 6, -hour, hour), at(clear, 5, -30*hour, hour)}, revoked},
		{"numbers that begin anew clear by the later time", []revocationtest.CRL{at(clear, 900, -48*hour, -hour), at(clear, 1, -hour, hour)}, good},
		{"numbers that begin anew revoke", []revocationtest.CRL{at(clear, 900, -48*hour, hour), at(listed, 1, -hour, hour)}, revoked},
		{"a list of a clock that was fast hides no later number", []revocationtest.CRL{at(clear, 50, 2*time.Minute, hour), at(listed, 51, -time.Minute, hour)}, revoked},
		{"a list that was signed in advance takes no emergency list back", []revocationtest.CRL{
			at(listed, 3, -20*hour, 100*hour), at(clear, 2, -10*hour, 100*hour),
		}, revoked},
		{"a list that is dated a month ahead hides no later number", []revocationtest.CRL{
			at(clear, 11, 720*hour, 800*hour), at(listed, 12, -hour, hour),
		}, revoked},
		{"a list that was dated a month ahead takes no later number back when it begins", []revocationtest.CRL{
			at(clear, 11, -hour, 80*hour), at(listed, 12, -720*hour, -640*hour),
		}, revoked},
		{"a hold on a list that is not the latest ends with it", []revocationtest.CRL{
			onHold(at(listed, 9, -20*hour, -hour)), at(clear, 1, -2*hour, hour),
		}, good},
		{"a hold on a list that is not the latest stands until then", []revocationtest.CRL{
			onHold(at(listed, 9, -20*hour, hour)), at(clear, 1, -2*hour, hour),
		}, held},
		{"a hold of another scope is removed once its list has expired", []revocationtest.CRL{
			inScope(onHold(at(listed, 9, -20*hour, -hour)), usersOnly), at(clear, 1, -2*hour, hour),
		}, good},
		{"a permanent revocation of another scope stands", []revocationtest.CRL{
			inScope(at(listed, 9, -20*hour, -hour), usersOnly), at(clear, 1, -2*hour, hour),
		}, revoked},
		{"two lists of one time and number must both be good", []revocationtest.CRL{at(clear, 5, -hour, hour), at(listed, 5, -hour, hour)}, revoked},
		{"a list without nextUpdate clears no certificate", []revocationtest.CRL{
			with(at(clear, 5, -hour, hour), func(c *revocationtest.CRL) { c.NoNextUpdate = true }),
		}, unknown(revocation.ErrExpired)},
		{"a list without nextUpdate revokes", []revocationtest.CRL{
			with(at(listed, 5, -hour, hour), func(c *revocationtest.CRL) { c.NoNextUpdate = true }),
		}, revoked},
		{"a reason that distrusts the key comes before a later one", []revocationtest.CRL{
			at(listed, 5, -hour, hour), listedFor(at(listed, 6, 30*hour, 40*hour), revocation.ReasonCessationOfOperation),
		}, revoked},
		{"a delta makes an expired list current", []revocationtest.CRL{at(clear, 10, -5*hour, -hour), deltaOf(between(clear, -2*hour, hour), 11, 10)}, good},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, order := range permutations(len(c.lists)) {
				crls := &revocation.CRLs{}
				for n, i := range order {
					require.NoError(t, crls.Add(c.lists[i].DER()))
					if n == 0 { // what is asked between makes no difference
						_, _ = crls.Status(t.Context(), revocation.Query{Path: p.leaf(t), At: ocspNow})
					}
				}
				c.want.require(t, crls, p.leaf(t), ocspNow)
			}
		})
	}
}

// permutations returns the orders of n things.
func permutations(n int) [][]int {
	if n == 0 {
		return [][]int{nil}
	}
	var all [][]int
	for _, shorter := range permutations(n - 1) {
		for at := range n {
			order := append(append(append([]int(nil), shorter[:at]...), n-1), shorter[at:]...)
			all = append(all, order)
		}
	}
	return all
}

// What one source knows to be revoked is revoked, whatever the order of the
// sources.
func TestKnownRevocationBeforeAnyGood(t *testing.T) {
	p := newOCSPPKI(t)
	crls := &revocation.CRLs{}
	list := p.ca.crl(p.leaf.cert.SerialNumber.Int64())
	require.NoError(t, crls.Add(list.DER()))
	checker := &revocation.Checker{Time: clock, Policy: revocation.Policy{Depth: revocation.EndEntity}, Sources: []revocation.Source{&revocation.OCSP{}, crls}}
	require.ErrorAs(t, checker.Check(t.Context(), p.path(), p.good().DER()), new(*revocation.RevokedError))
}

// What an OCSP answer that has expired revoked stands beside a source that says good,
// however often it is asked.
func TestExpiredOCSPRevocationStandsBeforeAnyGood(t *testing.T) {
	p := newOCSPPKI(t)
	crls, responses := &revocation.CRLs{}, &revocation.OCSP{}
	list := p.ca.crl()
	require.NoError(t, crls.Add(list.DER()))
	require.NoError(t, responses.Add(stateAt(p, ocsp.Revoked, ocspNow.Add(-2*time.Hour), time.Hour).DER()))
	checker := &revocation.Checker{Time: clock, Policy: revocation.Policy{Depth: revocation.EndEntity}, Sources: []revocation.Source{crls, responses}}
	for range 3 {
		require.ErrorAs(t, checker.Check(t.Context(), p.path(), nil), new(*revocation.RevokedError))
	}
}

// What was stapled to a handshake that was refused for another reason is known when
// that reason has gone.
func TestStapledRevocationOfARefusedHandshakeIsKnown(t *testing.T) {
	p := newOCSPPKI(t)
	crls := &revocation.CRLs{}
	at := func(number int64, list revocationtest.CRL) {
		list = numbered(between(list, time.Duration(number-10)*time.Hour, time.Hour), number)
		require.NoError(t, crls.Add(list.DER()))
	}
	at(1, p.ca.crl(p.leaf.cert.SerialNumber.Int64()))
	checker := &revocation.Checker{Time: clock, Sources: []revocation.Source{crls, &revocation.OCSP{}}}
	staple := stateAt(p, ocsp.Revoked, ocspNow.Add(-time.Hour), 2*time.Hour).DER()
	require.ErrorAs(t, checker.Check(t.Context(), p.path(), staple), new(*revocation.RevokedError)) // the CA's own status is not known
	at(2, p.root.crl())
	at(2, p.ca.crl()) // takes its own revocation back
	require.ErrorAs(t, checker.Check(t.Context(), p.path(), nil), new(*revocation.RevokedError))
}
