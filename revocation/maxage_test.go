// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"crypto/x509"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ocsp"

	"github.com/nrlsecurity/nrlsecurity/revocation"
)

// Policy.MaxAge ends what is good before the nextUpdate of its document, or says for how
// long a good OCSP answer without one counts, an hour if it does not. What is revoked
// stays so.
func TestMaxAge(t *testing.T) {
	p, o := newCRLPKI(t), newOCSPPKI(t)
	const day = 24 * time.Hour
	list := func(age time.Duration, serials ...int64) func(*testing.T) (revocation.Source, []*x509.Certificate) {
		return func(t *testing.T) (revocation.Source, []*x509.Certificate) {
			return crlsOf(t, between(p.ca.crl(serials...), -age, 180*day)), p.leaf(t)
		}
	}
	answer := func(age time.Duration, status int, lasts time.Duration) func(*testing.T) (revocation.Source, []*x509.Certificate) {
		return func(t *testing.T) (revocation.Source, []*x509.Certificate) {
			m := stateAt(o, status, ocspNow.Add(-age), age+lasts)
			m.Answers[0].NoNextUpdate = lasts == 0
			responses := &revocation.OCSP{Time: clock}
			require.NoError(t, responses.Add(m.DER()))
			return responses, o.path()
		}
	}
	const good, unknown, revoked, warned = "good", "unknown", "revoked", "good under Allow for an hour"
	for _, test := range []struct {
		name   string
		source func(*testing.T) (revocation.Source, []*x509.Certificate)
		maxAge time.Duration
		want   string
	}{
		{"a list of half a year, a month old", list(30*day, 1), 0, good},
		{"a list of half a year, a day old", list(day, 1), day, good},
		{"a list of half a year, a second older", list(day+time.Second, 1), day, warned},
		{"a list of half a year, an hour and two seconds older", list(day+time.Hour+2*time.Second, 1), day, unknown},
		{"a list of half a year, a month old, listing the certificate", list(30*day, leafSerial), day, revoked},
		{"an answer of a week, a day old", answer(day, ocsp.Good, 7*day), day, good},
		{"an answer of a week, a second older", answer(day+time.Second, ocsp.Good, 7*day), day, warned},
		{"an answer of a week, an hour and two seconds older", answer(day+time.Hour+2*time.Second, ocsp.Good, 7*day), day, unknown},
		{"an answer of a week, a month old, that revokes", answer(30*day, ocsp.Revoked, 7*day), day, revoked},
		{"an answer without nextUpdate, an hour old", answer(time.Hour, ocsp.Good, 0), 0, good},
		{"an answer without nextUpdate, 61 minutes old", answer(61*time.Minute, ocsp.Good, 0), 0, warned},
		{"an answer without nextUpdate, 61 minutes old, of at most two hours", answer(61*time.Minute, ocsp.Good, 0), 2 * time.Hour, good},
		{"an answer without nextUpdate, 31 minutes old, of at most half an hour", answer(31*time.Minute, ocsp.Good, 0), 30 * time.Minute, warned},
		{"an answer without nextUpdate, a month old, that revokes", answer(30*day, ocsp.Revoked, 0), 0, revoked},
	} {
		t.Run(test.name, func(t *testing.T) {
			source, path := test.source(t)
			check := func(policy revocation.Policy) error {
				policy.Depth = revocation.EndEntity
				return (&revocation.Checker{Sources: []revocation.Source{source}, Policy: policy, Time: clock}).Check(t.Context(), path, nil)
			}
			for range 2 { // the second answer may be a cached one, also of the other policy
				err := check(revocation.Policy{MaxAge: test.maxAge})
				allowed := check(revocation.Policy{MaxAge: test.maxAge, Unknown: revocation.Allow, MaxStale: time.Hour})
				switch test.want {
				case good:
					require.NoError(t, err)
					require.NoError(t, allowed)
				case warned:
					require.ErrorIs(t, err, revocation.ErrExpired)
					require.NoError(t, allowed)
				case unknown:
					require.ErrorIs(t, err, revocation.ErrExpired)
					require.ErrorIs(t, allowed, revocation.ErrExpired)
				case revoked:
					require.ErrorAs(t, err, new(*revocation.RevokedError))
					require.ErrorAs(t, allowed, new(*revocation.RevokedError))
				}
				if test.want != revoked { // another Checker of the same source
					require.NoError(t, check(revocation.Policy{MaxAge: 365 * day}))
				}
			}
		})
	}
}

// A document that is older than MaxAge is asked for again, and is not what a peer is
// refused for when a younger one comes.
func TestDocumentBeyondMaxAgeIsAskedForAgain(t *testing.T) {
	const day, url = 24 * time.Hour, "http://crl.example/1.crl"
	p, o := newCRLPKI(t), newOCSPPKI(t)
	server, responder := &crlServer{}, &ocspServer{} // which are down
	var hand handClock
	crls, responses := &revocation.CRLs{Fetcher: server, Time: hand.now}, &revocation.OCSP{Fetcher: responder, Time: hand.now}
	list, answer := numbered(between(p.ca.crl(), -30*day, 180*day), 1), stateAt(o, ocsp.Good, ocspNow.Add(-2*day), 7*day)
	require.NoError(t, crls.Add(list.DER()))
	require.NoError(t, responses.Add(answer.DER()))
	listed, answered := p.leaf(t, points(at(urls(url)))), o.path()
	check := func(source revocation.Source, path []*x509.Certificate, maxAge time.Duration) error {
		policy := revocation.Policy{Depth: revocation.EndEntity, MaxAge: maxAge}
		return (&revocation.Checker{Sources: []revocation.Source{source}, Policy: policy, Time: hand.now}).Check(t.Context(), path, nil)
	}
	for range 2 { // another Checker has none, and what it is answered is cached
		require.NoError(t, check(crls, listed, 0))
		require.NoError(t, check(responses, answered, 0))
	}
	server.publish(url, numbered(between(p.ca.crl(), -time.Hour, 180*day), 2))
	responder.setAnswer(answering(stateAt(o, ocsp.Good, ocspNow.Add(-time.Hour), 7*day)))
	hand.set(time.Minute)
	require.NoError(t, check(crls, listed, day))
	require.NoError(t, check(responses, answered, day))
	require.ErrorIs(t, check(crls, listed, time.Hour), revocation.ErrExpired, "the younger one is older than that")
	require.ErrorIs(t, check(responses, answered, time.Hour), revocation.ErrExpired)
}
