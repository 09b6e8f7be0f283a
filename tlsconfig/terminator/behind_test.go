// SPDX-License-Identifier: Apache-2.0

package terminator_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/front"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/internal/testpki"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/terminator"
)

// The programs that hand the certificate on, and the front's form of each.
var fronted = map[terminator.Program]front.Form{terminator.Nginx: front.Nginx, terminator.HAProxy: front.HAProxy, terminator.Apache: front.Apache}

// A backend is a server with a front.
type backend struct {
	address string // for Params.Backend
	served  atomic.Int32
	uri     atomic.Value // of the last request served
	host    atomic.Value
}

// startBackend serves behind a proxy of the given form, over TCP or a unix socket.
func startBackend(t *testing.T, verifier tlsconfig.Verifier, form front.Form, socket string) *backend {
	t.Helper()
	f := &front.Front{Form: form, Verifier: verifier}
	network, address := "tcp", "127.0.0.1:0"
	if socket != "" {
		network, address = "unix", socket
	} else {
		f.Proxies, f.Secret = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, secret
	}
	listener, err := net.Listen(network, address)
	require.NoError(t, err)
	b := &backend{address: listener.Addr().String()}
	if socket != "" {
		b.address = "unix:" + socket
	}
	server := httptest.NewUnstartedServer(f.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := f.Peer(r); err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		b.served.Add(1)
		b.uri.Store(r.RequestURI)
		b.host.Store(r.Host)
	})))
	server.Listener.Close()
	server.Listener = listener
	server.Config.ConnContext = f.ConnContext
	server.Start()
	t.Cleanup(server.Close)
	return b
}

// serves reports whether a client with a certificate is served behind the program that
// listens at addr.
func (b *backend) serves(t *testing.T, addr string, cert tls.Certificate) bool {
	before := b.served.Load()
	get(t.Context(), func(ctx context.Context) (net.Conn, error) {
		return (&tls.Dialer{Config: client(&cert, nil)}).DialContext(ctx, "tcp", addr)
	})
	return b.served.Load() > before
}

// forEachFronted runs a test for each program that hands the certificate on.
func forEachFronted(t *testing.T, test func(t *testing.T, p proxy, form front.Form)) {
	for _, p := range proxies {
		form, ok := fronted[p.program]
		if !ok {
			continue
		}
		t.Run(string(p.program), func(t *testing.T) {
			t.Parallel()
			testenv.Need(t, p.binary, p.debian)
			test(t, p, form)
		})
	}
}

func oidName(values ...string) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		var names []pkix.AttributeTypeAndValue
		for _, v := range values {
			kind, value, _ := strings.Cut(v, "=")
			oid := map[string]asn1.ObjectIdentifier{"CN": {2, 5, 4, 3}, "O": {2, 5, 4, 10}, "OU": {2, 5, 4, 11}}[kind]
			names = append(names, pkix.AttributeTypeAndValue{Type: oid, Value: value})
		}
		c.Subject = pkix.Name{ExtraNames: names}
	}
}

// Behind each program as rendered, every good form of certificate is served and
// every bad one is refused, by the program or by the front.
func TestBadCertificatesBehindEachProgram(t *testing.T) {
	t.Parallel()
	for _, p := range proxies {
		form, ok := fronted[p.program]
		if !ok {
			continue
		}
		for _, transport := range []string{"tcp", "unix"} {
			t.Run(string(p.program)+"/"+transport, func(t *testing.T) {
				t.Parallel()
				testenv.Need(t, p.binary, p.debian)
				pki := testpki.Spine()
				socket := ""
				if transport == "unix" {
					if p.program == terminator.Apache {
						t.Log("httpd gives up root, so its user is another than this process's")
						return
					}
					socket = filepath.Join(t.TempDir(), "front.sock")
				}
				b := startBackend(t, pki.Endpoint(pki.Leaf(serverFQDN), sspFQDN).Verifier, form, socket)
				addr := p.startWith(t, pki, func(params *terminator.Params) {
					params.Backend, params.FQDNs = b.address, nil
					if socket != "" {
						params.Secret = ""
					}
				})
				ask := func(cert tls.Certificate) bool { return b.serves(t, addr, cert) }
				for name, change := range goodForms {
					assert.True(t, ask(pki.Leaf(sspFQDN, change)), "refused: %s", name)
				}
				for name, change := range badForms {
					assert.False(t, ask(pki.Leaf(sspFQDN, change)), "served: %s", name)
				}
				assert.False(t, ask(pki.Revoke(pki.Leaf(sspFQDN))), "served: revoked")
				assert.False(t, ask(pki.SiblingLeaf(sspFQDN)), "served: of another SubCA")
				assert.False(t, ask(pki.RootLeaf(sspFQDN)), "served: of the root")
				assert.False(t, ask(pki.LeafBelow(sspFQDN)), "served: of a CA below the SubCA")
				assert.False(t, ask(pki.ECDSALeaf(sspFQDN)), "served: ECDSA")
				assert.True(t, ask(pki.Leaf(sspFQDN)), "it still serves")
			})
		}
	}
}

// stunnelAccepts are the bad forms that stunnel, behind which nothing judges, lets
// through: its package comment says so. What it refuses by itself are the others.
var stunnelAccepts = []string{"a wildcard", "two common names", "no keyUsage", "no extKeyUsage", "a CA"}

// stunnel refuses by itself what its row in the table says, and no good form.
func TestBadCertificatesAtStunnel(t *testing.T) {
	t.Parallel()
	p := proxies[slices.IndexFunc(proxies, func(p proxy) bool { return p.program == terminator.Stunnel })]
	testenv.Need(t, p.binary, p.debian)
	pki := testpki.Spine()
	var served atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served.Add(1) }))
	t.Cleanup(server.Close)
	revoked := pki.Revoke(pki.Leaf(sspFQDN)) // before its CRLs are read
	addr := p.start(t, pki, strings.TrimPrefix(server.URL, "http://"))
	ask := func(cert tls.Certificate) bool {
		before := served.Load()
		get(t.Context(), func(ctx context.Context) (net.Conn, error) {
			return (&tls.Dialer{Config: client(&cert, nil)}).DialContext(ctx, "tcp", addr)
		})
		return served.Load() > before
	}
	for name, change := range goodForms {
		assert.True(t, ask(pki.Leaf(sspFQDN, change)), "refused: %s", name)
	}
	for name, change := range badForms {
		assert.Equal(t, slices.Contains(stunnelAccepts, name), ask(pki.Leaf(sspFQDN, change)), "served: %s", name)
	}
	assert.False(t, ask(revoked), "served: revoked")
	assert.False(t, ask(pki.SiblingLeaf(sspFQDN)), "served: of another SubCA")
	assert.True(t, ask(pki.RootLeaf(sspFQDN)), "refused: of the root, which stunnel cannot")
	assert.False(t, ask(pki.LeafBelow(sspFQDN)), "served: of a CA below the SubCA")
	assert.True(t, ask(pki.Leaf(sspFQDN)), "it still serves")
}

// The SubCA is known by its name as its certificate orders it, however long it is.
func TestSubCAOfAnotherName(t *testing.T) {
	t.Parallel()
	attribute := func(last int, value string) pkix.AttributeTypeAndValue {
		return pkix.AttributeTypeAndValue{Type: asn1.ObjectIdentifier{2, 5, 4, last}, Value: value}
	}
	pki := testpki.New(pkix.Name{ExtraNames: []pkix.AttributeTypeAndValue{attribute(3, "NHS Authentication G9"), attribute(10, "nhs"),
		attribute(11, strings.Repeat("Department of long names ", 2)+"1"), attribute(11, strings.Repeat("Department of long names ", 2)+"2"), attribute(6, "GB")}})
	forEachFronted(t, func(t *testing.T, p proxy, form front.Form) {
		b := startBackend(t, pki.Endpoint(pki.Leaf(serverFQDN), sspFQDN).Verifier, form, "")
		addr := p.startWith(t, pki, func(params *terminator.Params) { params.Backend = b.address })
		assert.True(t, b.serves(t, addr, pki.Leaf(sspFQDN)))
		assert.False(t, b.serves(t, addr, pki.SiblingLeaf(sspFQDN)))
	})
}

func TestSubCAWhoseNameProgramsWriteDifferently(t *testing.T) {
	t.Parallel()
	for _, name := range []pkix.Name{
		{CommonName: `a"b`}, {CommonName: "a,b"}, {CommonName: "a=b"}, {CommonName: "a+b"}, {CommonName: " a"}, {CommonName: "a "}, {CommonName: "é"}, {CommonName: "#a"},
		{CommonName: "a", SerialNumber: "1"}, {CommonName: "a", StreetAddress: []string{"b"}}, {CommonName: "a", PostalCode: []string{"b"}},
		{CommonName: "a", Organization: []string{"b", "c"}}, // one part with two values
		{CommonName: "a", ExtraNames: []pkix.AttributeTypeAndValue{{Type: asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 25}, Value: "b"}}},
	} {
		pki := testpki.New(name)
		p := params(pki)
		_, err := terminator.Render(terminator.Nginx, p)
		assert.ErrorContains(t, err, "programs write it differently", name.String())
	}
}

var goodForms = map[string]func(*x509.Certificate){
	"the common name alone":                    func(*x509.Certificate) {},
	"a subjectAltName":                         func(c *x509.Certificate) { c.DNSNames = []string{sspFQDN} },
	"a subjectAltName and another common name": func(c *x509.Certificate) { c.Subject.CommonName, c.DNSNames = "other", []string{sspFQDN} },
	"the common name first":                    oidName("CN="+sspFQDN, "OU=Devices", "O=nhs"),
	"an organisation with punctuation":         oidName(`O=St. Mary's, "Trust" & Co. (2)`, "CN="+sspFQDN),
}

var badForms = map[string]func(*x509.Certificate){
	"another FQDN": func(c *x509.Certificate) { c.Subject.CommonName = "other.nhs.uk" },
	"the right common name beside another SAN": func(c *x509.Certificate) { c.DNSNames = []string{"other.nhs.uk"} },
	"a name that begins with it":               func(c *x509.Certificate) { c.Subject.CommonName = sspFQDN + ".example.org" },
	"a wildcard":                               func(c *x509.Certificate) { c.Subject.CommonName = "*.nhs.uk" },
	"two common names":                         oidName("CN=other.nhs.uk", "CN="+sspFQDN),
	"the name within another attribute":        oidName("O=x,CN="+sspFQDN, "CN=other.nhs.uk"),
	"expired":                                  func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) },
	"not yet valid":                            func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Hour) },
	"no keyUsage":                              func(c *x509.Certificate) { c.KeyUsage = 0 },
	"no extKeyUsage":                           func(c *x509.Certificate) { c.ExtKeyUsage = nil },
	"any extKeyUsage":                          func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageAny} },
	"for servers alone":                        func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} },
	"a CA":                                     func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = true, true },
	"an unknown critical extension": func(c *x509.Certificate) {
		c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: []int{1, 2, 3, 4}, Critical: true, Value: []byte{5, 0}})
	},
}

// What a client wrote in its request line and Host arrives as it wrote it: an
// encoded URL behind the SSP must not be decoded on the way.
func TestPathsArriveAsTheyWereSent(t *testing.T) {
	t.Parallel()
	forEachFronted(t, func(t *testing.T, p proxy, form front.Form) {
		pki := testpki.Spine()
		b := startBackend(t, pki.Endpoint(pki.Leaf(serverFQDN), sspFQDN).Verifier, form, "")
		addr := p.startWith(t, pki, func(params *terminator.Params) { params.Backend, params.FQDNs = b.address, nil })
		ssp := pki.Leaf(sspFQDN)
		for _, path := range []string{
			"/a%2Fb", "/%7Euser", "/~user", "/a;b=c", "/a%3Bb", "/p%C3%A9", "/https%3A%2F%2Fp1.nhs.uk%2FPlans%2Fda2b", "/a+b%2Bc",
			"/a%20b", "/a?x=%2F&y=a+b", "/%41", "/a//b", "/a%2F..%2Fb", "/a%252Fb",
		} {
			conn, err := tls.Dial("tcp", addr, client(&ssp, nil))
			require.NoError(t, err)
			fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s:8443\r\nConnection: close\r\nSsl-Client-Cert: forged\r\n\r\n", path, serverFQDN)
			response, err := http.ReadResponse(bufio.NewReader(conn), nil)
			require.NoError(t, err)
			response.Body.Close()
			conn.Close()
			if assert.Equal(t, http.StatusOK, response.StatusCode, path) {
				assert.Equal(t, path, b.uri.Load())
				assert.Equal(t, serverFQDN+":8443", b.host.Load())
				assert.Equal(t, "no-store", response.Header.Get("Cache-Control"))
			}
		}
		// What would lead out of a folder, or cut a path, is refused or comes as it
		// is; httpd removes dot segments, and what it has made of them is judged.
		for _, path := range []string{"//a/../b", "/a/%2e%2e/b", "/a%00b"} {
			before := b.served.Load()
			conn, err := tls.Dial("tcp", addr, client(&ssp, nil))
			require.NoError(t, err)
			fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", path, serverFQDN)
			response, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err == nil {
				response.Body.Close()
			}
			conn.Close()
			if b.served.Load() > before {
				assert.Contains(t, []any{path, "/b"}, b.uri.Load())
			} else if err == nil {
				assert.GreaterOrEqual(t, response.StatusCode, 400, path)
				assert.Equal(t, "no-store", response.Header.Get("Cache-Control"), "%s: an answer of the program's own", path)
			}
		}
	})
}
