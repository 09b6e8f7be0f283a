// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"crypto/x509"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testca"
	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

func forgedBy(p *crlPKI, crl revocationtest.CRL) revocationtest.CRL {
	return with(crl, func(c *revocationtest.CRL) { c.Key = p.other.key })
}

func TestForgedCRLsComeBetweenNoTwoGenuineOnes(t *testing.T) {
	p := newCRLPKI(t)
	crls := crlsOf(t,
		numbered(between(p.ca.crl(), -2*time.Hour, time.Hour), 5),
		forgedBy(p, numbered(between(p.ca.crl(), 3*time.Hour, 4*time.Hour), 4)),
		forgedBy(p, with(between(p.ca.crl(), 2*time.Hour, 4*time.Hour), func(c *revocationtest.CRL) { c.NoNumber = true })),
		numbered(between(p.ca.crl(leafSerial), -time.Hour, time.Hour), 6),
	)
	revokedFor(revocation.ReasonUnspecified).require(t, crls, p.leaf(t), ocspNow)
}

func TestARevokedKeyDoesNotVouchForItself(t *testing.T) {
	p := newCRLPKI(t)
	key := ocspIssue(t, &x509.Certificate{
		SerialNumber: big.NewInt(50), Subject: p.ca.cert.Subject, SubjectKeyId: []byte("apart"), KeyUsage: x509.KeyUsageCRLSign,
	}, testca.EC("other"), p.ca)
	byKey := with(numbered(key.crl(), 999), func(c *revocationtest.CRL) { c.AuthorityKeyID = p.ca.cert.SubjectKeyId })
	crls := crlsOf(t, p.ca.crl(50, leafSerial), byKey)
	crls.Issuers = []*x509.Certificate{key.cert}
	revokedFor(revocation.ReasonUnspecified).require(t, crls, p.leaf(t), ocspNow)
}

func TestForgedCRLsPushOutNoGenuineOne(t *testing.T) {
	p := newCRLPKI(t)
	crls := crlsOf(t, numbered(p.ca.crl(leafSerial), 10))
	revokedFor(revocation.ReasonUnspecified).require(t, crls, p.leaf(t), ocspNow)
	for i := range 15 {
		require.NoError(t, crls.Add(forgedBy(p, numbered(p.ca.crl(), int64(100+i))).DER()))
	}
	require.NoError(t, crls.Add(numbered(between(p.ca.crl(), -2*time.Hour, time.Hour), 9).DER()))
	revokedFor(revocation.ReasonUnspecified).require(t, crls, p.leaf(t), ocspNow)
}

func TestACRLOfANamesakePushesOutNone(t *testing.T) {
	p := newCRLPKI(t)
	namesake := ocspIssue(t, crlCA("Sub CA", 2), testca.EC("other"), p.root)
	leaf := ocspIssue(t, &x509.Certificate{SerialNumber: big.NewInt(1)}, testca.EC("leaf"), namesake)
	crls := crlsOf(t, numbered(p.ca.crl(), 1), numbered(namesake.crl(), 2))
	good.require(t, crls, p.leaf(t), ocspNow)
	good.require(t, crls, []*x509.Certificate{leaf.cert, namesake.cert, p.root.cert}, ocspNow)
	crls.Add(p.root.crl().DER()) // drop the cached answers
	good.require(t, crls, p.leaf(t), ocspNow)
}

func TestARevokedKeyPushesOutNoGenuineCRL(t *testing.T) {
	p := newCRLPKI(t)
	signers, leaves := urls("http://crl.example/signers.crl"), urls("http://crl.example/leaves.crl")
	key := ocspIssue(t, &x509.Certificate{
		SerialNumber: big.NewInt(50), Subject: p.ca.cert.Subject, SubjectKeyId: []byte("apart"), KeyUsage: x509.KeyUsageCRLSign,
	}, testca.EC("other"), p.ca)
	key.cert.Extensions = append(key.cert.Extensions, points(at(signers)))
	partition := func(c revocationtest.CRL, name revocationtest.PointName, n int64) revocationtest.CRL {
		return with(inScope(numbered(c, n), revocationtest.Scope{PointName: name}), func(c *revocationtest.CRL) { c.AuthorityKeyID = p.ca.cert.SubjectKeyId })
	}
	crls := crlsOf(t, partition(p.ca.crl(50), signers, 1), partition(p.ca.crl(leafSerial), leaves, 10))
	crls.Issuers = []*x509.Certificate{key.cert}
	path := p.leaf(t, points(at(leaves)))
	revokedFor(revocation.ReasonUnspecified).require(t, crls, path, ocspNow)
	for n := range int64(17) {
		require.NoError(t, crls.Add(partition(key.crl(), leaves, 1000+n).DER()))
		_, _ = crls.Status(t.Context(), revocation.Query{Path: path, At: ocspNow})
	}
	require.NoError(t, crls.Add(partition(p.ca.crl(), leaves, 9).DER())) // played back
	a, _ := crls.Status(t.Context(), revocation.Query{Path: path, At: ocspNow})
	assert.Equal(t, revocation.Revoked, a.Status)
}
