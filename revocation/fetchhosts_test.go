// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/revocation"
)

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

// Who listed a URL, or has certificates of another environment, sees it in the error.
func TestAHostThatIsNotAllowedIsNamedBesideThoseThatAre(t *testing.T) {
	t.Parallel()
	for want, hosts := range map[string]revocation.HostPolicy{
		`"crl.example" is not on the list: "crl.nhs.uk", "ocsp.nhs.uk"`:           nil,
		`"crl.example" is not on the list: "http://crl.example"`:                  revocation.AllowHosts("http://crl.example"),
		`"crl.example" is not on the list, which is empty`:                        revocation.AllowHosts(),
		`"crl.example" is not on the list: "a", "b", "c", "d" and 2 more`:         revocation.AllowHosts("a", "b", "c", "d", "e", "f"),
		`"crl.example" is not on the list: "` + strings.Repeat("x", 200) + `"...`: revocation.AllowHosts(strings.Repeat("x", 300)),
	} {
		_, err := fetch(t, &revocation.HTTPFetcher{Hosts: hosts}, "http://crl.example/c.crl")
		assert.ErrorIs(t, err, revocation.ErrHostNotAllowed)
		assert.ErrorContains(t, err, want)
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

	// The operator's Rewrite decides which host is asked, even if it returns the
	// certificate's own URL.
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
