// SPDX-License-Identifier: Apache-2.0

package asid_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
)

func TestMethodAndPathTellTheInteraction(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"/STU3", "/R4"} {
		for request, want := range map[string]asid.InteractionID{
			"GET /DocumentReference/4711":                   asid.DocumentReferenceRead,
			"HEAD /DocumentReference/4711":                  asid.DocumentReferenceRead,
			"GET /DocumentReference/da2b6e8a-3c8f.1":        asid.DocumentReferenceRead,
			"GET /DocumentReference/4711?_format=json":      asid.DocumentReferenceRead,
			"GET /DocumentReference?subject=x&_summary=y":   asid.DocumentReferenceSearch,
			"GET /DocumentReference":                        asid.DocumentReferenceSearch,
			"HEAD /DocumentReference":                       asid.DocumentReferenceSearch,
			"POST /DocumentReference":                       asid.DocumentReferenceCreate,
			"PATCH /DocumentReference/4711":                 asid.DocumentReferenceUpdate,
			"PATCH /DocumentReference?subject=x&identifier": asid.DocumentReferenceUpdate,
			"DELETE /DocumentReference/4711":                asid.DocumentReferenceDelete,
			"DELETE /DocumentReference?_id=4711":            asid.DocumentReferenceDelete,
		} {
			method, target, _ := strings.Cut(request, " ")
			got, err := asid.InteractionOf(httptest.NewRequest(method, version+target, nil))
			require.NoError(t, err, request)
			assert.Equal(t, want, got, request)
		}
	}
}

func TestARequestThatCouldBeTakenForAnotherIsNone(t *testing.T) {
	t.Parallel()
	for name, request := range map[string]string{
		"another resource":         "GET /STU3/Patient/1",
		"another version":          "GET /STU4/DocumentReference/1",
		"no version":               "GET /DocumentReference/1",
		"the root":                 "GET /",
		"a path before":            "GET /nrl/STU3/DocumentReference/1",
		"a longer name":            "GET /STU3/DocumentReferences",
		"letter case of the name":  "GET /STU3/documentreference/1",
		"letter case of version":   "GET /stu3/DocumentReference/1",
		"letter case of method":    "get /STU3/DocumentReference/1",
		"a trailing slash":         "GET /STU3/DocumentReference/",
		"a slash after the id":     "GET /STU3/DocumentReference/1/",
		"a doubled slash":          "GET /STU3//DocumentReference",
		"a doubled slash, id":      "GET /STU3/DocumentReference//1",
		"dot segments":             "GET /STU3/DocumentReference/..",
		"one dot":                  "GET /STU3/DocumentReference/.",
		"dots within":              "GET /STU3/../STU3/DocumentReference/1",
		"three dots":               "GET /STU3/DocumentReference/...",
		"an encoded slash":         "GET /STU3/DocumentReference%2F1",
		"an encoded letter":        "GET /STU3/DocumentReference/%31",
		"an encoded letter before": "GET /%53TU3/DocumentReference/1",
		"an encoded dot":           "GET /STU3/DocumentReference/%2e%2e",
		"an encoded blank":         "GET /STU3/DocumentReference/a%20b",
		"an encoded NUL":           "GET /STU3/DocumentReference/1%00",
		"a matrix parameter":       "GET /STU3/DocumentReference/1;a=b",
		"history":                  "GET /STU3/DocumentReference/1/_history/2",
		"search by POST":           "POST /STU3/DocumentReference/_search",
		"operation":                "POST /STU3/DocumentReference/$validate",
		"create with an id":        "POST /STU3/DocumentReference/1",
		"PUT":                      "PUT /STU3/DocumentReference/1",
		"OPTIONS":                  "OPTIONS /STU3/DocumentReference",
		"an unknown method":        "PURGE /STU3/DocumentReference/1",
		"an id of 65 characters":   "GET /STU3/DocumentReference/" + strings.Repeat("1", 65),
		"another method by query":  "POST /STU3/DocumentReference?_method=DELETE",
		"by an escaped query":      "POST /STU3/DocumentReference?%5Fmethod=DELETE",
		"a malformed query":        "GET /STU3/DocumentReference?subject=%zz",
		"a semicolon in the query": "GET /STU3/DocumentReference?a=b;_id=1",
	} {
		t.Run(name, func(t *testing.T) {
			method, target, _ := strings.Cut(request, " ")
			got, err := asid.InteractionOf(httptest.NewRequest(method, target, nil))
			requestError(t, err)
			assert.Empty(t, got)
		})
	}
}

func TestAFormIsNoPointer(t *testing.T) {
	t.Parallel()
	for key, contentType := range map[string]string{
		"Content-Type": "application/x-www-form-urlencoded", "content_type": "Application/X-WWW-Form-URLEncoded; charset=utf-8",
		"content-type": "multipart/form-data; boundary=x",
	} {
		r := httptest.NewRequest(http.MethodPost, "/STU3/DocumentReference", strings.NewReader("_method=DELETE&_id=1"))
		r.Header[key] = []string{"application/fhir+json", contentType}
		_, err := asid.InteractionOf(r)
		var refused *asid.RequestError
		require.ErrorAs(t, err, &refused, contentType)
		assert.Equal(t, asid.RuleRequest, refused.Rule)
		w := httptest.NewRecorder()
		asid.WriteError(w, r, err)
		assert.Equal(t, http.StatusUnsupportedMediaType, w.Code)
	}
	r := httptest.NewRequest(http.MethodPost, "/STU3/DocumentReference", nil)
	r.Header.Set("Content-Type", "application/fhir+json; charset=utf-8")
	_, err := asid.InteractionOf(r)
	assert.NoError(t, err)
}

func TestARequestThatAsksForAnotherMethodIsRefused(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "x_http_method_override"} {
		r := httptest.NewRequest(http.MethodPost, "/STU3/DocumentReference", nil)
		r.Header[name] = []string{"DELETE"}
		_, err := asid.InteractionOf(r)
		var refused *asid.RequestError
		assert.ErrorAs(t, err, &refused, name)
	}
}

func TestAPathBeforeTheVersionIsTakenAwayFirst(t *testing.T) {
	t.Parallel()
	var got asid.InteractionID
	handler := http.StripPrefix("/nrl", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got, _ = asid.InteractionOf(r)
	}))
	serve(handler, httptest.NewRequest(http.MethodGet, "/nrl/STU3/DocumentReference/1", nil))
	assert.Equal(t, asid.DocumentReferenceRead, got)
}

func FuzzInteraction(f *testing.F) {
	f.Add("GET", "/STU3/DocumentReference/1", "")
	f.Add("POST", "/R4/DocumentReference", "a=b")
	f.Add("GET", "/STU3/DocumentReference/%2e%2e", "_method=DELETE")
	f.Fuzz(func(t *testing.T, method, path, query string) {
		u, err := url.ParseRequestURI(path)
		if err != nil {
			return
		}
		u.RawQuery = query
		r := &http.Request{Method: method, URL: u, Header: http.Header{}}
		id, err := asid.InteractionOf(r)
		if err != nil {
			assert.Empty(t, id)
			return
		}
		// What is accepted needs no escaping, no cleaning and no folding to be routed.
		assert.Regexp(t, `\A/(STU3|R4)/DocumentReference(/[A-Za-z0-9.-]{1,64})?\z`, u.Path)
		assert.Equal(t, u.Path, u.EscapedPath())
		assert.NotContains(t, u.Path+"/", "/../")
		assert.NotContains(t, u.Path+"/", "/./")
	})
}
