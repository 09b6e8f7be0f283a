package revocation_test

import (
	"context"
	"crypto/x509"
	"math/big"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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
	crls := &revocation.CRLs{Fetcher: server, Time: clock}
	sub := ocspIssue(t, crlCA("Sub Sub CA", 9), ocspRSA("other"), p.ca)
	sub.cert.Extensions = append(sub.cert.Extensions, points(at(urls(url))))
	_, err := crls.Status(t.Context(), revocation.Query{Path: []*x509.Certificate{sub.cert, p.ca.cert, p.root.cert}, At: ocspNow})
	require.ErrorIs(t, err, revocation.ErrScope)
	_, err = crls.Status(t.Context(), revocation.Query{Path: p.leaf(t, points(at(urls(url)))), At: ocspNow})
	assert.NoError(t, err)
}

func TestAFetchThatWasCalledOffBringsNothingBack(t *testing.T) {
	p := newCRLPKI(t)
	const url = "http://crl.example/1.crl"
	release, started := make(chan struct{}), make(chan struct{})
	finished := make(chan struct{})
	first := true
	older, newer := numbered(between(p.ca.crl(), -2*time.Hour, time.Hour), 9).DER(), numbered(p.ca.crl(leafSerial), 10).DER()
	crls := &revocation.CRLs{Time: clock, Fetcher: fetcherFunc(func(ctx context.Context, _ revocation.Request) (*revocation.Response, error) {
		if first {
			first = false
			close(started)
			<-release // the answer is there when the last who waits for it leaves
			defer close(finished)
			return &revocation.Response{Body: older}, nil
		}
		return &revocation.Response{Body: newer}, nil
	})}
	path := p.leaf(t, points(at(urls(url))))
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-started; cancel() }()
	_, err := crls.Status(ctx, revocation.Query{Path: path, At: ocspNow})
	require.ErrorIs(t, err, context.Canceled)
	revokedFor(revocation.ReasonUnspecified).require(t, crls, path, ocspNow)
	close(release)
	<-finished
	time.Sleep(200 * time.Millisecond)
	revokedFor(revocation.ReasonUnspecified).require(t, crls, path, ocspNow)
}

func TestAKeyThatTheKeptCRLRevokesDoesNotReplaceIt(t *testing.T) {
	p := newCRLPKI(t)
	const url = "http://crl.example/1.crl"
	key := ocspIssue(t, &x509.Certificate{
		SerialNumber: big.NewInt(50), Subject: p.ca.cert.Subject, KeyUsage: x509.KeyUsageCRLSign, CRLDistributionPoints: []string{url},
	}, ocspRSA("other"), p.ca)
	server := &crlServer{}
	server.publish(url, numbered(p.ca.crl(50), 5))
	crls := &revocation.CRLs{Fetcher: server, Time: clock, Issuers: []*x509.Certificate{key.cert}}
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
