// SPDX-License-Identifier: Apache-2.0

package pointer_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/pointer"
)

// refusal sends r and returns what the guard refused it with.
func refusal(t *testing.T, g *pointer.Guard, r *http.Request) error {
	t.Helper()
	var got error
	g.ErrorHandler = func(w http.ResponseWriter, r *http.Request, err error) { got = err; pointer.WriteError(w, r, err) }
	_, h := send(t, g, r)
	assert.Equal(t, got == nil, h.called)
	return got
}

func TestTheSuccessorsTargetIsALogicalID(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"json", "xml"} {
		d := load(t, "supersede-both", "r4", format)
		target := func(json, xml string) document {
			return d.with(t, "relatesTo", `"relatesTo":[{"code":"replaces","target":`+json+`}]`, `<relatesTo><code value="replaces"/><target>`+xml+`</target></relatesTo>`)
		}
		for _, c := range []struct {
			name string
			d    document
			want pointer.Rule
		}{
			{"without a system", target(`{"identifier":{"value":"`+oldID+`"}}`, `<identifier><value value="`+oldID+`"/></identifier>`), ""},
			{"with the system of ODS codes", target(`{"type":"DocumentReference","identifier":{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"`+oldID+`"}}`,
				`<type value="DocumentReference"/><identifier><system value="https://fhir.nhs.uk/Id/ods-organization-code"/><value value="`+oldID+`"/></identifier>`), ""},
			{"of another organisation", target(`{"identifier":{"value":"theirs"}}`, `<identifier><value value="theirs"/></identifier>`), pointer.RuleOwner},
			{"with another system", target(`{"identifier":{"system":"urn:ietf:rfc:3986","value":"`+oldID+`"}}`,
				`<identifier><system value="urn:ietf:rfc:3986"/><value value="`+oldID+`"/></identifier>`), pointer.RuleResource},
			{"with a reference besides", d, pointer.RuleResource},
			{"without a value", target(`{"display":"x"}`, `<display value="x"/>`), pointer.RuleResource},
		} {
			guard := &pointer.Guard{Resolver: stored(t), TargetIsID: true, Disclose: true}
			r := request("POST", "/R4/DocumentReference", d.contentType(), c.d.text)
			if c.want != "" {
				assertRule(t, refusal(t, guard, r), c.want)
				continue
			}
			w, h := send(t, guard, r)
			require.True(t, h.called, "%s: %s", c.name, w.Body)
			assert.Equal(t, oldID, h.decision.Stored.ID)
			body := strings.Join(strings.Fields(string(h.body)), "")
			assert.Contains(t, body, d.pick(`"target":{"identifier":{"value":"`+oldID+`"}}`, `<target><identifier><valuevalue="`+oldID+`"/></identifier></target>`))
		}
		// Elsewhere an identifier without a system is refused.
		assertRule(t, refusal(t, &pointer.Guard{Resolver: stored(t)}, request("POST", collection, d.contentType(), target(`{"identifier":{"value":"`+oldID+`"}}`,
			`<identifier><value value="`+oldID+`"/></identifier>`).text)), pointer.RuleResource)
	}
}

func TestWhatOnlyAStoreAssignsIsTakenOutOfABody(t *testing.T) {
	t.Parallel()
	head := `{"resourceType":"DocumentReference"`
	rest := `,"status":"current","custodian":{"reference":"` + odsURL + `A81001"}`
	root := `<DocumentReference xmlns="http://hl7.org/fhir">`
	inXML := `<status value="current"/><custodian><reference value="` + odsURL + `A81001"/></custodian></DocumentReference>`
	for _, c := range []struct{ name, contentType, body, want string }{
		{"nothing", "json", head + rest + "}", head + rest + "}"},
		{"an id at the beginning", "json", `{"id":"theirs","resourceType":"DocumentReference"` + rest + "}", head + rest + "}"},
		{"an id in the middle", "json", head + `,"id" : "theirs"` + rest + "}", head + rest + "}"},
		{"an id at the end", "json", head + rest + `, "id" : "theirs" }`, head + rest + " }"},
		{"a meta that is then empty", "json", head + rest + `,"meta":{"versionId":"1","lastUpdated":"x"}}`, head + rest + "}"},
		{"all of it, in turns", "json", `{"meta":{"lastUpdated":{"a":[1,"}"]},"profile":["p"],"version":"2","versionId":"1"},"id":"x","resourceType":"DocumentReference"` + rest + "}",
			`{"meta":{"profile":["p"]},"resourceType":"DocumentReference"` + rest + "}"},
		{"an id and a meta in XML", "xml", "\ufeff" + root + `<id value="theirs"/><meta><versionId value="1"></versionId><lastUpdated value="x"/></meta>` + inXML, "\ufeff" + root + inXML},
		{"the rest of a meta in XML", "xml", root + `<meta id="m"><versionId value="1"/><profile value="p"/></meta>` + inXML, root + `<meta id="m"><profile value="p"/></meta>` + inXML},
	} {
		w, h := send(t, &pointer.Guard{Resolver: stored(t)}, request("POST", collection, "application/fhir+"+c.contentType, c.body))
		require.True(t, h.called, "%s: %s", c.name, w.Body)
		assert.Equal(t, c.want, string(h.body), c.name)
		assert.Equal(t, int64(len(c.want)), h.request.ContentLength)
	}
}

func TestDuplicatesAreFoundBeforeTheyAreMade(t *testing.T) {
	t.Parallel()
	everyForm(t, "create", func(t *testing.T, d document) {
		named := func(value string) *http.Request {
			return request("POST", collection, d.contentType(), strings.ReplaceAll(d.text, newIdentifier.Value, value))
		}
		for _, value := range []string{oldIdentifier.Value, "urn:uuid:theirs", "urn:uuid:twins"} {
			assertRule(t, refusal(t, &pointer.Guard{Resolver: stored(t)}, named(value)), pointer.RuleDuplicate)
		}
		for _, value := range []string{"a|b", "a,b", "a$b"} {
			assertRule(t, refusal(t, &pointer.Guard{Resolver: stored(t)}, named(value)), pointer.RuleResource)
		}
		w, _ := send(t, &pointer.Guard{Resolver: stored(t)}, named(oldIdentifier.Value))
		for _, want := range []string{"DUPLICATE_REJECTED", "Create would lead to creation of a duplicate resource", `"duplicate"`} {
			assert.Contains(t, w.Body.String(), want)
		}
	})
}

func TestPreconditionsAreJudgedByTheGuard(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		lines []string
		want  pointer.Rule
	}{
		{nil, ""}, {[]string{`W/"3"`}, ""}, {[]string{`"2", "3"`}, ""}, {[]string{`"2"`, `W/"3"`}, ""}, {[]string{"*"}, ""}, {[]string{` , W/"3" ,`}, ""},
		{[]string{`W/"2"`}, pointer.RuleVersion}, {[]string{`W/"33"`}, pointer.RuleVersion},
		{[]string{"3"}, pointer.RuleRequest}, {[]string{`"`}, pointer.RuleRequest}, {[]string{""}, pointer.RuleRequest}, {[]string{`W/"3", *`}, pointer.RuleRequest},
		{[]string{`w/"3"`}, pointer.RuleRequest}, {[]string{`"3" "4"`}, pointer.RuleRequest},
	} {
		r := request("DELETE", collection+"/"+oldID, "", "")
		if c.lines != nil {
			r.Header["If-Match"] = c.lines
		}
		err := refusal(t, &pointer.Guard{Resolver: stored(t)}, r)
		if c.want == "" {
			assert.NoError(t, err, "%q", c.lines)
		} else {
			assertRule(t, err, c.want)
		}
	}
	for _, name := range []string{"If_Match", "If-None-Match", "if_none_match", "If-Unmodified-Since", "If-Modified-Since", "If-Range"} {
		r := request("DELETE", collection+"/"+oldID, "", "")
		r.Header[name] = []string{`W/"3"`}
		assertRule(t, refusal(t, &pointer.Guard{Resolver: stored(t)}, r), pointer.RuleRequest)
	}
	// Another organisation does not learn the version.
	r := request("DELETE", collection+"/theirs", "", "")
	r.Header.Set("If-Match", `W/"99"`)
	assertRule(t, refusal(t, &pointer.Guard{Resolver: stored(t)}, r), pointer.RuleOwner)
	create := load(t, "create", "stu3", "json")
	r = request("POST", collection, create.contentType(), create.text)
	r.Header.Set("If-Match", "*")
	assertRule(t, refusal(t, &pointer.Guard{Resolver: stored(t)}, r), pointer.RuleVersion)
}

// What HAPI, Firely and Azure answer, from their documented shapes.
func TestSearchesOfRealServersAreRead(t *testing.T) {
	t.Parallel()
	d := load(t, "supersede-both", "r4", "json")
	q := pointer.Query{Subject: patient, Identifier: newIdentifier}
	entry := func(resource, mode string) string {
		return `{"resource":` + resource + `,"search":{"mode":"` + mode + `"}}`
	}
	outcome := entry(`{"resourceType":"OperationOutcome","issue":[{"severity":"warning","code":"not-supported"}]}`, "outcome")
	included := entry(`{"resourceType":"Patient","id":"p"}`, "include")
	plain := entry(`{"resourceType":"DocumentReference","id":"other","identifier":[{"system":"`+newIdentifier.System+`","value":"`+newIdentifier.Value+`"}],"custodian":{"display":"unreadable"}}`, "match")
	unreadable := entry(`{"resourceType":"DocumentReference","id":"old","masterIdentifier":{"value":"x"},"custodian":5}`, "match")
	tolerated := strings.Replace(d.text, `"status"`, `"contained":[{"resourceType":"Practitioner","id":"a"}],"_status":{"id":"s"},"identifier":[{"value":"no system"}],"status"`, 1)
	bundle := func(next string, entries ...string) string {
		link := `{"relation":"self","url":"x"}`
		if next != "" {
			link += `,{"relation":"next","url":"` + next + `"}`
		}
		return `{"resourceType":"Bundle","id":"b","meta":{"lastUpdated":"2026-01-01T00:00:00Z"},"type":"searchset","link":[` + link + `],"entry":[` + strings.Join(entries, ",") + `]}`
	}
	for _, c := range []struct {
		name  string
		pages []string
		want  error
	}{
		{"an outcome, an include and a plain identifier", []string{bundle("", outcome, included, plain, entry(tolerated, "match"))}, nil},
		{"one on the second page", []string{bundle("?page=1", plain, unreadable), bundle("", entry(d.text, "match"))}, nil},
		{"the same on both pages", []string{bundle("?page=1", entry(d.text, "match")), bundle("", entry(d.text, "match"))}, nil},
		{"one on each page", []string{bundle("?page=1", entry(d.text, "match")), bundle("", entry(strings.ReplaceAll(d.text, newID, "twin"), "match"))}, pointer.ErrAmbiguous},
		{"only plain identifiers", []string{bundle("", plain)}, pointer.ErrNotFound},
		{"none", []string{bundle("", outcome)}, pointer.ErrNotFound},
	} {
		f := remote(t, func(w http.ResponseWriter, r *http.Request) {
			reply(w, "application/fhir+json; fhirVersion=4.0; charset=utf-8", "", c.pages[strings.Count(r.URL.Query().Get("page"), "1")])
		})
		p, err := f.Resolve(t.Context(), q)
		if c.want != nil {
			assert.ErrorIs(t, err, c.want, c.name)
			continue
		}
		require.NoError(t, err, c.name)
		assert.Equal(t, newID, p.ID)
	}
	f := remote(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "30")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	w := answer(t, &pointer.Guard{Resolver: f}, callerOf(t, "A81001"), pointer.Change{Action: pointer.Delete, Target: q})
	assert.Equal(t, http.StatusServiceUnavailable, w.Code)
	assert.Equal(t, "30", w.Header().Get("Retry-After"))
}

// A reader that follows CGI takes Content_Encoding for Content-Encoding.
func TestABodyHasOneDescriptionInAnySpelling(t *testing.T) {
	t.Parallel()
	create := load(t, "create", "stu3", "json")
	for name, value := range map[string]string{
		"Content-Encoding": "identity", "Content_Encoding": "deflate", "content-encoding": "br",
		"Content_Type": "application/fhir+json; charset=utf-7", "content-type": create.contentType(),
	} {
		r := request("POST", collection, create.contentType(), create.text)
		r.Header[name] = []string{value}
		assertRule(t, refusal(t, &pointer.Guard{Resolver: stored(t)}, r), pointer.RuleMediaType)
	}
}

// A proxy drops the headers that Connection names (RFC 9110 section 7.6.1), and
// with If-Match the condition of a change would be gone.
func TestConnectionDoesNotTakeTheConditionOff(t *testing.T) {
	t.Parallel()
	var got []http.Header
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { got = append(got, r.Header) }))
	t.Cleanup(srv.Close)
	backend, err := url.Parse(srv.URL)
	require.NoError(t, err)
	h := (&pointer.Guard{Resolver: stored(t)}).Middleware(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(backend) }})
	for _, r := range []*http.Request{
		request("DELETE", collection+"/"+oldID, "", ""), request("PATCH", collection+"/"+oldID, "application/fhir+json", updates[false]),
	} {
		got = nil
		r.Header.Set("Connection", "close, if-match")
		require.Equal(t, http.StatusOK, through(t, h, r).Code)
		require.Len(t, got, 1)
		assert.Equal(t, []string{`W/"3"`}, got[0]["If-Match"], r.Method)
	}
	create := load(t, "create", "r4", "json") // of which nothing is taken out
	r := request("POST", collection, create.contentType(), create.text)
	r.Header.Set("Connection", "Content-Type")
	got = nil
	require.Equal(t, http.StatusOK, through(t, h, r).Code)
	assert.Equal(t, []string{create.contentType()}, got[0]["Content-Type"])
}

// Some proxies do with Proxy-Connection as with Connection.
func TestNeitherConnectionGoesOn(t *testing.T) {
	t.Parallel()
	create := load(t, "create", "r4", "json").with(t, "meta", `"language":"en"`, "").text // of which nothing is taken out
	for _, name := range []string{"Connection", "Proxy-Connection"} {
		for _, r := range []*http.Request{
			request("DELETE", collection+"/"+oldID, "", ""), request("POST", collection, "application/fhir+json", create),
		} {
			r.Header.Set(name, "close, if-match, content-type")
			w, h := send(t, &pointer.Guard{Resolver: stored(t)}, r)
			require.True(t, h.called, w.Body)
			assert.Empty(t, h.request.Header[name], "%s %s", r.Method, name)
		}
	}
}

// What was read of a request before it was judged does not go on beside it.
func TestNothingParsedBeforeGoesOn(t *testing.T) {
	t.Parallel()
	r := request("DELETE", collection+queryString("subject", patient, "identifier", oldIdentifier.System+"|"+oldIdentifier.Value), "", "")
	require.NoError(t, r.ParseForm())
	r.Trailer = http.Header{"If-None-Exist": {"x"}}
	r.TransferEncoding = []string{"chunked"}
	w, h := send(t, &pointer.Guard{Resolver: stored(t)}, r)
	require.True(t, h.called, w.Body)
	assert.Equal(t, "/STU3/DocumentReference/"+oldID, h.request.URL.RequestURI())
	assert.Empty(t, h.request.Form)
	assert.Empty(t, h.request.PostForm)
	assert.Empty(t, h.request.Trailer)
	assert.Empty(t, h.request.TransferEncoding)
}
