// SPDX-License-Identifier: Apache-2.0

package pointer_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/pointer"
)

const collection = "/STU3/DocumentReference"

// answer is what WriteError makes of the decision on change.
func answer(t *testing.T, g *pointer.Guard, caller *asid.Caller, change pointer.Change) *httptest.ResponseRecorder {
	t.Helper()
	_, err := g.Authorize(t.Context(), caller, change)
	require.Error(t, err)
	w := httptest.NewRecorder()
	pointer.WriteError(w, httptest.NewRequest(http.MethodPost, collection, nil), err)
	return w
}

// A handler keeps what the guard let through.
type handler struct {
	decision *pointer.Decision
	body     []byte
	called   bool
}

func (h *handler) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	h.called = true
	h.decision, _ = pointer.DecisionFrom(r.Context())
	h.body, _ = io.ReadAll(r.Body)
}

// send puts r through the guard and returns the answer and what the handler saw.
func send(t *testing.T, g *pointer.Guard, r *http.Request) (*httptest.ResponseRecorder, *handler) {
	t.Helper()
	h, w := new(handler), httptest.NewRecorder()
	r = r.WithContext(asid.NewContext(r.Context(), callerOf(t, "A81001")))
	g.Middleware(h).ServeHTTP(w, r)
	return w, h
}

func request(method, target, contentType, body string) *http.Request {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	return r
}

func queryString(pairs ...string) string {
	q := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		q.Add(pairs[i], pairs[i+1])
	}
	return "?" + q.Encode()
}

func TestExamplesGoThroughUnchanged(t *testing.T) {
	token := oldIdentifier.System + "|" + oldIdentifier.Value
	for _, c := range []struct {
		example, method, target string
		action                  pointer.Action
		stored                  string
	}{
		{"create", "POST", collection, pointer.Create, ""},
		{"create", "POST", collection + "?_format=json", pointer.Create, ""},
		{"supersede-reference", "POST", collection, pointer.Supersede, oldID},
		{"supersede-identifier", "POST", collection, pointer.Supersede, oldID},
		{"supersede-both", "POST", collection, pointer.Supersede, oldID},
		{"update", "PATCH", collection + "/" + oldID, pointer.Update, oldID},
		{"update", "PATCH", collection + queryString("subject", patient, "identifier", token), pointer.Update, oldID},
		{"", "DELETE", collection + "/" + oldID, pointer.Delete, oldID},
		{"", "DELETE", collection + "?_id=" + oldID, pointer.Delete, oldID},
		{"", "DELETE", collection + queryString("subject", patient, "identifier", token, "_format", "xml"), pointer.Delete, oldID},
	} {
		t.Run(c.method+" "+c.target+" "+c.example, func(t *testing.T) {
			guard := &pointer.Guard{Resolver: stored(t)}
			check := func(t *testing.T, d document) {
				contentType := d.contentType()
				if c.example == "" {
					contentType = ""
				}
				w, h := send(t, guard, request(c.method, c.target, contentType, d.text))
				require.True(t, h.called, w.Body.String())
				assert.Equal(t, d.text, string(h.body))
				assert.Equal(t, c.action, h.decision.Change.Action)
				if c.stored == "" {
					assert.Nil(t, h.decision.Stored)
				} else {
					assert.Equal(t, c.stored, h.decision.Stored.ID)
					assert.Equal(t, "3", h.decision.Stored.Version)
				}
			}
			if c.example == "" {
				check(t, document{})
				return
			}
			everyForm(t, c.example, check)
		})
	}
}

func TestGetsPass(t *testing.T) {
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		_, h := send(t, &pointer.Guard{}, request(method, collection+"?subject=x", "", ""))
		assert.True(t, h.called)
		assert.Nil(t, h.decision)
	}
}

func TestRequestsAreRefused(t *testing.T) {
	create := load(t, "create", "stu3", "json").text
	update := load(t, "update", "stu3", "json").text
	const fhir = "application/fhir+json"
	header := func(r *http.Request, pairs ...string) *http.Request {
		for i := 0; i < len(pairs); i += 2 {
			r.Header.Add(pairs[i], pairs[i+1])
		}
		return r
	}
	long := create + strings.Repeat(" ", 1<<20)
	req, media, body, res, target := &asid.RequestError{}, &pointer.MediaTypeError{}, &pointer.BodyError{}, &pointer.ResourceError{}, &pointer.TargetError{}
	for _, c := range []struct {
		name string
		r    *http.Request
		want error
	}{
		{"a PUT", request("PUT", collection+"/"+oldID, fhir, create), req},
		{"a POST with an id", request("POST", collection+"/"+oldID, fhir, create), req},
		{"a search by POST", request("POST", collection+"/_search", "application/x-www-form-urlencoded", "_id=x"), req},
		{"an operation", request("POST", collection+"/$expunge", fhir, update), req},
		{"a POST of another type", request("POST", "/STU3/Patient", fhir, create), req},
		{"a POST to the base", request("POST", "/STU3", fhir, create), req},
		{"a DELETE of another type", request("DELETE", "/STU3/Patient/x", "", ""), req},
		{"a DELETE of a version", request("DELETE", collection+"/"+oldID+"/_history/1", "", ""), req},
		{"an unknown method", request("PURGE", collection+"/"+oldID, "", ""), req},
		{"OPTIONS", request("OPTIONS", collection, "", ""), req},
		{"a path in other letters", request("POST", "/STU3/documentreference", fhir, create), req},
		{"a path with a slash at its end", request("POST", collection+"/", fhir, create), req},
		{"a path with dot segments", request("DELETE", collection+"/x/../"+oldID, "", ""), req},
		{"a path with two slashes", request("DELETE", "/STU3//DocumentReference/"+oldID, "", ""), req},
		{"a path with an encoded slash", request("DELETE", collection+"%2F"+oldID, "", ""), req},
		{"a conditional create", header(request("POST", collection, fhir, create), "If-None-Exist", "identifier=x"), req},
		{"a create with a query", request("POST", collection+"?subject=x", fhir, create), req},
		{"a header that overrides the method", header(request("POST", collection, fhir, create), "X-HTTP-Method-Override", "DELETE"), req},
		{"such a header on a GET", header(request("GET", collection+"/"+oldID, "", ""), "X-Method-Override", "DELETE"), req},
		{"a parameter that overrides the method", request("GET", collection+"/"+oldID+"?_method=DELETE", "", ""), req},
		{"no Content-Type", request("POST", collection, "", create), media},
		{"two Content-Types", header(request("POST", collection, fhir, create), "Content-Type", "application/fhir+xml"), media},
		{"another Content-Type", request("POST", collection, "text/plain", create), media},
		{"another charset", request("POST", collection, fhir+"; charset=utf-16", create), media},
		{"a compressed body", header(request("POST", collection, fhir, create), "Content-Encoding", "gzip"), media},
		{"an update with a JSON patch", request("PATCH", collection+"/"+oldID, "application/json-patch+json", "[]"), media},
		{"no body", request("POST", collection, fhir, ""), body},
		{"a body that is not JSON", request("POST", collection, fhir, "{"), body},
		{"a body over the limit", request("POST", collection, fhir, long), body},
		{"an update with a DocumentReference", request("PATCH", collection+"/"+oldID, fhir, create), body},
		{"a create with Parameters", request("POST", collection, fhir, update), body},
		{"a DELETE with a body", request("DELETE", collection+"/"+oldID, fhir, update), body},
		{"a DELETE of everything", request("DELETE", collection, "", ""), req},
		{"a DELETE by id, twice", request("DELETE", collection+"/"+oldID+"?_id="+oldID, "", ""), req},
		{"a DELETE by two ids", request("DELETE", collection+"?_id="+oldID+"&_id=theirs", "", ""), req},
		{"a DELETE by id and identifier", request("DELETE", collection+queryString("_id", oldID, "subject", patient, "identifier", "a|b"), "", ""), req},
		{"a DELETE by subject alone", request("DELETE", collection+queryString("subject", patient), "", ""), req},
		{"a DELETE by identifier alone", request("DELETE", collection+queryString("identifier", "a|b"), "", ""), req},
		{"a DELETE by two subjects", request("DELETE", collection+queryString("subject", patient, "subject", otherPatient, "identifier", "a|b"), "", ""), req},
		{"a DELETE by a subject with a comma", request("DELETE", collection+queryString("subject", patient+","+otherPatient, "identifier", "a|b"), "", ""), req},
		{"a DELETE by an identifier without a system", request("DELETE", collection+queryString("subject", patient, "identifier", "|b"), "", ""), req},
		{"a DELETE by an identifier without a bar", request("DELETE", collection+queryString("subject", patient, "identifier", "b"), "", ""), req},
		{"a DELETE by an identifier with two bars", request("DELETE", collection+queryString("subject", patient, "identifier", "a|b|c"), "", ""), req},
		{"a DELETE with a modifier", request("DELETE", collection+queryString("subject:Patient", patient, "identifier", "a|b"), "", ""), req},
		{"a DELETE with a parameter in capitals", request("DELETE", collection+queryString("_ID", oldID), "", ""), req},
		{"a DELETE with an unknown parameter", request("DELETE", collection+"/"+oldID+"?force=true", "", ""), req},
		{"a DELETE with _format twice", request("DELETE", collection+"/"+oldID+"?_format=json&_format=xml", "", ""), req},
		{"a DELETE with a malformed query", request("DELETE", collection+"?_id=%zz", "", ""), req},
		{"a DELETE with a semicolon in the query", request("DELETE", collection+"?_id="+oldID+";x=y", "", ""), req},
		{"an update by _id", request("PATCH", collection+"?_id="+oldID, fhir, update), req},
		{"an update of nothing", request("PATCH", collection, fhir, update), req},
		{"an update of a stranger's", request("PATCH", collection+"/theirs", fhir, update), target},
		{"a bundle where none is taken", request("POST", "/STU3", fhir, `{"resourceType":"Bundle","type":"batch"}`), req},
		{"an update with another value", request("PATCH", collection+"/"+oldID, fhir, strings.Replace(update, "entered-in-error", "current", 1)), res},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got error
			guard := &pointer.Guard{Resolver: stored(t), ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
				got = err
				pointer.WriteError(w, r, err)
			}}
			w, h := send(t, guard, c.r)
			assert.False(t, h.called)
			assert.IsType(t, c.want, got, "%v", got)
			assert.GreaterOrEqual(t, w.Code, 400)
			assert.Less(t, w.Code, 500)
		})
	}
}

func TestBodiesOverTheLimitAreRefusedWhateverTheySay(t *testing.T) {
	create := load(t, "create", "stu3", "json").text
	guard := &pointer.Guard{Resolver: stored(t), MaxBytes: int64(len(create))}
	_, h := send(t, guard, request("POST", collection, "application/fhir+json", create))
	assert.True(t, h.called, "exactly the limit")

	chunked := request("POST", collection, "application/fhir+json", "")
	chunked.Body, chunked.ContentLength = io.NopCloser(strings.NewReader(create+" ")), -1
	w, h := send(t, guard, chunked)
	assert.False(t, h.called)
	assert.Equal(t, http.StatusBadRequest, w.Code)
	assert.Contains(t, w.Body.String(), "INVALID_REQUEST_MESSAGE")
}

func TestRelativeReferencesOnRequest(t *testing.T) {
	everyForm(t, "create", func(t *testing.T, d document) {
		d = d.custodian(t, `{"reference":"Organization/A81001"}`, `<reference value="Organization/A81001"/>`)
		for _, allowed := range []bool{false, true} {
			guard := &pointer.Guard{Resolver: stored(t), RelativeReferences: allowed}
			_, h := send(t, guard, request("POST", collection, d.contentType(), d.text))
			assert.Equal(t, allowed, h.called)
		}
	})
}

func TestAnswersFollowTheErrorTable(t *testing.T) {
	everyForm(t, "supersede-both", func(t *testing.T, d document) {
		post := func(d document) *http.Request { return request("POST", collection, d.contentType(), d.text) }
		theirs := d.custodian(t, `{"reference":"`+odsURL+`RX1"}`, `<reference value="`+odsURL+`RX1"/>`)
		stale := stored(t)
		stale[oldID].Status = "superseded"
		for _, c := range []struct {
			name             string
			r                *http.Request
			guard            *pointer.Guard
			status           int
			code, diagnostic string
		}{
			{"custodian", post(theirs), &pointer.Guard{Resolver: stored(t)}, 400, "INVALID_RESOURCE", "Resource is invalid : custodian"},
			{"relatesTo", post(d.replace(t, oldID, "none", oldID, "none")), &pointer.Guard{Resolver: stored(t)}, 400, "INVALID_RESOURCE", "Resource is invalid : relatesTo"},
			{"not current", post(d), &pointer.Guard{Resolver: stale}, 400, "BAD_REQUEST", "DocumentReference status is not 'current'"},
			{"not found", request("DELETE", collection+"/none", "", ""), &pointer.Guard{Resolver: stored(t)}, 404, "NO_RECORD_FOUND", "No record found for supplied DocumentReference identifier - none."},
			{"malformed", post(d.twice(t, "custodian")), &pointer.Guard{Resolver: stored(t)}, 400, "INVALID_REQUEST_MESSAGE", "Invalid Request Message"},
			{"media type", request("POST", collection, "text/plain", d.text), &pointer.Guard{Resolver: stored(t)}, 415, "UNSUPPORTED_MEDIA_TYPE", "Unsupported Media Type"},
			{"a stranger's, disclosed", request("DELETE", collection+"/theirs", "", ""), &pointer.Guard{Resolver: stored(t), Disclose: true}, 400, "INVALID_RESOURCE", "Resource is invalid : custodian"},
			{"a stranger's, concealed", request("DELETE", collection+"/theirs", "", ""), &pointer.Guard{Resolver: stored(t)}, 404, "NO_RECORD_FOUND", "No record found"},
			{"no caller", post(d), &pointer.Guard{}, 500, "", ""},
		} {
			c.r.Header.Set("Accept", "application/fhir+"+d.format)
			w, h := send(t, c.guard, c.r)
			assert.False(t, h.called, c.name)
			assert.Equal(t, c.status, w.Code, c.name)
			answered := strings.ReplaceAll(w.Body.String(), "&#39;", "'")
			assert.Contains(t, answered, c.code, c.name)
			assert.Contains(t, answered, c.diagnostic, c.name)
			assert.Contains(t, w.Header().Get("Content-Type"), d.format)
		}
	})
}

func TestUpdatesAreTheOneThatTheNRLAllows(t *testing.T) {
	body, res := &pointer.BodyError{}, &pointer.ResourceError{}
	for _, c := range []struct {
		name                             string
		jsonOld, jsonNew, xmlOld, xmlNew string
		want                             error
	}{
		{"another operation", `"replace"`, `"delete"`, `"replace"`, `"delete"`, res},
		{"another path", "DocumentReference.status", "DocumentReference.custodian", "DocumentReference.status", "DocumentReference.custodian", res},
		{"another value", "entered-in-error", "superseded", "entered-in-error", "superseded", res},
		{"another name", `"operation"`, `"Operation"`, `"operation"`, `"Operation"`, res},
		{"the type as a string", "valueCode", "valueString", "valueCode", "valueString", res},
		{"the path as a code", `"valueString": "DocumentReference.status"`, `"valueCode": "DocumentReference.status"`,
			`valueString value="DocumentReference.status"`, `valueCode value="DocumentReference.status"`, res},
		{"a part too few", `"name": "type"`, `"name": "path"`, `name value="type"`, `name value="path"`, body},
		{"a part too many", `"part": [`, `"part": [{"name":"index","valueString":"0"},`, "<part>", `<part><name value="index"/><valueString value="0"/></part><part>`, res},
		{"a part without a value", `"part": [`, `"part": [{"name":"index"},`, "<part>", `<part><name value="index"/></part><part>`, res},
		{"a part with two values", `"valueCode": "replace"`, `"valueCode": "replace","valueString":"add"`,
			`<valueCode value="replace"/>`, `<valueCode value="replace"/><valueString value="add"/>`, body},
		{"a part with a value of another type", `"valueCode": "replace"`, `"valueUri": "replace"`, "valueCode", "valueUri", body},
		{"a name in capitals", `"valueCode": "replace"`, `"valueCode": "replace","Name":"path"`, `<valueCode value="replace"/>`, `<valueCode value="replace"/><Name value="path"/>`, body},
		{"two operations", `"parameter": [`, `"parameter": [{"name":"operation","part":[{"name":"type","valueCode":"replace"},{"name":"path","valueString":"DocumentReference.status"},{"name":"value","valueString":"entered-in-error"}]},`,
			"<parameter>", `<parameter><name value="operation"/><part><name value="type"/><valueCode value="replace"/></part><part><name value="path"/><valueString value="DocumentReference.status"/></part><part><name value="value"/><valueString value="entered-in-error"/></part></parameter><parameter>`, res},
		{"another resource", "Parameters", "Parameter", "Parameters", "Parameter", body},
		{"something else in it", `"parameter"`, `"status":"x","parameter"`, "<parameter>", `<status value="x"/><parameter>`, body},
	} {
		t.Run(c.name, func(t *testing.T) {
			everyForm(t, "update", func(t *testing.T, d document) {
				d.text = strings.ReplaceAll(d.text, `"valueCode": "entered-in-error"`, `"valueString": "entered-in-error"`)
				d.text = strings.ReplaceAll(d.text, `valueCode value="entered-in-error"`, `valueString value="entered-in-error"`)
				old := d.pick(c.jsonOld, c.xmlOld)
				require.Contains(t, d.text, old)
				if old == "Parameters" || old == "valueCode" {
					d.text = strings.ReplaceAll(d.text, old, d.pick(c.jsonNew, c.xmlNew))
				} else {
					d = d.replace(t, c.jsonOld, c.jsonNew, c.xmlOld, c.xmlNew)
				}
				var got error
				guard := &pointer.Guard{Resolver: stored(t), ErrorHandler: func(_ http.ResponseWriter, _ *http.Request, err error) { got = err }}
				_, h := send(t, guard, request("PATCH", collection+"/"+oldID, d.contentType(), d.text))
				assert.False(t, h.called)
				assert.IsType(t, c.want, got, "%v\n%s", got, d.text)
			})
		})
	}
	t.Run("no operation", func(t *testing.T) {
		for format, text := range map[string]string{"json": `{"resourceType":"Parameters"}`, "xml": `<Parameters xmlns="http://hl7.org/fhir"/>`} {
			_, h := send(t, &pointer.Guard{Resolver: stored(t)}, request("PATCH", collection+"/"+oldID, "application/fhir+"+format, text))
			assert.False(t, h.called)
		}
	})
}

// bundleOf makes a Bundle; each entry is a resource, or nothing, and a request.
func bundleOf(format, kind string, entries ...[3]string) string {
	var b strings.Builder
	if format == "json" {
		b.WriteString(`{"resourceType":"Bundle","type":"` + kind + `","entry":[`)
		for i, e := range entries {
			if i > 0 {
				b.WriteString(",")
			}
			b.WriteString(`{"fullUrl":"urn:uuid:x"`)
			if e[0] != "" {
				b.WriteString(`,"resource":` + e[0])
			}
			b.WriteString(`,"request":{"method":"` + e[1] + `","url":"` + e[2] + `"}}`)
		}
		b.WriteString("]}")
		return b.String()
	}
	b.WriteString(`<Bundle xmlns="http://hl7.org/fhir"><type value="` + kind + `"/>`)
	for _, e := range entries {
		b.WriteString(`<entry><fullUrl value="urn:uuid:x"/>`)
		if e[0] != "" {
			_, root, _ := strings.Cut(e[0], "?>")
			b.WriteString("<resource>" + root + "</resource>")
		}
		b.WriteString(`<request><method value="` + e[1] + `"/><url value="` + strings.ReplaceAll(e[2], "&", "&amp;") + `"/></request></entry>`)
	}
	b.WriteString("</Bundle>")
	return b.String()
}

func TestBundles(t *testing.T) {
	everyForm(t, "supersede-both", func(t *testing.T, supersede document) {
		create := load(t, "create", supersede.version, supersede.format)
		theirs := create.custodian(t, `{"reference":"`+odsURL+`RX1"}`, `<reference value="`+odsURL+`RX1"/>`)
		query := "DocumentReference" + queryString("subject", patient, "identifier", oldIdentifier.System+"|urn:uuid:own-superseded")
		post, remove := [3]string{create.text, "POST", "DocumentReference"}, [3]string{"", "DELETE", query}
		replace := [3]string{supersede.text, "POST", "DocumentReference"}
		for _, kind := range []string{"transaction", "batch"} {
			body := bundleOf(supersede.format, kind, post, [3]string{"", "DELETE", "DocumentReference/own-other-patient"}, remove)
			guard := &pointer.Guard{Resolver: stored(t), BundlePath: "/STU3"}
			w, h := send(t, guard, request("POST", "/STU3", supersede.contentType(), body))
			require.True(t, h.called, w.Body.String())
			assert.Equal(t, body, string(h.body))
			assert.Equal(t, pointer.Bundle, h.decision.Change.Action)
			require.Len(t, h.decision.Entries, 3)
			assert.Equal(t, "own-other-patient", h.decision.Entries[1].Stored.ID)
			assert.Equal(t, "own-superseded", h.decision.Entries[2].Stored.ID)
		}
		everyEntry := make([][3]string, 101)
		for i := range everyEntry {
			everyEntry[i] = remove
		}
		body, res, owner, target := &pointer.BodyError{}, &pointer.ResourceError{}, &pointer.OwnerError{}, &pointer.TargetError{}
		for _, c := range []struct {
			name    string
			kind    string
			entries [][3]string
			want    error
		}{
			{"a searchset", "searchset", [][3]string{post}, res},
			{"no entries", "transaction", nil, body},
			{"one of another's", "transaction", [][3]string{post, {theirs.text, "POST", "DocumentReference"}}, owner},
			{"one of another's first", "batch", [][3]string{{theirs.text, "POST", "DocumentReference"}, replace}, owner},
			{"a delete of another's", "batch", [][3]string{replace, {"", "DELETE", "DocumentReference/theirs"}}, target},
			{"two about one pointer", "transaction", [][3]string{replace, {"", "DELETE", "DocumentReference/" + oldID}}, res},
			{"one with an identifier twice", "transaction", [][3]string{post, post}, res},
			{"a PUT", "transaction", [][3]string{{create.text, "PUT", "DocumentReference/" + oldID}}, res},
			{"a PATCH", "transaction", [][3]string{{"", "PATCH", "DocumentReference/" + oldID}}, res},
			{"a method in small letters", "transaction", [][3]string{{create.text, "post", "DocumentReference"}}, res},
			{"a POST of nothing", "transaction", [][3]string{{"", "POST", "DocumentReference"}}, res},
			{"a POST of another type", "transaction", [][3]string{{create.text, "POST", "Patient"}}, res},
			{"a POST with an id", "transaction", [][3]string{{create.text, "POST", "DocumentReference/" + oldID}}, res},
			{"a POST to an absolute URL", "transaction", [][3]string{{create.text, "POST", "https://x.example/DocumentReference"}}, res},
			{"a DELETE with a resource", "transaction", [][3]string{{create.text, "DELETE", "DocumentReference/" + oldID}}, res},
			{"a DELETE of another type", "transaction", [][3]string{{"", "DELETE", "Patient/" + oldID}}, res},
			{"a DELETE of an absolute URL", "transaction", [][3]string{{"", "DELETE", "https://x.example/STU3/DocumentReference/" + oldID}}, res},
			{"a DELETE elsewhere", "transaction", [][3]string{{"", "DELETE", "x/DocumentReference/" + oldID}}, res},
			{"a DELETE of a path", "transaction", [][3]string{{"", "DELETE", "/DocumentReference/" + oldID}}, res},
			{"a DELETE of everything", "transaction", [][3]string{{"", "DELETE", "DocumentReference"}}, &asid.RequestError{}},
			{"101 entries", "transaction", everyEntry, body},
		} {
			var got error
			guard := &pointer.Guard{Resolver: stored(t), BundlePath: "/STU3", ErrorHandler: func(_ http.ResponseWriter, _ *http.Request, err error) { got = err }}
			text := bundleOf(supersede.format, c.kind, c.entries...)
			if c.entries == nil && supersede.format == "xml" {
				c.want = res // JSON has an empty array there
			}
			_, h := send(t, guard, request("POST", "/STU3", supersede.contentType(), text))
			assert.False(t, h.called, c.name)
			assert.IsType(t, c.want, got, "%s: %v", c.name, got)
		}
		twice := strings.Replace(bundleOf(supersede.format, "batch", post), supersede.pick(`"resource":`, "</resource>"),
			supersede.pick(`"resource":{"resourceType":"DocumentReference"},"resource":`, `<DocumentReference/></resource>`), 1)
		conditional := strings.Replace(bundleOf(supersede.format, "batch", post), supersede.pick(`"method":`, "<method"),
			supersede.pick(`"ifNoneExist":"x","method":`, `<ifNoneExist value="x"/><method`), 1)
		for name, text := range map[string]string{"an entry with two resources": twice, "a conditional entry": conditional} {
			var got error
			guard := &pointer.Guard{Resolver: stored(t), BundlePath: "/STU3", ErrorHandler: func(_ http.ResponseWriter, _ *http.Request, err error) { got = err }}
			_, h := send(t, guard, request("POST", "/STU3", supersede.contentType(), text))
			assert.False(t, h.called, name)
			assert.IsType(t, body, got, name)
		}
	})
}

func TestOneRecordForEachRequest(t *testing.T) {
	var log bytes.Buffer
	guard := &pointer.Guard{Resolver: stored(t), Logger: slog.New(slog.NewJSONHandler(&log, nil))}
	for _, c := range []struct {
		r    *http.Request
		rule string
	}{
		{request("DELETE", collection+"/"+oldID, "", ""), ""},
		{request("DELETE", collection+"/theirs", "", ""), "TargetError"},
		{request("PUT", collection+"/theirs", "", ""), "RequestError"},
		{request("POST", collection, "application/fhir+json", "{"), "BodyError"},
		{request("GET", collection+"?_method=DELETE", "", ""), "RequestError"},
	} {
		log.Reset()
		send(t, guard, c.r)
		var record map[string]any
		require.NoError(t, json.Unmarshal(log.Bytes(), &record), "not one record: %s", log.String())
		if c.rule != "" {
			assert.Equal(t, c.rule, record["rule"])
		}
		assert.Equal(t, "200000000205", record["asid"])
	}
}

func TestAPathIsReadAsRoutersDo(t *testing.T) {
	for _, r := range []*http.Request{
		request("DELETE", collection+"/DocumentReference?_id="+oldID, "", ""),
		request("POST", collection+"/DocumentReference", "application/fhir+json", load(t, "create", "stu3", "json").text),
	} {
		_, h := send(t, &pointer.Guard{Resolver: stored(t)}, r)
		assert.False(t, h.called, "{id} is DocumentReference, not what was judged")
	}
}

func TestAFullURLIsNoReference(t *testing.T) {
	for _, format := range []string{"json", "xml"} {
		create := load(t, "create", "stu3", format)
		for _, full := range []string{odsURL + "A81001", patient, "https://fhir.nhs.uk/Id/ods-organization-code"} {
			text := strings.Replace(bundleOf(format, "transaction", [3]string{create.text, "POST", "DocumentReference"}), "urn:uuid:x", full, 1)
			_, h := send(t, &pointer.Guard{Resolver: stored(t), BundlePath: "/STU3"}, request("POST", "/STU3", create.contentType(), text))
			assert.False(t, h.called, "a server replaces %s by the new id", full)
		}
	}
}

func TestMethodsAreNotOverriddenInDisguise(t *testing.T) {
	underscored := request("GET", collection+"/theirs", "", "")
	underscored.Header["X_http_method_override"] = []string{"DELETE"}
	for _, r := range []*http.Request{
		underscored,
		request("GET", collection+"/theirs?a;_method=DELETE", "", ""),
		request("GET", collection+"/theirs?"+strings.Repeat("a&", 10001)+"_method=DELETE", "", ""),
	} {
		_, h := send(t, &pointer.Guard{Resolver: stored(t)}, r)
		assert.False(t, h.called)
	}
}
