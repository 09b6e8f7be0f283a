// SPDX-License-Identifier: Apache-2.0

package crl_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/crltest"
	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/crl"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

func points(points ...revocationtest.DistributionPoint) pkix.Extension {
	return revocationtest.CRLDistributionPoints(points...)
}

// covered returns the reasons that the list covers by all points of the subject
// and its own one, and why the first that it does not cover is not.
func covered(l *crl.List, s *crl.Subject) (all crl.Reasons, why string) {
	for _, p := range append(slices.Clone(s.Points), crl.OwnPoint(s.Issuer)) {
		reasons, not := l.Covers(s, &p)
		all |= reasons
		if why == "" {
			why = not
		}
	}
	return all, why
}

// Steps (b) and (d) of RFC 5280 section 6.3.3.
func TestCovers(t *testing.T) {
	t.Parallel()
	p := newPKI(t)
	const one, two = "http://crl.example/1.crl", "http://crl.example/2.crl"
	type (
		point = revocationtest.DistributionPoint
		scope = revocationtest.Scope
	)
	key := []revocation.Reason{revocation.ReasonKeyCompromise}
	caName, otherName := p.ca.cert.RawSubject, p.other.cert.RawSubject
	byOther := point{PointName: urls(one), CRLIssuers: [][]byte{otherName}}
	keyCompromise := crl.AllReasons & (1 << 1)
	for _, c := range []struct {
		name   string
		points []point
		by     *party
		scope  *scope // nil: a list without issuingDistributionPoint
		want   crl.Reasons
		why    string
	}{
		{"no scope", []point{at(urls(one))}, p.ca, nil, crl.AllReasons, ""},
		{"no scope and no point", nil, p.ca, nil, crl.AllReasons, ""},
		{"of another issuer", nil, p.other, nil, 0, "its issuer is not that of the certificate"},
		{"the point's URL", []point{at(urls(one))}, p.ca, &scope{PointName: urls(one)}, crl.AllReasons, ""},
		{"the URL written otherwise", []point{at(urls("HTTP://CRL.Example:80/%31.crl"))}, p.ca, &scope{PointName: urls(one)}, crl.AllReasons, ""},
		{"the URL with https", []point{at(urls("https://crl.example/1.crl"))}, p.ca, &scope{PointName: urls(one)}, 0, "its distribution point is " + one + ", that of the certificate https://crl.example/1.crl"},
		{"another URL", []point{at(urls(two))}, p.ca, &scope{PointName: urls(one)}, 0, "its distribution point is " + one + ", that of the certificate " + two},
		{"a directory name in the list, it and a URL in the certificate",
			[]point{at(revocationtest.PointName{Directory: [][]byte{caName}, URLs: []string{one}})}, p.ca, &scope{PointName: crltest.Directory(caName)}, crl.AllReasons, ""},
		{"a URL in the list, it and a directory name in the certificate",
			[]point{at(revocationtest.PointName{Directory: [][]byte{otherName}, URLs: []string{one}})}, p.ca, &scope{PointName: urls(one)}, crl.AllReasons, ""},
		{"a directory name and a URL in points of their own", []point{at(urls(two)), at(crltest.Directory(otherName))}, p.ca, &scope{PointName: crltest.Directory(otherName)}, crl.AllReasons, "its distribution point is a directory name, that of the certificate " + two},
		{"a relative name of the same issuer", []point{at(crltest.Relative("a"))}, p.ca, &scope{PointName: crltest.Relative("a")}, crl.AllReasons, ""},
		{"another relative name", []point{at(crltest.Relative("a"))}, p.ca, &scope{PointName: crltest.Relative("b")}, 0, "its distribution point is a directory name, that of the certificate a directory name"},
		{"user certificates only", nil, p.ca, &scope{OnlyUserCerts: true}, crl.AllReasons, ""},
		{"CA certificates only", nil, p.ca, &scope{OnlyCACerts: true}, 0, "it covers CA certificates only"},
		{"attribute certificates only", nil, p.ca, &scope{OnlyAttributeCerts: true}, 0, "it covers attribute certificates only"},
		{"some reasons", nil, p.ca, &scope{OnlySomeReasons: key}, keyCompromise, ""},
		{"a point of some reasons", []point{{PointName: urls(one), Reasons: key}}, p.ca, &scope{PointName: urls(one)}, keyCompromise, ""},
		{"a point and a list of other reasons", []point{{PointName: urls(one), Reasons: key}}, p.ca, &scope{PointName: urls(one), OnlySomeReasons: []revocation.Reason{revocation.ReasonSuperseded}}, 0, ""},
		{"an indirect list by the point's cRLIssuer", []point{byOther}, p.other, &scope{PointName: urls(one), Indirect: true}, crl.AllReasons, ""},
		{"a list by the point's cRLIssuer that is not indirect", []point{byOther}, p.other, &scope{PointName: urls(one)}, 0, "the distribution point names a cRLIssuer, but it is not indirect"},
		{"an indirect list by another issuer", []point{byOther}, p.root, &scope{PointName: urls(one), Indirect: true}, 0, "its issuer is not the cRLIssuer of the distribution point"},
		{"an indirect list of another name", []point{byOther}, p.other, &scope{PointName: urls(two), Indirect: true}, 0, "its distribution point is " + two + ", that of the certificate " + one},
		{"a point with nothing but a cRLIssuer, whose name the list has", []point{{CRLIssuers: [][]byte{otherName}}}, p.other, &scope{PointName: crltest.Directory(otherName), Indirect: true}, crl.AllReasons, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var extensions []pkix.Extension
			if c.points != nil {
				extensions = append(extensions, points(c.points...))
			}
			list := c.by.crl()
			list.Scope = c.scope
			got, why := covered(read(t, list), p.subject(t, extensions...))
			assert.Equal(t, c.want, got)
			if c.why != "" {
				assert.Equal(t, c.why, why)
			}
		})
	}
}

// Whether a certificate is a CA's, or of version 1, is for onlyContainsUserCerts
// and onlyContainsCACerts to ask (RFC 5280 section 5.2.5).
func TestCoversByKindOfCertificate(t *testing.T) {
	t.Parallel()
	p := newPKI(t)
	users := read(t, inScope(p.ca.crl(), revocationtest.Scope{OnlyUserCerts: true}))
	authorities := read(t, inScope(p.ca.crl(), revocationtest.Scope{OnlyCACerts: true}))
	all := read(t, p.ca.crl())
	for _, c := range []struct {
		name                          string
		cert                          x509.Certificate
		byUsers, byAuthorities, byAll bool
	}{
		{"an end entity's", x509.Certificate{Version: 3}, true, false, true},
		{"an end entity's that says so", x509.Certificate{Version: 3, BasicConstraintsValid: true}, true, false, true},
		{"a CA's", x509.Certificate{Version: 3, BasicConstraintsValid: true, IsCA: true}, false, true, true},
		{"one of version 1", x509.Certificate{Version: 1}, false, false, true},
	} {
		c.cert.RawIssuer, c.cert.SerialNumber = p.ca.cert.RawSubject, p.ca.cert.SerialNumber
		s, err := crl.NewSubject(&c.cert)
		require.NoError(t, err)
		for list, want := range map[*crl.List]bool{users: c.byUsers, authorities: c.byAuthorities, all: c.byAll} {
			own := crl.OwnPoint(s.Issuer)
			reasons, why := list.Covers(s, &own)
			assert.Equal(t, want, reasons == crl.AllReasons, "%s: %s", c.name, why)
			assert.Equal(t, want, why == "", c.name)
		}
	}
}

// Step (f): who may have signed.
func TestMaySign(t *testing.T) {
	t.Parallel()
	p := newPKI(t)
	l := read(t, p.ca.crl())
	change := func(edit func(c *x509.Certificate)) *x509.Certificate {
		c := *p.ca.cert
		edit(&c)
		return &c
	}
	withoutUsage := func(c *x509.Certificate) {
		c.KeyUsage = 0
		c.Extensions = slices.DeleteFunc(slices.Clone(c.Extensions), func(e pkix.Extension) bool { return e.Id.Equal([]int{2, 5, 29, 15}) })
	}
	assert.True(t, l.MaySign(p.ca.cert))
	assert.False(t, l.MaySign(p.other.cert), "another name")
	assert.False(t, l.MaySign(change(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCertSign })), "keyUsage without cRLSign")
	assert.True(t, l.MaySign(change(withoutUsage)), "a CA without keyUsage")
	assert.False(t, l.MaySign(change(func(c *x509.Certificate) { withoutUsage(c); c.IsCA = false })), "no CA, without keyUsage")
	assert.True(t, l.MaySign(change(func(c *x509.Certificate) { c.IsCA = false })), "no CA, with cRLSign")

	assert.True(t, l.VerifiedBy(p.ca.cert))
	assert.False(t, l.VerifiedBy(p.other.cert))
	for range 2 { // the second time from memory
		assert.False(t, read(t, with(p.ca.crl(), func(c *revocationtest.CRL) { c.BrokenSignature = true })).VerifiedBy(p.ca.cert))
	}
	assert.True(t, l.Names(p.ca.cert))
	assert.False(t, l.Names(p.other.cert))
}

// Series are told apart by scopes, which are compared as names are.
func TestScopeKey(t *testing.T) {
	t.Parallel()
	p := newPKI(t)
	scopeKey := func(s revocationtest.Scope) string { return read(t, inScope(p.ca.crl(), s)).ScopeKey() }
	assert.Empty(t, read(t, p.ca.crl()).ScopeKey())
	base := scopeKey(revocationtest.Scope{PointName: urls("http://a.example/1", "http://b.example/1")})
	assert.Equal(t, base, scopeKey(revocationtest.Scope{PointName: urls("HTTP://B.example:80/1", "http://a.example/1")}))
	seen := map[string]bool{"": true, base: true}
	for _, s := range []revocationtest.Scope{
		{PointName: urls("http://a.example/1")}, {PointName: urls("https://a.example/1")}, {PointName: urls("http://a.example/1"), OnlyUserCerts: true},
		{PointName: urls("http://a.example/1"), OnlyCACerts: true}, {PointName: urls("http://a.example/1"), OnlyAttributeCerts: true},
		{PointName: urls("http://a.example/1"), Indirect: true}, {PointName: crltest.Relative("1")},
		{PointName: urls("http://a.example/1"), OnlySomeReasons: []revocation.Reason{revocation.ReasonKeyCompromise}},
		{PointName: urls("http://a.example/1"), OnlySomeReasons: []revocation.Reason{revocation.ReasonSuperseded}},
	} {
		key := scopeKey(s)
		assert.False(t, seen[key], "%+v", s)
		seen[key] = true
	}
}
