// SPDX-License-Identifier: Apache-2.0

package fhirpath_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/nrlsecurity/nrlsecurity/internal/fhirpath"
)

func TestIDsAreThoseOfFHIR(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"1", "a.b-C", strings.Repeat("x", 64), "DocumentReference", "..a"} {
		assert.True(t, fhirpath.IsID(id), id)
	}
	for _, id := range []string{"", ".", "..", strings.Repeat("x", 65), "a/b", "a b", "a_b", "é", "a\x00"} {
		assert.False(t, fhirpath.IsID(id), "%q", id)
	}
}

func TestAPathLeadsToOnePlaceOrIsRefused(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]fhirpath.Place{
		"/STU3/DocumentReference":                   {Base: "/STU3/", Typed: true},
		"/DocumentReference":                        {Base: "/", Typed: true},
		"/STU3/DocumentReference/1":                 {Base: "/STU3/", Typed: true, ID: "1"},
		"/STU3/DocumentReference/DocumentReference": {Base: "/STU3/", Typed: true, ID: "DocumentReference"},
		"/STU3/Patient/1":                           {Base: "/STU3/Patient/1"},
		"/":                                         {Base: "/"},
	} {
		got, ok := fhirpath.Parse(&url.URL{Path: path})
		assert.True(t, ok, path)
		assert.Equal(t, want, got, path)
	}
	for _, raw := range []string{
		"/STU3/DocumentReference/", "/STU3//DocumentReference/1", "/STU3/./DocumentReference", "/STU3/x/../DocumentReference",
		"/STU3/DocumentReference%2F1", "/STU3/DocumentReference/a%20b", "/STU3/DocumentReference/a_b", `/STU3\DocumentReference`, "STU3", "",
		"/a/..;/b/DocumentReference/1", "/a;x=1/DocumentReference", "/a%3B/DocumentReference", "/a%00/DocumentReference/1", "/a%0d/DocumentReference", "/a%7F/DocumentReference",
	} {
		u, err := url.Parse(raw)
		assert.NoError(t, err)
		_, ok := fhirpath.Parse(u)
		assert.False(t, ok, raw)
	}
}

func TestOverridesAreFoundInEverySpelling(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"X-HTTP-Method-Override", "x_http_method_override", "X-Http_Method-Override", "X-HTTP-METHOD", "X_Method_Override",
		"X-Original-Url", "x_original_url", "X-REWRITE-URL", "X_Rewrite-Url", "If-None-Exist", "If_None_Exist", "x-original-method",
		"Upgrade", "upgrade", "HTTP2-Settings", "X-Cascade", "x_cascade", "X-Provenance", "X-Request-Partition-IDs", "x_request_partition_ids",
		"X-FHIR-TENANT-ID", "x_fhir_tenant_id", "X-Fhir-Dsid", "x_fhir.dsid",
		"Transfer_Encoding", "transfer.encoding", "Content_Length", "CONTENT!LENGTH",
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header[name] = []string{"x"} // not Set: a map that another program has filled
		assert.NotEmpty(t, fhirpath.Override(r), name)
	}
	for _, connection := range []string{"upgrade", "keep-alive, Upgrade", "close ,\tUPGRADE", "close upgrade", `"upgrade"`, "Upgrade;x=1"} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Connection", connection)
		assert.NotEmpty(t, fhirpath.Override(r), connection)
	}
	for _, query := range []string{"_method=DELETE", "_METHOD=x", "a=1&%5fmethod=DELETE", "$httpMethod=PATCH", "X-HTTP-Method-Override=x", "a;b", "%zz",
		".method=DELETE", "%20_method=DELETE", "++_method=PUT", "%5Bmethod=PUT", "X_HTTP_METHOD_OVERRIDE=x", "X.HTTP.Method=x",
		"_method%00=DELETE", "%20_method%00x=DELETE", "[_method]=DELETE", "%5B_METHOD%5D[a]=DELETE", "_method[]=DELETE", "_method%5Bx%5D=DELETE", "_method]=DELETE"} {
		r := httptest.NewRequest(http.MethodGet, "/?"+query, nil)
		assert.NotEmpty(t, fhirpath.Override(r), query)
	}
	for _, method := range []string{http.MethodConnect, "delete", "Get", "pATCH", "prop-find"} {
		assert.NotEmpty(t, fhirpath.Override(&http.Request{Method: method, URL: new(url.URL)}), method)
	}
}

func TestAnOrdinaryRequestHasNoOverride(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest(http.MethodGet, "/STU3/DocumentReference?subject=x&_format=json&method=x&type.method=x&__method=x&[x]_method=x&x[_method]=x&[method]=x&method[]=x&x%00_method=x", nil)
	for name, value := range map[string]string{
		"Accept": "application/fhir+json", "If-Match": `W/"1"`, "Connection": "keep-alive, close", "X-Forwarded-For": "10.0.0.1",
		"X-Request-Id": "1", "fromASID": "200000000205", "Upgrade-Insecure-Requests": "1", "Content-Length": "0",
	} {
		r.Header.Set(name, value)
	}
	r.Header["transfer-encoding"] = []string{"identity"} // a map that another program has filled
	assert.Empty(t, fhirpath.Override(r))
	for _, method := range []string{http.MethodDelete, http.MethodPatch, "M-SEARCH", ""} {
		assert.Empty(t, fhirpath.Override(&http.Request{Method: method, URL: new(url.URL)}), method)
	}
}
