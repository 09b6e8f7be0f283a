// SPDX-License-Identifier: Apache-2.0

package nrl_test

import (
	"crypto/x509"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/samply/golang-fhir-models/fhir-models/fhir"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/asid/asidtest"
	"github.com/nrlsecurity/nrlsecurity/pointer"
	"github.com/nrlsecurity/nrlsecurity/pointer/nrl"
	"github.com/nrlsecurity/nrlsecurity/pointer/pointertest"
)

const (
	collection = "/STU3/DocumentReference"
	patient    = "https://demographics.spineservices.nhs.uk/STU3/Patient/9000000009"
	newValue   = "urn:uuid:6a1d7c52-0f4e-4b8a-a3c6-92e5d7f81b30"
	oldValue   = "urn:uuid:c2f8e1b4-3d56-4a97-b0e2-7f1849d6a5c3"
	oldURL     = "https://nrl.example.nhs.uk/STU3/DocumentReference/0d9b6f34-71c2-4e58-8a1f-c5e3b7d92046-10000000000000000000"
)

func example(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile("../testdata/" + name)
	require.NoError(t, err)
	return string(text)
}

func ods(t testing.TB, code string) asid.ODSCode {
	t.Helper()
	c, err := asid.ParseODSCode(code)
	require.NoError(t, err)
	return c
}

// An instance is a store behind its guard, as an NRL-like server has it.
type instance struct {
	store   *nrl.Store
	handler http.Handler
	caller  *asid.Caller
}

func start(t testing.TB, codes ...string) *instance {
	system := &asid.System{ASID: asid.MustParseID("200000000205"), Interactions: []asid.InteractionID{
		asid.DocumentReferenceCreate, asid.DocumentReferenceUpdate, asid.DocumentReferenceDelete}}
	if len(codes) == 0 {
		codes = []string{"A81001"}
	}
	for _, c := range codes {
		system.ODS = append(system.ODS, ods(t, c))
	}
	i := &instance{store: new(nrl.Store), caller: &asid.Caller{System: system}}
	i.handler = (&pointer.Guard{Resolver: i.store, Disclose: true}).Middleware(i.store)
	return i
}

func (i *instance) request(method, target, format, body string) *http.Request {
	r := httptest.NewRequest(method, "https://nrl.example.nhs.uk"+target, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/fhir+"+format)
	}
	r.Header.Set("Accept", "application/fhir+"+format)
	return r.WithContext(asid.NewContext(r.Context(), i.caller))
}

func (i *instance) serve(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	i.handler.ServeHTTP(w, r)
	return w
}

func (i *instance) send(method, target, format, body string) *httptest.ResponseRecorder {
	return i.serve(i.request(method, target, format, body))
}

// create posts a resource and returns its path.
func (i *instance) create(t testing.TB, format, body string) string {
	t.Helper()
	w := i.send(http.MethodPost, collection, format, body)
	require.Equal(t, http.StatusCreated, w.Code, w.Body.String())
	location, found := strings.CutPrefix(w.Header().Get("Location"), "https://nrl.example.nhs.uk")
	require.True(t, found)
	return location
}

func query(pairs ...string) string {
	q := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		q.Add(pairs[i], pairs[i+1])
	}
	return collection + "?" + q.Encode()
}

func idOf(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

func everyForm(t *testing.T, f func(t *testing.T, version, format string)) {
	for _, version := range []string{"stu3", "r4"} {
		for _, format := range []string{"json", "xml"} {
			t.Run(version+" "+format, func(t *testing.T) { f(t, version, format) })
		}
	}
}

func TestTheLifeOfAPointer(t *testing.T) {
	everyForm(t, func(t *testing.T, version, format string) {
		i := start(t)
		old := i.create(t, format, strings.ReplaceAll(example(t, "create-"+version+"."+format), newValue, oldValue))
		assert.Regexp(t, `/STU3/DocumentReference/[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}-[0-9]{20}$`, old)

		w := i.send("GET", old, format, "")
		require.Equal(t, 200, w.Code, w.Body.String())
		assert.Equal(t, `W/"1"`, w.Header().Get("ETag"))
		p, err := pointer.Parse(w.Header().Get("Content-Type"), w.Body.Bytes())
		require.NoError(t, err)
		assert.Equal(t, &pointer.Pointer{ID: idOf(old), Version: "1", Custodian: ods(t, "A81001"), Status: "current", Subject: patient,
			MasterIdentifier: pointer.Identifier{System: "urn:ietf:rfc:3986", Value: oldValue}}, p)
		require.NoError(t, pointertest.TestResolver(i.store, p))

		total := func(want int, target string) {
			t.Helper()
			w := i.send("GET", target, "json", "")
			require.Equal(t, 200, w.Code, w.Body.String())
			var b struct {
				ResourceType, Type string
				Total              int
				Entry              []struct{ Resource json.RawMessage }
			}
			require.NoError(t, json.Unmarshal(w.Body.Bytes(), &b))
			assert.Equal(t, "searchset", b.Type)
			assert.Equal(t, want, b.Total)
			if !strings.Contains(target, "_summary") {
				assert.Len(t, b.Entry, want)
			}
			for _, e := range b.Entry {
				_, err := pointer.Parse("application/fhir+json", e.Resource)
				assert.NoError(t, err)
			}
		}
		const custodian = "https://directory.spineservices.nhs.uk/STU3/Organization/"
		total(1, query("subject", patient))
		total(1, query("_id", idOf(old)))
		total(0, query("_id", "none"))
		total(1, query("subject", patient, "custodian", custodian+"a81001"))
		total(0, query("subject", patient, "custodian", custodian+"RX1"))
		total(1, query("subject", patient, "type", "http://snomed.info/sct|736366004"))
		total(0, query("subject", patient, "type.coding", "http://snomed.info/sct|1"))
		total(1, query("subject", patient, "identifier", "urn:ietf:rfc:3986|"+oldValue))
		total(0, query("subject", patient, "identifier", "urn:ietf:rfc:3986|"+newValue))
		total(1, query("subject", patient, "_summary", "count"))

		// By identifier, since the example does not know the id.
		fresh := i.create(t, format, example(t, "supersede-identifier-"+version+"."+format))
		w = i.send("GET", old, format, "")
		assert.Equal(t, 400, w.Code)
		assert.Contains(t, w.Body.String(), "BAD_REQUEST")
		total(1, query("subject", patient))
		was, err := i.store.Resolve(t.Context(), pointer.Query{ID: idOf(old)})
		require.NoError(t, err)
		assert.Equal(t, "superseded", was.Status)
		assert.Equal(t, "2", was.Version)

		w = i.send("PATCH", fresh, format, example(t, "update-"+version+"."+format))
		require.Equal(t, 200, w.Code, w.Body.String())
		assert.Equal(t, `W/"2"`, w.Header().Get("ETag"))
		assert.Contains(t, w.Body.String(), "RESOURCE_UPDATED")
		assert.Contains(t, w.Body.String(), "https://nrl.example.nhs.uk"+fresh)
		w = i.send("PATCH", fresh, format, example(t, "update-"+version+"."+format))
		assert.Equal(t, 400, w.Code, "it is not current any more")
		total(0, query("subject", patient))

		w = i.send("DELETE", query("subject", patient, "identifier", "urn:ietf:rfc:3986|"+newValue), format, "")
		require.Equal(t, 200, w.Code, w.Body.String())
		assert.Contains(t, w.Body.String(), "RESOURCE_DELETED")
		assert.Equal(t, 404, i.send("GET", fresh, format, "").Code)
		assert.Equal(t, 404, i.send("DELETE", fresh, format, "").Code)
		assert.Equal(t, 200, i.send("DELETE", collection+"?_id="+idOf(old), format, "").Code)
		assert.Equal(t, 404, i.send("DELETE", collection+"?_id="+idOf(old), format, "").Code)
		i.create(t, format, example(t, "create-"+version+"."+format)) // the identifier is free again
	})
}

func TestAnswersInTheOtherFormat(t *testing.T) {
	everyForm(t, func(t *testing.T, version, format string) {
		i := start(t)
		sent := example(t, "create-"+version+"."+format)
		at := i.create(t, format, sent)

		// Both examples are the same resource, so both answers are the same tree.
		var want, got map[string]any
		require.NoError(t, json.Unmarshal([]byte(example(t, "create-"+version+".json")), &want))
		w := i.send("GET", at, "json", "")
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &got), w.Body.String())
		assert.Equal(t, idOf(at), got["id"])
		meta := got["meta"].(map[string]any)
		assert.Equal(t, "1", meta["versionId"])
		for _, m := range []map[string]any{want, got} {
			delete(m, "id")
			maps.DeleteFunc(m["meta"].(map[string]any), func(name string, _ any) bool { return name != "profile" })
		}
		assert.Equal(t, want, got)
		_, err := fhir.UnmarshalDocumentReference(w.Body.Bytes())
		assert.NoError(t, err)

		w = i.send("GET", at, "xml", "")
		assert.Equal(t, "application/fhir+xml; charset=utf-8", w.Header().Get("Content-Type"))
		p, err := pointer.Parse("application/fhir+xml", w.Body.Bytes())
		require.NoError(t, err, w.Body.String())
		assert.Equal(t, ods(t, "A81001"), p.Custodian)
		body := strings.Join(strings.Fields(example(t, "create-"+version+".xml")), "")
		_, body, _ = strings.Cut(body, "</meta>")
		answered := strings.Join(strings.Fields(strings.ReplaceAll(w.Body.String(), `"></`, `"/></`)), "")
		_, answered, _ = strings.Cut(answered, "</meta>")
		assert.Equal(t, body, answered)

		for _, asked := range []string{"json", "xml"} {
			w = i.send("GET", at+"?_format=application/fhir%2B"+asked, format, "")
			assert.Contains(t, w.Header().Get("Content-Type"), asked)
		}
		w = i.send("HEAD", at, format, "")
		assert.Equal(t, 200, w.Code)
		assert.Empty(t, w.Body.String())
	})
}

func TestElementsKeepTheirForm(t *testing.T) {
	i := start(t)
	const extra = `{"resourceType":"DocumentReference","status":"current","subject":{"reference":"` + patient + `"},
		"text":{"status":"generated","div":"</div></text><custodian/>"},
		"type":{"coding":[{"system":"s","code":"c","userSelected":true}],"text":"\"<&>\u000a"},
		"author":[{"id":"a1","reference":"r"}],"custodian":{"reference":"https://directory.spineservices.nhs.uk/STU3/Organization/A81001"},
		"content":[{"attachment":{"size":12,"title":"é"}},{"extension":[{"id":"e1","url":"u","valueBoolean":false}]}]}`
	at := i.create(t, "json", extra)
	asXML := i.send("GET", at, "xml", "").Body.String()
	for _, want := range []string{`<userSelected value="true"/>`, `<author id="a1"><reference value="r"/></author>`,
		`<extension id="e1" url="u"><valueBoolean value="false"/></extension>`, `<size value="12"/>`, `&lt;&amp;&gt;&#xA;`} {
		assert.Contains(t, asXML, want)
	}
	assert.NotContains(t, asXML, "<text>", "the narrative is not kept")
	assert.Equal(t, 1, strings.Count(asXML, "<custodian>"))
	require.NoError(t, func() error { _, err := pointer.Parse("application/xml", []byte(asXML)); return err }())

	// And back again.
	again := i.create(t, "xml", asXML)
	var first, second map[string]any
	require.NoError(t, json.Unmarshal(i.send("GET", at, "json", "").Body.Bytes(), &first))
	require.NoError(t, json.Unmarshal(i.send("GET", again, "json", "").Body.Bytes(), &second))
	for _, m := range []map[string]any{first, second} {
		delete(m, "id")
		delete(m, "meta")
	}
	assert.Equal(t, first, second)
}

func TestCreatesAreRefused(t *testing.T) {
	everyForm(t, func(t *testing.T, version, format string) {
		i := start(t)
		good := example(t, "create-"+version+"."+format)
		pick := func(json, xml string) string {
			if format == "json" {
				return json
			}
			return xml
		}
		replaced := func(json, newJSON, xml, newXML string) string {
			require.Contains(t, good, pick(json, xml))
			return strings.Replace(good, pick(json, xml), pick(newJSON, newXML), 1)
		}
		for name, body := range map[string]string{
			"not current":                  replaced(`"status": "current"`, `"status": "superseded"`, `status value="current"`, `status value="superseded"`),
			"no type":                      replaced(`"type": {`, `"description":"x","context": {"x":1},"identifier": {`, "<type>", `<class><coding><code value="x"/></coding></class><type>`),
			"not an NHS number":            strings.ReplaceAll(good, "9000000009", "9000000008"),
			"an extended primitive":        replaced(`"display": "Care plan"`, `"_display": {"id":"x"}`, `<display value="Care plan"/>`, `<display value="Care plan"><extension url="x"><valueCode value="y"/></extension></display>`),
			"a name that is markup":        replaced(`"display": "Care plan"`, `"x/><custodian/><x": "y"`, `<display value="Care plan"/>`, `<x_y value="z"/>`),
			"an element without value":     replaced(`"display": "Care plan"`, `"display": ""`, `<display value="Care plan"/>`, `<display/>`),
			"a value that XML cannot have": replaced(`"display": "Care plan"`, `"display": "\u0007"`, `<display value="Care plan"/>`, `<display value="&#7;"/>`),
			"a null":                       replaced(`"display": "Care plan"`, `"display": null`, `<display value="Care plan"/>`, `<display value=""/>`),
		} {
			if name == "no type" && format == "xml" {
				continue
			}
			w := i.send("POST", collection, format, body)
			assert.Equal(t, 400, w.Code, "%s: %s", name, w.Body.String())
		}
		i.create(t, format, good)
		w := i.send("POST", collection, format, good)
		assert.Equal(t, 400, w.Code)
		assert.Contains(t, w.Body.String(), "DUPLICATE_REJECTED")
		found, err := i.store.Resolve(t.Context(), pointer.Query{Subject: patient, Identifier: pointer.Identifier{System: "urn:ietf:rfc:3986", Value: newValue}})
		require.NoError(t, err)
		assert.Equal(t, "1", found.Version)
	})
}

func TestSearchesAreRefused(t *testing.T) {
	i := start(t)
	for _, target := range []string{
		collection, query("subject", "9000000009"), query("subject", patient+"1"), query("subject", patient, "subject", patient),
		query("subject", patient, "author", "x"), query("subject", patient, "custodian", "RX1"), query("subject", patient, "type", "736366004"),
		query("subject", patient, "type", "a|b", "type.coding", "a|b"), query("subject", patient, "_summary", "true"),
		query("subject", patient, "identifier", "a|b,c|d"), query("_id", "x", "subject", patient), query("_id", ""), collection + "?subject=%zz",
	} {
		w := i.send("GET", target, "json", "")
		assert.Equal(t, 400, w.Code, target)
		assert.Regexp(t, "INVALID_PARAMETER|INVALID_NHS_NUMBER|BAD_REQUEST", w.Body.String())
	}
	assert.Equal(t, 400, i.send("GET", "/STU3/Patient", "json", "").Code)
	assert.Equal(t, 404, i.send("GET", collection+"/none", "json", "").Code)
}

func TestChangesNeedAGuard(t *testing.T) {
	i := start(t)
	w := httptest.NewRecorder()
	i.store.ServeHTTP(w, i.request("POST", collection, "json", example(t, "create-stu3.json")))
	assert.Equal(t, 500, w.Code)
	at := i.create(t, "json", example(t, "create-stu3.json"))
	w = httptest.NewRecorder()
	i.store.ServeHTTP(w, i.request("DELETE", at, "json", ""))
	assert.Equal(t, 500, w.Code)
	assert.Equal(t, 200, i.send("GET", at, "json", "").Code)
}

func TestOnlyOwnersChangePointers(t *testing.T) {
	i := start(t)
	at := i.create(t, "json", strings.ReplaceAll(example(t, "create-stu3.json"), newValue, oldValue))
	stranger := start(t, "RX1")
	stranger.store = i.store
	stranger.handler = (&pointer.Guard{Resolver: i.store, Disclose: true}).Middleware(i.store)
	theirs := strings.ReplaceAll(example(t, "supersede-identifier-stu3.json"), "A81001", "RX1")
	for _, w := range []*httptest.ResponseRecorder{
		stranger.send("DELETE", at, "json", ""),
		stranger.send("PATCH", at, "json", example(t, "update-stu3.json")),
		stranger.send("POST", collection, "json", theirs),
		stranger.send("POST", collection, "json", example(t, "create-stu3.json")),
	} {
		assert.Equal(t, 400, w.Code)
		assert.Contains(t, w.Body.String(), "Resource is invalid : custodian")
	}
	assert.Equal(t, `W/"1"`, i.send("GET", at, "json", "").Header().Get("ETag"))
}

func TestIfMatch(t *testing.T) {
	for _, c := range []struct {
		lines []string
		want  int
	}{
		{[]string{`W/"1"`}, 200}, {[]string{`"1"`}, 200}, {[]string{`*`}, 200}, {[]string{`W/"1", W/"2"`}, 200}, {[]string{`W/"2"`, `W/"1"`}, 200},
		{[]string{`W/"2"`}, 412}, {[]string{`W/"2","3"`}, 412},
		{[]string{`1`}, 400}, {[]string{``}, 400}, {[]string{`*, W/"1"`}, 400}, {[]string{`W/"1`}, 400},
	} {
		i := start(t)
		at := i.create(t, "json", example(t, "create-stu3.json"))
		r := i.request("PATCH", at, "json", example(t, "update-stu3.json"))
		r.Header["If-Match"] = c.lines
		assert.Equal(t, c.want, i.serve(r).Code, c.lines)
	}
}

func TestTheStoreIsBounded(t *testing.T) {
	body := example(t, "create-stu3.json")
	i := start(t)
	i.store.MaxBytes = 20 << 10 // two of them
	numbered := func(n string) string { return strings.ReplaceAll(body, newValue, newValue+n) }
	first := i.create(t, "json", numbered("1"))
	i.create(t, "json", numbered("2"))
	w := i.send("POST", collection, "json", numbered("3"))
	assert.Equal(t, http.StatusInsufficientStorage, w.Code)
	assert.Equal(t, 200, i.send("DELETE", first, "json", "").Code)
	i.create(t, "json", body)
}

// Whatever breaks while a request is answered, the change is there whole or not
// at all.
func TestChangesAreWholeWhateverBreaks(t *testing.T) {
	breaking := func(r *http.Request, i *instance, w http.ResponseWriter) {
		defer func() { assert.NotNil(t, recover()) }()
		i.handler.ServeHTTP(w, r)
	}
	i := start(t)
	old := i.create(t, "json", strings.ReplaceAll(example(t, "create-stu3.json"), newValue, oldValue))
	supersede := func() *http.Request {
		return i.request("POST", collection, "json", example(t, "supersede-identifier-stu3.json"))
	}

	r := supersede()
	r.Body = brokenBody{}
	breaking(r, i, httptest.NewRecorder())
	assert.Equal(t, `W/"1"`, i.send("GET", old, "json", "").Header().Get("ETag"), "it broke before the change")

	breaking(supersede(), i, brokenWriter{httptest.NewRecorder()})
	was, err := i.store.Resolve(t.Context(), pointer.Query{ID: idOf(old)})
	require.NoError(t, err)
	is, err := i.store.Resolve(t.Context(), pointer.Query{Subject: patient, Identifier: pointer.Identifier{System: "urn:ietf:rfc:3986", Value: newValue}})
	require.NoError(t, err, "it broke after the change: the new pointer is there")
	assert.Equal(t, "superseded", was.Status, "and the old one is replaced")
	assert.Equal(t, "current", is.Status)
	assert.Equal(t, 200, i.send("DELETE", old, "json", "").Code, "and no lock is held")
}

type brokenBody struct{ io.Closer }

func (brokenBody) Read([]byte) (int, error) { panic("the body broke") }

type brokenWriter struct{ http.ResponseWriter }

func (brokenWriter) WriteHeader(int) { panic("the connection broke") }

// What another request did between decision and change was not judged.
func TestDecisionsGoStale(t *testing.T) {
	for _, c := range []struct {
		name             string
		meanwhile, stale func(i *instance, at string) *http.Request
		status           int
	}{
		{"an update after a delete", remove, update(t), 404},
		{"an update after a supersede", supersede(t), update(t), 400},
		{"a supersede after a delete", remove, supersede(t), 400},
		{"a supersede after an update", update(t), supersede(t), 400},
		{"a delete after an update", update(t), remove, 409},
		{"a delete after a delete", remove, remove, 404},
	} {
		i := start(t)
		at := i.create(t, "json", strings.ReplaceAll(example(t, "create-stu3.json"), newValue, oldValue))
		between := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			require.Less(t, i.serve(c.meanwhile(i, at)).Code, 300, c.name)
			i.store.ServeHTTP(w, r)
		})
		w := httptest.NewRecorder()
		(&pointer.Guard{Resolver: i.store}).Middleware(between).ServeHTTP(w, c.stale(i, at))
		assert.Equal(t, c.status, w.Code, c.name)
	}
}

func remove(i *instance, at string) *http.Request { return i.request("DELETE", at, "json", "") }

func update(t *testing.T) func(i *instance, at string) *http.Request {
	return func(i *instance, at string) *http.Request {
		return i.request("PATCH", at, "json", example(t, "update-stu3.json"))
	}
}

func supersede(t *testing.T) func(i *instance, at string) *http.Request {
	return func(i *instance, _ string) *http.Request {
		return i.request("POST", collection, "json", example(t, "supersede-identifier-stu3.json"))
	}
}

func TestSearchesKeepTheirOrder(t *testing.T) {
	i := start(t)
	var want []string
	for _, n := range []string{"1", "2", "3"} {
		want = append(want, idOf(i.create(t, "json", strings.ReplaceAll(example(t, "create-stu3.json"), newValue, newValue+n))))
	}
	var got []string
	body := i.send("GET", query("subject", patient), "json", "").Body.String()
	for _, id := range want {
		got = append(got, id)
		assert.Contains(t, body, id)
	}
	slices.SortFunc(got, func(a, b string) int { return strings.Index(body, a) - strings.Index(body, b) })
	assert.Equal(t, want, got, "oldest first")
}

var self = asid.MustParseID("999999999999")

type onePeer struct{ cert *x509.Certificate }

func (p onePeer) Peer(*http.Request) (*x509.Certificate, error) { return p.cert, nil }

// whole is i's store behind an Authorizer that knows one system.
func (i *instance) whole(t *testing.T, interactions ...asid.InteractionID) (http.Handler, asid.System) {
	system := asid.System{ASID: asid.MustParseID("200000000205"), ODS: []asid.ODSCode{ods(t, "RX1")}, FQDNs: []string{"rx1.nhs.uk"}, Interactions: interactions}
	registry, err := asid.NewMemory(system)
	require.NoError(t, err)
	peer, err := asidtest.Peers{}.Peer(asidtest.NewRequest("GET", collection, system, self))
	require.NoError(t, err)
	a := &asid.Authorizer{Registry: registry, Self: self, Peers: onePeer{peer}}
	return a.Middleware((&pointer.Guard{Resolver: i.store}).Middleware(i.store)), system
}

func TestWhoMayReadMayNotSearch(t *testing.T) {
	i := start(t)
	i.create(t, "json", example(t, "create-stu3.json"))
	h, system := i.whole(t, asid.DocumentReferenceRead)
	for _, path := range []string{collection, collection + "/DocumentReference"} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, asidtest.NewRequest("GET", path+"?_format=json&subject="+patient, system, self))
		assert.NotEqual(t, 200, w.Code, "%s: %s", path, w.Body.String())
	}
}

func TestXMLAnswersAreWellFormed(t *testing.T) {
	i := start(t)
	for _, member := range []string{`"extension":[{"url":["a","b"],"valueCode":"c"}]`, `"authenticator":{"id":["a","b"],"reference":"x"}`} {
		body := strings.Replace(example(t, "create-stu3.json"), `"custodian"`, member+`,"custodian"`, 1)
		i.send("POST", collection, "json", strings.ReplaceAll(body, newValue, newValue+member[1:3])) // refused, or kept
	}
	w := i.send("GET", query("subject", patient), "xml", "")
	for _, twice := range []string{`url="a" url="b"`, `id="a" id="b"`} {
		assert.NotContains(t, w.Body.String(), twice, "no XML reader takes the answer, with everyone's pointers in it")
	}
}

func TestMemoryIsBounded(t *testing.T) {
	body := strings.Replace(example(t, "create-stu3.json"), `"custodian"`, `"authenticator":[1`+strings.Repeat(",1", 500_000)+`],"custodian"`, 1)
	store := start(t)
	store.store.MaxBytes = 2 << 20
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	store.send("POST", collection, "json", body)
	runtime.GC()
	runtime.ReadMemStats(&after)
	assert.Less(t, int64(after.HeapAlloc)-int64(before.HeapAlloc), int64(4<<20), "kept for a MaxBytes of 2 MiB")
	runtime.KeepAlive(store)
}

func TestMediaTypesHaveNoCase(t *testing.T) {
	i := start(t)
	r := i.request("POST", collection, "xml", example(t, "create-stu3.xml"))
	r.Header.Set("Content-Type", "Application/FHIR+XML")
	assert.Equal(t, 201, i.serve(r).Code)
}

func TestTheSelfLinkIsText(t *testing.T) {
	i := start(t)
	r := i.request("GET", query("subject", patient), "json", "")
	r.URL.RawQuery += "&_format=json%3B\xff"
	assert.Equal(t, 200, i.serve(r).Code)
}

func TestInvalidNHSNumbersHaveTheirCode(t *testing.T) {
	i := start(t)
	w := i.send("POST", collection, "json", strings.ReplaceAll(example(t, "create-stu3.json"), "9000000009", "9000000008"))
	assert.Contains(t, w.Body.String(), "INVALID_NHS_NUMBER")
	w = i.send("GET", query("subject", patient[:len(patient)-1]+"8"), "json", "")
	assert.Contains(t, w.Body.String(), "INVALID_NHS_NUMBER")
}
