// SPDX-License-Identifier: Apache-2.0

package front_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig/front"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/spinetest"
)

// Handlers without package asid are reached by good peers alone; each refusal makes
// one record, and closes no connection of the proxy's.
func TestMiddlewareAnswersForBadPeers(t *testing.T) {
	t.Parallel()
	pki := spine()
	good, other := pki.Issue(sspFQDN), pki.Issue("other.nhs.uk")
	lines := pki.Issue(sspFQDN, spinetest.Template(func(c *x509.Certificate) { c.Subject.CommonName = "x\nlevel=INFO" }))
	for name, test := range map[string]struct {
		headers http.Header
		rule    string
		subject string
	}{
		"good":         {headersOf(front.Nginx, good.Certificate[0]), "", ""},
		"another FQDN": {headersOf(front.Nginx, other.Certificate[0]), "fqdn", other.Leaf.Subject.String()},
		"two lines":    {headersOf(front.Nginx, lines.Certificate[0]), "fqdn", strconv.Quote(lines.Leaf.Subject.String())},
		"nothing":      {http.Header{front.SecretHeader: {secret}}, front.RuleHeader, ""},
		"no proxy":     {http.Header{}, front.RuleProxy, ""},
	} {
		var log bytes.Buffer
		f := newFront(pki, front.Nginx)
		f.Logger = slog.New(slog.NewJSONHandler(&log, nil))
		served := 0
		h := f.Handler(f.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served++ })))
		r, w := httptest.NewRequest(http.MethodGet, "/", nil), httptest.NewRecorder()
		r = r.WithContext(f.ConnContext(t.Context(), claiming{}))
		r.Header = test.headers
		h.ServeHTTP(w, r)
		if test.rule == "" {
			assert.Equal(t, http.StatusOK, w.Code, name)
			assert.Equal(t, 1, served, name)
			assert.Empty(t, log.String(), name)
			continue
		}
		assert.Equal(t, http.StatusForbidden, w.Code, name)
		assert.Zero(t, served, name)
		assert.Equal(t, "no-store", w.Header().Get("Cache-Control"), name)
		assert.Empty(t, w.Header().Get("Connection"), name)
		assert.Contains(t, w.Body.String(), test.rule, name)
		assert.Equal(t, 1, strings.Count(log.String(), "\n"), name)
		var record map[string]string
		require.NoError(t, json.Unmarshal(log.Bytes(), &record), name)
		assert.Equal(t, test.rule, record["rule"], name)
		assert.NotEmpty(t, record["detail"], name)
		assert.Equal(t, test.subject, record["subject"], name)
		assert.Equal(t, test.subject != "", record["serial"] != "", name)
	}
}

// What a client's certificate or a header holds makes no refusal long.
func TestRefusalsAreBounded(t *testing.T) {
	t.Parallel()
	pki := spine()
	b := serve(t, newFront(pki, front.Nginx), "tcp", "127.0.0.1:0")
	ssp := pki.Issue(sspFQDN)
	long := strings.Repeat("x", 30_000)
	for name, change := range map[string]func(http.Header){
		"protocol": func(h http.Header) { h.Set("Ssl-Protocol", long) },
		"suite":    func(h http.Header) { h.Set("Ssl-Cipher", long) },
		"escape":   func(h http.Header) { h.Set("Ssl-Client-Cert", "%zz"+long) },
	} {
		headers := headersOf(front.Nginx, ssp.Certificate[0])
		change(headers)
		b.get(t, headers)
		if assert.Error(t, b.err, name) {
			assert.Less(t, len(b.err.Error()), 400, name)
		}
	}
	err := &front.Error{Rule: front.RuleHeader, Header: "Ssl-Client-Cert", Detail: long}
	assert.Less(t, len(err.Error()), 1300)
	for shift := range 3 { // wherever the cut falls
		err := &front.Error{Rule: front.RuleHeader, Detail: strings.Repeat("x", shift) + strings.Repeat("€", 1000)}
		assert.True(t, utf8.ValidString(err.Error()), "no character is cut in two")
	}
}

// A check that hangs ends with Timeout, or an eighth of it later.
func TestTimeoutBoundsTheCheck(t *testing.T) {
	t.Parallel()
	pki := spine()
	headers := headersOf(front.Nginx, pki.Issue(sspFQDN).Certificate[0])
	at := time.Now() // the bubble's clock is another
	synctest.Test(t, func(t *testing.T) {
		f := newFront(pki, front.Nginx)
		f.Verifier.Time = func() time.Time { return at }
		f.Verifier.Revocation = hanging{}
		f.Timeout = 40 * time.Second
		var err error
		h := f.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, err = f.Peer(r) }))
		r := httptest.NewRequest(http.MethodGet, "/", nil).WithContext(f.ConnContext(t.Context(), claiming{}))
		r.Header = headers
		start := time.Now()
		h.ServeHTTP(httptest.NewRecorder(), r)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, 45*time.Second, time.Since(start))
	})
}

type hanging struct{}

func (hanging) Check(ctx context.Context, _ []*x509.Certificate, _ []byte) error {
	<-ctx.Done()
	return ctx.Err()
}
