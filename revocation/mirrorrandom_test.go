// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"bytes"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

// TestMirrorIsNoOpenProxy: whatever is asked for, nothing is fetched, and nothing is
// served but the list of the path that was asked for, and never another host's to who
// names one that may have lists.
func TestMirrorIsNoOpenProxy(t *testing.T) {
	t.Parallel()
	w := newMirrorWorld(t)
	served := map[string][]byte{}
	for _, at := range []string{firstPoint, secondPoint, thirdPoint} {
		served[at] = w.publish(at, nil)
	}
	notServed := []string{"http://elsewhere.example/lists/1.crl", "http://crl.nhs.uk/unnamed.crl", "http://crl.nhs.uk/expired.crl", "http://crl.nhs.uk:9090/lists/4.crl"}
	for _, url := range notServed {
		w.publish(url, func(l *revocationtest.CRL) {
			if strings.Contains(url, "expired") {
				l.NextUpdate = ocspNow.Add(-1)
			}
		})
	}
	for url := range served {
		w.ask(t, points(at(urls(url))))
	}
	w.ask(t, points(at(urls("http://elsewhere.example/lists/1.crl"))))
	w.ask(t, points(at(urls("http://crl.nhs.uk/expired.crl"))))

	random := rand.New(rand.NewPCG(22, 10_000))
	any := func(of ...[]string) string {
		all := slices.Concat(of...)
		if len(of) > 1 && len(of[0]) > 0 && random.IntN(2) == 0 {
			all = of[0]
		}
		return all[random.IntN(len(all))]
	}
	hosts := []string{
		"crl.nhs.uk", "crl.nhs.uk:80", "crl.nhs.uk:8080", "crl.nhs.uk:9090", "ocsp.nhs.uk", "OCSP.NHS.UK:443", "mirror", "mirror:8000", "elsewhere.example",
		"127.0.0.1", "[::1]:80", "169.254.169.254", "", "crl.nhs.uk.", "crl.nhs.uk@elsewhere.example", "elsewhere.example/crl.nhs.uk", "crl.nhs.uk/..", "crl.nhs.uk%00",
	}
	paths := []string{"/lists/1.crl", "/lists/1.crl", "/lists/1.crl", "/lists/1.crl", "/lists/3.crl", "/unnamed.crl", "/expired.crl", "/lists/4.crl", "/lists/", "/", "//crl.nhs.uk/lists/1.crl", "/etc/passwd", "/http://elsewhere.example/lists/1.crl"}
	plain := func(p string) string { return p }
	mangle := []func(string) string{
		plain, plain, plain, plain, plain, plain, plain, func(p string) string { return "/." + p },
		func(p string) string { return "/a/.." + p }, func(p string) string { return "/.." + p }, func(p string) string { return p + "/" },
		func(p string) string { return strings.ReplaceAll(p, "l", "%6C") }, func(p string) string { return strings.ReplaceAll(p, "/", "%2f") },
		strings.ToUpper, func(p string) string { return p + "%00" }, func(p string) string { return p + ";x" }, func(p string) string { return "/%2e%2e" + p },
	}
	queries := []string{"", "", "", "", "", "", "", "", "", "?", "?batch=3", "?batch=3&", "?batch=%33", "?url=http://elsewhere.example/", "?a=" + strings.Repeat("b", 9000)}
	methods := []string{"GET", "GET", "GET", "GET", "GET", "GET", "GET", "GET", "HEAD", "HEAD", "POST", "CONNECT", "OPTIONS", "get", ""}
	values := append([]string{`host="crl.nhs.uk"`, `host="crl.nhs.uk:8080"`, `host="elsewhere.example"`, `host="`, `host=crl.nhs.uk`, `host="crl.nhs.uk", host="mirror"`,
		"bytes=0-9", "bytes=-1", "no-cache", "*", `"x"`, "Mon, 01 Jun 2026 11:00:00 GMT", "100-continue", "POST"}, hosts...)
	names := []string{"Forwarded", "Range", "Range", "Range", "If-Modified-Since", "X-Forwarded-Host", "X-Original-Url", "X-Rewrite-Url", "X-Http-Method-Override", "Range", "If-Range", "If-None-Match",
		"If-Modified-Since", "If-Match", "Cache-Control", "Expect", "Via", "Connection", "Content-Length"}

	statuses := map[int]int{}
	for sent := 0; sent < 10_000; {
		r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		r.Method, r.Host = any(methods), any(hosts)
		u, err := url.ParseRequestURI(mangle[random.IntN(len(mangle))](any(paths)) + any(queries))
		if err != nil {
			continue
		}
		sent++
		r.URL, r.RequestURI = u, u.String()
		if random.IntN(4) == 0 { // as a proxy is asked
			r.URL.Scheme, r.URL.Host = any([]string{"http", "https", "ftp", "file"}), r.Host
		}
		for range random.IntN(4) {
			name := any(names)
			r.Header.Add(name, any(map[string][]string{"Range": {"bytes=0-9", "bytes=-1", "bytes=9999-"}, "If-Modified-Since": {"Mon, 01 Jun 2026 11:00:00 GMT"}}[name], values))
		}
		answer := httptest.NewRecorder()
		w.mirror.ServeHTTP(answer, r)
		statuses[answer.Code]++
		switch body := answer.Body.Bytes(); answer.Code {
		case http.StatusOK, http.StatusPartialContent, http.StatusNotModified, http.StatusPreconditionFailed, http.StatusRequestedRangeNotSatisfiable:
			at := requestedPoint(r)
			require.NotEmpty(t, at, "%s %s %s %v", r.Method, r.Host, r.URL, r.Header)
			if answer.Code == http.StatusOK && r.Method != http.MethodHead {
				require.Equal(t, served[at], body)
			}
			require.True(t, answer.Code == http.StatusRequestedRangeNotSatisfiable || bytes.Contains(served[at], body) ||
				strings.HasPrefix(answer.Header().Get("Content-Type"), "multipart/byteranges"))
		case http.StatusServiceUnavailable:
			require.Equal(t, "/expired.crl", path.Clean(r.URL.Path))
		default:
			require.Contains(t, []int{http.StatusNotFound, http.StatusMethodNotAllowed}, answer.Code)
			require.Less(t, len(body), 200)
		}
	}
	t.Log(statuses)
	for _, status := range []int{200, 206, 304, 404, 405, 503} {
		assert.Greater(t, statuses[status], 4, status)
	}
	assert.Empty(t, w.server.requests(), "a request caused a fetch")
}

// requestedPoint returns the distribution point that a request may be answered for.
func requestedPoint(r *http.Request) string {
	host := strings.TrimSuffix(strings.ToLower(r.Host), map[bool]string{false: ":80", true: ":443"}[r.URL.Scheme == "https"])
	if forwarded := r.Header.Values("Forwarded"); len(forwarded) == 1 {
		if said := strings.TrimSuffix(strings.TrimPrefix(forwarded[0], `host="`), `"`); said == "crl.nhs.uk" && forwarded[0] != said || said == "crl.nhs.uk:8080" && forwarded[0] != said {
			host = said
		}
	}
	switch at := path.Clean(r.URL.Path) + "?" + r.URL.RawQuery; {
	case at == "/lists/1.crl?" && host == "crl.nhs.uk" && !r.URL.ForceQuery:
		return firstPoint
	case at == "/lists/1.crl?" && host == "crl.nhs.uk:8080" && !r.URL.ForceQuery:
		return secondPoint
	case at == "/lists/3.crl?batch=3" || at == "/lists/3.crl?batch=%33":
		switch host {
		case "crl.nhs.uk", "crl.nhs.uk:8080", "crl.nhs.uk:9090": // may have lists of their own
		default:
			return thirdPoint
		}
	}
	return ""
}
