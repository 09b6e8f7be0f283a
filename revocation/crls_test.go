// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"log/slog"
	"math/big"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testca"
	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

func numbered(crl revocationtest.CRL, number int64) revocationtest.CRL {
	return with(crl, func(c *revocationtest.CRL) { c.Number = number })
}

func between(crl revocationtest.CRL, from, until time.Duration) revocationtest.CRL {
	return with(crl, func(c *revocationtest.CRL) { c.ThisUpdate, c.NextUpdate = ocspNow.Add(from), ocspNow.Add(until) })
}

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

func TestCRLsSideBySide(t *testing.T) {
	p := newCRLPKI(t)
	forged := func(crl revocationtest.CRL) revocationtest.CRL {
		return with(crl, func(c *revocationtest.CRL) { c.Key = p.other.key })
	}
	listed := p.ca.crl(leafSerial)
	for _, c := range []struct {
		name string
		crls []revocationtest.CRL
		want crlVerdict
	}{
		{"a newer one, added later", []revocationtest.CRL{numbered(p.ca.crl(), 1), numbered(listed, 2)}, revokedFor(revocation.ReasonUnspecified)},
		{"a newer one, added before", []revocationtest.CRL{numbered(listed, 2), numbered(p.ca.crl(), 1)}, revokedFor(revocation.ReasonUnspecified)},
		{"a newer one that takes the certificate off", []revocationtest.CRL{numbered(p.ca.crl(), 2), numbered(listed, 1)}, good},
		{"one of a lower number with a later thisUpdate takes nothing back", []revocationtest.CRL{numbered(listed, 2), numbered(between(p.ca.crl(), -time.Minute, time.Hour), 1)}, revokedFor(revocation.ReasonUnspecified)},
		{"an older one in its time, the newer one's over", []revocationtest.CRL{numbered(p.ca.crl(), 1), numbered(between(p.ca.crl(), -time.Hour, -time.Minute), 2)}, unknown(revocation.ErrExpired)},
		{"a newer one that has not begun revokes already", []revocationtest.CRL{numbered(p.ca.crl(), 1), numbered(between(listed, time.Hour, 2*time.Hour), 2)}, revokedFor(revocation.ReasonUnspecified)},
		{"a newer one that has not begun does not clear", []revocationtest.CRL{numbered(listed, 1), numbered(between(p.ca.crl(), time.Hour, 2*time.Hour), 2)}, revokedFor(revocation.ReasonUnspecified)},
		{"a newer one that is forged", []revocationtest.CRL{numbered(p.ca.crl(), 1), numbered(forged(listed), 2)}, good},
		{"a newer one that is forged, the older one listing it", []revocationtest.CRL{numbered(forged(p.ca.crl()), 2), numbered(listed, 1)}, revokedFor(revocation.ReasonUnspecified)},
		{"without numbers, the later thisUpdate", []revocationtest.CRL{
			with(between(p.ca.crl(), -time.Hour, time.Hour), func(c *revocationtest.CRL) { c.NoNumber = true }),
			with(between(listed, -time.Minute, time.Hour), func(c *revocationtest.CRL) { c.NoNumber = true }),
		}, revokedFor(revocation.ReasonUnspecified)},
		{"of two scopes, one that lists it", []revocationtest.CRL{p.ca.crl(), inScope(listed, revocationtest.Scope{OnlyUserCerts: true})}, revokedFor(revocation.ReasonUnspecified)},
		{"an older one with another authority key identifier, signed with the same key", []revocationtest.CRL{numbered(p.ca.crl(), 2), with(listed, func(c *revocationtest.CRL) { c.AuthorityKeyID = []byte("old") })}, good},
		{"the same one twice", []revocationtest.CRL{p.ca.crl(), p.ca.crl()}, good},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.want.require(t, crlsOf(t, c.crls...), p.leaf(t), ocspNow)
		})
	}
}

// An attacker who adds forgeries without end does not fill the memory, and does not keep
// out a CRL that the CA signed and that comes after them.
func TestCRLsForgedWithoutEnd(t *testing.T) {
	p := newCRLPKI(t)
	crls := &revocation.CRLs{}
	for i := range 100 {
		forged := numbered(p.ca.crl(), int64(100+i))
		forged.BrokenSignature = true
		require.NoError(t, crls.Add(forged.DER()))
	}
	require.LessOrEqual(t, crls.KnownCRLs(), 16)
	require.NoError(t, crls.Add(numbered(p.ca.crl(leafSerial), 1).DER()))
	revokedFor(revocation.ReasonUnspecified).require(t, crls, p.leaf(t), ocspNow)
}

// A CRL that has been verified takes the place of older ones.
func TestCRLsLetGoOfOlderOnes(t *testing.T) {
	p := newCRLPKI(t)
	crls := &revocation.CRLs{}
	before := between(p.ca.crl(), -25*time.Hour, time.Hour) // a day ago
	for i := range 5 {
		require.NoError(t, crls.Add(numbered(before, int64(1+i)).DER()))
	}
	require.NoError(t, crls.Add(inScope(before, revocationtest.Scope{OnlyCACerts: true}).DER()))
	require.Equal(t, 6, crls.KnownCRLs())
	good.require(t, crls, p.leaf(t), ocspNow)
	require.Equal(t, 2, crls.KnownCRLs())

	for i := range 3 {
		delta := with(before, func(c *revocationtest.CRL) { c.Number, c.BaseNumber = int64(6+i), 1 })
		require.NoError(t, crls.Add(delta.DER()))
	}
	require.Equal(t, 5, crls.KnownCRLs())
	good.require(t, crls, p.leaf(t), ocspNow)
	require.Equal(t, 3, crls.KnownCRLs())

	// One whose signature has not been verified, since it is about others, lets go
	// of none.
	forCAs := revocationtest.Scope{OnlyCACerts: true}
	forged := with(numbered(p.ca.crl(), 2), func(c *revocationtest.CRL) { c.Key = p.other.key })
	crls = crlsOf(t, inScope(p.ca.crl(), forCAs), inScope(forged, forCAs))
	unknown(revocation.ErrScope).require(t, crls, p.leaf(t), ocspNow)
	require.Equal(t, 2, crls.KnownCRLs())
}

// A CRL that is added again is not kept twice, whereas one that differs in its
// signature alone is another.
func TestCRLsAddedTwice(t *testing.T) {
	p := newCRLPKI(t)
	crls := crlsOf(t, p.ca.crl(), p.ca.crl())
	require.Equal(t, 1, crls.KnownCRLs())
	require.NoError(t, crls.Add(with(p.ca.crl(), func(c *revocationtest.CRL) { c.BrokenSignature = true }).DER()))
	require.Equal(t, 2, crls.KnownCRLs())
	good.require(t, crls, p.leaf(t), ocspNow)
}

func TestCRLsFetched(t *testing.T) {
	p := newCRLPKI(t)
	const one, two = "http://crl.example/1.crl", "HTTPS://crl.example/2.crl"
	for _, c := range []struct {
		name      string
		points    []revocationtest.DistributionPoint
		published map[string]revocationtest.CRL
		want      crlVerdict
		asked     []string
	}{
		{
			"the partition", []revocationtest.DistributionPoint{at(urls(one))},
			map[string]revocationtest.CRL{one: inScope(p.ca.crl(), revocationtest.Scope{PointName: urls(one)})}, good, []string{one},
		},
		{
			"the partition, listing the certificate", []revocationtest.DistributionPoint{at(urls(one))},
			map[string]revocationtest.CRL{one: inScope(p.ca.crl(leafSerial), revocationtest.Scope{PointName: urls(one)})}, revokedFor(revocation.ReasonUnspecified), []string{one},
		},
		{
			"another partition at the partition's URL", []revocationtest.DistributionPoint{at(urls(one))},
			map[string]revocationtest.CRL{one: inScope(p.ca.crl(), revocationtest.Scope{PointName: urls(two)})}, unknown(revocation.ErrScope), []string{one},
		},
		{
			"a CRL of another issuer", []revocationtest.DistributionPoint{at(urls(one))},
			map[string]revocationtest.CRL{one: p.other.crl()}, unknown(revocation.ErrScope), []string{one},
		},
		{
			"an indirect CRL by another issuer than the point names",
			[]revocationtest.DistributionPoint{{PointName: urls(one), CRLIssuers: [][]byte{p.other.cert.RawSubject}}},
			map[string]revocationtest.CRL{one: inScope(p.root.crl(), revocationtest.Scope{PointName: urls(one), Indirect: true})}, unknown(revocation.ErrScope), []string{one},
		},
		{
			"a forged one", []revocationtest.DistributionPoint{at(urls(one))},
			map[string]revocationtest.CRL{one: with(p.ca.crl(), func(c *revocationtest.CRL) { c.Key = p.other.key })}, unknown(revocation.ErrSignature), []string{one},
		},
		{
			"an expired one", []revocationtest.DistributionPoint{at(urls(one))},
			map[string]revocationtest.CRL{one: between(p.ca.crl(), -time.Hour, -time.Minute)}, unknown(revocation.ErrExpired), []string{one},
		},
		{
			"an expired one, listing the certificate", []revocationtest.DistributionPoint{at(urls(one))},
			map[string]revocationtest.CRL{one: between(p.ca.crl(leafSerial), -time.Hour, -time.Minute)}, revokedFor(revocation.ReasonUnspecified), []string{one},
		},
		{
			"one of the future", []revocationtest.DistributionPoint{at(urls(one))},
			map[string]revocationtest.CRL{one: between(p.ca.crl(), time.Hour, 2*time.Hour)}, unknown(revocation.ErrNotYetValid), []string{one},
		},
		{
			"a delta CRL", []revocationtest.DistributionPoint{at(urls(one))},
			map[string]revocationtest.CRL{one: with(p.ca.crl(), func(c *revocationtest.CRL) { c.BaseNumber, c.Number = 1, 2 })}, unknown(revocation.ErrScope), []string{one},
		},
		{
			"nothing", []revocationtest.DistributionPoint{at(urls(one))}, nil, unknown(errNotFetched), []string{one},
		},
		{
			"the second URL of a point", []revocationtest.DistributionPoint{at(urls("ldap://crl.example/", one, two))},
			map[string]revocationtest.CRL{two: p.ca.crl()}, good, []string{one, two},
		},
		{
			"the first URL of a point if it serves; the second is asked too, and not waited for", []revocationtest.DistributionPoint{at(urls(one, two))},
			map[string]revocationtest.CRL{one: p.ca.crl(), two: p.ca.crl()}, good, []string{one, two},
		},
		{
			"the second point", []revocationtest.DistributionPoint{at(urls(one)), at(urls(two))},
			map[string]revocationtest.CRL{two: p.ca.crl()}, good, []string{one, two},
		},
		{
			"both points, for the reasons of each",
			[]revocationtest.DistributionPoint{
				{PointName: urls(one), Reasons: []revocation.Reason{revocation.ReasonKeyCompromise}}, at(urls(two)),
			},
			map[string]revocationtest.CRL{ // a list without a scope would be for all reasons
				one: inScope(p.ca.crl(), revocationtest.Scope{PointName: urls(one)}), two: inScope(p.ca.crl(leafSerial), revocationtest.Scope{PointName: urls(two)}),
			}, revokedFor(revocation.ReasonUnspecified), []string{one, two},
		},
		{
			"a point for reasons that are covered is asked too",
			[]revocationtest.DistributionPoint{
				at(urls(one)), {PointName: urls(two), Reasons: []revocation.Reason{revocation.ReasonKeyCompromise}},
			},
			map[string]revocationtest.CRL{one: p.ca.crl(), two: p.ca.crl()}, good, []string{one, two},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := &crlServer{}
			for url, list := range c.published {
				server.publish(url, list)
			}
			crls := &revocation.CRLs{Fetcher: server, Time: moving}
			path := p.leaf(t, points(c.points...))
			answer, err := crls.Status(t.Context(), revocation.Query{Path: path, At: ocspNow})
			server.requireAsked(t, c.asked...)
			if err == nil {
				assert.False(t, answer.Cached)
				assert.Contains(t, c.asked, answer.Source)
			}
			if c.want.kind == errNotFetched {
				var fetch *revocation.FetchError
				require.ErrorAs(t, err, &fetch)
				require.Equal(t, one, fetch.URL)
				return
			}
			c.want.require(t, crls, path, ocspNow)
			if c.want.good {
				answer, err := crls.Status(t.Context(), revocation.Query{Path: path, At: ocspNow})
				require.NoError(t, err)
				assert.True(t, answer.Cached)
			}
		})
	}
}

func TestCRLsPassOverOtherURLs(t *testing.T) {
	p := newCRLPKI(t)
	server := &crlServer{}
	crls := &revocation.CRLs{Fetcher: server, Time: moving}
	for _, url := range []string{"ldap://crl.example/cn=1", "file:///etc/passwd", "ftp://crl.example/1.crl", "//crl.example/1.crl", "crl.example"} {
		_, err := crls.Status(t.Context(), revocation.Query{Path: p.leaf(t, points(at(urls(url)))), At: ocspNow})
		var fetch *revocation.FetchError
		require.ErrorAs(t, err, &fetch)
		require.Equal(t, url, fetch.URL)
	}
	// A host's name is no URL, whatever it says.
	host := pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 31}, Value: []byte("\x30\x1b\x30\x19\xa0\x17\xa0\x15\x82\x13http://crl.example/")}
	unknown(revocation.ErrNoSource).require(t, crls, p.leaf(t, host), ocspNow)
	require.Empty(t, server.requests())
	host.Value[8] = 0x86
	_, err := crls.Status(t.Context(), revocation.Query{Path: p.leaf(t, host), At: ocspNow})
	require.Error(t, err)
	require.Equal(t, []string{"http://crl.example/"}, server.requests())
}

// A CRL that was added is consulted first; the network is for what it leaves
// open.
func TestCRLsAddedBeforeFetched(t *testing.T) {
	p := newCRLPKI(t)
	const url = "http://crl.example/1.crl"
	path := p.leaf(t, points(at(urls(url))))
	server := &crlServer{}
	server.publish(url, numbered(p.ca.crl(), 3))
	crls := &revocation.CRLs{Fetcher: server, Time: moving}
	require.NoError(t, crls.Add(p.ca.crl().DER()))
	good.require(t, crls, path, ocspNow)
	good.require(t, crls, path, ocspNow.Add(2*time.Hour-time.Hour))

	server.publish(url, between(numbered(p.ca.crl(), 3), 0, 3*time.Hour))
	good.require(t, crls, path, ocspNow.Add(2*time.Hour)) // the one that was added is over
	require.NotEmpty(t, server.requests())
	// One that the fetched one supersedes says nothing, whatever brought it.
	require.NoError(t, crls.Add(numbered(p.ca.crl(leafSerial), 2).DER()))
	good.require(t, crls, path, ocspNow.Add(2*time.Hour))
	require.NoError(t, crls.Add(numbered(p.ca.crl(leafSerial), 4).DER()))
	revokedFor(revocation.ReasonUnspecified).require(t, crls, path, ocspNow.Add(2*time.Hour))
}

// What a document says does not depend on which one came before it.
func TestCRLsFetchedNumbers(t *testing.T) {
	p := newCRLPKI(t)
	const url = "http://crl.example/1.crl"
	for name, c := range map[string]struct {
		second revocationtest.CRL
		want   crlVerdict
	}{
		"a higher number": {numbered(between(p.ca.crl(leafSerial), 2*time.Hour, 5*time.Hour), 6), revokedFor(revocation.ReasonUnspecified)},
		"the same number": {numbered(between(p.ca.crl(leafSerial), 2*time.Hour, 5*time.Hour), 5), revokedFor(revocation.ReasonUnspecified)},
		"a lower number":  {numbered(between(p.ca.crl(leafSerial), 2*time.Hour, 5*time.Hour), 4), revokedFor(revocation.ReasonUnspecified)},
		"another scope":   {inScope(between(p.ca.crl(leafSerial), 2*time.Hour, 5*time.Hour), revocationtest.Scope{OnlyUserCerts: true}), revokedFor(revocation.ReasonUnspecified)},
		"a delta CRL": {with(between(p.ca.crl(leafSerial), 2*time.Hour, 5*time.Hour), func(c *revocationtest.CRL) {
			c.Number, c.BaseNumber = 6, 5
		}), revokedFor(revocation.ReasonUnspecified)},
		"a forged one": {with(between(p.ca.crl(leafSerial), 2*time.Hour, 5*time.Hour), func(c *revocationtest.CRL) {
			c.Number, c.Key = 6, p.other.key
		}), unknown(revocation.ErrExpired)},
		"another issuer's":         {numbered(between(p.other.crl(leafSerial), 2*time.Hour, 5*time.Hour), 6), unknown(revocation.ErrExpired)},
		"another scope, but older": {inScope(between(p.ca.crl(leafSerial), -2*time.Hour, 5*time.Hour), revocationtest.Scope{OnlyUserCerts: true}), revokedFor(revocation.ReasonUnspecified)},
	} {
		t.Run(name, func(t *testing.T) {
			server := &crlServer{}
			server.publish(url, numbered(p.ca.crl(), 5))
			crls := &revocation.CRLs{Fetcher: server, Time: moving}
			path := p.leaf(t, points(at(urls(url))))
			good.require(t, crls, path, ocspNow)
			server.publish(url, c.second)
			c.want.require(t, crls, path, ocspNow.Add(3*time.Hour))
		})
	}
}

// A certificate of another CA that names the same URL neither gets the first
// one's CRL nor keeps it from being replaced.
func TestCRLsOfTwoIssuersAtOneURL(t *testing.T) {
	p := newCRLPKI(t)
	const url = "http://crl.example/1.crl"
	server := &crlServer{}
	crls := &revocation.CRLs{Fetcher: server, Time: moving}
	first := p.leaf(t, points(at(urls(url))))
	other := ocspIssue(t, &x509.Certificate{SerialNumber: big.NewInt(leafSerial), Subject: pkix.Name{CommonName: "leaf"}, CRLDistributionPoints: []string{url}}, testca.RSA("leaf"), p.other)
	second := []*x509.Certificate{other.cert, p.other.cert, p.root.cert}
	server.publish(url, p.ca.crl())
	good.require(t, crls, first, ocspNow)
	unknown(revocation.ErrScope).require(t, crls, second, ocspNow)
	good.require(t, crls, first, ocspNow)

	// Nor does the first one's CRL keep the second from its own.
	crls = &revocation.CRLs{Fetcher: server, Time: moving}
	good.require(t, crls, first, ocspNow)
	server.publish(url, p.other.crl())
	good.require(t, crls, second, ocspNow.Add(15*time.Second))
	good.require(t, crls, first, ocspNow.Add(15*time.Second))
}

func TestCRLsMaxBytes(t *testing.T) {
	p := newCRLPKI(t)
	const url = "http://crl.example/1.crl"
	der := p.ca.crl().DER()
	for limit, want := range map[int64]crlVerdict{int64(len(der)): good, int64(len(der)) - 1: unknown(revocation.ErrTooLarge), 0: good} {
		server := &crlServer{lists: map[string][]byte{url: der}}
		crls := &revocation.CRLs{Fetcher: server, Time: moving, MaxBytes: limit}
		want.require(t, crls, p.leaf(t, points(at(urls(url)))), ocspNow)
	}
	for limit, want := range map[int64]int64{0: 64 << 20, -1: 64 << 20, 100_000: 100_000} {
		var asked int64
		crls := &revocation.CRLs{Time: moving, MaxBytes: limit, Fetcher: fetcherFunc(func(_ context.Context, r revocation.Request) (*revocation.Response, error) {
			asked = r.MaxBytes
			return &revocation.Response{Body: der}, nil
		})}
		good.require(t, crls, p.leaf(t, points(at(urls(url)))), ocspNow)
		require.Equal(t, want, asked)
	}
}

// An answer is cached only as long as the documents that decided it.
func TestCRLsKeptAnswers(t *testing.T) {
	p := newCRLPKI(t)
	const url = "http://crl.example/1.crl"
	path := p.leaf(t, points(at(urls(url))))

	t.Run("until another CRL is added", func(t *testing.T) {
		crls := crlsOf(t, p.ca.crl())
		good.require(t, crls, path, ocspNow)
		require.NoError(t, crls.Add(numbered(p.ca.crl(leafSerial), 2).DER()))
		revokedFor(revocation.ReasonUnspecified).require(t, crls, path, ocspNow)
		require.NoError(t, crls.Add(numbered(p.ca.crl(), 3).DER()))
		good.require(t, crls, path, ocspNow)
	})
	t.Run("until the CRL is over, or has not begun", func(t *testing.T) {
		crls := crlsOf(t, p.ca.crl())
		good.require(t, crls, path, ocspNow)
		good.require(t, crls, path, ocspNow.Add(time.Hour))
		unknown(revocation.ErrExpired).require(t, crls, path, ocspNow.Add(time.Hour+1))
		good.require(t, crls, path, ocspNow.Add(-time.Hour-5*time.Minute))
		unknown(revocation.ErrNotYetValid).require(t, crls, path, ocspNow.Add(-time.Hour-5*time.Minute-1))
	})
	t.Run("until a newer CRL begins", func(t *testing.T) {
		crls := crlsOf(t, p.ca.crl(leafSerial), numbered(between(p.ca.crl(), 30*time.Minute, 2*time.Hour), 2))
		revokedFor(revocation.ReasonUnspecified).require(t, crls, path, ocspNow)
		revokedFor(revocation.ReasonUnspecified).require(t, crls, path, ocspNow.Add(25*time.Minute-1))
		good.require(t, crls, path, ocspNow.Add(25*time.Minute))
	})
	t.Run("until a delta CRL begins, and until it is over", func(t *testing.T) {
		delta := with(between(p.ca.crl(leafSerial), 30*time.Minute, 40*time.Minute), func(c *revocationtest.CRL) {
			c.Number, c.BaseNumber = 2, 1
			c.Entries[0].Reason = revocation.ReasonRemoveFromCRL
		})
		crls := crlsOf(t, p.ca.crl(leafSerial), delta)
		revokedFor(revocation.ReasonUnspecified).require(t, crls, path, ocspNow)
		good.require(t, crls, path, ocspNow.Add(25*time.Minute))
		good.require(t, crls, path, ocspNow.Add(40*time.Minute))
		revokedFor(revocation.ReasonUnspecified).require(t, crls, path, ocspNow.Add(40*time.Minute+1))
	})
	t.Run("until the CRL issuer's certificate is over", func(t *testing.T) {
		end := ocspNow.Add(10 * time.Minute)
		key := ocspIssue(t, &x509.Certificate{
			SerialNumber: big.NewInt(50), Subject: p.ca.cert.Subject, KeyUsage: x509.KeyUsageCRLSign,
			NotBefore: ocspNow.Add(-10 * time.Minute), NotAfter: end,
		}, testca.RSA("other"), p.root)
		crls := crlsOf(t, key.crl(), p.root.crl())
		crls.Issuers = []*x509.Certificate{key.cert}
		good.require(t, crls, path, ocspNow)
		good.require(t, crls, path, end)
		unknown(revocation.ErrSignature).require(t, crls, path, end.Add(time.Second))
		unknown(revocation.ErrSignature).require(t, crls, path, ocspNow.Add(-10*time.Minute-1))
	})
	t.Run("until a certificate of the path is over that its CRL issuer needs", func(t *testing.T) {
		template := crlCA("Sub CA", 2)
		template.NotBefore, template.NotAfter = ocspNow.AddDate(-1, 0, 0), ocspNow.Add(10*time.Minute)
		ca := ocspIssue(t, template, p.ca.key, p.root)
		newKey := crlCA("Sub CA", 50)
		newKey.SubjectKeyId = []byte("new")
		key := ocspIssue(t, newKey, testca.RSA("other"), ca)
		crls := crlsOf(t, key.crl())
		crls.Issuers = []*x509.Certificate{key.cert}
		path := []*x509.Certificate{path[0], ca.cert, p.root.cert}
		good.require(t, crls, path, ocspNow)
		good.require(t, crls, path, template.NotAfter)
		unknown(revocation.ErrSignature).require(t, crls, path, template.NotAfter.Add(time.Second))
	})
	t.Run("not for a time before a delta CRL was over", func(t *testing.T) {
		delta := with(between(p.ca.crl(leafSerial), -time.Minute, time.Minute), func(c *revocationtest.CRL) {
			c.Number, c.BaseNumber = 2, 1
			c.Entries[0].Reason = revocation.ReasonRemoveFromCRL
		})
		crls := crlsOf(t, p.ca.crl(leafSerial), delta)
		revokedFor(revocation.ReasonUnspecified).require(t, crls, path, ocspNow.Add(time.Minute+1))
		good.require(t, crls, path, ocspNow.Add(time.Minute))
	})
	t.Run("for its path only", func(t *testing.T) {
		crls := crlsOf(t, p.ca.crl())
		good.require(t, crls, path, ocspNow)
		imposter := ocspIssue(t, crlCA("Sub CA", 2), testca.RSA("other"), p.root)
		unknown(revocation.ErrSignature).require(t, crls, []*x509.Certificate{path[0], imposter.cert, p.root.cert}, ocspNow)
		again, err := x509.ParseCertificate(path[0].Raw)
		require.NoError(t, err)
		good.require(t, crls, []*x509.Certificate{again, p.ca.cert, p.root.cert}, ocspNow)

		// Another certificate under the same signature.
		crls = crlsOf(t, p.ca.crl(leafSerial+1))
		good.require(t, crls, path, ocspNow)
		again.SerialNumber = big.NewInt(leafSerial + 1)
		again.Raw = append(slices.Clone(again.Raw), 0)
		revokedFor(revocation.ReasonUnspecified).require(t, crls, []*x509.Certificate{again, p.ca.cert, p.root.cert}, ocspNow)
	})
	t.Run("as long as a CRL that was not to be had is not", func(t *testing.T) {
		const fresh = "http://crl.example/delta.crl"
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(time.Until(ocspNow))
			server := &crlServer{}
			server.publish(url, with(p.ca.crl(), func(c *revocationtest.CRL) {
				c.FreshestCRL = []revocationtest.DistributionPoint{at(urls(fresh))}
			}))
			crls := &revocation.CRLs{Fetcher: server}
			good.require(t, crls, path, time.Now())
			server.publish(fresh, with(p.ca.crl(leafSerial), func(c *revocationtest.CRL) { c.Number, c.BaseNumber = 2, 1 }))
			time.Sleep(30 * time.Minute)
			// A look is due: it is begun, and not waited for.
			_, err := crls.Status(t.Context(), revocation.Query{Path: path, At: time.Now()})
			require.NoError(t, err)
			synctest.Wait()
			revokedFor(revocation.ReasonUnspecified).require(t, crls, path, time.Now())
		})
	})
}

// A CRL that is fetched anew decides at once, and no caller waits
// for it.
func TestCRLsRun(t *testing.T) {
	p := newCRLPKI(t)
	const url = "http://crl.example/1.crl"
	path := p.leaf(t, points(at(urls(url))))
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(ocspNow))
		server := &crlServer{}
		server.publish(url, p.ca.crl())
		crls := &revocation.CRLs{Fetcher: server}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- crls.Run(ctx) }()
		good.require(t, crls, path, time.Now())
		synctest.Wait()
		require.NotEmpty(t, server.requests()) // the caller's, and Run's if that was there first

		server.publish(url, numbered(between(p.ca.crl(leafSerial), 0, 3*time.Hour), 2))
		time.Sleep(time.Hour - time.Second)
		require.Equal(t, []string{url}, server.requests())
		revokedFor(revocation.ReasonUnspecified).require(t, crls, path, time.Now())
		require.Empty(t, server.requests())
		cancel()
		require.ErrorIs(t, <-ended, context.Canceled)
	})
}

// An outage that outlasts nextUpdate is looked into and logged though no peer connects,
// and what is published at its end is known before one does.
func TestRunGoesOnAfterNextUpdateWithoutTraffic(t *testing.T) {
	p := newCRLPKI(t)
	const url = "http://crl.example/1.crl"
	path := p.leaf(t, points(at(urls(url))))
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(ocspNow))
		server := &crlServer{}
		server.publish(url, between(p.ca.crl(), 0, 3*time.Hour))
		var log records
		crls := &revocation.CRLs{Fetcher: server, Logger: slog.New(slog.NewTextHandler(&log, nil))}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- crls.Run(ctx) }()
		good.require(t, crls, path, time.Now())
		server.mu.Lock()
		server.lists = nil
		server.mu.Unlock()

		time.Sleep(4 * 24 * time.Hour)
		synctest.Wait()
		server.requests()
		log.Reset()
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		require.NotEmpty(t, server.requests())
		require.Contains(t, log.String(), "level=WARN")
		require.Contains(t, log.String(), url)

		server.publish(url, numbered(between(p.ca.crl(leafSerial), 0, 7*24*time.Hour), 2))
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		server.requests()
		revokedFor(revocation.ReasonUnspecified).require(t, crls, path, time.Now())
		require.Empty(t, server.requests(), "the list came before anybody asked")
		cancel()
		require.ErrorIs(t, <-ended, context.Canceled)
	})
}

// The Cache outlives the process, and is trusted no more than the network.
func TestCRLsCache(t *testing.T) {
	p := newCRLPKI(t)
	const url = "http://crl.example/1.crl"
	path := p.leaf(t, points(at(urls(url))))
	cache := &memoryCache{}
	server := &crlServer{}
	server.publish(url, p.ca.crl())
	first := &revocation.CRLs{Fetcher: server, Cache: cache, Time: moving}
	good.require(t, first, path, ocspNow)
	first.Settle()
	require.Equal(t, 1, cache.members())
	good.require(t, &revocation.CRLs{Cache: cache, Time: moving}, path, ocspNow)
	cache.forge(with(p.ca.crl(), func(c *revocationtest.CRL) { c.Key = p.other.key }).DER())
	_, err := (&revocation.CRLs{Cache: cache, Time: moving}).Status(t.Context(), revocation.Query{Path: path, At: ocspNow})
	require.Error(t, err)
}

func TestCRLsMisuse(t *testing.T) {
	p := newCRLPKI(t)
	crls := crlsOf(t, p.ca.crl())
	for _, path := range [][]*x509.Certificate{nil, p.leaf(t)[:1]} {
		answer, err := crls.Status(t.Context(), revocation.Query{Path: path, At: ocspNow})
		require.Error(t, err)
		require.Equal(t, revocation.Answer{}, answer)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	fetching := &revocation.CRLs{Fetcher: fetcherFunc(func(ctx context.Context, _ revocation.Request) (*revocation.Response, error) {
		select {
		case <-ctx.Done():
		case <-t.Context().Done(): // the fetch may go on when its caller has left
		}
		return nil, ctx.Err()
	})}
	_, err := fetching.Status(ctx, revocation.Query{Path: p.leaf(t, points(at(urls("http://crl.example/")))), At: ocspNow})
	require.ErrorIs(t, err, context.Canceled)
}

// The error says what is wrong with each CRL and each URL.
func TestCRLsError(t *testing.T) {
	p := newCRLPKI(t)
	crls := crlsOf(t, inScope(p.ca.crl(), revocationtest.Scope{OnlyCACerts: true}), between(p.ca.crl(), -time.Hour, -time.Minute))
	crls.Fetcher, crls.Time = &crlServer{}, moving
	_, err := crls.Status(t.Context(), revocation.Query{Path: p.leaf(t, points(at(urls("ldap://a/", "http://crl.example/1.crl")))), At: ocspNow})
	for _, part := range []string{"CA certificates only", "nextUpdate was 2026-06-01T11:59:00Z", "ldap://a/", "http://crl.example/1.crl", "404"} {
		assert.True(t, strings.Contains(err.Error(), part), "%s\nlacks %s", err, part)
	}
	var fetch *revocation.FetchError
	assert.True(t, errors.As(err, &fetch))
	assert.ErrorIs(t, err, revocation.ErrScope)
	assert.ErrorIs(t, err, revocation.ErrExpired)
}

// errNotFetched stands for a *FetchError.
var errNotFetched = errors.New("not fetched")

func TestCRLsWarmDoesNotAllocate(t *testing.T) {
	p := newCRLPKI(t)
	const url = "http://crl.example/1.crl"
	server := &crlServer{}
	server.publish(url, p.ca.crl())
	for _, crls := range []*revocation.CRLs{{Fetcher: server, Time: moving}, crlsOf(t, p.ca.crl())} {
		q := revocation.Query{Path: p.leaf(t, points(at(urls(url)))), At: ocspNow}
		assert.Zero(t, testing.AllocsPerRun(100, func() {
			if _, err := crls.Status(t.Context(), q); err != nil {
				t.Error(err)
			}
		}))
	}
}
