// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"crypto/x509"
	"math/big"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testca"
	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

func TestAnOlderCRLFromAnotherURLUndoesNothing(t *testing.T) {
	p := newCRLPKI(t)
	const one, two = "http://one.example/1.crl", "http://two.example/1.crl"
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(ocspNow))
		server := &crlServer{}
		server.publish(two, numbered(p.ca.crl(leafSerial), 5))
		path := p.leaf(t, points(at(urls(one, two))))
		crls := &revocation.CRLs{Fetcher: server}
		revokedFor(revocation.ReasonUnspecified).require(t, crls, path, time.Now())
		server.publish(one, numbered(p.ca.crl(), 4)) // an old one is played back
		time.Sleep(10 * time.Second)
		a, err := crls.Status(t.Context(), revocation.Query{Path: path, At: time.Now()})
		assert.NoError(t, err)
		assert.Equal(t, revocation.Revoked, a.Status, "CRL 5 is in memory and of its time")
	})
}

func TestOneCertificatesMisfitIsNoOthers(t *testing.T) {
	p := newCRLPKI(t)
	const url = "http://crl.example/1.crl"
	server := &crlServer{}
	server.publish(url, inScope(p.ca.crl(), revocationtest.Scope{PointName: urls(url), OnlyUserCerts: true}))
	crls := &revocation.CRLs{Fetcher: server, Time: moving}
	sub := ocspIssue(t, crlCA("Sub Sub CA", 9), testca.EC("other"), p.ca)
	sub.cert.Extensions = append(sub.cert.Extensions, points(at(urls(url))))
	_, err := crls.Status(t.Context(), revocation.Query{Path: []*x509.Certificate{sub.cert, p.ca.cert, p.root.cert}, At: ocspNow})
	require.ErrorIs(t, err, revocation.ErrScope)
	_, err = crls.Status(t.Context(), revocation.Query{Path: p.leaf(t, points(at(urls(url)))), At: ocspNow})
	assert.NoError(t, err)
}

func TestAKeyThatTheKeptCRLRevokesDoesNotReplaceIt(t *testing.T) {
	p := newCRLPKI(t)
	const url = "http://crl.example/1.crl"
	key := ocspIssue(t, &x509.Certificate{
		SerialNumber: big.NewInt(50), Subject: p.ca.cert.Subject, KeyUsage: x509.KeyUsageCRLSign, CRLDistributionPoints: []string{url},
	}, testca.EC("other"), p.ca)
	server := &crlServer{}
	server.publish(url, numbered(p.ca.crl(50), 5))
	crls := &revocation.CRLs{Fetcher: server, Time: moving, Issuers: []*x509.Certificate{key.cert}}
	path := p.leaf(t, points(at(urls(url))))
	good.require(t, crls, path, ocspNow)
	server.publish(url, numbered(between(key.crl(), time.Hour, 5*time.Hour), 6))
	unknown(revocation.ErrExpired).require(t, crls, path, ocspNow.Add(2*time.Hour))
}

func TestCRLsRefuseAPathWithACertificateMissing(t *testing.T) {
	p := newCRLPKI(t)
	for _, path := range [][]*x509.Certificate{{nil, p.ca.cert}, {p.leaf(t)[0], nil}, {{}, p.ca.cert}} {
		assert.NotPanics(t, func() {
			_, err := crlsOf(t, p.ca.crl()).Status(t.Context(), revocation.Query{Path: path, At: ocspNow})
			assert.Error(t, err)
		})
	}
}

func TestASignerRenewedWithItsKey(t *testing.T) {
	p := newCRLPKI(t)
	const url = "http://crl.example/1.crl"
	signer := func(serial int64) *ocspParty {
		return ocspIssue(t, &x509.Certificate{
			SerialNumber: big.NewInt(serial), Subject: p.ca.cert.Subject, KeyUsage: x509.KeyUsageCRLSign,
		}, testca.EC("other"), p.ca)
	}
	before, renewed := signer(50), signer(51)
	superseded := with(p.ca.crl(50), func(c *revocationtest.CRL) { c.Entries[0].Reason = revocation.ReasonSuperseded })
	server := &crlServer{}
	server.publish(url, numbered(superseded, 5))
	crls := &revocation.CRLs{Fetcher: server, Time: moving, Issuers: []*x509.Certificate{before.cert, renewed.cert}}
	require.NoError(t, crls.Add(inScope(numbered(between(superseded, -time.Hour, 24*time.Hour), 5), revocationtest.Scope{PointName: urls("http://crl.example/signers.crl")}).DER()))
	before.cert.Extensions = append(before.cert.Extensions, points(at(urls("http://crl.example/signers.crl"))))
	renewed.cert.Extensions = append(renewed.cert.Extensions, points(at(urls("http://crl.example/signers.crl"))))
	path := p.leaf(t, points(at(urls(url))))
	good.require(t, crls, path, ocspNow)
	server.publish(url, numbered(between(renewed.crl(50), time.Hour, 5*time.Hour), 6))
	good.require(t, crls, path, ocspNow.Add(2*time.Hour))
}
