// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"context"
	"crypto/x509"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

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

	// A CRL whose signature has not been verified, because its scope does not include
	// the certificate, supersedes none.
	forCAs := revocationtest.Scope{OnlyCACerts: true}
	forged := with(numbered(p.ca.crl(), 2), func(c *revocationtest.CRL) { c.Key = p.other.key })
	crls = crlsOf(t, inScope(p.ca.crl(), forCAs), inScope(forged, forCAs))
	unknown(revocation.ErrScope).require(t, crls, p.leaf(t), ocspNow)
	require.Equal(t, 2, crls.KnownCRLs())
}

// A CRL that is added again is not stored twice, whereas one that differs in its
// signature alone is another.
func TestCRLsAddedTwice(t *testing.T) {
	p := newCRLPKI(t)
	crls := crlsOf(t, p.ca.crl(), p.ca.crl())
	require.Equal(t, 1, crls.KnownCRLs())
	require.NoError(t, crls.Add(with(p.ca.crl(), func(c *revocationtest.CRL) { c.BrokenSignature = true }).DER()))
	require.Equal(t, 2, crls.KnownCRLs())
	good.require(t, crls, p.leaf(t), ocspNow)
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
