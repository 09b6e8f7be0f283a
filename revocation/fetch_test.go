// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/revocation"
)

// serve starts a server and returns a fetcher that may reach it, and its URL.
func serve(t *testing.T, handler http.HandlerFunc) (*revocation.HTTPFetcher, string) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return &revocation.HTTPFetcher{Hosts: revocation.AllowHosts(server.Listener.Addr().String())}, server.URL
}

func fetch(t *testing.T, f revocation.Fetcher, url string) (*revocation.Response, error) {
	t.Helper()
	response, err := f.Fetch(t.Context(), revocation.Request{URL: url, MaxBytes: 1 << 20})
	if err != nil {
		_, ok := errors.AsType[*revocation.FetchError](err)
		require.True(t, ok, "%T", err)
	}
	return response, err
}

func TestFetch(t *testing.T) {
	f, url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, http.MethodGet, r.Method)
		assert.Equal(t, "identity", r.Header.Get("Accept-Encoding"))
		assert.Empty(t, r.Header.Get("Cookie"))
		w.Header().Set("ETag", `"1"`)
		w.Header().Set("Last-Modified", "Mon, 01 Jun 2026 00:00:00 GMT")
		w.Header().Set("Content-Type", "text/html") // captive portals and careless servers: the bytes decide
		io.WriteString(w, "the list")
	})
	response, err := fetch(t, f, url+"/crlc7.crl#part")
	require.NoError(t, err)
	assert.Equal(t, &revocation.Response{Body: []byte("the list"), ETag: `"1"`, LastModified: "Mon, 01 Jun 2026 00:00:00 GMT"}, response)
}

func TestFetchPosts(t *testing.T) {
	f, url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		assert.Equal(t, "POST question application/ocsp-request", r.Method+" "+string(body)+" "+r.Header.Get("Content-Type"))
		io.WriteString(w, "answer")
	})
	response, err := f.Fetch(t.Context(), revocation.Request{URL: url, Body: []byte("question"), ContentType: "application/ocsp-request", MaxBytes: 6})
	require.NoError(t, err)
	assert.Equal(t, "answer", string(response.Body))
}

func TestFetchAsksConditionally(t *testing.T) {
	f, url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/always" || r.Header.Get("If-None-Match") == `"1"` || r.Header.Get("If-Modified-Since") == "then" {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		io.WriteString(w, "new")
	})
	for _, r := range []revocation.Request{{ETag: `"1"`}, {LastModified: "then"}} {
		r.URL, r.MaxBytes = url, 10
		response, err := f.Fetch(t.Context(), r)
		require.NoError(t, err)
		assert.True(t, response.NotModified)
	}
	_, err := fetch(t, f, url+"/always")
	assert.ErrorContains(t, err, "not conditional")
}

// Of a document that has run out no cache on the way may give its own copy (RFC 9111
// section 5.2.1.4).
func TestFetchAsksPastCaches(t *testing.T) {
	f, url := serve(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Header.Get("Cache-Control")) })
	for noCache, want := range map[bool]string{false: "", true: "no-cache"} {
		response, err := f.Fetch(t.Context(), revocation.Request{URL: url, MaxBytes: 10, NoCache: noCache})
		require.NoError(t, err)
		assert.Equal(t, want, string(response.Body))
	}
}

func TestFetchRefuses(t *testing.T) {
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	_, err := io.CopyN(z, zeros{}, 8<<20)
	require.NoError(t, err)
	require.NoError(t, z.Close())

	reached := false
	f, url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/away":
			http.Redirect(w, r, "http://169.254.169.254/latest/meta-data", http.StatusMovedPermanently)
		case "/elsewhere":
			http.Redirect(w, r, "/reached", http.StatusTemporaryRedirect)
		case "/reached":
			reached = true
		case "/missing":
			http.NotFound(w, r)
		case "/partial":
			w.WriteHeader(http.StatusPartialContent)
		case "/busy":
			w.Header().Set("Retry-After", "120")
			w.WriteHeader(http.StatusServiceUnavailable)
		case "/bomb":
			w.Header().Set("Content-Encoding", "gzip")
			w.Write(bomb.Bytes())
		case "/announced":
			w.Header().Set("Content-Length", "1073741824")
			w.Write([]byte("x"))
		case "/endless":
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 1<<16)); err != nil {
					return
				}
			}
		case "/short":
			w.Header().Set("Content-Length", "100")
			w.Write([]byte("half"))
		case "/dropped":
			panic(http.ErrAbortHandler)
		case "/headers":
			w.Header().Set("X", strings.Repeat("x", 1<<20))
		}
	})
	for _, test := range []struct {
		name, path string
		status     int
		kind       error // nil: any
	}{
		{"a redirect loop", "/loop", 302, nil},
		{"a redirect to a link-local address", "/away", 301, nil},
		{"a redirect on the same host", "/elsewhere", 307, nil},
		{"404", "/missing", 404, nil},
		{"206", "/partial", 206, nil},
		{"503", "/busy", 503, nil},
		{"a gzip bomb", "/bomb", 200, nil},
		{"1 GB, announced", "/announced", 200, revocation.ErrTooLarge},
		{"a body without an end", "/endless", 200, revocation.ErrTooLarge},
		{"a body cut short", "/short", 200, io.ErrUnexpectedEOF},
		{"a connection dropped", "/dropped", 0, io.EOF},
		{"headers without an end", "/headers", 0, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := fetch(t, f, url+test.path)
			failed, ok := errors.AsType[*revocation.FetchError](err)
			require.True(t, ok, "%v", err)
			assert.Equal(t, test.status, failed.StatusCode, err)
			if test.kind != nil {
				assert.ErrorIs(t, err, test.kind)
			}
			if test.status == 503 {
				assert.Equal(t, 2*time.Minute, failed.RetryAfter)
			}
		})
	}
	assert.False(t, reached, "a redirect was followed")
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestFetchGoesThroughAProxy(t *testing.T) {
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "proxied "+r.URL.String())
	}))
	defer proxy.Close()
	to, err := url.Parse(proxy.URL)
	require.NoError(t, err)
	f := &revocation.HTTPFetcher{Client: &http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(to)}}}
	response, err := fetch(t, f, "http://crl.nhs.uk/crlc7.crl")
	require.NoError(t, err)
	assert.Equal(t, "proxied http://crl.nhs.uk/crlc7.crl", string(response.Body))

	// A proxy may be at an address where no host of a certificate may be.
	transport := revocation.NewTransport()
	transport.Proxy = http.ProxyURL(to)
	f = &revocation.HTTPFetcher{Client: &http.Client{Transport: transport}}
	response, err = fetch(t, f, "http://crl.nhs.uk/crlc7.crl")
	require.NoError(t, err)
	assert.Equal(t, "proxied http://crl.nhs.uk/crlc7.crl", string(response.Body))
}

// A slow server sends what comes after the header byte by byte, one a second.
func TestFetchEndsWithItsContext(t *testing.T) {
	for name, send := range map[string]func(net.Conn){
		"a server that hangs": func(net.Conn) {},
		"a server that sends a byte a second": func(conn net.Conn) {
			io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
			for {
				time.Sleep(time.Second)
				if _, err := conn.Write([]byte{0}); err != nil {
					return
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := &http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
					near, far := net.Pipe()
					go func() { // an answer before the question is none
						if _, err := http.ReadRequest(bufio.NewReader(far)); err != nil {
							return
						}
						go io.Copy(io.Discard, far)
						send(far)
					}()
					return near, nil
				}}}
				f := &revocation.HTTPFetcher{Client: client}
				start := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				_, err := f.Fetch(ctx, revocation.Request{URL: "http://crl.nhs.uk/c.crl", MaxBytes: 1 << 20})
				require.ErrorIs(t, err, context.DeadlineExceeded)
				assert.Equal(t, 10*time.Second, time.Since(start))
				time.Sleep(time.Second) // of the bubble's clock: the slow server notices
			})
		})
	}
}

func TestFetchWantsALimit(t *testing.T) {
	_, err := new(revocation.HTTPFetcher).Fetch(t.Context(), revocation.Request{URL: "http://crl.nhs.uk/c.crl"})
	assert.ErrorContains(t, err, "limit")
}

func TestFetchRetryAfter(t *testing.T) {
	ahead := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(http.TimeFormat) }
	for _, test := range []struct {
		value    string
		from, to time.Duration
	}{
		{"", 0, 0},
		{"120", 2 * time.Minute, 2 * time.Minute},
		{"86401", 24 * time.Hour, 24 * time.Hour},
		{"4294967295", 24 * time.Hour, 24 * time.Hour},
		{"-1", 0, 0},
		{"soon", 0, 0},
		{ahead(time.Hour), 58 * time.Minute, time.Hour},
		{ahead(1000 * time.Hour), 24 * time.Hour, 24 * time.Hour},
		{ahead(-time.Hour), 0, 0},
	} {
		t.Run(test.value, func(t *testing.T) {
			f, url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", test.value)
				w.WriteHeader(http.StatusServiceUnavailable)
			})
			_, err := fetch(t, f, url)
			failed, ok := errors.AsType[*revocation.FetchError](err)
			require.True(t, ok)
			assert.GreaterOrEqual(t, failed.RetryAfter, test.from)
			assert.LessOrEqual(t, failed.RetryAfter, test.to)
		})
	}
}

// TestFetchWithAClient: a client of the user's keeps its time limit, but neither
// sends its cookies nor follows redirects, and what it has decoded is refused.
func TestFetchWithAClient(t *testing.T) {
	assert.Equal(t, 5*time.Minute, new(revocation.HTTPFetcher).TimeLimit())
	assert.Equal(t, time.Minute, (&revocation.HTTPFetcher{Client: &http.Client{Timeout: time.Minute}}).TimeLimit())

	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	var cookies []string
	f, base := serve(t, func(w http.ResponseWriter, r *http.Request) {
		cookies = append(cookies, r.Header.Get("Cookie"))
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "b"})
	})
	f.Client = &http.Client{Jar: jar}
	for range 2 {
		_, err := fetch(t, f, base)
		require.NoError(t, err)
	}
	assert.Equal(t, []string{"", ""}, cookies)

	for _, decoded := range []bool{false, true} {
		f := &revocation.HTTPFetcher{Client: &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusOK, Uncompressed: decoded, Body: http.NoBody}, nil
		})}}
		_, err := fetch(t, f, "http://crl.nhs.uk/c.crl")
		assert.Equal(t, decoded, err != nil)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
