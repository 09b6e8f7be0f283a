// SPDX-License-Identifier: Apache-2.0

package front_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/front"
	"github.com/stretchr/testify/assert"
)

func TestFrontsThatAreNotValid(t *testing.T) {
	t.Parallel()
	pki := spine()
	for name, change := range map[string]func(*front.Front){
		"zero":                          func(f *front.Front) { *f = front.Front{} },
		"no form":                       func(f *front.Front) { f.Form = "" },
		"stunnel":                       func(f *front.Front) { f.Form = "stunnel" },
		"no pins":                       func(f *front.Front) { f.Verifier.Pins = nil },
		"no FQDNs":                      func(f *front.Front) { f.Verifier.FQDNs = nil },
		"no revocation":                 func(f *front.Front) { f.Verifier.Revocation = nil },
		"revocation without sources":    func(f *front.Front) { f.Verifier.Revocation = &revocation.Checker{} },
		"a short secret":                func(f *front.Front) { f.Secret = "short" },
		"an address without the secret": func(f *front.Front) { f.Secret = "" },
		"pins of nothing":               func(f *front.Front) { f.Verifier.Pins = new(tlsconfig.Pins) },
		"a secret one character short":  func(f *front.Front) { f.Secret = secret[1:] },
		"a secret with its line's end":  func(f *front.Front) { f.Secret += "\n" },
		"a secret with space before it": func(f *front.Front) { f.Secret = " " + f.Secret },
		"a secret of two lines":         func(f *front.Front) { f.Secret += "\nx" },
		"a wildcard":                    func(f *front.Front) { f.Verifier.FQDNs = []string{"*.nhs.uk"} },
		"any FQDN and some":             func(f *front.Front) { f.Verifier.AllowAnyFQDN = true },
		"no suite":                      func(f *front.Front) { f.Suites = []tlsconfig.Suite{} },
		"a suite outside the list":      func(f *front.Front) { f.Suites = []tlsconfig.Suite{0x1301} },
		"an address of IPv4 in IPv6":    func(f *front.Front) { f.Proxies = []netip.Prefix{netip.MustParsePrefix("::ffff:127.0.0.1/128")} },
		"a network that is none":        func(f *front.Front) { f.Proxies = []netip.Prefix{{}} },
		"a negative time-out":           func(f *front.Front) { f.Timeout = -1 },
	} {
		f := newFront(pki, front.Nginx)
		change(f)
		assert.Error(t, f.Validate(), name)
		var log bytes.Buffer
		f.Logger = slog.New(slog.NewTextHandler(&log, nil))
		answer := httptest.NewRecorder()
		f.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("served", name) })).ServeHTTP(answer, httptest.NewRequest("GET", "/", nil))
		assert.Equal(t, http.StatusInternalServerError, answer.Code, name)
		assert.Contains(t, log.String(), "front is not valid", name)
	}
}

func TestWhatLoosensAFrontIsLogged(t *testing.T) {
	t.Parallel()
	pki := spine()
	for name, test := range map[string]struct {
		change func(*front.Front)
		logged []string
	}{
		"nothing": {func(*front.Front) {}, nil},
		"no secret": {func(f *front.Front) { f.Secret, f.InsecureNoSecret = "", true },
			[]string{"InsecureNoSecret"}},
		"any name": {func(f *front.Front) { f.Verifier.FQDNs, f.Verifier.AllowAnyFQDN = nil, true },
			[]string{"AllowAnyFQDN"}},
		"no secret wanted, and one there": {func(f *front.Front) { f.InsecureNoSecret = true }, nil},
		"no revocation": {func(f *front.Front) { f.Verifier.Revocation = tlsconfig.InsecureSkipRevocation{} },
			[]string{"InsecureSkipRevocation"}},
		"no revocation, by a pointer": {func(f *front.Front) { f.Verifier.Revocation = new(tlsconfig.InsecureSkipRevocation) },
			[]string{"InsecureSkipRevocation"}},
	} {
		var log bytes.Buffer
		f := newFront(pki, front.Nginx)
		f.Logger = slog.New(slog.NewTextHandler(&log, nil))
		test.change(f)
		f.Handler(http.NotFoundHandler())
		assert.Equal(t, len(test.logged), strings.Count(log.String(), "level=WARN"), "%s: %s", name, log.String())
		for _, word := range test.logged {
			assert.Contains(t, log.String(), word, name)
		}
	}
}
