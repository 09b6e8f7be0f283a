// SPDX-License-Identifier: Apache-2.0

package pointer_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/pointer"
)

// storedAs is the judged pointer as a store has it.
func storedAs(t *testing.T, version, custodian string) string {
	text := load(t, "create", "stu3", "json").text
	text = strings.Replace(text, `"status"`, `"id":"`+oldID+`","status"`, 1)
	text = strings.ReplaceAll(text, "A81001", custodian)
	if version == "" {
		return strings.Replace(text, `"versionId": "1",`, "", 1)
	}
	return strings.Replace(text, `"versionId": "1"`, `"versionId": "`+version+`"`, 1)
}

// moving is a resolver over stored pointers whose judged one gets a new version,
// and if there are ids the next of them, with each look-up.
func moving(t *testing.T, ids ...string) pointer.Resolver {
	n := 0
	return resolverFunc(func(_ context.Context, q pointer.Query) (*pointer.Pointer, error) {
		if q.Identifier == newIdentifier {
			return nil, pointer.ErrNotFound
		}
		p := *stored(t)[oldID]
		p.Version = fmt.Sprint(3 + n)
		if n < len(ids) {
			p.ID = ids[n]
		}
		n++
		return &p, nil
	})
}

// vanishing is a resolver over stored pointers that are deleted once they are judged.
func vanishing(t *testing.T) pointer.Resolver {
	found := false
	return resolverFunc(func(ctx context.Context, q pointer.Query) (*pointer.Pointer, error) {
		if found {
			return nil, pointer.ErrNotFound
		}
		found = true
		return stored(t).Resolve(ctx, q)
	})
}

func TestForwardMakesNothingOfItsOwn(t *testing.T) {
	t.Parallel()
	s := &script{t: t, answer: func(*http.Request, string) *http.Response { return says(200, "{}") }}
	backend := scripted
	f := &pointer.Forward{Client: &http.Client{Transport: s}, Backend: &backend, Base: &backend}
	w := httptest.NewRecorder()
	f.ServeHTTP(w, request("DELETE", collection+"/"+oldID, "", ""))
	assert.Equal(t, http.StatusInternalServerError, w.Code, "no guard has decided")

	// What is between guard and Forward took the body.
	guard := &pointer.Guard{Resolver: stored(t)}
	h := guard.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = io.NopCloser(failing{})
		f.ServeHTTP(w, r)
	}))
	w = through(t, h, request("POST", collection, "application/fhir+json", load(t, "create", "stu3", "json").text))
	assert.Equal(t, http.StatusBadRequest, w.Code)
	assert.Empty(t, s.asked)

	// A back end that has no URL.
	for _, r := range []*http.Request{
		request("GET", collection+"/x", "", ""), request("DELETE", collection+"/"+oldID, "", ""),
		request("POST", collection, "application/fhir+json", load(t, "create", "stu3", "json").text),
		request("POST", collection, "application/fhir+json", load(t, "supersede-both", "stu3", "json").text),
		request("PATCH", collection+"/"+oldID, "application/fhir+json", updates[false]),
	} {
		for _, form := range []pointer.UpdateForm{pointer.UpdateParameters, pointer.UpdatePut, pointer.UpdateJSONPatch} {
			h := s.facade(stored(t), func(f *pointer.Forward) {
				f.Backend = &url.URL{Scheme: "https", Host: "a b"}
				f.Supersede, f.Update = pointer.SupersedeTransaction, form
			})
			again := r.Clone(t.Context())
			if r.Body != nil && r.GetBody == nil {
				body, err := io.ReadAll(r.Body)
				require.NoError(t, err)
				r.Body, again.Body = io.NopCloser(bytes.NewReader(body)), io.NopCloser(bytes.NewReader(body))
			}
			w := through(t, h, again)
			assert.Equal(t, http.StatusBadGateway, w.Code, "%s %s", r.Method, w.Body)
		}
	}
	assert.Empty(t, s.asked)
}

func TestWhatForwardSends(t *testing.T) {
	t.Parallel()
	var got http.Header
	s := &script{t: t, answer: func(r *http.Request, _ string) *http.Response { got = r.Header; return says(204, "") }}
	h := s.facade(stored(t), nil)
	for _, c := range []struct{ name, value, want string }{
		{"Prefer", "return=minimal", "return=minimal"}, {"Prefer", "return=representation", "return=representation"},
		{"Prefer", "return=OperationOutcome", "return=OperationOutcome"}, {"Prefer", "return=minimal, respond-async", ""}, {"Prefer", "", ""},
		{"X-Request-Id", strings.Repeat("x", 1024), strings.Repeat("x", 1024)}, {"X-Request-Id", strings.Repeat("x", 1025), ""},
		{"X-Request-Id", "é", ""}, {"X-Request-Id", "a\tb", ""},
	} {
		r := request("DELETE", collection+"/"+oldID, "", "")
		r.Header.Set(c.name, c.value)
		assert.Equal(t, http.StatusNoContent, through(t, h, r).Code)
		assert.Equal(t, c.want, got.Get(c.name), "%s: %q", c.name, c.value)
	}
	assert.Zero(t, s.open, "a body that was not closed")
	for _, allowed := range []bool{true, false} {
		h := s.facade(stored(t), func(f *pointer.Forward) { f.IfMatch, f.AllowUnconditional = pointer.Conditions{}, allowed })
		want := map[bool]int{true: http.StatusNoContent, false: http.StatusBadRequest}[allowed]
		assert.Equal(t, want, through(t, h, request("DELETE", collection+"/"+oldID, "", "")).Code)
	}
}

func TestWhatForwardIsAnswered(t *testing.T) {
	t.Parallel()
	get := func() *http.Request { return request("GET", collection+"/x", "", "") }
	search := func() *http.Request { return request("GET", collection+queryString("subject", patient), "", "") }
	remove := func() *http.Request { return request("DELETE", collection+"/"+oldID, "", "") }
	create := func(name string) *http.Request {
		return request("POST", collection, "application/fhir+json", load(t, name, "stu3", "json").text)
	}
	const unknown = "so that it is not known whether it made the change"
	for name, c := range map[string]struct {
		r      *http.Request
		answer *http.Response
		most   int64
		want   int
		log    string // what the log says; with an exclamation mark, what it does not
	}{
		"a read that is not answered":            {get(), nil, 0, 502, "!" + unknown},
		"a HEAD that is not answered":            {request("HEAD", collection+"/x", "", ""), nil, 0, 502, "!" + unknown},
		"a change that is not answered":          {remove(), nil, 0, 502, unknown},
		"a read broken off":                      {get(), broken("{}"), 0, 502, "broke its answer off"},
		"a change broken off":                    {remove(), broken("{}"), 0, 502, unknown},
		"compressed":                             {get(), says(200, "{}", "Content-Encoding", "gzip"), 0, 502, "compressed"},
		"exactly as large as may be":             {get(), says(200, `{"a":1}`), 7, 200, ""},
		"a byte larger":                          {get(), says(200, `{"a":12}`), 7, 502, "larger"},
		"larger than another may be":             {get(), says(200, `{"a":"`+strings.Repeat("x", 1<<20)+`"}`), 0, 200, ""},
		"300":                                    {get(), says(300, ""), 0, 502, "Multiple Choices"},
		"304":                                    {get(), says(304, ""), 0, 304, ""},
		"404":                                    {get(), says(404, ""), 0, 404, ""},
		"410":                                    {get(), says(410, ""), 0, 404, ""},
		"407":                                    {get(), says(407, ""), 0, 502, ""},
		"500":                                    {get(), says(500, ""), 0, 502, ""},
		"499":                                    {get(), says(499, ""), 0, 499, ""},
		"a change that finds nothing":            {remove(), says(404, ""), 0, 502, "status 404"}, // the look-up finds it
		"a create that finds no collection":      {create("create"), says(404, ""), 0, 502, "status 404"},
		"a create whose collection is gone":      {create("create"), says(410, ""), 0, 502, "status 410"},
		"a supersede that finds no collection":   {create("supersede-identifier"), says(404, ""), 0, 502, "status 404"},
		"a search that finds no collection":      {search(), says(404, ""), 0, 502, "status 404"},
		"a search that a gateway answers":        {search(), says(404, `{"message":"no route"}`), 0, 502, "status 404"},
		"a search for a type that is not served": {search(), says(404, refusalOf("error", "urn:x", "not-supported", "Unknown resource type 'DocumentReference'")), 0, 502, "status 404"},
		"a search in XML for an unknown number": {search(), says(404, `<OperationOutcome xmlns="http://hl7.org/fhir"><issue><details><coding><system value="`+spineCodes+`"/><code value="NO_RECORD_FOUND"/></coding></details></issue></OperationOutcome>`,
			"Content-Type", "application/fhir+xml"), 0, 404, "!status"},
		"a search for an unknown NHS number": {search(), says(404, refusalOf("error", spineCodes, "NO_RECORD_FOUND", "x")), 0, 404, "!status"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			s := &script{t: t, answer: func(*http.Request, string) *http.Response { return c.answer }}
			h := s.facade(stored(t), func(f *pointer.Forward) { f.MaxBytes, f.Logger = c.most, slog.New(slog.NewTextHandler(&log, nil)) })
			assert.Equal(t, c.want, through(t, h, c.r).Code)
			if not, negated := strings.CutPrefix(c.log, "!"); negated {
				assert.NotContains(t, log.String(), not)
			} else {
				assert.Contains(t, log.String(), c.log)
			}
			assert.Zero(t, s.open, "a body that was not closed")
		})
	}
}

// A change is judged anew only when the answer may mean that the pointer has
// changed, and then it is the new version that goes on.
func TestWhenAChangeIsJudgedAnew(t *testing.T) {
	t.Parallel()
	type form = func(*pointer.Forward)
	jsonPatch := func(f *pointer.Forward) { f.Update = pointer.UpdateJSONPatch }
	put := func(f *pointer.Forward) { f.Update = pointer.UpdatePut }
	patch := func() *http.Request {
		return request("PATCH", collection+"/"+oldID, "application/fhir+json", updates[false])
	}
	remove := func() *http.Request { return request("DELETE", collection+"/"+oldID, "", "") }
	const at = "/fhir/DocumentReference/" + oldID
	supersede := load(t, "supersede-identifier", "stu3", "json").text
	for name, c := range map[string]struct {
		r        *http.Request
		resolver pointer.Resolver
		form     form
		reads    []string // what the store has, one read after the other
		answers  []int    // what it answers to changes
		want     int
		asked    []string
	}{
		"a delete of what is not there any more":          {remove(), vanishing(t), nil, nil, []int{404}, 404, []string{"DELETE 3"}},
		"an update of what is not there any more":         {patch(), vanishing(t), nil, nil, []int{410}, 404, []string{"PATCH 3"}},
		"a PUT of what is not there any more":             {patch(), vanishing(t), put, []string{"3"}, []int{404}, 404, []string{"GET", "PUT 3"}},
		"a 404 to an update of what is there":             {patch(), stored(t), nil, nil, []int{404}, 502, []string{"PATCH 3"}},
		"404, and then the new version":                   {remove(), moving(t), nil, nil, []int{404, 204}, 204, []string{"DELETE 3", "DELETE 4"}},
		"412, and then the new version":                   {remove(), moving(t), nil, nil, []int{412, 204}, 204, []string{"DELETE 3", "DELETE 4"}},
		"409, and then the new version":                   {remove(), moving(t), nil, nil, []int{409, 204}, 204, []string{"DELETE 3", "DELETE 4"}},
		"a test of JSON Patch that failed":                {patch(), moving(t), jsonPatch, []string{"3", "4"}, []int{422, 204}, 204, []string{"GET", "PATCH 3", "GET", "PATCH 4"}},
		"one that failed with 400":                        {patch(), moving(t), jsonPatch, []string{"3", "4"}, []int{400, 204}, 204, []string{"GET", "PATCH 3", "GET", "PATCH 4"}},
		"a JSON Patch that is refused for something else": {patch(), stored(t), jsonPatch, []string{"3"}, []int{422}, 422, []string{"GET", "PATCH 3"}},
		"a JSON Patch with another answer":                {patch(), moving(t), jsonPatch, []string{"3"}, []int{405}, 405, []string{"GET", "PATCH 3"}},
		"Parameters that are refused":                     {patch(), moving(t), nil, nil, []int{422}, 422, []string{"PATCH 3"}},
		"a delete that is refused":                        {remove(), moving(t), jsonPatch, nil, []int{400}, 400, []string{"DELETE 3"}},
		"a read before a PUT that has the next version":   {patch(), moving(t), put, []string{"4", "4"}, []int{200}, 200, []string{"GET", "GET", "PUT 4"}},
		"one before a JSON Patch":                         {patch(), moving(t), jsonPatch, []string{"4", "4"}, []int{200}, 200, []string{"GET", "GET", "PATCH 4"}},
		"a read before a PUT that finds nothing":          {patch(), moving(t), put, []string{"gone", "4"}, []int{200}, 200, []string{"GET", "GET", "PUT 4"}},
		"a read before a PUT that fails":                  {patch(), moving(t), put, []string{"fails"}, nil, 502, []string{"GET"}},
		"a store that is busy":                            {patch(), moving(t), put, []string{"busy"}, nil, 503, []string{"GET"}},
		"a read in XML, which was not asked for":          {patch(), moving(t), put, []string{"xml"}, nil, 502, []string{"GET"}},
		"a read that is no pointer":                       {patch(), moving(t), put, []string{"broken"}, nil, 502, []string{"GET"}},
		"one before a JSON Patch that is none":            {patch(), moving(t), jsonPatch, []string{"broken"}, nil, 502, []string{"GET"}},
		"a read of a pointer without a status":            {patch(), moving(t), put, []string{"no status"}, nil, 502, []string{"GET"}},
		"a read of a part of the pointer":                 {patch(), moving(t), put, []string{"part"}, nil, 502, []string{"GET"}},
		"a read of another's pointer":                     {patch(), moving(t), put, []string{"theirs"}, nil, 502, []string{"GET"}},
		"a read of a pointer with another id":             {patch(), moving(t), put, []string{"another"}, nil, 502, []string{"GET"}},
		"a read with the version as ETag alone":           {patch(), moving(t), put, []string{"etag 3"}, []int{200}, 200, []string{"GET", "PUT 3"}},
		"a read with another version as ETag":             {patch(), moving(t), put, []string{"etag 4", "4"}, []int{200}, 200, []string{"GET", "GET", "PUT 4"}},
		"a read whose ETag has another version":           {patch(), moving(t), put, []string{"3 etag 4", "4"}, []int{200}, 200, []string{"GET", "GET", "PUT 4"}},
		"a read with both":                                {patch(), moving(t), put, []string{"3 etag 3"}, []int{200}, 200, []string{"GET", "PUT 3"}},
		"a read without any":                              {patch(), stored(t), put, []string{"none", "none", "none"}, nil, 409, []string{"GET", "GET", "GET"}},
		"a supersede of the same pointer":                 {request("POST", collection, "application/fhir+json", supersede), moving(t), nil, nil, []int{412, 201}, 201, []string{"POST ", "POST "}},
		"a supersede whose store finds nothing":           {request("POST", collection, "application/fhir+json", supersede), moving(t), nil, nil, []int{404, 201}, 201, []string{"POST ", "POST "}},
		"a supersede of what is now another pointer":      {request("POST", collection, "application/fhir+json", supersede), moving(t, oldID, "other"), nil, nil, []int{412}, 409, []string{"POST "}},
		"a delete of what is now another pointer": {request("DELETE", collection+queryString("subject", patient, "identifier", oldIdentifier.System+"|"+oldIdentifier.Value), "", ""),
			moving(t, oldID, "other"), nil, nil, []int{412, 204}, 204, []string{"DELETE 3", "DELETE 4"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asked, reads, answers := []string{}, c.reads, c.answers
			s := &script{t: t}
			s.answer = func(r *http.Request, body string) *http.Response {
				if r.Method != http.MethodGet {
					version := strings.TrimSuffix(strings.TrimPrefix(r.Header.Get("If-Match"), `W/"`), `"`)
					asked = append(asked, r.Method+" "+version)
					if r.Method == http.MethodPatch && strings.Contains(body, "versionId") {
						assert.Contains(t, body, `"value":"`+version+`"`)
					}
					require.NotEmpty(t, answers, "a change too many")
					status := answers[0]
					answers = answers[1:]
					return says(status, "")
				}
				asked = append(asked, "GET")
				assert.Equal(t, at, r.URL.Path)
				require.NotEmpty(t, reads, "a read too many")
				has := reads[0]
				reads = reads[1:]
				version, etag, tagged := strings.Cut(has, "etag ")
				switch version = strings.TrimSpace(version); version {
				case "gone":
					return says(404, "")
				case "fails":
					return says(500, "")
				case "busy":
					return says(503, "")
				case "broken":
					return says(200, `{"resourceType":"DocumentReference","custodian":{},"custodian":{}}`)
				case "xml":
					text := load(t, "create", "stu3", "xml").text
					text = strings.Replace(strings.Replace(text, `versionId value="1"`, `versionId value="3"`, 1), "<status", `<id value="`+oldID+`"/><status`, 1)
					return says(200, text, "Content-Type", "application/fhir+xml")
				case "no status":
					return says(200, strings.Replace(storedAs(t, "3", "A81001"), `"status": "current",`, "", 1))
				case "part":
					return says(200, strings.Replace(storedAs(t, "3", "A81001"), `"versionId"`, `"tag": [{"code": "SUBSETTED"}], "versionId"`, 1))
				case "theirs":
					return says(200, storedAs(t, "3", "RX1"))
				case "another":
					return says(200, strings.ReplaceAll(storedAs(t, "3", "A81001"), oldID, "another"))
				case "none":
					version = ""
				}
				if tagged {
					return says(200, storedAs(t, version, "A81001"), "ETag", `W/"`+etag+`"`)
				}
				return says(200, storedAs(t, version, "A81001"))
			}
			w := through(t, s.facade(c.resolver, c.form), c.r)
			assert.Equal(t, c.want, w.Code, w.Body.String())
			assert.Equal(t, c.asked, asked)
			assert.Empty(t, reads)
			assert.Empty(t, answers)
			assert.Zero(t, s.open, "a body that was not closed")
		})
	}
}

func TestWhatATransactionIsAnswered(t *testing.T) {
	t.Parallel()
	supersede := load(t, "supersede-both", "stu3", "json").text
	const entry = `{"response":{"status":"201","location":"DocumentReference/n/_history/1"}}`
	changed := func(status, id string) string {
		return `{"response":{"status":"` + status + `","location":"DocumentReference/` + id + `/_history/4"}}`
	}
	right := entry + "," + changed("200 OK", oldID)
	bundle := func(kind, entries string) string {
		return `{"resourceType":"Bundle","type":"` + kind + `","entry":[` + entries + `]}`
	}
	for name, c := range map[string]struct {
		read, answer string
		status, want int
		etag         string
	}{
		"what is right":                 {"3", bundle("transaction-response", right), 200, 201, ""},
		"with the new version":          {"3", bundle("transaction-response", strings.Replace(right, `"status"`, `"etag":"W/\"1\"","status"`, 1)), 200, 201, `W/"1"`},
		"no location of the old one":    {"3", bundle("transaction-response", entry+`,{"response":{"status":"204"}}`), 200, 201, ""},
		"a batch":                       {"3", bundle("batch-response", right), 200, 502, ""},
		"the old one not changed":       {"3", bundle("transaction-response", entry+","+changed("412 Precondition Failed", oldID)), 200, 502, ""},
		"the old one made anew":         {"3", bundle("transaction-response", entry+","+changed("201", oldID)), 200, 502, ""},
		"another changed":               {"3", bundle("transaction-response", entry+","+changed("200", "another")), 200, 502, ""},
		"the change only promised":      {"3", bundle("transaction-response", entry+","+changed("202", oldID)), 200, 502, ""},
		"the new one not made":          {"3", bundle("transaction-response", strings.Replace(right, "201", "422", 1)), 200, 502, ""},
		"the new one there already":     {"3", bundle("transaction-response", strings.Replace(right, "201", "200", 1)), 200, 502, ""},
		"another status that begins so": {"3", bundle("transaction-response", strings.Replace(right, "201", "2010", 1)), 200, 502, ""},
		"an entry without a status":     {"3", bundle("transaction-response", strings.Replace(right, `"status":"201",`, "", 1)), 200, 502, ""},
		"the new one in its place":      {"3", bundle("transaction-response", strings.Replace(right, "DocumentReference/n/", "DocumentReference/"+oldID+"/", 1)), 200, 502, ""},
		"an entry too few":              {"3", bundle("transaction-response", entry), 200, 502, ""},
		"a name twice":                  {"3", strings.Replace(bundle("transaction-response", right), "}]}", `}],"type":"transaction-response"}`, 1), 200, 502, ""},
		"no answer":                     {"3", "", -1, 502, ""},
		"what is no JSON":               {"3", "x", 200, 502, ""},
		"refused":                       {"3", "{}", 422, 422, ""},
		"an old one that is another's":  {"theirs", "", 0, 502, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &script{t: t}
			s.answer = func(r *http.Request, body string) *http.Response {
				switch {
				case r.Method == http.MethodGet && c.read == "theirs":
					return says(200, storedAs(t, "3", "RX1"))
				case r.Method == http.MethodGet:
					return says(200, storedAs(t, c.read, "A81001"))
				}
				assert.Equal(t, "application/fhir+json", r.Header.Get("Accept"))
				assert.Contains(t, body, `"ifMatch":"W/\"3\""`)
				if c.status < 0 {
					return nil
				}
				return says(c.status, c.answer)
			}
			r := request("POST", collection, "application/fhir+json", supersede)
			r.Header.Set("Accept", "application/fhir+xml")
			w := through(t, s.facade(stored(t), func(f *pointer.Forward) { f.Supersede = pointer.SupersedeTransaction }), r)
			assert.Equal(t, c.want, w.Code, w.Body.String())
			assert.Equal(t, c.etag, w.Header().Get("ETag"))
			if c.want == 201 {
				assert.Equal(t, "https://nrl.test/STU3/DocumentReference/n", w.Header().Get("Location"))
			}
		})
	}
	// Without If-Match in a transaction there is none.
	s := &script{t: t}
	h := s.facade(stored(t), func(f *pointer.Forward) { f.Supersede, f.IfMatch.Transaction = pointer.SupersedeTransaction, false })
	assert.Equal(t, http.StatusBadRequest, through(t, h, request("POST", collection, "application/fhir+json", supersede)).Code)
	assert.Empty(t, s.asked)
}
