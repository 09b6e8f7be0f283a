// SPDX-License-Identifier: Apache-2.0

package pointer_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/pointer"
	"github.com/nrlsecurity/nrlsecurity/pointer/pointertest"
)

// facade is a guard and a Forward in front of a server that answers as h does.
func facade(t *testing.T, h http.HandlerFunc, resolver pointer.Resolver, change func(*pointer.Forward)) http.Handler {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	backend, err := url.Parse(srv.URL + "/fhir")
	require.NoError(t, err)
	base, err := url.Parse("https://nrl.example/STU3")
	require.NoError(t, err)
	f := &pointer.Forward{Client: srv.Client(), Backend: backend, Base: base, Update: pointer.UpdateParameters,
		Supersede: pointer.SupersedeByStore, IfMatch: pointer.Conditions{Delete: true, Patch: true, Put: true, Transaction: true}}
	if change != nil {
		change(f)
	}
	if resolver == nil {
		resolver = stored(t)
	}
	return (&pointer.Guard{Resolver: resolver, Disclose: true}).Middleware(f)
}

func through(t *testing.T, h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r.WithContext(asid.NewContext(r.Context(), callerOf(t, "A81001"))))
	return w
}

func TestOnlyHarmlessHeadersReachTheStore(t *testing.T) {
	t.Parallel()
	var got http.Header
	h := facade(t, func(w http.ResponseWriter, r *http.Request) { got = r.Header; w.WriteHeader(http.StatusNoContent) }, nil, nil)
	r := request("DELETE", collection+"/"+oldID, "", "")
	for name, value := range map[string]string{
		"Authorization": "Bearer x", "fromASID": "200000000205", "toASID": "999999999999", "Ssp-From": "1", "Cookie": "a=b", "X-Forwarded-Host": "x",
		"X-Progressive": "x", "Prefer": "handling=lenient", "If-Match": `W/"3"`, "Connection": "X-Request-Id, If-Match", "Accept": "application/fhir+json",
		"X-Request-Id": "r1", "Traceparent": "00-1-2-01", "X-Correlation-Id": strings.Repeat("x", 1025), "Forwarded": "for=x",
	} {
		r.Header.Set(name, value)
	}
	assert.Equal(t, http.StatusNoContent, through(t, h, r).Code)
	for _, own := range []string{"User-Agent", "Content-Length"} {
		got.Del(own)
	}
	assert.Equal(t, http.Header{"Accept": {"application/fhir+json"}, "X-Request-Id": {"r1"}, "Traceparent": {"00-1-2-01"}, "If-Match": {`W/"3"`},
		"Cache-Control": {"no-cache"}, "Pragma": {"no-cache"}, "Accept-Encoding": {"identity"}}, got)
}

func TestTheUpdateIsWrittenFromTheDecision(t *testing.T) {
	t.Parallel()
	stored := load(t, "supersede-both", "stu3", "json").text
	stored = strings.ReplaceAll(strings.ReplaceAll(stored, newID, oldID), `"versionId": "1"`, `"versionId": "3"`)
	for _, c := range []struct {
		form                      pointer.UpdateForm
		method, contentType, want string
	}{
		{pointer.UpdateParameters, "PATCH", "application/fhir+json", updates[false]},
		{pointer.UpdateJSONPatch, "PATCH", "application/json-patch+json", `[{"op":"test","path":"/meta/versionId","value":"3"},` +
			`{"op":"test","path":"/custodian","value":{"reference":"` + odsURL + `A81001"}},{"op":"replace","path":"/status","value":"entered-in-error"}]`},
		{pointer.UpdatePut, "PUT", "application/fhir+json", strings.Replace(stored, `"status": "current"`, `"status":"entered-in-error"`, 1)},
	} {
		var got string
		h := facade(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/fhir+json")
			if r.Method == http.MethodGet {
				io.WriteString(w, stored)
				return
			}
			body, _ := io.ReadAll(r.Body)
			got = string(body)
			assert.Equal(t, c.method, r.Method)
			assert.Equal(t, "/fhir/DocumentReference/"+oldID, r.URL.RequestURI())
			assert.Equal(t, c.contentType, r.Header.Get("Content-Type"))
			assert.Equal(t, `W/"3"`, r.Header.Get("If-Match"))
		}, nil, func(f *pointer.Forward) { f.Update = c.form })
		w := through(t, h, request("PATCH", collection+"/"+oldID, "application/fhir+xml", updates[true]))
		assert.Equal(t, http.StatusOK, w.Code, w.Body.String())
		assert.JSONEq(t, c.want, got)
	}
}

func TestASupersedeIsOneTransaction(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"json", "xml"} {
		d := load(t, "supersede-both", "stu3", format)
		old := strings.ReplaceAll(strings.ReplaceAll(load(t, "create", "stu3", format).text, `"versionId": "1"`, `"versionId": "3"`), `versionId value="1"`, `versionId value="3"`)
		if format == "json" {
			old = strings.Replace(old, `"status"`, `"id":"`+oldID+`","status"`, 1)
		} else {
			old = strings.Replace(old, `<status`, `<id value="`+oldID+`"/><status`, 1)
		}
		calls := 0
		h := facade(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				w.Header().Set("Content-Type", d.contentType())
				io.WriteString(w, old)
				return
			}
			calls++
			body, _ := io.ReadAll(r.Body)
			assert.Equal(t, "/fhir", r.URL.Path)
			for _, want := range []string{"transaction", "ifMatch", "superseded", "DocumentReference/" + oldID} {
				assert.Contains(t, string(body), want)
			}
			want := d.pick(`"request":{"method":"POST","url":"DocumentReference"}`, `<request><method value="POST"/><url value="DocumentReference"/></request>`)
			assert.Equal(t, 1, strings.Count(string(body), want))
			assert.Equal(t, 2, strings.Count(string(body), newIdentifier.Value), "of the new one, and of what is stored in this test")
			for _, not := range []string{newID, "<?xml", oldIdentifier.Value} {
				assert.NotContains(t, string(body), not)
			}
			w.Header().Set("Content-Type", "application/fhir+json")
			io.WriteString(w, `{"resourceType":"Bundle","type":"transaction-response","entry":[{"response":{"status":"201 Created","location":"DocumentReference/new/_history/1","etag":"W/\"1\""}},{"response":{"status":"200 OK"}}]}`)
		}, nil, func(f *pointer.Forward) { f.Supersede = pointer.SupersedeTransaction })
		w := through(t, h, request("POST", collection, d.contentType(), d.text))
		assert.Equal(t, http.StatusCreated, w.Code, w.Body.String())
		assert.Equal(t, "https://nrl.example/STU3/DocumentReference/new", w.Header().Get("Location"))
		assert.Equal(t, 1, calls)
	}
}

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
	for status, want := range map[int]int{302: 502, 401: 502, 403: 502, 404: 404, 410: 404, 500: 502, 503: 503, 429: 503, 400: 400, 422: 422} {
		h := facade(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "http://elsewhere.internal/")
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(status)
		}, nil, nil)
		w := through(t, h, request("DELETE", collection+"/"+oldID, "", ""))
		assert.Equal(t, want, w.Code, status)
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

func TestAChangeIsJudgedAnewAtMostThreeTimes(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusConflict, http.StatusPreconditionFailed} {
		calls := 0
		h := facade(t, func(w http.ResponseWriter, r *http.Request) { calls++; w.WriteHeader(status) }, nil, nil)
		w := through(t, h, request("DELETE", collection+"/"+oldID, "", ""))
		assert.Equal(t, http.StatusConflict, w.Code)
		assert.Equal(t, 3, calls)
	}
	// The client's own If-Match is not dropped when its version is gone.
	p := *stored(t)[oldID]
	versions := pointertest.MapResolver{oldID: &p}
	h := facade(t, func(w http.ResponseWriter, r *http.Request) {
		next := p
		next.Version = "4"
		versions[oldID] = &next
		w.WriteHeader(http.StatusPreconditionFailed)
	}, versions, nil)
	r := request("DELETE", collection+"/"+oldID, "", "")
	r.Header.Set("If-Match", `W/"3"`)
	assert.Equal(t, http.StatusPreconditionFailed, through(t, h, r).Code)
}

func TestAnUnknownOutcomeIsNotRepeated(t *testing.T) {
	t.Parallel()
	for _, r := range []*http.Request{
		request("DELETE", collection+"/"+oldID, "", ""),
		request("PATCH", collection+"/"+oldID, "application/fhir+json", updates[false]),
		request("POST", collection, "application/fhir+json", load(t, "create", "stu3", "json").text),
	} {
		var calls atomic.Int32
		h := facade(t, func(http.ResponseWriter, *http.Request) { calls.Add(1); panic(http.ErrAbortHandler) }, nil, nil)
		assert.Equal(t, http.StatusBadGateway, through(t, h, r).Code)
		assert.Equal(t, int32(1), calls.Load())
	}
}

func TestMethodsThatTheStoreDoesUnconditionallyAreRefused(t *testing.T) {
	t.Parallel()
	none := func(http.ResponseWriter, *http.Request) { t.Error("a request reached the store") }
	for _, update := range []pointer.UpdateForm{0, pointer.UpdateParameters, pointer.UpdatePut} {
		h := facade(t, none, nil, func(f *pointer.Forward) {
			f.IfMatch, f.Update, f.Supersede = pointer.Conditions{}, update, 0
		})
		supersede := load(t, "supersede-both", "stu3", "json")
		for _, r := range []*http.Request{
			request("DELETE", collection+"/"+oldID, "", ""),
			request("PATCH", collection+"/"+oldID, "application/fhir+json", updates[false]),
			request("POST", collection, supersede.contentType(), supersede.text),
		} {
			assert.Equal(t, http.StatusBadRequest, through(t, h, r).Code)
		}
	}
	for _, query := range []string{"_include=DocumentReference:patient", "_revinclude=x", "_has:x=y", "subject.name=x", "_elements=id"} {
		assert.Equal(t, http.StatusBadRequest, through(t, facade(t, none, nil, nil), request("GET", collection+"?"+query, "", "")).Code, query)
	}
	assert.IsType(t, &asid.ConfigError{}, (&pointer.Forward{}).Validate())
	w := httptest.NewRecorder()
	(&pointer.Forward{}).ServeHTTP(w, request("GET", collection, "", ""))
	assert.Equal(t, http.StatusInternalServerError, w.Code)
}

// RXA has a pointer with the masterIdentifier V, RR8 one with the plain
// identifier V. To FHIR, ?identifier=V means both.
func TestAPlainIdentifierIsNotDeletedAlong(t *testing.T) {
	t.Parallel()
	s := newSim(t, quirks()[1], mutation{}, 1)
	v := simIdentifier{"urn:s", "V"}
	mine := &simResource{Type: "DocumentReference", ID: "mine", Status: "current", Master: &v, Subject: simReference{Reference: patient}, Custodian: simReference{Reference: odsURL + "RX1"}}
	theirs := &simResource{Type: "DocumentReference", ID: "theirs", Status: "current", Identifier: []simIdentifier{v}, Subject: simReference{Reference: patient}, Custodian: simReference{Reference: odsURL + "RR8"}}
	s.store.put("", mine)
	s.store.put("", theirs)
	s.acting = []*simRequest{{ods: "RX1", judged: map[string]string{}}, {ods: "RX1", judged: map[string]string{}}}
	r := request("DELETE", collection+queryString("subject", patient, "identifier", "urn:s|V"), "", "")
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r.WithContext(asid.NewContext(r.Context(), callerOf(t, "RX1"))))
	assert.Equal(t, http.StatusNoContent, w.Code)
	assert.NotContains(t, s.store.pointers, "mine")
	assert.Contains(t, s.store.pointers, "theirs")
	assert.Empty(t, s.faults)
}

// A server that answers a repeated search from a cache would have a pointer
// judged that is long gone.
func TestLookUpsPassCachesOver(t *testing.T) {
	t.Parallel()
	d := load(t, "supersede-both", "stu3", "json")
	version := "1"
	cached := map[string]string{}
	f := remote(t, func(w http.ResponseWriter, r *http.Request) {
		answer, found := cached[r.URL.String()]
		if !found || r.Header.Get("Cache-Control") == "no-cache" && r.Header.Get("Pragma") == "no-cache" {
			answer = strings.Replace(d.text, `"versionId": "1"`, `"versionId": "`+version+`"`, 1)
			if r.URL.Path == collection {
				answer = searchsetOf("json", answer)
			}
			cached[r.URL.String()] = answer
		}
		reply(w, d.contentType(), "", answer)
	})
	for _, q := range []pointer.Query{{ID: newID}, {Subject: patient, Identifier: newIdentifier}} {
		for _, version = range []string{"1", "2"} {
			p, err := f.Resolve(t.Context(), q)
			require.NoError(t, err)
			assert.Equal(t, version, p.Version)
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

// What loosens the conditions of changes is said once, and nothing if nothing does.
func TestWhatLoosensAForwardIsLoggedOnce(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*pointer.Forward)
		word   string
	}{
		"nothing":            {func(*pointer.Forward) {}, ""},
		"AllowUnconditional": {func(f *pointer.Forward) { f.AllowUnconditional = true }, "AllowUnconditional is in use"},
		"SupersedeByStore":   {func(f *pointer.Forward) { f.Supersede = pointer.SupersedeByStore }, "SupersedeByStore is in use"},
	} {
		var log bytes.Buffer
		h := facade(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/fhir+json")
			io.WriteString(w, "{}")
		}, nil, func(f *pointer.Forward) {
			f.Supersede = 0
			test.change(f)
			f.Logger = slog.New(slog.NewJSONHandler(&log, nil))
		})
		for range 2 {
			through(t, h, request("GET", collection+"/"+oldID, "", ""))
		}
		if test.word == "" {
			assert.NotContains(t, log.String(), "in use", name)
		} else {
			assert.Equal(t, 1, strings.Count(log.String(), test.word), "%s: %s", name, log.String())
		}
	}
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
