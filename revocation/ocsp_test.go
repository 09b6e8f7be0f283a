// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"context"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ocsp"

	"github.com/nrlsecurity/nrlsecurity/internal/testca"
	"github.com/nrlsecurity/nrlsecurity/revocation"
)

// TestOCSPAdd: one response may speak of several certificates, and one that
// is not a response is refused at once.
func TestOCSPAdd(t *testing.T) {
	p := newOCSPPKI(t)
	template := *p.leaf.cert
	template.SerialNumber = big.NewInt(0x1234)
	other := *p
	other.leaf = ocspIssue(t, &template, testca.EC("leaf"), p.ca)
	m := p.good()
	m.Answers = append(m.Answers, other.answer(ocsp.Revoked))
	der := m.DER()

	s := &revocation.OCSP{}
	require.NoError(t, s.Add(der))
	clear(der) // it was copied
	a, err := s.Status(t.Context(), p.query())
	require.NoError(t, err)
	require.Equal(t, revocation.Good, a.Status)
	a, err = s.Status(t.Context(), other.query())
	require.NoError(t, err)
	require.Equal(t, revocation.Revoked, a.Status)

	forged := p.good()
	forged.BrokenSignature = true
	s = &revocation.OCSP{}
	require.NoError(t, s.Add(forged.DER()))
	a, err = s.Status(t.Context(), p.query())
	require.ErrorIs(t, err, revocation.ErrSignature)
	require.NotErrorIs(t, err, revocation.ErrExpired)
	require.Zero(t, a)

	long := p.good()
	long.Extensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3, 4}, Value: make([]byte, 64<<10)}}
	require.ErrorIs(t, s.Add(long.DER()), revocation.ErrTooLarge)
	for _, bad := range [][]byte{nil, {}, []byte("garbage"), ocsp.UnauthorizedErrorResponse} {
		var e *revocation.OCSPError
		require.ErrorAs(t, s.Add(bad), &e)
		require.Equal(t, "added", e.Source)
	}
}

// TestOCSPContext: a context that ends, ends the wait for a responder that hangs.
func TestOCSPContext(t *testing.T) {
	p := newOCSPPKI(t)
	ctx, cancel := context.WithCancel(t.Context())
	hanging := fetcherFunc(func(ctx context.Context, r revocation.Request) (*revocation.Response, error) {
		cancel()
		select {
		case <-ctx.Done():
		case <-t.Context().Done(): // the fetch may go on when its caller has left
		}
		return nil, &revocation.FetchError{URL: r.URL, Err: ctx.Err()}
	})
	a, err := (&revocation.OCSP{Fetcher: hanging}).Status(ctx, p.query())
	require.ErrorIs(t, err, context.Canceled)
	require.Zero(t, a)
}

// TestOCSPResponderExpires: a cached response counts no longer than the
// certificate of the responder that signed it, and another is asked for then.
func TestOCSPResponderExpires(t *testing.T) {
	p := newOCSPPKI(t)
	template := ocspResponderTemplate()
	template.NotBefore, template.NotAfter = ocspNow.Add(-time.Hour), ocspNow.Add(time.Minute)
	server := &ocspServer{answer: answering(ocspIssue(t, template, testca.EC("responder"), p.ca).by(p.good()))}
	var hand handClock
	s := &revocation.OCSP{Fetcher: server, Time: hand.now}
	_, err := s.Status(t.Context(), p.query())
	require.NoError(t, err)
	server.setAnswer(answering(p.good()))
	q := p.query()
	hand.set(time.Minute + time.Second)
	q.At = hand.now()
	a, err := s.Status(t.Context(), q)
	require.NoError(t, err)
	require.Equal(t, revocation.Good, a.Status)
	require.False(t, a.Cached)
}

// TestOCSPRun: while Run runs, a response that is in use never runs out; each
// that is fetched has a nonce of its own.
func TestOCSPRun(t *testing.T) {
	p := newOCSPPKI(t)
	synctest.Test(t, func(t *testing.T) {
		server := &ocspServer{answer: func(r revocation.Request) ([]byte, error) {
			m := p.good()
			m.ProducedAt = time.Now()
			m.Answers[0].ThisUpdate, m.Answers[0].NextUpdate = time.Now(), time.Now().Add(time.Hour)
			return answering(m)(r)
		}}
		s := &revocation.OCSP{Fetcher: server}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- s.Run(ctx) }()

		cached := 0
		for range 20 {
			a, err := s.Status(t.Context(), revocation.Query{Path: p.path(), At: time.Now()})
			require.NoError(t, err)
			if a.Cached {
				cached++
			}
			time.Sleep(10 * time.Minute) // of the bubble's clock
			synctest.Wait()
		}
		require.GreaterOrEqual(t, cached, 19, "the first answer may be one that Run had already fetched")
		nonces := map[string]bool{}
		for _, r := range server.asked() {
			nonces[string(requestNonce(r.Body))] = true
		}
		require.Greater(t, len(nonces), 3)
		require.Len(t, server.asked(), len(nonces))

		cancel()
		require.ErrorIs(t, <-done, context.Canceled)
	})
}

// TestOCSPCache: what is in the Cache is verified again, and serves without
// the responder.
func TestOCSPCache(t *testing.T) {
	p := newOCSPPKI(t)
	cache := &memoryCache{}
	first := &revocation.OCSP{Fetcher: &ocspServer{answer: answering(p.good())}, Cache: cache, Time: clock}
	_, err := first.Status(t.Context(), p.query())
	require.NoError(t, err)
	first.Settle()
	require.Equal(t, 1, cache.members())

	restarted := func() (revocation.Answer, error) {
		s := &revocation.OCSP{Fetcher: &ocspServer{}, Cache: cache, Time: clock}
		a, err := s.Status(t.Context(), p.query())
		s.Settle() // what it merges into the Cache
		return a, err
	}
	a, err := restarted()
	require.NoError(t, err)
	require.Equal(t, revocation.Good, a.Status)
	require.True(t, a.Cached)

	forged := p.good()
	forged.BrokenSignature = true
	cache.forge(forged.DER())
	a, err = restarted()
	require.ErrorAs(t, err, new(*revocation.FetchError))
	require.Zero(t, a)
}
