// SPDX-License-Identifier: Apache-2.0

package asidtest_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/asid/asidtest"
)

func TestEachWrongGateIsCaught(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("tests a wrong gate for each mistake")
	}
	_, good := goodHeaders(t)
	check := func(s asidtest.Setting) func(http.Handler) http.Handler { return gate(s).Middleware }
	wrongs := common(check)
	for name, w := range headerFaults(check, good, []string{"Ssp-From", "Ssp-To"}, []string{"Ssp-InteractionID", "Ssp-TraceID", "Authorization"}) {
		wrongs[name] = w
	}
	add := func(name string, change func(*http.Request)) {
		wrongs[name] = func(s asidtest.Setting) http.Handler { return before(check(s)(asidtest.Mark(records)), change) }
	}
	add("any receiver", func(r *http.Request) {
		if id, err := asid.ParseID(r.Header.Get("Ssp-To")); err == nil && !id.IsZero() && len(r.Header.Values("Ssp-To")) == 1 {
			r.Header.Set("Ssp-To", good.Get("Ssp-To"))
		}
	})
	add("any interaction", func(r *http.Request) {
		if strings.HasPrefix(r.Header.Get("Ssp-InteractionID"), "urn:") && len(r.Header.Values("Ssp-InteractionID")) == 1 {
			r.Header.Set("Ssp-InteractionID", good.Get("Ssp-InteractionID"))
		}
	})
	add("any trace", func(r *http.Request) {
		if r.Header.Get("Ssp-TraceID") != "" && len(r.Header.Values("Ssp-TraceID")) == 1 {
			r.Header.Set("Ssp-TraceID", good.Get("Ssp-TraceID"))
		}
	})
	add("any method", func(r *http.Request) { r.Method = http.MethodGet })
	add("underscores are not looked at", func(r *http.Request) {
		for name := range r.Header {
			if strings.Contains(name, "_") {
				delete(r.Header, name)
			}
		}
	})
	wrongs["short ASIDs"] = func(s asidtest.Setting) http.Handler {
		g := gate(s)
		g.TestIDs = true
		return g.Middleware(asidtest.Mark(records))
	}
	wrongs["records may be stored"] = func(s asidtest.Setting) http.Handler {
		return after(check(s)(asidtest.Mark(records)), func(w http.ResponseWriter, _ *http.Request, a *httptest.ResponseRecorder) {
			if a.Code < 300 {
				a.Header().Del("Cache-Control")
			}
			copyTo(w, a)
		})
	}
	wrongs["a gate that is not valid"] = func(s asidtest.Setting) http.Handler {
		return (&asid.Gate{Peers: s.Peers, Time: s.Time}).Middleware(asidtest.Mark(records))
	}
	for name, build := range wrongs {
		assert.Error(t, asidtest.TestGate(build), name)
	}

	second := func(s asidtest.Setting) http.Handler {
		mux := http.NewServeMux()
		mux.Handle("/records/", check(s)(asidtest.Mark(records)))
		mux.Handle("/open/", asidtest.Mark(records))
		mux.Handle("/unmarked/", records)
		return mux
	}
	assert.NoError(t, asidtest.TestGate(second))
	assert.Error(t, asidtest.TestGate(second, asidtest.Route{}, asidtest.Route{Target: "/open/1"}))
	assert.Error(t, asidtest.TestGate(second, asidtest.Route{}, asidtest.Route{Target: "/unmarked/1"}))
}
