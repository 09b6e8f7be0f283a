// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"math/big"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ocsp"

	"github.com/nrlsecurity/nrlsecurity/revocation"
)

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
			requireResponder(t, a, err, test.says)
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
