// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
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

// bundle makes a document of PEM blocks.
func bundle(lists ...revocationtest.CRL) []byte {
	var b bytes.Buffer
	for _, list := range lists {
		_ = pem.Encode(&b, &pem.Block{Type: "X509 CRL", Bytes: list.DER()})
	}
	return b.Bytes()
}

// bodies is a Fetcher of whatever lies under a URL.
type bodies map[string][]byte

func (b bodies) Fetch(_ context.Context, r revocation.Request) (*revocation.Response, error) {
	if b[r.URL] == nil {
		return nil, &revocation.FetchError{URL: r.URL, StatusCode: 404}
	}
	return &revocation.Response{Body: b[r.URL]}, nil
}

// ofOther is the path of a leaf of another CA.
func (p *crlPKI) ofOther(t *testing.T) []*x509.Certificate {
	leaf := ocspIssue(t, &x509.Certificate{SerialNumber: big.NewInt(1)}, testca.EC("leaf"), p.other)
	return []*x509.Certificate{leaf.cert, p.other.cert, p.root.cert}
}

func TestForgedCRLsOfAURLPushOutNoneThatWasAdded(t *testing.T) {
	p := newCRLPKI(t)
	const url, anywhere = "http://crl.example/1.crl", "http://anywhere.example/all.crl"
	scope := revocationtest.Scope{PointName: urls(url)}
	for name, forged := range map[string]func(i int) revocationtest.CRL{
		"of its scope": func(i int) revocationtest.CRL { return inScope(numbered(p.ca.crl(), int64(100+i)), scope) },
		"of other scopes": func(i int) revocationtest.CRL {
			return inScope(p.ca.crl(), revocationtest.Scope{PointName: urls(fmt.Sprint(url, i))})
		},
	} {
		t.Run(name, func(t *testing.T) {
			lists := make([]revocationtest.CRL, 16)
			for i := range lists {
				lists[i] = forgedBy(p, between(forged(i), 0, time.Hour))
			}
			server := bodies{anywhere: bundle(lists...)}
			crls := &revocation.CRLs{Fetcher: server, URLs: []string{anywhere}, Time: clock}
			require.NoError(t, crls.Add(inScope(numbered(p.ca.crl(leafSerial), 10), scope).DER()))
			_, err := crls.Status(t.Context(), revocation.Query{Path: p.ofOther(t), At: ocspNow})
			require.Error(t, err)
			require.Greater(t, crls.State().Unverified, 1)
			server[url] = inScope(numbered(p.ca.crl(), 9), scope).DER() // played back
			revokedFor(revocation.ReasonUnspecified).require(t, crls, p.leaf(t, points(at(urls(url)))), ocspNow)
		})
	}
}

func TestWhatAURLBringsUnsignedReplacesWhatItBroughtBefore(t *testing.T) {
	p := newCRLPKI(t)
	const url = "http://crl.example/1.crl"
	for name, forged := range map[string]func(i int) revocationtest.CRL{
		"in any scope": func(i int) revocationtest.CRL {
			return inScope(p.ca.crl(), revocationtest.Scope{PointName: urls(fmt.Sprint(url, i))})
		},
		"in any name": func(i int) revocationtest.CRL {
			return ocspIssue(t, crlCA(fmt.Sprint("Other CA ", i), 9), testca.EC("other"), p.root).crl()
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := bodies{}
			crls := &revocation.CRLs{Fetcher: server, Time: moving}
			path := p.leaf(t, points(at(urls(url))))
			for i := range 5 {
				server[url] = forgedBy(p, forged(i)).DER()
				at := ocspNow.Add(time.Duration(i) * 20 * time.Second)
				movedTo.Store(at.Unix())
				_, err := crls.Status(t.Context(), revocation.Query{Path: path, At: at})
				require.Error(t, err)
			}
			assert.Equal(t, 1, crls.KnownCRLs())
		})
	}
}
func TestWhatAURLBroughtBeforeItsIssuerWasKnownCounts(t *testing.T) {
	p := newCRLPKI(t)
	const url = "http://crl.example/1.crl"
	server := bodies{url: p.ca.crl(leafSerial).DER()}
	crls := &revocation.CRLs{Fetcher: server, URLs: []string{url}, Time: clock}
	_, err := crls.Status(t.Context(), revocation.Query{Path: p.ofOther(t), At: ocspNow})
	require.Error(t, err)
	delete(server, url)
	revokedFor(revocation.ReasonUnspecified).require(t, crls, p.leaf(t), ocspNow)
}

func TestEachCRLOfABundleCounts(t *testing.T) {
	p := newCRLPKI(t)
	const one, two = "http://one.example/1.crl", "http://two.example/1.crl"
	for name, first := range map[string]revocationtest.CRL{
		"behind one of another scope": inScope(p.ca.crl(), revocationtest.Scope{PointName: urls("http://crl.example/2.crl")}),
		"behind a forged one":         forgedBy(p, p.ca.crl()),
	} {
		t.Run(name, func(t *testing.T) {
			server := bodies{one: bundle(first, numbered(p.ca.crl(leafSerial), 6)), two: numbered(p.ca.crl(), 5).DER()}
			crls := &revocation.CRLs{Fetcher: server, Time: clock}
			revokedFor(revocation.ReasonUnspecified).require(t, crls, p.leaf(t, points(at(urls(one, two)))), ocspNow)
		})
	}
}

// A document answers if one of its lists does: it is not fetched again and again for
// the sake of the others.
func TestBundleThatAnswersIsNoFailure(t *testing.T) {
	p := newCRLPKI(t)
	const url = "http://crl.example/all.pem"
	for name, first := range map[string]revocationtest.CRL{
		"beside the root's list":      p.root.crl(),
		"beside one of another scope": inScope(p.ca.crl(), revocationtest.Scope{PointName: urls("http://crl.example/2.crl")}),
		"beside one of another CA":    p.other.crl(),
		"beside a forged one":         forgedBy(p, p.ca.crl()),
	} {
		t.Run(name, func(t *testing.T) {
			server := bodies{url: bundle(first, numbered(p.ca.crl(), 6))}
			crls := &revocation.CRLs{Fetcher: server, Time: clock}
			good.require(t, crls, p.leaf(t, points(at(urls(url)))), ocspNow)
			require.NoError(t, crls.State().Looks[0].Err)
		})
	}
	server := bodies{url: bundle(p.root.crl(), forgedBy(p, p.ca.crl()))}
	crls := &revocation.CRLs{Fetcher: server, Time: clock}
	unknown(revocation.ErrSignature).require(t, crls, p.leaf(t, points(at(urls(url)))), ocspNow)
	require.ErrorIs(t, crls.State().Looks[0].Err, revocation.ErrScope)
}

// Certificates of two CAs may name one URL: what comes is verified for both, whichever
// was asked about last.
func TestURLThatCertificatesOfTwoCAsName(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(ocspNow))
		p := newCRLPKI(t)
		const url = "http://crl.example/all.pem"
		mine, theirs := p.leaf(t, points(at(urls(url)))), p.ofOther(t)
		theirs[0].Extensions = append(theirs[0].Extensions, points(at(urls(url))))
		long := func(list revocationtest.CRL) revocationtest.CRL { return between(list, -time.Hour, 24*time.Hour) }
		serve := func(lists ...revocationtest.CRL) answerer {
			body := bundle(lists...)
			return func(context.Context, revocation.Request) (*revocation.Response, error) {
				return &revocation.Response{Body: body}, nil
			}
		}
		server := newNetwork(map[string]answerer{url: serve(long(p.ca.crl()), long(p.other.crl()))})
		var failed strings.Builder
		crls := &revocation.CRLs{Fetcher: server, Logger: slog.New(slog.NewTextHandler(&failed, nil))}
		good.require(t, crls, mine, time.Now())
		good.require(t, crls, theirs, time.Now())
		stop := running(t, crls.Run)
		server.set(url, serve(numbered(long(p.ca.crl(leafSerial)), 7), numbered(long(p.other.crl(1)), 7)))
		time.Sleep(time.Hour)
		stop()
		assert.NotContains(t, failed.String(), "no document")
		assert.Zero(t, crls.State().Unverified)
		revokedFor(revocation.ReasonUnspecified).require(t, crls, mine, time.Now())
		revokedFor(revocation.ReasonUnspecified).require(t, crls, theirs, time.Now())
	})
}

func TestFetchedDocumentHasABoundedNumberOfCRLs(t *testing.T) {
	p := newCRLPKI(t)
	const url = "http://crl.example/all.pem"
	one := bundle(p.ca.crl())
	server := bodies{url: bytes.Repeat(one, 1000)}
	good.require(t, &revocation.CRLs{Fetcher: server, Time: clock}, p.leaf(t, points(at(urls(url)))), ocspNow)
	server[url] = bytes.Repeat(one, 1001)
	unknown(revocation.ErrTooLarge).require(t, &revocation.CRLs{Fetcher: server, Time: clock}, p.leaf(t, points(at(urls(url)))), ocspNow)
}

func TestAddSaysThatTooManyCRLsWaitForTheirSigner(t *testing.T) {
	p := newCRLPKI(t)
	crls := &revocation.CRLs{Time: clock}
	one := inScope(p.ca.crl(leafSerial), revocationtest.Scope{PointName: urls("http://crl.example/0.crl")})
	require.NoError(t, crls.Add(one.DER()))
	key := testca.ECDSA()
	var err error
	for i := 1; err == nil && i < 1100; i++ {
		list := inScope(p.ca.crl(), revocationtest.Scope{PointName: urls(fmt.Sprintf("http://crl.example/%d.crl", i))})
		list.Key = key
		err = crls.Add(list.DER())
	}
	require.ErrorIs(t, err, revocation.ErrTooLarge)
	require.ErrorAs(t, err, new(*revocation.CRLError))
	revokedFor(revocation.ReasonUnspecified).require(t, crls, p.leaf(t, points(at(urls("http://crl.example/0.crl")))), ocspNow)
}
