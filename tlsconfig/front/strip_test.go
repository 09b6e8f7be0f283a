// SPDX-License-Identifier: Apache-2.0

package front_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig/front"
)

// What proxies of any kind say about a client's certificate is taken away in every
// spelling, that of a map which was not net/http's included; its neighbours stay.
func TestHeadersThatAreTakenAway(t *testing.T) {
	t.Parallel()
	pki := spine()
	var seen *http.Request
	h := newFront(pki, front.Nginx).Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen = r }))
	taken := func(name string) bool {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header[name] = []string{"a client's"}
		r.Trailer = http.Header{name: {"a client's"}}
		h.ServeHTTP(httptest.NewRecorder(), r)
		assert.Empty(t, seen.Trailer, name)
		_, there := seen.Header[name]
		return !there
	}
	for _, name := range []string{"Ssl-Client-Cert", "Ssl-Protocol", "Ssl-Cipher", "Ssl-Proxy-Secret", "Ssl-Client-Verify", "Ssl-", "X-Ssl-Client-Cert",
		"Client-Cert", "Client-Cert-Chain", "X-Client-Cert", "X-Forwarded-Client-Cert", "X-Forwarded-Tls-Client-Cert", "X-Forwarded-Tls-Client-Cert-Info",
		"X-Amzn-Mtls-Clientcert", "X-Amzn-Mtls-Clientcert-Leaf", "X-Amzn-Tls-Version", "X-Amzn-Tls-Cipher-Suite", "X-Arr-Clientcert", "X-Tls-Client-Cert", "Trailer"} {
		for _, spelling := range []string{name, strings.ToLower(name), strings.ToUpper(name), strings.ReplaceAll(name, "-", "_"), strings.ReplaceAll(strings.ToLower(name), "-", "_")} {
			assert.True(t, taken(spelling), spelling)
		}
	}
	for _, name := range []string{"", "S", "Ssl", "Sslx-Client", "Ssp-From", "Client", "Client-Id", "X-Ssx-Client", "X-Request-Id", "X-Amzn-Trace-Id", "X-Forwarded-For", "Trailers"} {
		assert.False(t, taken(name), name)
	}
}
