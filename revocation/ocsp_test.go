// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"math/big"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ocsp"

	"github.com/nrlsecurity/nrlsecurity/internal/testca"
	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

func (p *ocspPKI) query() revocation.Query { return revocation.Query{Path: p.path(), At: ocspNow} }

// leafAt is the PKI with a leaf that names the responders.
func (p *ocspPKI) leafAt(t *testing.T, responders ...string) *ocspPKI {
	own := *p
	template := *p.leaf.cert
	template.OCSPServer = responders
	own.leaf = ocspIssue(t, &template, testca.RSA("leaf"), p.ca)
	return &own
}

// TestOCSPRequest: what goes to the responder.
func TestOCSPRequest(t *testing.T) {
	p := newOCSPPKI(t)
	asks := func(t *testing.T, der []byte) {
		request, err := ocsp.ParseRequest(der)
		require.NoError(t, err)
		require.Equal(t, p.leaf.cert.SerialNumber, request.SerialNumber)
		want, err := ocsp.CreateRequest(p.leaf.cert, p.ca.cert, nil)
		require.NoError(t, err)
		plain, err := request.Marshal()
		require.NoError(t, err)
		require.Equal(t, want, plain)
	}
	t.Run("POST, with a nonce of 32 octets that is fresh each time", func(t *testing.T) {
		nonces := map[string]bool{}
		for range 3 {
			server := &ocspServer{answer: answering(p.good())}
			a, err := (&revocation.OCSP{Fetcher: server}).Status(t.Context(), p.query())
			require.NoError(t, err)
			require.Equal(t, revocation.Good, a.Status)
			asked := server.asked()
			require.Len(t, asked, 1)
			require.Equal(t, "http://ocsp.example/", asked[0].URL)
			require.Equal(t, "application/ocsp-request", asked[0].ContentType)
			require.EqualValues(t, 64<<10, asked[0].MaxBytes)
			asks(t, asked[0].Body)
			require.Len(t, requestNonce(asked[0].Body), 32)
			nonces[string(requestNonce(asked[0].Body))] = true
		}
		require.Len(t, nonces, 3)
	})
	get := func(responder string) revocation.Request {
		server := &ocspServer{answer: answering(p.good())}
		a, err := (&revocation.OCSP{Fetcher: server, NoNonce: true, Responder: responder}).Status(t.Context(), p.query())
		require.NoError(t, err)
		require.Equal(t, responder, a.Source)
		require.Len(t, server.asked(), 1)
		return server.asked()[0]
	}
	t.Run("GET, without a nonce", func(t *testing.T) {
		for _, responder := range []string{"http://ocsp.example", "http://ocsp.example/", "http://ocsp.example/a/b"} {
			r := get(responder)
			require.Nil(t, r.Body)
			require.LessOrEqual(t, len(r.URL), 255)
			path, ok := strings.CutPrefix(r.URL, strings.TrimSuffix(responder, "/")+"/")
			require.True(t, ok)
			require.NotContains(t, path, "/")
			require.NotContains(t, path, "+")
			text, err := url.QueryUnescape(path)
			require.NoError(t, err)
			der, err := base64.StdEncoding.DecodeString(text)
			require.NoError(t, err)
			asks(t, der)
			require.Empty(t, requestNonce(der))
		}
	})
	t.Run("GET as long as the URL has 255 octets at most", func(t *testing.T) {
		room := 255 - len(get("http://ocsp.example/").URL)
		longest := "http://ocsp.example/" + strings.Repeat("a", room-1) + "/"
		require.Len(t, get(longest).URL, 255)
		r := get("http://ocsp.example/" + strings.Repeat("a", room) + "/")
		require.Equal(t, "http://ocsp.example/"+strings.Repeat("a", room)+"/", r.URL)
		asks(t, r.Body)
		require.Empty(t, requestNonce(r.Body))
	})
	t.Run("POST where the path cannot go on", func(t *testing.T) {
		r := get("http://ocsp.example/?ca=1")
		require.Equal(t, "http://ocsp.example/?ca=1", r.URL)
		asks(t, r.Body)
	})
}

// TestOCSPNonce: what comes back.
func TestOCSPNonce(t *testing.T) {
	p := newOCSPPKI(t)
	with := func(nonce func(sent []byte) []byte) func(revocation.Request) ([]byte, error) {
		return func(r revocation.Request) ([]byte, error) {
			m := p.good()
			if r.Body != nil {
				m.Nonce = nonce(requestNonce(r.Body))
			}
			return m.DER(), nil
		}
	}
	for _, test := range []struct {
		name  string
		nonce func(sent []byte) []byte
		says  string // empty: accepted
	}{
		{"the same", func(sent []byte) []byte { return sent }, ""},
		{"none", func([]byte) []byte { return nil }, "does not repeat the nonce"},
		{"another", func(sent []byte) []byte { return bytes.Repeat([]byte{1}, len(sent)) }, "another nonce"},
		{"its beginning", func(sent []byte) []byte { return sent[:31] }, "another nonce"},
		{"one octet more", func(sent []byte) []byte { return append(sent, 0) }, "another nonce"},
	} {
		t.Run(test.name, func(t *testing.T) {
			a, err := (&revocation.OCSP{Fetcher: &ocspServer{answer: with(test.nonce)}}).Status(t.Context(), p.query())
			if test.says == "" {
				require.NoError(t, err)
				require.Equal(t, revocation.Good, a.Status)
				return
			}
			require.ErrorIs(t, err, revocation.ErrResponder)
			require.ErrorContains(t, err, test.says)
			require.Zero(t, a)
		})
	}
	t.Run("none, in what is not a response", func(t *testing.T) {
		garbage := func(revocation.Request) ([]byte, error) { return []byte("garbage"), nil }
		a, err := (&revocation.OCSP{Fetcher: &ocspServer{answer: garbage}}).Status(t.Context(), p.query())
		require.ErrorIs(t, err, revocation.ErrMalformed)
		require.Zero(t, a)
	})
	t.Run("none, where none is sent", func(t *testing.T) {
		s := &revocation.OCSP{Fetcher: &ocspServer{answer: answering(p.good())}, NoNonce: true}
		a, err := s.Status(t.Context(), p.query())
		require.NoError(t, err)
		require.Equal(t, revocation.Good, a.Status)
	})
	t.Run("the same, in a response that is not the CA's", func(t *testing.T) {
		m := p.good()
		m.BrokenSignature = true
		a, err := (&revocation.OCSP{Fetcher: &ocspServer{answer: answering(m)}}).Status(t.Context(), p.query())
		require.ErrorIs(t, err, revocation.ErrSignature)
		require.Zero(t, a)
	})
}

// TestOCSPResponders: who is asked, in which order, and what is said about
// those who are not.
func TestOCSPResponders(t *testing.T) {
	p := newOCSPPKI(t)
	down := errors.New("down")
	for _, test := range []struct {
		name      string
		named     []string
		responder string
		down      string // the responder that does not answer
		asked     []string
		later     []string // in the background
		kind      error
	}{
		{name: "the one", named: []string{"http://a/"}, asked: []string{"http://a/"}},
		{name: "the first of two", named: []string{"http://a/", "http://b/"}, asked: []string{"http://a/"}, later: []string{"http://b/"}},
		{name: "the second when the first is down", named: []string{"http://a/", "https://b/"}, down: "http://a/", asked: []string{"http://a/", "https://b/"}},
		{name: "none that answers", named: []string{"http://a/"}, down: "http://a/", asked: []string{"http://a/"}, kind: down},
		{name: "one by a scheme that is not spoken", named: []string{"ldap://a/", "http://b/"}, asked: []string{"http://b/"}},
		{name: "none but by a scheme that is not spoken", named: []string{"ldap://a/"}, kind: revocation.ErrNoSource},
		{name: "no host", named: []string{"http:///path"}, kind: revocation.ErrNoSource},
		{name: "none", kind: revocation.ErrNoSource},
		{name: "the one that is configured", named: []string{"http://a/"}, responder: "http://c/", asked: []string{"http://c/"}},
		{name: "the one that is configured, and no other", named: []string{"http://a/"}, responder: "http://c/", down: "http://c/", asked: []string{"http://c/"}, kind: down},
		{name: "the one that is configured for a certificate that names none", responder: "http://c/", asked: []string{"http://c/"}},
		{name: "a configured one by a scheme that is not spoken", named: []string{"http://a/"}, responder: "file:///c", kind: revocation.ErrNoSource},
	} {
		t.Run(test.name, func(t *testing.T) {
			own := p.leafAt(t, test.named...)
			server := &ocspServer{}
			server.answer = func(r revocation.Request) ([]byte, error) {
				if r.URL == test.down {
					return nil, &revocation.FetchError{URL: r.URL, Err: down}
				}
				return answering(own.good())(r)
			}
			a, err := (&revocation.OCSP{Fetcher: server, Responder: test.responder}).Status(t.Context(), own.query())
			var asked []string
			for _, r := range server.asked() {
				asked = append(asked, r.URL)
			}
			if n := len(test.asked); n < len(asked) { // the others are asked once no caller waits for them
				require.Subset(t, test.later, asked[n:])
				asked = asked[:n]
			}
			require.Equal(t, test.asked, asked)
			if test.kind != nil {
				require.ErrorIs(t, err, test.kind)
				require.Zero(t, a)
				return
			}
			require.NoError(t, err)
			require.Equal(t, revocation.Good, a.Status)
			// The answer of one that is asked in the background may be there first.
			require.Contains(t, append(test.later, test.asked[len(asked)-1]), a.Source)
			require.False(t, a.Cached)
		})
	}
	t.Run("no Fetcher", func(t *testing.T) {
		a, err := (&revocation.OCSP{}).Status(t.Context(), p.query())
		require.ErrorIs(t, err, revocation.ErrNoSource)
		require.Zero(t, a)
	})
	t.Run("no issuer", func(t *testing.T) {
		for _, path := range [][]*x509.Certificate{nil, p.path()[:1], {p.leaf.cert, nil}, {nil, p.ca.cert}, {{}, p.ca.cert}} {
			a, err := (&revocation.OCSP{}).Status(t.Context(), revocation.Query{Path: path, At: ocspNow})
			require.ErrorIs(t, err, revocation.ErrScope)
			require.Zero(t, a)
		}
	})
	t.Run("an issuer without a key", func(t *testing.T) {
		a, err := (&revocation.OCSP{}).Status(t.Context(), revocation.Query{Path: []*x509.Certificate{p.leaf.cert, {}}, At: ocspNow})
		require.ErrorIs(t, err, revocation.ErrMalformed)
		require.Zero(t, a)
	})
	t.Run("a serial number of more than 20 octets", func(t *testing.T) {
		cert := *p.leaf.cert
		for _, serial := range []*big.Int{big.NewInt(0), big.NewInt(-1), new(big.Int).Lsh(big.NewInt(1), 160)} {
			cert.SerialNumber = serial
			a, err := (&revocation.OCSP{}).Status(t.Context(), revocation.Query{Path: []*x509.Certificate{&cert, p.ca.cert}, At: ocspNow})
			require.ErrorIs(t, err, revocation.ErrMalformed)
			require.Zero(t, a)
		}
	})
}

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
		other.leaf = ocspIssue(t, &template, testca.RSA("leaf"), p.ca)
		server.setAnswer(answering(other.good()))
		a, err := s.Status(t.Context(), other.query())
		require.NoError(t, err)
		require.False(t, a.Cached)
		require.Len(t, server.asked(), 2)
	})
	t.Run("not for the serial at another CA", func(t *testing.T) {
		sibling := ocspIssue(t, ocspCA("Sibling"), testca.RSA("other"), p.root)
		other := ocspPKI{root: p.root, ca: sibling, leaf: ocspIssue(t, p.leaf.cert, testca.RSA("leaf"), sibling)}
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
		{"a good that is newer than a revocation: the hold is over", good(2 * minute), responses{bad(3 * minute)}, nil, revocation.Good, "stapled", nil},
		{"revoked, of two as new", good(minute), responses{bad(minute)}, nil, revocation.Revoked, "added", nil},
		{"a newer good, though it has expired", badBefore(9 * minute), responses{goodBefore(8 * minute)}, nil, revocation.Good, "added", revocation.ErrExpired},
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
		q.Stapled = good(0).DER() // the hold is over
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
	t.Run("what was believed once is still of its time", func(t *testing.T) {
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

// TestOCSPAdd: one response may speak of several certificates, and one that
// is not a response is refused at once.
func TestOCSPAdd(t *testing.T) {
	p := newOCSPPKI(t)
	template := *p.leaf.cert
	template.SerialNumber = big.NewInt(0x1234)
	other := *p
	other.leaf = ocspIssue(t, &template, testca.RSA("leaf"), p.ca)
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

// fetcherFunc is a Fetcher made of a function.
type fetcherFunc func(ctx context.Context, r revocation.Request) (*revocation.Response, error)

func (f fetcherFunc) Fetch(ctx context.Context, r revocation.Request) (*revocation.Response, error) {
	return f(ctx, r)
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

// TestOCSPResponderExpires: a kept response counts no longer than the
// certificate of the responder that signed it, and another is asked for then.
func TestOCSPResponderExpires(t *testing.T) {
	p := newOCSPPKI(t)
	template := ocspResponderTemplate()
	template.NotBefore, template.NotAfter = ocspNow.Add(-time.Hour), ocspNow.Add(time.Minute)
	server := &ocspServer{answer: answering(ocspIssue(t, template, testca.RSA("responder"), p.ca).by(p.good()))}
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

// TestOCSPConditional: a request with a nonce is never conditional, since what
// answered another does not answer it; one without may be.
func TestOCSPConditional(t *testing.T) {
	p := newOCSPPKI(t)
	for _, noNonce := range []bool{false, true} {
		var mu sync.Mutex
		var etags []string
		fetcher := fetcherFunc(func(_ context.Context, r revocation.Request) (*revocation.Response, error) {
			mu.Lock()
			etags = append(etags, r.ETag+r.LastModified)
			mu.Unlock()
			body, err := answering(p.good())(r)
			return &revocation.Response{Body: body, ETag: "etag", LastModified: "date"}, err
		})
		var hand handClock
		s := &revocation.OCSP{Fetcher: fetcher, NoNonce: noNonce, Time: hand.now, Refresh: 20 * time.Minute}
		_, err := s.Status(t.Context(), p.query())
		require.NoError(t, err)
		for _, later := range []time.Duration{30 * time.Minute, 2 * time.Hour} {
			q := p.query()
			hand.set(later)
			q.At = hand.now()
			_, _ = s.Status(t.Context(), q)
			require.Eventually(t, func() bool { mu.Lock(); defer mu.Unlock(); return len(etags) == 2+int(later/(2*time.Hour)) }, 10*time.Second, time.Millisecond)
		}
		if noNonce {
			require.Equal(t, []string{"", "etagdate", ""}, etags, "unconditional when the answer has run out")
		} else {
			require.Equal(t, []string{"", "", ""}, etags)
		}
	}
	t.Run("not modified, to a request that was not conditional", func(t *testing.T) {
		fetcher := fetcherFunc(func(context.Context, revocation.Request) (*revocation.Response, error) {
			return &revocation.Response{NotModified: true}, nil
		})
		_, err := (&revocation.OCSP{Fetcher: fetcher}).Status(t.Context(), p.query())
		require.ErrorAs(t, err, new(*revocation.FetchError))
	})
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

// A handClock stands at ocspNow and a duration that is set. Sources read it in the
// background.
type handClock struct{ ahead atomic.Int64 }

func (c *handClock) now() time.Time          { return ocspNow.Add(time.Duration(c.ahead.Load())) }
func (c *handClock) set(ahead time.Duration) { c.ahead.Store(int64(ahead)) }
