// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testca"
	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

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
			"a list that names the point of a directory name, at the URL of another point",
			[]revocationtest.DistributionPoint{at(revocationtest.PointName{Directory: [][]byte{p.other.cert.RawSubject}}), at(urls(one))},
			map[string]revocationtest.CRL{one: inScope(p.ca.crl(), revocationtest.Scope{PointName: revocationtest.PointName{Directory: [][]byte{p.other.cert.RawSubject}}})}, good, []string{one},
		},
		{
			"a list that names the directory name of its point alone",
			[]revocationtest.DistributionPoint{at(revocationtest.PointName{Directory: [][]byte{p.other.cert.RawSubject}, URLs: []string{one}})},
			map[string]revocationtest.CRL{one: inScope(p.ca.crl(), revocationtest.Scope{PointName: revocationtest.PointName{Directory: [][]byte{p.other.cert.RawSubject}}})}, good, []string{one},
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
	good.require(t, crls, path, ocspNow.Add(2*time.Hour)) // the added CRL has expired
	require.NotEmpty(t, server.requests())
	// A CRL that the fetched one supersedes is not consulted, wherever it came from.
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
	other := ocspIssue(t, &x509.Certificate{SerialNumber: big.NewInt(leafSerial), Subject: pkix.Name{CommonName: "leaf"}, CRLDistributionPoints: []string{url}}, testca.EC("leaf"), p.other)
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
