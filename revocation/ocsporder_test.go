// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"crypto/x509"
	"math/big"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ocsp"

	"github.com/nrlsecurity/nrlsecurity/internal/testca"
	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

// TestOCSPKept: a response is asked for once and counts until it does not.
func TestOCSPKept(t *testing.T) {
	p := newOCSPPKI(t)
	server := &ocspServer{answer: answering(p.good())}
	var now atomic.Int64
	now.Store(ocspNow.Unix())
	s := &revocation.OCSP{Fetcher: server, Time: func() time.Time { return time.Unix(now.Load(), 0) }}
	for i := range 3 {
		a, err := s.Status(t.Context(), p.query())
		require.NoError(t, err)
		require.Equal(t, revocation.Answer{
			Status: revocation.Good, ThisUpdate: ocspNow.Add(-time.Hour), NextUpdate: ocspNow.Add(time.Hour),
			Source: "http://ocsp.example/", Cached: i > 0,
		}, a)
	}
	require.Len(t, server.asked(), 1)

	t.Run("for the same certificate, parsed again", func(t *testing.T) {
		again := p.path()
		for i, cert := range again {
			var err error
			again[i], err = x509.ParseCertificate(cert.Raw)
			require.NoError(t, err)
		}
		a, err := s.Status(t.Context(), revocation.Query{Path: again, At: ocspNow})
		require.NoError(t, err)
		require.True(t, a.Cached)
		require.Len(t, server.asked(), 1)
	})
	t.Run("not for another certificate", func(t *testing.T) {
		template := *p.leaf.cert
		template.SerialNumber = new(big.Int).SetBit(p.leaf.cert.SerialNumber, 64, 1) // the same but for what is far up
		other := *p
		other.leaf = ocspIssue(t, &template, testca.EC("leaf"), p.ca)
		server.setAnswer(answering(other.good()))
		a, err := s.Status(t.Context(), other.query())
		require.NoError(t, err)
		require.False(t, a.Cached)
		require.Len(t, server.asked(), 2)
	})
	t.Run("not for the serial at another CA", func(t *testing.T) {
		sibling := ocspIssue(t, ocspCA("Sibling"), testca.EC("other"), p.root)
		other := ocspPKI{root: p.root, ca: sibling, leaf: ocspIssue(t, p.leaf.cert, testca.EC("leaf"), sibling)}
		server.setAnswer(answering(p.good()))
		a, err := s.Status(t.Context(), other.query())
		require.ErrorIs(t, err, revocation.ErrScope)
		require.Zero(t, a)
	})
	t.Run("no longer than it says", func(t *testing.T) {
		server.setAnswer(nil) // down
		q := p.query()
		q.At = ocspNow.Add(time.Hour + time.Second)
		now.Store(q.At.Unix())
		a, err := s.Status(t.Context(), q)
		require.ErrorIs(t, err, revocation.ErrExpired)
		require.ErrorAs(t, err, new(*revocation.FetchError))
		require.Equal(t, revocation.Good, a.Status, "what was known last, for MaxStale")
		require.Equal(t, ocspNow.Add(time.Hour), a.NextUpdate)
	})
}

// TestOCSPOrder: stapled, added, asked.
func TestOCSPOrder(t *testing.T) {
	p := newOCSPPKI(t)
	at := func(status int, thisUpdate, nextUpdate time.Duration) *revocationtest.OCSPResponse {
		m := p.good()
		m.Answers[0].Status = status
		m.Answers[0].ThisUpdate, m.Answers[0].NextUpdate = ocspNow.Add(thisUpdate), ocspNow.Add(nextUpdate)
		m.ProducedAt = m.Answers[0].ThisUpdate
		return m
	}
	inAdvance := func(m *revocationtest.OCSPResponse) *revocationtest.OCSPResponse {
		m.ProducedAt = ocspNow.Add(-time.Hour)
		return m
	}
	const minute = time.Minute
	good := func(age time.Duration) *revocationtest.OCSPResponse { return at(ocsp.Good, -age, minute) }
	bad := func(age time.Duration) *revocationtest.OCSPResponse { return at(ocsp.Revoked, -age, minute) }
	goodBefore := func(age time.Duration) *revocationtest.OCSPResponse { return at(ocsp.Good, -age, -minute) }
	badBefore := func(age time.Duration) *revocationtest.OCSPResponse { return at(ocsp.Revoked, -age, -minute) }
	unknown := at(ocsp.Unknown, -minute, minute)
	type responses = []*revocationtest.OCSPResponse

	for _, test := range []struct {
		name    string
		stapled *revocationtest.OCSPResponse
		added   responses
		asked   *revocationtest.OCSPResponse // nil: the responder is down
		status  revocation.Status
		source  string
		kind    error
	}{
		{"a good staple decides", good(minute), responses{unknown}, nil, revocation.Good, "stapled", nil},
		{"a revoked staple decides", bad(minute), responses{good(2 * minute)}, good(0), revocation.Revoked, "stapled", nil},
		{"what was added comes next", nil, responses{good(minute)}, nil, revocation.Good, "added", nil},
		{"what was added, behind what says nothing", nil, responses{unknown, good(minute)}, nil, revocation.Good, "added", nil},
		{"what was added, though the staple says nothing", unknown, responses{bad(minute)}, nil, revocation.Revoked, "added", nil},
		{"the responder, though staple and added say nothing", unknown, responses{unknown}, good(minute), revocation.Good, "http://ocsp.example/", nil},
		{"the responder, though what is stapled has expired", goodBefore(5 * minute), nil, good(minute), revocation.Good, "http://ocsp.example/", nil},
		{"the responder, though what is stapled had been revoked", badBefore(5 * minute), nil, good(minute), revocation.Good, "http://ocsp.example/", nil},
		{"not an older good after a revocation that has expired", badBefore(5 * minute), nil, good(6 * minute), revocation.Revoked, "stapled", nil},
		{"the newest of what has expired", goodBefore(9 * minute), responses{badBefore(8 * minute)}, nil, revocation.Revoked, "added", nil},
		{"not an older good that has expired after a revocation", badBefore(8 * minute), responses{goodBefore(9 * minute)}, nil, revocation.Revoked, "stapled", nil},
		{"the newest of what is known", good(3 * minute), responses{bad(2 * minute), good(4 * minute)}, nil, revocation.Revoked, "added", nil},
		{"a good that is newer than a revocation supersedes it", good(2 * minute), responses{bad(3 * minute)}, nil, revocation.Good, "stapled", nil},
		{"revoked, of two as new", good(minute), responses{bad(minute)}, nil, revocation.Revoked, "added", nil},
		{"a newer good, though it has expired", badBefore(9 * minute), responses{goodBefore(8 * minute)}, nil, revocation.Good, "added", revocation.ErrExpired},
		{"a good that was signed in advance", inAdvance(good(minute)), nil, nil, revocation.Good, "stapled", nil},
		{"not a newer good that was signed before a revocation", inAdvance(good(minute)), responses{bad(2 * minute)}, nil, revocation.Revoked, "added", nil},
		{"not even after one that has expired", inAdvance(good(minute)), responses{badBefore(2 * minute)}, nil, revocation.Revoked, "added", nil},
		{"nothing", unknown, responses{unknown}, unknown, 0, "", revocation.ErrResponder},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := &ocspServer{}
			if test.asked != nil {
				server.answer = answering(test.asked)
			}
			s := &revocation.OCSP{Fetcher: server}
			for _, added := range test.added {
				require.NoError(t, s.Add(added.DER()))
			}
			q := p.query()
			if test.stapled != nil {
				q.Stapled = test.stapled.DER()
			}
			a, err := s.Status(t.Context(), q)
			require.Equal(t, test.status, a.Status)
			require.Equal(t, test.source, a.Source)
			if test.kind == nil {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, test.kind)
			}
		})
	}

	t.Run("a staple from before a revocation that is known", func(t *testing.T) {
		s := &revocation.OCSP{Fetcher: &ocspServer{answer: answering(bad(minute))}}
		a, err := s.Status(t.Context(), p.query())
		require.NoError(t, err)
		require.Equal(t, revocation.Revoked, a.Status)
		q := p.query()
		q.Stapled = good(2 * minute).DER()
		a, err = s.Status(t.Context(), q)
		require.NoError(t, err)
		require.Equal(t, revocation.Revoked, a.Status)
		q.Stapled = good(0).DER() // with a later thisUpdate than the revocation
		a, err = s.Status(t.Context(), q)
		require.NoError(t, err)
		require.Equal(t, revocation.Good, a.Status)
	})
	t.Run("a staple from between two revocations that are known", func(t *testing.T) {
		for _, known := range [][]time.Duration{{minute, 3 * minute}, {3 * minute, minute}} {
			s := &revocation.OCSP{}
			q := p.query()
			for _, age := range known {
				q.Stapled = bad(age).DER()
				a, err := s.Status(t.Context(), q)
				require.NoError(t, err)
				require.Equal(t, revocation.Revoked, a.Status)
			}
			q.Stapled = good(2 * minute).DER()
			a, err := s.Status(t.Context(), q)
			require.NoError(t, err)
			require.Equal(t, revocation.Revoked, a.Status)
		}
	})
	t.Run("another staple than before", func(t *testing.T) {
		s := &revocation.OCSP{}
		q := p.query()
		for _, status := range []revocation.Status{revocation.Good, revocation.Good, revocation.Revoked} {
			q.Stapled = good(2 * minute).DER()
			if status == revocation.Revoked {
				q.Stapled = bad(minute).DER()
			}
			a, err := s.Status(t.Context(), q)
			require.NoError(t, err)
			require.Equal(t, status, a.Status)
		}
	})
	t.Run("what was verified once is still current", func(t *testing.T) {
		s := &revocation.OCSP{}
		q := p.query()
		q.Stapled = good(minute).DER()
		_, err := s.Status(t.Context(), q)
		require.NoError(t, err)
		q.At = ocspNow.Add(2 * minute)
		_, err = s.Status(t.Context(), q)
		require.ErrorIs(t, err, revocation.ErrExpired)
	})
	t.Run("what is added later counts", func(t *testing.T) {
		s := &revocation.OCSP{}
		require.NoError(t, s.Add(good(2*minute).DER()))
		a, err := s.Status(t.Context(), p.query())
		require.NoError(t, err)
		require.Equal(t, revocation.Good, a.Status)
		require.NoError(t, s.Add(bad(minute).DER()))
		a, err = s.Status(t.Context(), p.query())
		require.NoError(t, err)
		require.Equal(t, revocation.Revoked, a.Status)
	})
}
