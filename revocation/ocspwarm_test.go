// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ocsp"

	"github.com/nrlsecurity/nrlsecurity/internal/testca"
	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

func twoResponders(t *testing.T) *ocspPKI {
	p := newOCSPPKI(t)
	p.leaf = ocspIssue(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "leaf.example"}, SerialNumber: big.NewInt(0xabcdef),
		OCSPServer: []string{"http://a.example/", "http://b.example/"},
	}, testca.EC("leaf"), p.ca)
	return p
}

// byHost answers with a's or b's response; nil: unreachable.
func byHost(a, b *revocationtest.OCSPResponse) func(revocation.Request) ([]byte, error) {
	return func(r revocation.Request) ([]byte, error) {
		m := a
		if strings.HasPrefix(r.URL, "http://b.example/") {
			m = b
		}
		if m == nil {
			return nil, &revocation.FetchError{URL: r.URL, Err: errors.New("unreachable")}
		}
		return answering(m)(r)
	}
}

func TestOCSPWarmAndTheOtherResponder(t *testing.T) {
	p := twoResponders(t)
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(ocspNow))
		good := stateAt(p, ocsp.Good, time.Now(), 24*time.Hour)
		server := &ocspServer{answer: byHost(nil, stateAt(p, ocsp.Good, time.Now(), time.Hour))}
		s := &revocation.OCSP{Fetcher: server}
		stop := running(t, s.Run)
		ask := func() revocation.Status {
			a, err := s.Status(t.Context(), revocation.Query{Path: p.path(), At: time.Now()})
			require.NoError(t, err)
			return a.Status
		}
		require.Equal(t, revocation.Good, ask()) // b's, as a is down
		server.setAnswer(byHost(good, stateAt(p, ocsp.Good, time.Now(), time.Hour)))
		time.Sleep(5 * time.Second)
		for range 3 {
			require.Equal(t, revocation.Good, ask()) // a's
		}
		server.setAnswer(byHost(good, stateAt(p, ocsp.Revoked, time.Now().Add(20*time.Minute), 24*time.Hour)))
		time.Sleep(59 * time.Minute) // Run has fetched b's revocation
		assert.Equal(t, revocation.Revoked, ask(), "a revocation that Run fetched is passed over")
		stop()
	})
}

// flaky is a Cache of which the first reads fail.
type flaky struct {
	memoryCache
	fails int
}

func (c *flaky) Get(ctx context.Context, key string) ([]revocation.Member, error) {
	if c.fails > 0 {
		c.fails--
		return nil, errors.New("input/output error")
	}
	return c.memoryCache.Get(ctx, key)
}

func TestOCSPWarmAndACacheThatFailedOnce(t *testing.T) {
	p := twoResponders(t)
	var hand handClock
	cache := &flaky{}
	first := &revocation.OCSP{Fetcher: &ocspServer{answer: byHost(nil, stateAt(p, ocsp.Revoked, hand.now().Add(-time.Minute), 10*time.Hour))}, Cache: cache, Time: clock}
	a, err := first.Status(t.Context(), p.query())
	require.NoError(t, err)
	first.Settle()
	require.Equal(t, revocation.Revoked, a.Status)
	cache.fails = 1
	s := &revocation.OCSP{Fetcher: &ocspServer{answer: byHost(stateAt(p, ocsp.Good, hand.now().Add(-time.Hour), 10*time.Hour), nil)}, Cache: cache, Time: hand.now}
	for range 3 {
		a, err = s.Status(t.Context(), revocation.Query{Path: p.path(), At: hand.now()})
		require.NoError(t, err)
		require.Equal(t, revocation.Good, a.Status)
	}
	hand.set(15 * time.Second)
	assert.Eventually(t, func() bool { // no caller waits for it
		a, err := s.Status(t.Context(), revocation.Query{Path: p.path(), At: hand.now()})
		return err == nil && a.Status == revocation.Revoked
	}, 10*time.Second, time.Millisecond, "the Cache is never read again")
}

func TestTheFirstRespondersRevocationInTheCache(t *testing.T) {
	p := twoResponders(t)
	var hand handClock
	cache := &flaky{}
	first := &revocation.OCSP{Fetcher: &ocspServer{answer: byHost(stateAt(p, ocsp.Revoked, ocspNow.Add(-time.Minute), 10*time.Hour), nil)}, Cache: cache, Time: clock}
	a, err := first.Status(t.Context(), p.query())
	require.NoError(t, err)
	first.Settle()
	require.Equal(t, revocation.Revoked, a.Status)
	cache.fails = 1
	s := &revocation.OCSP{Fetcher: &ocspServer{answer: byHost(nil, stateAt(p, ocsp.Good, ocspNow.Add(-time.Hour), 10*time.Hour))}, Cache: cache, Time: hand.now}
	_, err = s.Status(t.Context(), p.query()) // restarted
	require.NoError(t, err)
	hand.set(15 * time.Second)
	assert.Eventually(t, func() bool {
		a, err := s.Status(t.Context(), p.query())
		return err == nil && a.Status == revocation.Revoked
	}, 10*time.Second, time.Millisecond, "a's revocation is in the Cache")
}

func TestARevocationNamesTheCertificateAskedAbout(t *testing.T) {
	p := newOCSPPKI(t)
	s := &revocation.OCSP{Fetcher: &ocspServer{answer: answering(stateAt(p, ocsp.Revoked, ocspNow.Add(-time.Minute), time.Hour))}, Time: clock}
	for range 3 {
		_, err := s.Status(t.Context(), p.query())
		require.NoError(t, err)
	}
	other := ocspIssue(t, &x509.Certificate{Subject: pkix.Name{CommonName: "other.example"}, SerialNumber: big.NewInt(0xabcdef), OCSPServer: []string{"http://ocsp.example/"}}, testca.EC("leaf"), p.ca)
	a, err := s.Status(t.Context(), revocation.Query{Path: []*x509.Certificate{other.cert, p.ca.cert, p.root.cert}, At: ocspNow})
	require.NoError(t, err)
	assert.Equal(t, "other.example", a.Revocation.Cert.Subject.CommonName)
}
