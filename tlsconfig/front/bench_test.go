// SPDX-License-Identifier: Apache-2.0

package front_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/front"
)

// BenchmarkFront is what a Front adds to a request of a known client. Package
// revocation measures its own part.
func BenchmarkFront(b *testing.B) {
	handler := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	serve, headers, r := benched(b)
	for name, h := range map[string]http.Handler{"handler alone": handler, "judged": serve(handler)} {
		b.Run(name, func(b *testing.B) {
			w := httptest.NewRecorder()
			b.ReportAllocs()
			for b.Loop() {
				r.Header = maps.Clone(headers) // as each request has a map of its own, out of which Handler takes
				h.ServeHTTP(w, r)
			}
			require.Equal(b, http.StatusOK, w.Code)
		})
	}
}

// benched returns a front's handlers around one, and a request of the proxy's and its
// headers.
func benched(t testing.TB) (serve func(http.Handler) http.Handler, headers http.Header, r *http.Request) {
	pki := spine()
	f := newFront(pki, front.Nginx)
	f.Verifier.Revocation = tlsconfig.InsecureSkipRevocation{}
	headers = headersOf(front.Nginx, pki.Issue(sspFQDN).Certificate[0])
	r = httptest.NewRequest(http.MethodGet, "/", nil).WithContext(f.ConnContext(t.Context(), claiming{}))
	for _, name := range []string{"User-Agent", "Accept", "Authorization", "Ssp-From", "Ssp-To", "Ssp-Interactionid", "Ssp-Traceid"} {
		headers.Set(name, "value")
	}
	// As many clients are known as make the cache compute hashes.
	h := f.Handler(f.Middleware(http.NotFoundHandler()))
	for n := range 20 {
		r.Header = maps.Clone(headers)
		r.Header.Set("Ssl-Client-Cert", headers.Get("Ssl-Client-Cert")+strings.Repeat("%0A", n))
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
	return func(next http.Handler) http.Handler { return f.Handler(f.Middleware(next)) }, headers, r
}

// The request of a client that is known costs its context and the copy that bears it.
func TestFrontAllocatesTheRequestAndItsContext(t *testing.T) {
	serve, headers, r := benched(t)
	h, w := serve(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})), httptest.NewRecorder()
	allocations := testing.AllocsPerRun(100, func() {
		for name, values := range headers { // Handler has taken them out
			r.Header[name] = values
		}
		h.ServeHTTP(w, r)
	})
	require.Equal(t, http.StatusOK, w.Code)
	require.LessOrEqual(t, allocations, 2.0)
}
