// SPDX-License-Identifier: Apache-2.0

package terminator_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig/front"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/internal/testpki"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/terminator"
)

// A program that ties its client to the one behind, because that has answered a CONNECT
// with 200 or an Upgrade with 101, would hand on the headers of the proxy's that the
// client writes itself.
func TestNoClientIsTiedToTheProgramBehind(t *testing.T) {
	t.Parallel()
	forEachFronted(t, func(t *testing.T, p proxy, _ front.Form) {
		pki := testpki.Spine()
		var mu sync.Mutex
		var certificates []string // as the program behind was told
		behind := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			certificates = append(certificates, r.Header.Values("Ssl-Client-Cert")...)
			mu.Unlock()
			if r.Header.Get("Upgrade") == "" {
				return
			}
			conn, _, err := http.NewResponseController(w).Hijack()
			if assert.NoError(t, err) {
				io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
				conn.Close()
			}
		}))
		t.Cleanup(behind.Close)
		addr := p.startWith(t, pki, func(params *terminator.Params) { params.Backend = strings.TrimPrefix(behind.URL, "http://") })
		ssp := pki.Leaf(sspFQDN)
		for _, request := range []string{
			"CONNECT " + serverFQDN + ":443 HTTP/1.1\r\nHost: " + serverFQDN + ":443\r\n\r\n",
			"GET / HTTP/1.1\r\nHost: " + serverFQDN + "\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
		} {
			conn, err := tls.Dial("tcp", addr, client(&ssp, nil))
			require.NoError(t, err)
			fmt.Fprint(conn, request)
			answers := bufio.NewReader(conn)
			response, err := http.ReadResponse(answers, &http.Request{Method: strings.Fields(request)[0]})
			require.NoError(t, err)
			assert.NotEqual(t, http.StatusSwitchingProtocols, response.StatusCode)
			if response.StatusCode == http.StatusOK {
				fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: "+serverFQDN+"\r\nConnection: close\r\nSsl-Client-Cert: forged\r\n\r\n")
				_, _ = io.Copy(io.Discard, answers)
			}
			conn.Close()
		}
		mu.Lock()
		defer mu.Unlock()
		assert.NotContains(t, certificates, "forged")
	})
}

// The answer to a TRACE is the request, as the program that answers has it.
func TestNoProgramTellsItsClientTheSecret(t *testing.T) {
	t.Parallel()
	forEachFronted(t, func(t *testing.T, p proxy, form front.Form) {
		pki := testpki.Spine()
		b := startBackend(t, pki.Endpoint(pki.Leaf(serverFQDN), sspFQDN).Verifier, form, "")
		addr := p.startWith(t, pki, func(params *terminator.Params) { params.Backend = b.address })
		ssp := pki.Leaf(sspFQDN)
		for _, hops := range []string{"0", "1"} {
			conn, err := tls.Dial("tcp", addr, client(&ssp, nil))
			require.NoError(t, err)
			fmt.Fprintf(conn, "TRACE / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nMax-Forwards: %s\r\n\r\n", serverFQDN, hops)
			answer, err := io.ReadAll(conn)
			require.NoError(t, err)
			conn.Close()
			assert.NotEmpty(t, answer)
			assert.NotContains(t, string(answer), secret)
		}
	})
}
