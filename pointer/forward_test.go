// SPDX-License-Identifier: Apache-2.0

package pointer_test

import (
	"bytes"
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

// What goes on of a create's media type is bounded, as all headers are.
func TestABodysTypeOfAnyLengthDoesNotReachTheStore(t *testing.T) {
	t.Parallel()
	asked := 0
	h := facade(t, func(w http.ResponseWriter, _ *http.Request) { asked++; w.WriteHeader(http.StatusCreated) }, nil, nil)
	body := load(t, "create", "stu3", "json").text
	assert.Equal(t, http.StatusCreated, through(t, h, request("POST", collection, "application/fhir+json; version=1", body)).Code)
	assert.Equal(t, 1, asked)
	w := through(t, h, request("POST", collection, "application/fhir+json; version="+strings.Repeat("1", 1024), body))
	assert.Equal(t, http.StatusUnsupportedMediaType, w.Code)
	assert.Equal(t, 1, asked)
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

func TestAChangeIsJudgedAnewAtMostThreeTimes(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusConflict, http.StatusPreconditionFailed} {
		calls := 0
		h := facade(t, func(w http.ResponseWriter, r *http.Request) { calls++; w.WriteHeader(status) }, nil, nil)
		w := through(t, h, request("DELETE", collection+"/"+oldID, "", ""))
		assert.Equal(t, http.StatusConflict, w.Code)
		assert.Equal(t, 3, calls)
	}
	// What is refused in the version that it has is not said to have changed: HAPI answers so
	// while other resources refer to it.
	var log bytes.Buffer
	h := facade(t, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusConflict) }, nil,
		func(f *pointer.Forward) { f.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	w := through(t, h, request("DELETE", collection+"/"+oldID, "", ""))
	for _, text := range []string{w.Body.String(), log.String()} {
		assert.Contains(t, text, "is refused by the store in the version that it has")
		assert.NotContains(t, text, "changed")
	}
	// A new pointer has no version.
	create := load(t, "create", "stu3", "json")
	w = through(t, h, request("POST", collection, create.contentType(), create.text))
	assert.Equal(t, http.StatusConflict, w.Code)
	assert.Contains(t, w.Body.String(), "is refused by the store")
	assert.NotContains(t, w.Body.String(), "version that it has")
	// The old pointer has been replaced by another of its masterIdentifier.
	replaced := pointertest.MapResolver{oldID: stored(t)[oldID]}
	h = facade(t, func(w http.ResponseWriter, r *http.Request) {
		other := *stored(t)[oldID]
		other.ID = "another"
		replaced["another"] = &other
		delete(replaced, oldID)
		w.WriteHeader(http.StatusConflict)
	}, replaced, nil)
	supersede := load(t, "supersede-identifier", "stu3", "json")
	w = through(t, h, request("POST", collection, supersede.contentType(), supersede.text))
	assert.Equal(t, http.StatusConflict, w.Code)
	assert.Contains(t, w.Body.String(), "has changed each time that it was judged")
	// The client's own If-Match is not dropped when its version is gone.
	p := *stored(t)[oldID]
	versions := pointertest.MapResolver{oldID: &p}
	h = facade(t, func(w http.ResponseWriter, r *http.Request) {
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
