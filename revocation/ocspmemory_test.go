// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"context"
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

// stateAt is p's response of the status, made at from and valid for d.
func stateAt(p *ocspPKI, status int, from time.Time, d time.Duration) *revocationtest.OCSPResponse {
	m := p.good()
	m.ProducedAt = from
	m.Answers[0].Status = status
	m.Answers[0].RevokedAt = from.Add(-time.Minute)
	m.Answers[0].ThisUpdate, m.Answers[0].NextUpdate = from, from.Add(d)
	return m
}

func TestAStapleOlderThanARefreshedRevocation(t *testing.T) {
	p := newOCSPPKI(t)
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(ocspNow))
		server := &ocspServer{answer: answering(stateAt(p, ocsp.Good, time.Now(), time.Hour))}
		s := &revocation.OCSP{Fetcher: server}
		stop := running(t, s.Run)
		a, err := s.Status(t.Context(), revocation.Query{Path: p.path(), At: time.Now()})
		require.NoError(t, err)
		require.Equal(t, revocation.Good, a.Status)

		staple := stateAt(p, ocsp.Good, time.Now().Add(time.Minute), 24*time.Hour).DER()
		server.setAnswer(answering(stateAt(p, ocsp.Revoked, time.Now().Add(20*time.Minute), 24*time.Hour)))
		time.Sleep(55 * time.Minute)
		require.Greater(t, len(server.asked()), 1, "Run has fetched the revocation")
		a, err = s.Status(t.Context(), revocation.Query{Path: p.path(), At: time.Now(), Stapled: staple})
		assert.NoError(t, err)
		assert.Equal(t, revocation.Revoked, a.Status, "an older staple outdid a revocation that is in memory")
		stop()
	})
}

func TestAStapleOlderThanARevocationInTheCache(t *testing.T) {
	p := newOCSPPKI(t)
	cache := &memoryCache{}
	server := &ocspServer{answer: answering(stateAt(p, ocsp.Revoked, ocspNow.Add(-time.Minute), 10*time.Hour))}
	first := &revocation.OCSP{Fetcher: server, Cache: cache, Time: clock}
	a, err := first.Status(t.Context(), p.query())
	require.NoError(t, err)
	first.Settle()
	require.Equal(t, revocation.Revoked, a.Status)
	q := p.query()
	q.Stapled = stateAt(p, ocsp.Good, ocspNow.Add(-time.Hour), 10*time.Hour).DER()
	a, err = (&revocation.OCSP{Fetcher: &ocspServer{}, Cache: cache, Time: clock}).Status(t.Context(), q) // restarted
	require.NoError(t, err)
	assert.Equal(t, revocation.Revoked, a.Status)
}

func TestARevocationIsRememberedWithoutAnotherResponse(t *testing.T) {
	p := newOCSPPKI(t)
	q := p.query()
	q.Stapled = stateAt(p, ocsp.Revoked, ocspNow.Add(-time.Minute), time.Hour).DER()
	s := &revocation.OCSP{}
	c := &revocation.Checker{Time: clock, Policy: revocation.Policy{Depth: revocation.EndEntity}, Sources: []revocation.Source{
		s, &says{answer: answered(revocation.Good, -time.Hour, time.Hour)},
	}}
	require.ErrorAs(t, c.Check(t.Context(), p.path(), q.Stapled), new(*revocation.RevokedError))
	// The peer does not staple the next time.
	assert.ErrorAs(t, c.Check(t.Context(), p.path(), nil), new(*revocation.RevokedError))
}

func TestARevocationOutlivesItsResponder(t *testing.T) {
	p := newOCSPPKI(t)
	template := ocspResponderTemplate()
	template.NotBefore, template.NotAfter = ocspNow.Add(-time.Hour), ocspNow.Add(time.Minute)
	responder := ocspIssue(t, template, testca.EC("responder"), p.ca)
	server := &ocspServer{answer: answering(responder.by(stateAt(p, ocsp.Revoked, ocspNow.Add(-time.Minute), 24*time.Hour)))}
	var hand handClock
	stale := answered(revocation.Good, -2*time.Hour, -time.Hour)
	c := &revocation.Checker{
		Time:   hand.now,
		Policy: revocation.Policy{Depth: revocation.EndEntity, Unknown: revocation.Allow, MaxStale: 2 * time.Hour},
		Sources: []revocation.Source{
			&revocation.OCSP{Fetcher: server}, &says{answer: stale, err: revocation.ErrExpired},
		}}
	require.ErrorAs(t, c.Check(t.Context(), p.path(), nil), new(*revocation.RevokedError))
	server.setAnswer(nil) // blocked
	hand.set(2 * time.Minute)
	assert.ErrorAs(t, c.Check(t.Context(), p.path(), nil), new(*revocation.RevokedError))
}

func TestAResponseOfTheFutureReplacesNone(t *testing.T) {
	p := newOCSPPKI(t)
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(ocspNow))
		start := time.Now()
		server := &ocspServer{answer: answering(stateAt(p, ocsp.Good, start, 10*time.Hour))}
		s := &revocation.OCSP{Fetcher: server}
		stop := running(t, s.Run)
		_, err := s.Status(t.Context(), revocation.Query{Path: p.path(), At: time.Now()})
		require.NoError(t, err)
		// For once the responder's clock is a day ahead; then it is right again.
		n := 0
		server.setAnswer(func(r revocation.Request) ([]byte, error) {
			if n++; n == 1 {
				return answering(stateAt(p, ocsp.Good, time.Now().Add(24*time.Hour), 48*time.Hour))(r)
			}
			return answering(stateAt(p, ocsp.Good, time.Now(), 10*time.Hour))(r)
		})
		time.Sleep(9 * time.Hour) // the first response counts until the tenth
		_, err = s.Status(t.Context(), revocation.Query{Path: p.path(), At: time.Now()})
		assert.NoError(t, err, "a failed refresh keeps the old answer until its own nextUpdate")
		stop()
	})
}

func TestASignedUnknownEndsWhatAStaleGoodAllows(t *testing.T) {
	p := newOCSPPKI(t)
	m := p.good()
	m.Answers[0].Status = ocsp.Unknown
	c := &revocation.Checker{
		Time:    clock,
		Policy:  revocation.Policy{Depth: revocation.EndEntity, Unknown: revocation.Allow, MaxStale: 24 * time.Hour},
		Sources: []revocation.Source{&revocation.OCSP{Fetcher: &ocspServer{answer: answering(m)}}},
	}
	staple := stateAt(p, ocsp.Good, ocspNow.Add(-10*time.Hour), 9*time.Hour-time.Minute).DER()
	assert.Error(t, c.Check(t.Context(), p.path(), staple), "the responder, reached and current, does not answer good")
}

func TestASourceThatHangsDoesNotStarveTheNext(t *testing.T) {
	p := newOCSPPKI(t)
	crlp := newCRLPKI(t)
	_ = p
	const url = "http://crl.example/1.crl"
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(ocspNow))
		server := &crlServer{}
		server.publish(url, crlp.ca.crl())
		path := crlp.leaf(t, points(at(urls(url))))
		hang := fetcherFunc(func(ctx context.Context, r revocation.Request) (*revocation.Response, error) {
			<-ctx.Done()
			return nil, &revocation.FetchError{URL: r.URL, Err: ctx.Err()}
		})
		slowish := fetcherFunc(func(ctx context.Context, r revocation.Request) (*revocation.Response, error) {
			select {
			case <-time.After(100 * time.Millisecond):
			case <-ctx.Done():
				return nil, ctx.Err()
			}
			return server.Fetch(ctx, r)
		})
		c := &revocation.Checker{Policy: revocation.Policy{Depth: revocation.EndEntity}, Sources: []revocation.Source{
			&revocation.OCSP{Fetcher: hang, Responder: "http://ocsp.example/"}, &revocation.CRLs{Fetcher: slowish},
		}}
		var err error
		for range 10 {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			err = c.Check(ctx, path, nil)
			cancel()
			time.Sleep(time.Second)
			if err == nil {
				break
			}
		}
		assert.NoError(t, err, "the CRL is to be had in a tenth of a second")
		time.Sleep(time.Minute) // what is still under way ends
	})
}

func TestASupersededHoldIsNotRemembered(t *testing.T) {
	p := newOCSPPKI(t)
	s := &revocation.OCSP{}
	c := &revocation.Checker{Time: clock, Policy: revocation.Policy{Depth: revocation.EndEntity}, Sources: []revocation.Source{
		s, &says{answer: answered(revocation.Good, -time.Hour, time.Hour)}, // a CRLs
	}}
	hold := stateAt(p, ocsp.Revoked, ocspNow.Add(-2*time.Hour), 10*time.Hour).DER()
	released := stateAt(p, ocsp.Good, ocspNow.Add(-time.Minute), time.Hour).DER()
	require.ErrorAs(t, c.Check(t.Context(), p.path(), hold), new(*revocation.RevokedError))
	require.NoError(t, c.Check(t.Context(), p.path(), released), "a later good answer of the same responder supersedes the hold")
	assert.NoError(t, c.Check(t.Context(), p.path(), nil), "the peer does not staple the next time")
}

func TestAHoldIsSupersededAlthoughItsResponderExpires(t *testing.T) {
	p := newOCSPPKI(t)
	template := ocspResponderTemplate()
	template.NotBefore, template.NotAfter = ocspNow.Add(-time.Hour), ocspNow.Add(time.Hour)
	responder := ocspIssue(t, template, testca.EC("responder"), p.ca)
	var hand handClock
	server := &ocspServer{answer: answering(responder.by(stateAt(p, ocsp.Revoked, ocspNow.Add(-time.Minute), 10*time.Minute)))}
	c := &revocation.Checker{
		Time:   hand.now,
		Policy: revocation.Policy{Depth: revocation.EndEntity},
		Sources: []revocation.Source{
			&revocation.OCSP{Fetcher: server, Time: hand.now},
			&says{answer: answered(revocation.Good, -time.Hour, 24*time.Hour)},
		}}
	require.ErrorAs(t, c.Check(t.Context(), p.path(), nil), new(*revocation.RevokedError))
	hand.set(20 * time.Minute)
	server.setAnswer(answering(responder.by(stateAt(p, ocsp.Good, hand.now(), 24*time.Hour))))
	require.NoError(t, c.Check(t.Context(), p.path(), nil), "a later good answer of the same responder supersedes the hold")
	server.setAnswer(nil) // down
	hand.set(80 * time.Minute)
	assert.NoError(t, c.Check(t.Context(), p.path(), nil), "the CRLs say that it is good")
}

func TestAnOlderUnknownDisownsNothing(t *testing.T) {
	p := newOCSPPKI(t)
	s := &revocation.OCSP{}
	require.NoError(t, s.Add(stateAt(p, ocsp.Unknown, ocspNow.Add(-20*time.Hour), 40*time.Hour).DER())) // before the responder had heard of it
	c := &revocation.Checker{
		Time: clock, Sources: []revocation.Source{s},
		Policy: revocation.Policy{Depth: revocation.EndEntity, Unknown: revocation.Allow, MaxStale: 24 * time.Hour},
	}
	staple := stateAt(p, ocsp.Good, ocspNow.Add(-10*time.Hour), 9*time.Hour).DER()
	assert.NoError(t, c.Check(t.Context(), p.path(), staple))
}

// cacheWithContext fails with a dead ctx, as DirCache does.
func TestARevocationInTheCacheAfterADeadContext(t *testing.T) {
	p := newOCSPPKI(t)
	now := time.Now()
	// DirCache goes by the clock of the system, so this is of today.
	m := stateAt(p, ocsp.Revoked, now.Add(-time.Minute), 10*time.Hour)
	cache := revocation.DirCache(t.TempDir() + "/c")
	q := p.query()
	q.At = now
	first := &revocation.OCSP{Fetcher: &ocspServer{answer: answering(m)}, Cache: cache}
	a, err := first.Status(t.Context(), q)
	require.NoError(t, err)
	first.Settle()
	require.Equal(t, revocation.Revoked, a.Status)

	q.Stapled = stateAt(p, ocsp.Good, now.Add(-time.Hour), 10*time.Hour).DER()
	restarted := &revocation.OCSP{Fetcher: &ocspServer{}, Cache: cache}
	dead, cancel := context.WithCancel(t.Context())
	cancel() // the peer has gone in the middle of the handshake
	_, _ = restarted.Status(dead, q)
	a, err = restarted.Status(t.Context(), q)
	require.NoError(t, err)
	assert.Equal(t, revocation.Revoked, a.Status, "accepted, though the Cache has the revocation")
	restarted.Settle() // before its folder goes
}

// An answer that was given before is given again until something it depends on
// changes.
func TestOCSPWarmAnswers(t *testing.T) {
	p := newOCSPPKI(t)
	at := ocspNow
	status := func(t *testing.T, s *revocation.OCSP, staple []byte) revocation.Status {
		t.Helper()
		a, _ := s.Status(t.Context(), revocation.Query{Path: p.path(), At: at, Stapled: staple})
		return a.Status
	}
	good, revoked := stateAt(p, ocsp.Good, ocspNow.Add(-time.Hour), 3*time.Hour), stateAt(p, ocsp.Revoked, ocspNow.Add(-time.Minute), 3*time.Hour).DER()
	for name, change := range map[string]func(t *testing.T, s *revocation.OCSP){
		"a newer revocation is added": func(t *testing.T, s *revocation.OCSP) { require.NoError(t, s.Add(revoked)) },
		"a newer revocation was stapled once": func(t *testing.T, s *revocation.OCSP) {
			require.Equal(t, revocation.Revoked, status(t, s, revoked))
		},
		"it expired":          func(*testing.T, *revocation.OCSP) { at = ocspNow.Add(2*time.Hour + time.Second) },
		"it is not yet valid": func(*testing.T, *revocation.OCSP) { at = ocspNow.Add(-time.Hour - 5*time.Minute - time.Second) },
	} {
		t.Run(name, func(t *testing.T) {
			at = ocspNow
			server := &ocspServer{answer: answering(good)}
			s := &revocation.OCSP{Fetcher: server, Time: clock}
			for range 3 {
				require.Equal(t, revocation.Good, status(t, s, nil))
			}
			require.Len(t, server.asked(), 1)
			server.setAnswer(nil)
			change(t, s)
			a, err := s.Status(t.Context(), revocation.Query{Path: p.path(), At: at})
			require.True(t, a.Status != revocation.Good || err != nil, "%v %v", a, err)
		})
	}
	t.Run("another's response is kept", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(time.Until(ocspNow))
			server := &ocspServer{answer: answering(stateAt(p, ocsp.Good, time.Now(), time.Hour))}
			s := &revocation.OCSP{Fetcher: server}
			stop := running(t, s.Run)
			at = time.Now()
			for range 3 {
				require.Equal(t, revocation.Good, status(t, s, nil))
			}
			server.setAnswer(answering(stateAt(p, ocsp.Revoked, time.Now().Add(20*time.Minute), 24*time.Hour)))
			time.Sleep(59 * time.Minute) // Run has fetched it
			at = time.Now()
			require.Equal(t, revocation.Revoked, status(t, s, nil))
			stop()
		})
	})
}

// Good answers that take nothing back, though they are later and a day old.
func TestAGoodAnswerThatTakesNothingBackDoesNotDropARevocation(t *testing.T) {
	p := newOCSPPKI(t)
	template := ocspResponderTemplate()
	template.NotBefore, template.NotAfter = ocspNow.AddDate(0, 0, -9), ocspNow.AddDate(0, 0, -6)
	expired := ocspIssue(t, template, testca.EC("responder"), p.ca)
	ahead := p.responder.by(stateAt(p, ocsp.Good, ocspNow.AddDate(0, 0, -5), 240*time.Hour))
	ahead.ProducedAt = ocspNow.Add(time.Hour)
	for name, c := range map[string]struct {
		responder *ocspParty
		good      *revocationtest.OCSPResponse
	}{
		"of a responder that had expired":       {expired, expired.by(stateAt(p, ocsp.Good, ocspNow.AddDate(0, 0, -5), time.Hour))},
		"of a response that is not made as yet": {p.responder, ahead},
	} {
		t.Run(name, func(t *testing.T) {
			cache := &memoryCache{}
			s := &revocation.OCSP{Cache: cache, Time: clock}
			requireRevoked := func() {
				t.Helper()
				a, err := s.Status(t.Context(), p.query())
				require.NoError(t, err)
				require.Equal(t, revocation.Revoked, a.Status)
			}
			require.NoError(t, s.Add(c.responder.by(stateAt(p, ocsp.Revoked, ocspNow.AddDate(0, 0, -8), time.Hour)).DER()))
			requireRevoked()
			require.NoError(t, s.Add(c.good.DER()))
			requireRevoked()
			s.Settle()
			for key, members := range cache.entries {
				cache.entries[key] = revocation.Join(ocspNow, members, nil)
			}
			s = &revocation.OCSP{Cache: cache, Time: clock} // restarted
			requireRevoked()
		})
	}
}
