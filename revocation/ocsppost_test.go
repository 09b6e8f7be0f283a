// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"math/big"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testca"
	"github.com/nrlsecurity/nrlsecurity/revocation"
)

// Without a nonce requests go by GET (RFC 5019 section 5). A responder that takes only
// POST is asked by POST once it has refused a GET, and from then on.
func TestResponderThatTakesOnlyPOST(t *testing.T) {
	p := newOCSPPKI(t)
	other := *p // another certificate of the same responder's
	template := *p.leaf.cert
	template.SerialNumber = big.NewInt(2)
	other.leaf = ocspIssue(t, &template, testca.EC("leaf"), p.ca)
	status := func(code int) func(revocation.Request) ([]byte, error) {
		return func(r revocation.Request) ([]byte, error) {
			return nil, &revocation.FetchError{URL: r.URL, StatusCode: code}
		}
	}
	says := func(octets string) func(revocation.Request) ([]byte, error) {
		return func(revocation.Request) ([]byte, error) { return []byte(octets), nil }
	}
	const get, post = http.MethodGet, http.MethodPost
	for name, test := range map[string]struct {
		answer func(revocation.Request) ([]byte, error) // to a GET
		asked  []string                                 // by questions about two certificates
	}{
		"405":                 {status(http.StatusMethodNotAllowed), []string{get, post, post}},
		"400":                 {status(http.StatusBadRequest), []string{get, post, post}},
		"404":                 {status(http.StatusNotFound), []string{get, post, post}},
		"malformedRequest":    {says("\x30\x03\x0a\x01\x01"), []string{get, post, post}},
		"503":                 {status(http.StatusServiceUnavailable), []string{get, get}},
		"tryLater":            {says("\x30\x03\x0a\x01\x03"), []string{get, get}},
		"what is no response": {says("?"), []string{get, get}},
		"good":                {answering(p.good()), []string{get, get}},
	} {
		t.Run(name, func(t *testing.T) {
			server := &ocspServer{answer: func(r revocation.Request) ([]byte, error) {
				if r.Body == nil {
					return test.answer(r)
				}
				return answering(p.good())(r)
			}}
			s := &revocation.OCSP{Fetcher: server, NoNonce: true, Time: clock}
			ask := func(of *ocspPKI) { _, _ = s.Status(t.Context(), of.query()) }
			wanted := func() (methods []string) {
				for _, r := range server.asked() {
					require.True(t, strings.HasPrefix(r.URL, "http://ocsp.example/"))
					methods = append(methods, map[bool]string{true: get, false: post}[r.Body == nil])
				}
				return methods
			}
			ask(p)
			ask(&other)
			require.Equal(t, test.asked, wanted())
		})
	}
}
