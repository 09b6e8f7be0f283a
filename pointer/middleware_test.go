// SPDX-License-Identifier: Apache-2.0

package pointer_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/iotest"

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
	request  *http.Request
	decision *pointer.Decision
	body     []byte
	called   bool
}

func (h *handler) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	h.called, h.request = true, r
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

func TestExamplesGoOnAsJudged(t *testing.T) {
	t.Parallel()
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
				h.namesOnlyTheJudged(t, d, c.stored)
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

// namesOnlyTheJudged checks what the handler of a request with the body d got.
func (h *handler) namesOnlyTheJudged(t *testing.T, d document, stored string) {
	t.Helper()
	r := h.request
	assert.Equal(t, int64(len(h.body)), r.ContentLength)
	assert.Equal(t, r.URL.RequestURI(), r.RequestURI)
	assert.NotContains(t, r.URL.RawQuery, "identifier")
	if r.Method != http.MethodPost {
		assert.Equal(t, d.text, string(h.body))
		assert.Equal(t, collection+"/"+stored, r.URL.Path)
		assert.Equal(t, []string{`W/"3"`}, r.Header["If-Match"])
		return
	}
	assert.Empty(t, r.Header["If-Match"])
	want, err := d.parse()
	require.NoError(t, err)
	got, err := pointer.Parse(d.contentType(), h.body)
	require.NoError(t, err, "%s", h.body)
	want.ID, want.Version = "", ""
	if stored != "" {
		want.RelatesTo[0].Target = pointer.Query{ID: stored}
		assert.NotContains(t, string(h.body), oldIdentifier.Value)
	}
	assert.Equal(t, want, got)
	for _, assigned := range []string{"versionId", "lastUpdated", newID} {
		assert.NotContains(t, string(h.body), assigned)
	}
	assert.Equal(t, strings.Contains(d.text, "profile"), strings.Contains(string(h.body), "profile"), "the rest of meta")
}

func TestGetsPass(t *testing.T) {
	t.Parallel()
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		_, h := send(t, &pointer.Guard{}, request(method, collection+"?subject=x", "", ""))
		assert.True(t, h.called)
		assert.Nil(t, h.decision)
	}
}

// Some servers read no body of a GET, and take what is there for the next request, which
// no guard has judged (RFC 9110 section 9.3.1).
func TestTheBodyOfAReadDoesNotGoOn(t *testing.T) {
	t.Parallel()
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		for _, length := range []int64{-1, 4} {
			r := request(method, collection+"/x", "", "body")
			r.ContentLength = length
			r.Header.Set("Content-Length", "4")
			r.Header.Set("Accept", "application/fhir+json")
			r.TransferEncoding, r.Trailer = []string{"chunked"}, http.Header{"X": nil}
			_, h := send(t, &pointer.Guard{}, r)
			require.True(t, h.called)
			assert.Empty(t, h.body)
			assert.Zero(t, h.request.ContentLength)
			assert.Empty(t, h.request.TransferEncoding)
			assert.Empty(t, h.request.Trailer)
			assert.Equal(t, http.Header{"Accept": {"application/fhir+json"}}, h.request.Header)
			assert.Equal(t, "4", r.Header.Get("Content-Length"), "of the request itself")
		}
	}
}

func TestRequestsAreRefused(t *testing.T) {
	t.Parallel()
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
	rules := func(rules ...pointer.Rule) []pointer.Rule { return rules }
	req, media, body, res, target := rules(pointer.RuleRequest), rules(pointer.RuleMediaType), bodyRules, rules(pointer.RuleResource), rules(pointer.RuleOwner)
	for _, c := range []struct {
		name string
		r    *http.Request
		want []pointer.Rule
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
		{"a DELETE by a subject of the store's own", request("DELETE", collection+queryString("subject", "Patient/1", "identifier", "a|b"), "", ""), req},
		{"a DELETE by an NHS number", request("DELETE", collection+queryString("subject", "9000000009", "identifier", "a|b"), "", ""), req},
		{"an update by a subject that is no URL of HTTP", request("PATCH", collection+queryString("subject", "urn:uuid:"+newID[:36], "identifier", "a|b"), fhir, update), req},
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
		{"an update of another's", request("PATCH", collection+"/theirs", fhir, update), target},
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
			assertRule(t, got, c.want...)
			assert.GreaterOrEqual(t, w.Code, 400)
			assert.Less(t, w.Code, 500)
		})
	}
}

func TestBodiesOverTheLimitAreRefusedWhateverTheySay(t *testing.T) {
	t.Parallel()
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

// A body of another length than its Content-Length says comes from no server of
// net/http: the guard and the one behind it might read two requests.
func TestBodiesHaveTheLengthThatTheySay(t *testing.T) {
	t.Parallel()
	create := load(t, "create", "stu3", "json").text
	large := create + strings.Repeat(" ", 100<<10) // not read in one piece
	for _, body := range []string{create, large} {
		for said, taken := range map[int]bool{
			len(body): true, -1: true, 0: true, // unknown
			len(body) - 1: false, len(body) + 1: false, 1: false, 200 << 10: false,
		} {
			r := request(http.MethodPost, collection, "application/fhir+json", body)
			r.ContentLength = int64(said)
			w, h := send(t, &pointer.Guard{Resolver: stored(t)}, r)
			assert.Equal(t, taken, h.called, "%d of %d bytes: %s", said, len(body), w.Body)
		}
	}
	r := request(http.MethodPost, collection, "application/fhir+json", create)
	r.Body = io.NopCloser(io.MultiReader(strings.NewReader(create[:100]), iotest.ErrReader(io.ErrClosedPipe)))
	w, h := send(t, &pointer.Guard{Resolver: stored(t)}, r)
	assert.False(t, h.called)
	assert.Equal(t, http.StatusBadRequest, w.Code)
}

func TestRelativeReferencesOnRequest(t *testing.T) {
	t.Parallel()
	everyForm(t, "create", func(t *testing.T, d document) {
		d = d.custodian(t, `{"reference":"Organization/A81001"}`, `<reference value="Organization/A81001"/>`)
		for _, allowed := range []bool{false, true} {
			guard := &pointer.Guard{Resolver: stored(t), RelativeReferences: allowed}
			_, h := send(t, guard, request("POST", collection, d.contentType(), d.text))
			assert.Equal(t, allowed, h.called)
		}
	})
}

func TestAPathIsReadAsRoutersDo(t *testing.T) {
	t.Parallel()
	for _, r := range []*http.Request{
		request("DELETE", collection+"/DocumentReference?_id="+oldID, "", ""),
		request("POST", collection+"/DocumentReference", "application/fhir+json", load(t, "create", "stu3", "json").text),
	} {
		_, h := send(t, &pointer.Guard{Resolver: stored(t)}, r)
		assert.False(t, h.called, "{id} is DocumentReference, not what was judged")
	}
}

func TestMethodsAreNotOverriddenInDisguise(t *testing.T) {
	t.Parallel()
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
