// SPDX-License-Identifier: Apache-2.0

package pointer_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/nrlsecurity/nrlsecurity/pointer"
)

func TestAnswersNameThisServer(t *testing.T) {
	t.Parallel()
	var origin string
	h := facade(t, func(w http.ResponseWriter, r *http.Request) {
		origin = "http://" + r.Host + "/fhir"
		if strings.Contains(r.Header.Get("Accept"), "xml") {
			w.Header().Set("Content-Type", "application/fhir+xml")
			fmt.Fprintf(w, `<?xml version="1.0"?><Bundle xmlns="http://hl7.org/fhir"><link><url value="%[1]s?a=1&amp;b=2"></url></link><entry><fullUrl value="%[1]s/DocumentReference/1"/><resource><DocumentReference><relatesTo><target><reference value="x"/></target></relatesTo></DocumentReference></resource></entry></Bundle>`, origin)
			return
		}
		w.Header().Set("Content-Type", "application/fhir+json; charset=UTF-8")
		w.Header().Set("Content-Location", origin+"/DocumentReference/1/_history/2")
		w.Header().Set("Set-Cookie", "a=b")
		fmt.Fprintf(w, `{"resourceType":"Bundle","link":[{"relation":"self","url":"%[1]s/DocumentReference?x=y"},{"relation":"next","url":"http://node7.internal/page"}],"entry":[{"fullUrl":"%[1]s/DocumentReference/1"},{"fullUrl":"urn:uuid:1"}]}`, origin)
	}, nil, nil)
	r := request("GET", collection+queryString("subject", patient), "", "")
	w := through(t, h, r)
	assert.JSONEq(t, `{"resourceType":"Bundle","link":[{"relation":"self","url":"https://nrl.example/STU3/DocumentReference?x=y"},{"relation":"next","url":"https://nrl.example/STU3"}],"entry":[{"fullUrl":"https://nrl.example/STU3/DocumentReference/1"},{"fullUrl":"urn:uuid:1"}]}`, w.Body.String())
	assert.Equal(t, "https://nrl.example/STU3/DocumentReference/1", w.Header().Get("Content-Location"))
	assert.Empty(t, w.Header().Get("Set-Cookie"))
	r = request("GET", collection+queryString("subject", patient), "", "")
	r.Header.Set("Accept", "application/fhir+xml")
	w = through(t, h, r)
	assert.Equal(t, `<?xml version="1.0"?><Bundle xmlns="http://hl7.org/fhir"><link><url value="https://nrl.example/STU3?a=1&amp;b=2"></url></link><entry><fullUrl value="https://nrl.example/STU3/DocumentReference/1"/><resource><DocumentReference><relatesTo><target><reference value="x"/></target></relatesTo></DocumentReference></resource></entry></Bundle>`, w.Body.String())
}

func TestWhatTheStoreAnswersOfItselfIsNotPassedOn(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]int{302: 502, 401: 502, 304: 502, 403: 502, 404: 502, 410: 502, 500: 502, 599: 502, 503: 503, 429: 503, 400: 400, 422: 422} {
		var log bytes.Buffer
		h := facade(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "http://elsewhere.internal/")
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(status)
		}, nil, func(f *pointer.Forward) { f.Logger = slog.New(slog.NewJSONHandler(&log, nil)) })
		w := through(t, h, request("DELETE", collection+"/"+oldID, "", ""))
		assert.Equal(t, want, w.Code, status)
		if want >= 500 {
			assert.Contains(t, log.String(), fmt.Sprintf("status %d", status))
		}
		assert.Empty(t, w.Header().Get("Location"))
		if want == 503 {
			assert.Equal(t, "7", w.Header().Get("Retry-After"))
		}
	}
}

func TestAStoreThatSwitchesProtocolsGetsNoConnection(t *testing.T) {
	t.Parallel()
	switching := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Upgrade", "x")
		w.Header().Set("Connection", "Upgrade")
		w.WriteHeader(http.StatusSwitchingProtocols)
	}
	h := facade(t, switching, nil, nil)
	w := through(t, h, request("GET", collection+"/"+oldID, "", ""))
	assert.Equal(t, http.StatusBadGateway, w.Code)

	for name, value := range map[string]string{"Upgrade": "websocket", "Connection": "keep-alive, Upgrade", "X_Original_URL": "/x", "Http2-Settings": "AAMAAABk"} {
		r := request("GET", collection+"/"+oldID, "", "")
		r.Header[name] = []string{value}
		assert.Equal(t, http.StatusBadRequest, through(t, h, r).Code, name)
	}
	(&pointer.Guard{}).Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _, err := http.NewResponseController(w).Hijack()
		assert.ErrorIs(t, err, http.ErrNotSupported)
		_, hijacks := w.(http.Hijacker)
		assert.False(t, hijacks)
	})).ServeHTTP(httptest.NewRecorder(), request("GET", collection, "", ""))
}

// The format of an answer is refused before the store is asked, and a store that
// does not serve it is not at fault.
func TestAnAnswersFormatIsOneThatIsServed(t *testing.T) {
	t.Parallel()
	asked := []string{}
	h := facade(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.RawQuery+" "+r.Header.Get("Accept"))
		if r.Method == http.MethodGet && strings.Contains(r.Header.Get("Accept"), "xml") {
			w.WriteHeader(http.StatusNotAcceptable)
			return
		}
		w.Header().Set("Content-Type", "application/fhir+json")
		io.WriteString(w, "{}")
	}, nil, nil)
	get := func(target, accept string) *http.Request {
		r := request("GET", target, "", "")
		if accept != "" {
			r.Header.Set("Accept", accept)
		}
		return r
	}
	for _, c := range []struct {
		r     *http.Request
		code  int
		asked string // empty: the store is not
	}{
		{get(collection+"/x?_format=turtle", ""), 415, ""},
		{get(collection+"/x?_format=turtle", "application/fhir+json"), 415, ""},
		{get(collection+"?subject=x&_format=json&_format=xml", ""), 415, ""},
		{get(collection+"/x", "text/turtle"), 415, ""},
		{get(collection+"/x", "application/fhir+xml"), 415, "GET  application/fhir+xml"},
		{get(collection+"/x?_format=json", "text/turtle"), 200, "GET _format=json text/turtle"},
		{get(collection+"/x", ""), 200, "GET  "},
		{request("DELETE", collection+"/"+oldID+"?_format=json", "", ""), 200, "DELETE  application/fhir+json"},
		{request("DELETE", collection+"/"+oldID, "", ""), 200, "DELETE  "},
		{request("HEAD", collection+"/x?_format=json", "", ""), 200, "HEAD _format=json "},
		{request("DELETE", collection+"/"+oldID+"?_format=turtle", "", ""), 415, ""},
	} {
		asked = nil
		w := through(t, h, c.r)
		assert.Equal(t, c.code, w.Code, "%s: %s", c.r.URL, w.Body)
		assert.Equal(t, c.asked, strings.Join(asked, ", "), c.r.URL)
		if c.code == 415 {
			assert.Contains(t, w.Body.String(), "UNSUPPORTED_MEDIA_TYPE")
		}
	}
}

// What a store writes is no reason for a record without an end.
func TestTheLogOfAStoresFaultIsBounded(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	h := facade(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/fhir+json")
		name := strings.Repeat("x", 1<<20)
		io.WriteString(w, `{"`+name+`":1,"`+name+`":2}`)
	}, nil, func(f *pointer.Forward) { f.Logger = slog.New(slog.NewJSONHandler(&log, nil)) })
	assert.Equal(t, http.StatusBadGateway, through(t, h, request("GET", collection+"/"+oldID, "", "")).Code)
	assert.Contains(t, log.String(), `"rule":"store"`)
	assert.Less(t, log.Len(), 2048)
}
