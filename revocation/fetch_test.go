// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
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

func TestFetchRefusesURLs(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	require.NoError(t, err)
	for _, test := range []struct {
		name, url string
		hosts     revocation.HostPolicy
	}{
		{"a host that is not on the list", "http://crl.example/c.crl", nil},
		{"a host of the list on another port", "http://crl.nhs.uk:8080/c.crl", nil},
		{"a host of the list with a dot behind it", "http://crl.nhs.uk./c.crl", nil},
		{"user information", "http://user@crl.nhs.uk/c.crl", nil},
		{"ldap", "ldap://crl.nhs.uk/c", nil},
		{"file", "file:///etc/passwd", nil},
		{"no scheme", "crl.nhs.uk/c.crl", nil},
		{"an opaque URL", "http:crl.nhs.uk", nil},
		{"loopback, by the default list", server.URL, nil},
		{"a name that resolves to loopback", "http://localhost:" + port + "/", revocation.AllowHosts("localhost:" + port)},
		{"an address in another spelling than the list's", "http://[::ffff:127.0.0.1]:" + port + "/", revocation.AllowHosts("127.0.0.1:" + port)},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := fetch(t, &revocation.HTTPFetcher{Hosts: test.hosts}, test.url)
			assert.ErrorIs(t, err, revocation.ErrHostNotAllowed)
		})
	}
}

func TestFetchRewrites(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, r.URL.String())
	}))
	defer server.Close()
	f := &revocation.HTTPFetcher{Rewrite: revocation.RewriteHost(server.URL)}
	response, err := fetch(t, f, "http://crl.nhs.uk/int/1c/crlc7.crl?x=%2F")
	require.NoError(t, err)
	assert.Equal(t, "/int/1c/crlc7.crl?x=%2F", string(response.Body))

	// Where the operator sends a request is his word, even if it is where the
	// certificate says.
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	require.NoError(t, err)
	stay := &revocation.HTTPFetcher{
		Hosts: revocation.AllowHosts("localhost:" + port), Rewrite: func(u *url.URL) (*url.URL, error) { return u, nil },
	}
	_, err = fetch(t, stay, "http://localhost:"+port+"/c.crl")
	assert.NoError(t, err)

	_, err = fetch(t, f, "http://crl.example/int/1c/crlc7.crl")
	assert.ErrorIs(t, err, revocation.ErrHostNotAllowed, "the list judges the URL of the certificate")
	_, err = fetch(t, &revocation.HTTPFetcher{Rewrite: revocation.RewriteHost("mirror.example")}, "http://crl.nhs.uk/c.crl")
	assert.Error(t, err)
	_, err = fetch(t, &revocation.HTTPFetcher{Rewrite: func(*url.URL) (*url.URL, error) { return nil, nil }}, "http://crl.nhs.uk/c.crl")
	assert.Error(t, err)
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

func TestFetchTakesNoHostThatIsNotASCII(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "metadata") }))
	defer server.Close()
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	require.NoError(t, err)
	f := &revocation.HTTPFetcher{Hosts: func(_ context.Context, host string) error {
		if strings.HasPrefix(host, "127.") || strings.HasPrefix(host, "localhost") {
			return fmt.Errorf("not %s", host)
		}
		return nil
	}}
	for _, host := range []string{"%E2%93%9Bocalhost", "ⓛocalhost", "１２７.0.0.1", "127。0。0。1"} {
		_, err = fetch(t, f, "http://"+host+":"+port+"/")
		assert.ErrorIs(t, err, revocation.ErrHostNotAllowed, host)
	}
}

// TestFetchRefusesAddresses: what a name may resolve to.
func TestFetchRefusesAddresses(t *testing.T) {
	for address, allowed := range map[string]bool{
		"192.0.2.1:80": true, "10.0.0.1:80": true, "[2001:db8::1]:443": true, "[::ffff:192.0.2.1]:80": true,
		"127.0.0.1:80": false, "127.1.2.3:80": false, "[::1]:80": false, "[::ffff:127.0.0.1]:80": false,
		"169.254.169.254:80": false, "[fe80::1]:80": false, "[fe80::1%eth0]:80": false, "[::ffff:169.254.169.254]:80": false,
		"224.0.0.1:80": false, "[ff02::1]:80": false, "[ff01::1]:80": false,
		"0.0.0.0:80": false, "[::]:80": false, "[::ffff:0.0.0.0]:80": false, "255.255.255.255:80": false, "[::ffff:255.255.255.255]:80": false,
		"[64:ff9b::7f00:1]:80": false, "[64:ff9b::a9fe:a9fe]:80": false, "[::7f00:1]:80": false, "[64:ff9b::c000:201]:80": true,
		"[64:ff9b:1::7f00:1]:80": false, "[64:ff9b:1::a9fe:a9fe]:80": false, "[64:ff9b:1:7f00:0:100::]:80": false, "[64:ff9b:1:a9fe:a9:fe00::]:80": false,
		"[64:ff9b:1:a9:fe:a9fe::]:80": false, "[64:ff9b:1::7f:0:100:0]:80": false, "[64:ff9b:1::c000:201]:80": true, "[64:ff9b:2::7f00:1]:80": true,
		"localhost:80": false, "": false,
	} {
		t.Run(address, func(t *testing.T) {
			err := revocation.RefuseSpecial(address)
			if allowed {
				assert.NoError(t, err)
				return
			}
			assert.ErrorIs(t, err, revocation.ErrHostNotAllowed)
		})
	}
}

// TestFetchHosts: which URLs a list of hosts allows.
func TestFetchHosts(t *testing.T) {
	f, base := serve(t, func(http.ResponseWriter, *http.Request) {})
	f.Rewrite = revocation.RewriteHost(base)
	f.Hosts = revocation.AllowHosts("CRL.example", "other.example:8080")
	for url, allowed := range map[string]bool{
		"http://crl.example/": true, "https://crl.example/": true, "http://CRL.Example/": true,
		"http://crl.example:80/": true, "https://crl.example:443/": true,
		"http://crl.example:443/": false, "https://crl.example:80/": false, "http://crl.example:8080/": false,
		"http://other.example:8080/": true, "https://other.example:8080/": true, "http://other.example/": false,
		"http:///": false, "ftp://crl.example/": false, "//crl.example/": false, "http:crl.example": false, "http://a@crl.example/": false,
	} {
		t.Run(url, func(t *testing.T) {
			_, err := fetch(t, f, url)
			if allowed {
				assert.NoError(t, err)
				return
			}
			assert.ErrorIs(t, err, revocation.ErrHostNotAllowed)
		})
	}
}

// TestFetchURLs: what no list of hosts allows.
func TestFetchURLs(t *testing.T) {
	f, base := serve(t, func(http.ResponseWriter, *http.Request) {})
	f.Rewrite = revocation.RewriteHost(base)
	f.Hosts = func(context.Context, string) error { return nil }
	_, err := fetch(t, f, "http://crl.example/c.crl")
	require.NoError(t, err)
	for _, url := range []string{"http:///c.crl", "http:crl.example", "ftp://crl.example/c.crl", "//crl.example/c.crl", "http://a@crl.example/c.crl"} {
		_, err := fetch(t, f, url)
		assert.ErrorIs(t, err, revocation.ErrHostNotAllowed, url)
	}
}

func TestRewriteHost(t *testing.T) {
	for base, allowed := range map[string]bool{
		"http://mirror.example": true, "https://mirror.example:8443/": true,
		"mirror.example": false, "ftp://mirror.example": false, "http://": false, "http://user@mirror.example": false,
		"http://mirror.example/path": false, "http://mirror.example?query": false, "http://mirror.example#fragment": false, ":": false,
	} {
		t.Run(base, func(t *testing.T) {
			to, err := revocation.RewriteHost(base)(&url.URL{Scheme: "http", Host: "crl.example", Path: "/c.crl"})
			if !allowed {
				assert.Error(t, err)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, strings.TrimSuffix(base, "/")+"/c.crl", to.String())
		})
	}
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
