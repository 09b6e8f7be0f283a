// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"context"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

func TestMirrorIsKeyedByHostAndPath(t *testing.T) {
	t.Parallel()
	w := newMirrorWorld(t)
	first, second, third := w.publish(firstPoint, nil), w.publish(secondPoint, nil), w.publish(thirdPoint, nil)
	w.publish("http://elsewhere.example/lists/1.crl", nil)
	w.publish("http://crl.nhs.uk/unnamed.crl", nil)
	for _, url := range []string{firstPoint, secondPoint, thirdPoint, "http://crl.nhs.uk/missing.crl", "http://elsewhere.example/lists/1.crl"} {
		w.ask(t, points(at(urls(url))))
	}
	const found, unavailable = http.StatusNotFound, http.StatusServiceUnavailable
	for _, test := range []struct {
		name         string
		host, target string
		forwarded    string
		list         []byte
		status       int
	}{
		{"as a name server sends it", "crl.nhs.uk", "/lists/1.crl", "", first, 0},
		{"another host of the same path", "crl.nhs.uk:8080", "/lists/1.crl", "", second, 0},
		{"as a proxy is asked", "", firstPoint, "", first, 0},
		{"as a proxy is asked for another host", "", secondPoint, "", second, 0},
		{"a host in capitals with the default port", "CRL.NHS.UK:80", "/lists/1.crl", "", first, 0},
		{"a path that is the same name", "crl.nhs.uk", "/lists/./%31.crl", "", first, 0},
		{"a path in another case", "crl.nhs.uk", "/Lists/1.crl", "", nil, found},
		{"an https point, with its query", "ocsp.nhs.uk", "/lists/3.crl?batch=3", "", third, 0},
		{"without its query", "ocsp.nhs.uk", "/lists/3.crl", "", nil, found},
		{"with another query", "ocsp.nhs.uk", "/lists/3.crl?batch=33", "", nil, found},
		{"a query where there is none", "crl.nhs.uk", "/lists/1.crl?", "", nil, found},
		{"as RewriteHost says whose", "mirror:8000", "/lists/1.crl", `host="crl.nhs.uk:8080"`, second, 0},
		{"as RewriteHost says whose, to a distribution point's host", "crl.nhs.uk", "/lists/1.crl", `host="crl.nhs.uk:8080"`, second, 0},
		{"forwarded for the mirror itself", "crl.nhs.uk", "/lists/1.crl", `host="mirror:8000"`, first, 0},
		{"forwarded in another form", "crl.nhs.uk", "/lists/1.crl", `for=10.0.0.1;host="crl.nhs.uk:8080"`, first, 0},
		{"a path of one host, by the mirror's own name", "mirror:8000", "/lists/3.crl?batch=3", "", third, 0},
		{"a path of two hosts, by the mirror's own name", "mirror:8000", "/lists/1.crl", "", nil, found},
		{"no host", " ", "/lists/3.crl?batch=3", "", third, 0},
		{"a host that is not allowed", "", "http://elsewhere.example/lists/2.crl", "", nil, found},
		{"an allowed host that has no points", "crl.nhs.uk:9090", "/lists/3.crl?batch=3", "", nil, found},
		{"a list that no certificate named", "crl.nhs.uk", "/unnamed.crl", "", nil, found},
		{"a point that a certificate named and that has no list", "crl.nhs.uk", "/missing.crl", "", nil, unavailable},
		{"an allowed host's other path", "crl.nhs.uk", "/", "", nil, found},
		{"a path that no host has", "mirror:8000", "/", "", nil, found},
		{"a very long path", "crl.nhs.uk", "/" + strings.Repeat("a", 10_000), "", nil, found},
	} {
		t.Run(test.name, func(t *testing.T) {
			headers := []string{}
			if test.forwarded != "" {
				headers = []string{"Forwarded", test.forwarded}
			}
			answer := w.get(http.MethodGet, test.host, test.target, headers...)
			if test.list != nil {
				require.Equal(t, http.StatusOK, answer.Code, answer.Body)
				assert.Equal(t, test.list, answer.Body.Bytes())
				return
			}
			require.Equal(t, test.status, answer.Code, answer.Body)
			assert.Equal(t, test.status == unavailable, answer.Header().Get("Retry-After") != "")
		})
	}
	assert.Empty(t, w.server.requests(), "a request caused a fetch")
}

func TestMirrorServesNothingElse(t *testing.T) {
	t.Parallel()
	w := newMirrorWorld(t)
	w.publish(firstPoint, nil)
	w.ask(t, points(at(urls(firstPoint))))
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodConnect, http.MethodOptions, "PROPFIND"} {
		r := httptest.NewRequest(http.MethodGet, firstPoint, strings.NewReader("an OCSP request"))
		r.Method = method
		answer := httptest.NewRecorder()
		w.mirror.ServeHTTP(answer, r)
		assert.Equal(t, http.StatusMethodNotAllowed, answer.Code, method)
		assert.Equal(t, "GET, HEAD", answer.Header().Get("Allow"), method)
	}
	assert.Empty(t, w.server.requests())
}

func TestMirrorAnswersConditionalRequests(t *testing.T) {
	t.Parallel()
	w := newMirrorWorld(t)
	der := w.publish(firstPoint, nil)
	w.ask(t, points(at(urls(firstPoint))))
	whole := w.get(http.MethodGet, "", firstPoint)
	h := whole.Header()
	require.Equal(t, http.StatusOK, whole.Code)
	assert.Equal(t, "application/pkix-crl", h.Get("Content-Type"))
	modified := ocspNow.Add(-time.Hour).UTC().Format(http.TimeFormat)
	assert.Equal(t, modified, h.Get("Last-Modified"))

	head := w.get(http.MethodHead, "", firstPoint)
	assert.Equal(t, http.StatusOK, head.Code)
	assert.Empty(t, head.Body.Bytes())
	assert.Equal(t, h, head.Header())

	later, earlier := ocspNow.UTC().Format(http.TimeFormat), ocspNow.Add(-2*time.Hour).UTC().Format(http.TimeFormat)
	for _, test := range []struct {
		name    string
		headers []string
		status  int
	}{
		{"its ETag", []string{"If-None-Match", h.Get("ETag")}, http.StatusNotModified},
		{"another", []string{"If-None-Match", `"another"`}, http.StatusOK},
		{"its thisUpdate", []string{"If-Modified-Since", modified}, http.StatusNotModified},
		{"a later time, of another server that published an earlier list late", []string{"If-Modified-Since", later}, http.StatusOK},
		{"an earlier time", []string{"If-Modified-Since", earlier}, http.StatusOK},
		{"another ETag and its thisUpdate", []string{"If-None-Match", `"another"`, "If-Modified-Since", modified}, http.StatusOK},
		{"both", []string{"If-None-Match", h.Get("ETag"), "If-Modified-Since", later}, http.StatusNotModified},
	} {
		t.Run(test.name, func(t *testing.T) {
			answer := w.get(http.MethodGet, "", firstPoint, test.headers...)
			require.Equal(t, test.status, answer.Code)
			if test.status == http.StatusOK {
				assert.Equal(t, der, answer.Body.Bytes())
			} else {
				assert.Empty(t, answer.Body.Bytes())
				assert.Equal(t, h.Get("ETag"), answer.Header().Get("ETag"))
			}
		})
	}

	// The list that follows within the second has the same Last-Modified.
	der = w.publish(firstPoint, func(l *revocationtest.CRL) { l.Number = 2 })
	require.NoError(t, w.crls.Add(der))
	answer := w.get(http.MethodGet, "", firstPoint, "If-Modified-Since", modified)
	require.Equal(t, http.StatusOK, answer.Code)
	assert.Equal(t, der, answer.Body.Bytes())
	assert.NotEqual(t, h.Get("ETag"), answer.Header().Get("ETag"))
}

// TestMirrorsListExpiresWhenNewsMayCome: by Expires, which a cache on the way goes by.
func TestMirrorsListExpiresWhenNewsMayCome(t *testing.T) {
	t.Parallel()
	w := newMirrorWorld(t)
	w.crls.Refresh = 10 * time.Minute
	w.publish(firstPoint, nil) // for an hour from now
	w.publish(secondPoint, func(l *revocationtest.CRL) { l.NextUpdate = ocspNow.Add(time.Minute) })
	w.ask(t, points(at(urls(firstPoint))))
	w.ask(t, points(at(urls(secondPoint))))
	w.crls.URLs = nil
	expires := func(url string) time.Time {
		at, err := http.ParseTime(w.get(http.MethodGet, "", url).Header().Get("Expires"))
		require.NoError(t, err)
		return at
	}
	var next time.Time
	for _, look := range w.crls.State().Looks {
		if look.URL == firstPoint {
			next = look.Next
		}
	}
	require.False(t, next.After(ocspNow.Add(10*time.Minute)))
	assert.Equal(t, next.UTC().Truncate(time.Second), expires(firstPoint))
	assert.True(t, expires(firstPoint).After(ocspNow))
	assert.False(t, expires(secondPoint).After(ocspNow.Add(time.Minute)))
	w.time.Store(700)
	assert.Equal(t, w.now().UTC(), expires(firstPoint), "the look is overdue")
}

func TestMirrorServesTheLatestListWhileItIsCurrent(t *testing.T) {
	t.Parallel()
	w := newMirrorWorld(t)
	hours := func(from, to time.Duration, number int64) func(*revocationtest.CRL) {
		return func(l *revocationtest.CRL) {
			l.ThisUpdate, l.NextUpdate, l.Number = ocspNow.Add(from*time.Hour), ocspNow.Add(to*time.Hour), number
		}
	}
	const none = http.StatusServiceUnavailable
	der := w.publish(firstPoint, hours(-1, 1, 5))
	w.ask(t, points(at(urls(firstPoint))))
	w.requireServed(t, der, firstPoint)

	require.NoError(t, w.crls.Add(w.publish(firstPoint, hours(-2, 5, 4))))
	w.requireServed(t, der, firstPoint) // yesterday's list changes nothing

	next := w.publish(firstPoint, hours(2, 3, 6))
	require.NoError(t, w.crls.Add(next))
	w.requireServed(t, der, firstPoint) // a list that has not begun waits

	w.time.Store(3590)
	w.requireServed(t, der, firstPoint)
	w.time.Store(3600)
	w.requireRefused(t, none, firstPoint) // nothing is current, and the one before is not put in its place
	w.time.Store(7190)
	w.requireRefused(t, none, firstPoint)
	w.time.Store(7200)
	w.requireServed(t, next, firstPoint)
	w.time.Store(0)
	w.requireServed(t, der, firstPoint) // the clock was set back
	w.time.Store(3 * 3600)
	w.requireRefused(t, none, firstPoint)

	w.time.Store(0)
	renumbered := w.publish(firstPoint, func(l *revocationtest.CRL) { l.ThisUpdate, l.Number = ocspNow, 1 })
	require.NoError(t, w.crls.Add(renumbered))
	w.requireServed(t, renumbered, firstPoint) // of lists whose numbers run against their times, the time counts
}

func TestMirrorServesListsOfItsCAsOnly(t *testing.T) {
	t.Parallel()
	w := newMirrorWorld(t)
	forged := func(l *revocationtest.CRL) { l.Issuer, l.Key = w.p.other.cert, w.p.other.key }
	w.publish(firstPoint, forged)
	w.ask(t, points(at(urls(firstPoint))))
	w.requireRefused(t, http.StatusServiceUnavailable, firstPoint)

	der := w.publish(secondPoint, nil)
	w.ask(t, points(at(urls(secondPoint))))
	w.requireServed(t, der, secondPoint)
	// Another CA of the same root may be asked about, too, and its list may be later.
	require.NoError(t, w.crls.Add(w.publish(secondPoint, func(l *revocationtest.CRL) {
		forged(l)
		l.ThisUpdate, l.Number = ocspNow, 9
	})))
	_, _ = w.crls.Status(t.Context(), revocation.Query{Path: []*x509.Certificate{w.p.other.cert, w.p.root.cert}, At: ocspNow})
	w.requireServed(t, der, secondPoint)
}

func TestMirrorServesDeltasWhereTheyAreNamed(t *testing.T) {
	t.Parallel()
	w := newMirrorWorld(t)
	const fresh = "http://crl.nhs.uk/delta.crl"
	der := w.publish(firstPoint, nil)
	delta := w.publish(fresh, func(l *revocationtest.CRL) {
		l.Scope = &revocationtest.Scope{PointName: urls(firstPoint)}
		l.BaseNumber, l.Number, l.ThisUpdate = 1, 7, ocspNow
	})
	w.ask(t, points(at(urls(firstPoint))), revocationtest.FreshestCRL(at(urls(fresh))))
	w.requireServed(t, der, firstPoint)
	w.requireServed(t, delta, fresh)
	require.NoError(t, w.crls.Add(w.publish(secondPoint, func(l *revocationtest.CRL) { // of another partition
		l.BaseNumber, l.Number, l.ThisUpdate = 1, 8, ocspNow
	})))
	w.requireServed(t, delta, fresh)

	// A point of complete lists never serves a delta CRL, whatever names it for one.
	w.ask(t, points(at(urls(fresh))))
	w.requireRefused(t, http.StatusServiceUnavailable, fresh)
}

func TestMirrorFindsListsThatNameNoPoint(t *testing.T) {
	t.Parallel()
	w := newMirrorWorld(t)
	w.crls.URLs = []string{secondPoint}
	plain := func(number int64) func(*revocationtest.CRL) {
		return func(l *revocationtest.CRL) { l.Scope, l.Number = nil, number }
	}
	first, second := w.publish(firstPoint, plain(1)), w.publish(secondPoint, plain(2))
	w.ask(t, points(at(urls(firstPoint))))
	w.ask(t, points(at(urls(thirdPoint)))) // has CRLs.URLs asked, too
	require.Eventually(t, func() bool { return w.get(http.MethodGet, "", secondPoint).Code == http.StatusOK }, time.Minute, time.Millisecond)
	w.requireServed(t, first, firstPoint)
	w.requireServed(t, second, secondPoint)
	w.requireRefused(t, http.StatusServiceUnavailable, thirdPoint)

	added := w.publish(thirdPoint, func(l *revocationtest.CRL) { plain(3)(l); l.ThisUpdate = ocspNow })
	require.NoError(t, w.crls.Add(added))
	w.requireServed(t, added, firstPoint)
	w.requireServed(t, added, thirdPoint)
	w.requireServed(t, second, secondPoint) // no certificate names it

	// One for CAs' certificates is not what the leaves that named the points need.
	require.NoError(t, w.crls.Add(w.publish(thirdPoint, func(l *revocationtest.CRL) {
		l.Scope, l.Number, l.ThisUpdate = &revocationtest.Scope{OnlyCACerts: true}, 4, ocspNow
	})))
	w.requireServed(t, added, thirdPoint)
}

func TestMirrorsPrefixes(t *testing.T) {
	t.Parallel()
	w := newMirrorWorld(t)
	w.mirror.Prefixes = []string{"http://CRL.nhs.uk/lists/"}
	require.NoError(t, w.mirror.Validate())
	der := w.publish(firstPoint, nil)
	require.NoError(t, w.crls.Add(der))
	require.NoError(t, w.crls.Add(w.publish("http://crl.nhs.uk/other/1.crl", nil)))
	w.requireServed(t, der, firstPoint)
	w.requireServed(t, der, "http://mirror/lists/1.crl")
	w.requireRefused(t, http.StatusServiceUnavailable, "http://crl.nhs.uk/lists/2.crl")
	w.requireRefused(t, http.StatusServiceUnavailable, "http://mirror/lists/2.crl")
	for _, url := range []string{
		"http://crl.nhs.uk/other/1.crl", "http://crl.nhs.uk/lists", "http://crl.nhs.uk/lists/../other/1.crl", "http://crl.nhs.uk/lists/%2e%2e/other/1.crl",
		"http://crl.nhs.uk:8080/lists/1.crl.crl", "http://mirror/other/1.crl",
	} {
		w.requireRefused(t, http.StatusNotFound, url)
	}
}

func TestMirrorIsValidated(t *testing.T) {
	t.Parallel()
	cas := func() []*x509.Certificate { return nil }
	kept := &revocation.CRLs{KeepDER: true}
	for name, m := range map[string]*revocation.Mirror{
		"no CRLs":            {CAs: cas},
		"no CAs":             {CRLs: kept},
		"no DER":             {CRLs: &revocation.CRLs{}, CAs: cas},
		"an ldap prefix":     {CRLs: kept, CAs: cas, Prefixes: []string{"ldap://crl.nhs.uk/"}},
		"a host alone":       {CRLs: kept, CAs: cas, Prefixes: []string{"http://crl.nhs.uk"}},
		"half a name":        {CRLs: kept, CAs: cas, Prefixes: []string{"http://crl.nhs.uk/lis"}},
		"a query":            {CRLs: kept, CAs: cas, Prefixes: []string{"http://crl.nhs.uk/?/"}},
		"a user":             {CRLs: kept, CAs: cas, Prefixes: []string{"http://me@crl.nhs.uk/"}},
		"a host not allowed": {CRLs: kept, CAs: cas, Prefixes: []string{"http://elsewhere.example/"}},
	} {
		assert.Error(t, m.Validate(), name)
	}
	require.NoError(t, (&revocation.Mirror{CRLs: kept, CAs: cas, Prefixes: []string{"http://crl.nhs.uk/"}}).Validate())

	answer := httptest.NewRecorder()
	new(revocation.Mirror).ServeHTTP(answer, httptest.NewRequest(http.MethodGet, firstPoint, nil))
	assert.Equal(t, http.StatusInternalServerError, answer.Code)
}

// TestMirrorNeverGoesBack: who asks again and again, while lists come, never gets an
// earlier one than before.
func TestMirrorNeverGoesBack(t *testing.T) {
	t.Parallel()
	w := newMirrorWorld(t)
	w.publish(firstPoint, nil)
	w.ask(t, points(at(urls(firstPoint))))
	const latest = 40
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for before := int64(0); before < latest; {
				if !assert.NoError(t, ctx.Err(), "the latest list is not served") {
					return
				}
				answer := w.get(http.MethodGet, "", firstPoint)
				if !assert.Equal(t, http.StatusOK, answer.Code) {
					return
				}
				list, err := x509.ParseRevocationList(answer.Body.Bytes())
				if !assert.NoError(t, err) || !assert.GreaterOrEqual(t, list.Number.Int64(), before) {
					return
				}
				before = list.Number.Int64()
			}
		})
	}
	for number := range int64(latest) {
		require.NoError(t, w.crls.Add(w.publish(firstPoint, func(l *revocationtest.CRL) {
			l.Number, l.ThisUpdate = number+1, ocspNow.Add(time.Duration(number-latest)*time.Second)
		})))
	}
	clients.Wait()
}

func TestMirrorServesFromTheCacheAfterARestart(t *testing.T) {
	t.Parallel()
	w := newMirrorWorld(t)
	w.crls.KeepDER, w.crls.Cache = false, &memoryCache{}
	require.NoError(t, w.mirror.Validate())
	named, plain := w.publish(firstPoint, nil), w.publish(thirdPoint, func(l *revocationtest.CRL) { l.Scope = nil })
	w.ask(t, points(at(urls(firstPoint))))
	w.ask(t, points(at(urls(thirdPoint))))
	w.crls.Settle()

	w.crls = &revocation.CRLs{Fetcher: &crlServer{}, Cache: w.crls.Cache, Time: w.now}
	w.mirror = &revocation.Mirror{CRLs: w.crls, CAs: w.mirror.CAs}
	w.requireRefused(t, http.StatusNotFound, firstPoint)
	w.ask(t, points(at(urls(firstPoint))))
	w.ask(t, points(at(urls(thirdPoint))))
	w.requireServed(t, named, firstPoint)
	w.requireServed(t, plain, thirdPoint)
}
