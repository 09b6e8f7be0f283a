// SPDX-License-Identifier: Apache-2.0

package pointer_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/nrlsecurity/nrlsecurity/pointer"
)

// A Forward is asked for reads without a guard before it, too.
func TestAReadIsOfPointersAlone(t *testing.T) {
	t.Parallel()
	s := &script{t: t, answer: func(*http.Request, string) *http.Response { return says(200, "{}") }}
	backend := scripted
	f := &pointer.Forward{Client: &http.Client{Transport: s}, Backend: &backend, Base: &url.URL{Scheme: "https", Host: "nrl.test", Path: "/STU3"}}
	ask := func(target string, headers ...string) int {
		r := request("GET", target, "", "")
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		w := httptest.NewRecorder()
		f.ServeHTTP(w, r)
		return w.Code
	}
	for _, target := range []string{"/STU3/Patient/1", "/STU3", "/STU3/metadata", collection + "/a_b", collection + "/x?subject=1", collection + "/x?_summary=true", collection + "?_method=DELETE"} {
		assert.Equal(t, http.StatusBadRequest, ask(target), target)
	}
	assert.Equal(t, http.StatusBadRequest, ask(collection+"/x", "Upgrade", "websocket"))
	assert.Equal(t, http.StatusBadRequest, ask(collection+"/x", "X-HTTP-Method-Override", "DELETE"))
	assert.Empty(t, s.asked)
	assert.Equal(t, http.StatusOK, ask(collection+"/x?_format=json"))
	assert.Equal(t, http.StatusOK, ask(collection+queryString("subject", patient, "_summary", "count")))
}

// A server answers a search that names no patient, or leaves open which, with those of all.
func TestASearchIsForOnePatientOrPointer(t *testing.T) {
	t.Parallel()
	const number = "https://fhir.nhs.uk/Id/nhs-number|9000000009"
	for query, answered := range map[string]bool{
		queryString("subject", patient):                                               true,
		queryString("subject", patient, "custodian", odsURL+"A81001", "_count", "10"): true,
		queryString("subject", "Patient/1"):                                           true,
		queryString("subject:identifier", number):                                     true,
		queryString("_id", oldID):                                                     true,
		"":                                                                            false,
		"?_summary=count":                                                             false,
		queryString("custodian", odsURL+"RR8"):                                        false,
		queryString("identifier", "urn:s|v"):                                          false,
		"?subject":                                                                    false,
		queryString("subject", ","):                                                   false,
		queryString("subject", patient+","+otherPatient):                              false,
		queryString("subject", "", "subject", patient):                                false,
		queryString("subject", patient, "_id", ""):                                    true, // of whatever else there is
		queryString("subject:identifier", "https://fhir.nhs.uk/Id/nhs-number|"):      false,
		queryString("subject:identifier", "|"):                                       false,
		queryString("_id", ","):                                                      false,
		queryString("_id", oldID+",theirs"):                                          false,
		queryString("subject", `\`):                                                  false,
		queryString("subject", " "):                                                  false,
		queryString("subject", patient, "subject", otherPatient, "subject", patient): false,
	} {
		s := &script{t: t, answer: func(*http.Request, string) *http.Response { return says(200, "{}") }}
		for _, method := range []string{"GET", "HEAD"} {
			s.asked = nil
			code := through(t, s.facade(stored(t), nil), request(method, collection+query, "", "")).Code
			assert.Equal(t, map[bool]int{true: 200, false: 400}[answered], code, query)
			assert.Equal(t, answered, len(s.asked) > 0, query)
		}
		// Whoever says which parameters there may be says for what a search may be.
		h := s.facade(stored(t), func(f *pointer.Forward) { f.Search = []string{"custodian"} })
		assert.Equal(t, http.StatusOK, through(t, h, request("GET", collection+queryString("custodian", odsURL+"RR8"), "", "")).Code)
	}
}

func TestAConditionOfAReadReachesTheStore(t *testing.T) {
	t.Parallel()
	got := ""
	s := &script{t: t, answer: func(r *http.Request, _ string) *http.Response {
		got = r.Header.Get("If-None-Match")
		return says(304, "")
	}}
	for value, want := range map[string]string{`W/"1"`: `W/"1"`, strings.Repeat("x", 1025): "", "é": ""} {
		r := request("GET", collection+"/x", "", "")
		r.Header.Set("If-None-Match", value)
		assert.Equal(t, http.StatusNotModified, through(t, s.facade(stored(t), nil), r).Code)
		assert.Equal(t, want, got)
	}
}

// What a store calls a pointer, clients are told by this server's URL of it or not at all.
func TestURLsOfAStoreAreThisServersOrLeftOut(t *testing.T) {
	t.Parallel()
	body := load(t, "create", "stu3", "json").text
	for location, want := range map[string]string{
		"DocumentReference/n": "https://nrl.test/STU3/DocumentReference/n",
		"https://node7.internal/x/DocumentReference/n/_history/1": "https://nrl.test/STU3/DocumentReference/n",
		"https://node7.internal/x/DocumentReference/a_b":          "",
		"https://node7.internal/x/Binary/n":                       "",
		"":                                                        "",
	} {
		s := &script{t: t, answer: func(*http.Request, string) *http.Response { return says(201, "", "Location", location) }}
		w := through(t, s.facade(stored(t), nil), request("POST", collection, "application/fhir+json", body))
		assert.Equal(t, http.StatusCreated, w.Code)
		assert.Equal(t, want, w.Header().Get("Location"), location)
	}
	s := &script{t: t, answer: func(*http.Request, string) *http.Response {
		return says(200, `{"resourceType":"Bundle","link":[{"url":"https://node7.internal/x/DocumentReference?page=2"},{"url":"https://node7.internal/x/DocumentReferences"}]}`)
	}}
	w := through(t, s.facade(stored(t), nil), request("GET", collection+queryString("subject", patient), "", ""))
	assert.JSONEq(t, `{"resourceType":"Bundle","link":[{"url":"https://nrl.test/STU3/DocumentReference?page=2"},{"url":"https://nrl.test/STU3"}]}`, w.Body.String())
}
