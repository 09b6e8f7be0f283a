// SPDX-License-Identifier: Apache-2.0

package nrl_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"runtime"
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
	t.Parallel()
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
	t.Parallel()
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
		if version == "stu3" { // the NRL's to say
			assert.NotEqual(t, want["indexed"], got["indexed"])
			assert.Contains(t, w.Body.String(), `"lastUpdated":"`+got["indexed"].(string)+`"`)
			sent, got["indexed"] = got["indexed"].(string), want["indexed"]
		}
		assert.Equal(t, want, got)
		_, err := fhir.UnmarshalDocumentReference(w.Body.Bytes())
		assert.NoError(t, err)

		w = i.send("GET", at, "xml", "")
		assert.Equal(t, "application/fhir+xml; charset=utf-8", w.Header().Get("Content-Type"))
		p, err := pointer.Parse("application/fhir+xml", w.Body.Bytes())
		require.NoError(t, err, w.Body.String())
		assert.Equal(t, ods(t, "A81001"), p.Custodian)
		body := strings.ReplaceAll(example(t, "create-"+version+".xml"), `indexed value="2026-02-03T10:15:00+00:00"`, `indexed value="`+sent+`"`)
		body = strings.Join(strings.Fields(body), "")
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
	t.Parallel()
	i := start(t)
	const extra = `{"resourceType":"DocumentReference","status":"current","category":[{"text":"plan"}],"subject":{"reference":"` + patient + `"},
		"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><p title='x'>é &amp; &lt;custodian/&gt;</p></div>"},
		"extension":[{"url":"urn:root","valueCode":"x"}],"language":"en","_language":{"id":"l1"},"description":"d",
		"_description":{"extension":[{"url":"urn:d","_valueString":{"extension":[{"url":"urn:e","valueCode":"y"}]}}]},
		"_date":{"extension":[{"url":"urn:unknown","valueBoolean":true}]},
		"meta":{"profile":["urn:p",null,"urn:r"],"_profile":[null,{"id":"q1","extension":[{"url":"urn:q","valueCode":"z"}]},{"id":"r1"}]},
		"type":{"coding":[{"system":"s","code":"c","userSelected":true}],"text":"\"<&>\u000a"},
		"author":[{"id":"a1","reference":"r"}],"custodian":{"reference":"https://directory.spineservices.nhs.uk/STU3/Organization/A81001"},
		"content":[{"attachment":{"size":12,"title":"é"}},{"attachment":{"title":"t"},"extension":[{"id":"e1","url":"u","valueBoolean":false}]}]}`
	at := i.create(t, "json", extra)
	asXML := i.send("GET", at, "xml", "").Body.String()
	for _, want := range []string{`<userSelected value="true"/>`, `<author id="a1"><reference value="r"/></author>`,
		`<extension id="e1" url="u"><valueBoolean value="false"/></extension>`, `<size value="12"/>`, `&lt;&amp;&gt;&#xA;`} {
		assert.Contains(t, asXML, want)
	}
	for _, want := range []string{
		`<text><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml"><p title='x'>é &amp; &lt;custodian/&gt;</p></div></text><extension url="urn:root">`,
		`<language id="l1" value="en"/><text>`, `<date><extension url="urn:unknown"><valueBoolean value="true"/></extension></date>`,
		`<description value="d"><extension url="urn:d"><valueString><extension url="urn:e"><valueCode value="y"/></extension></valueString></extension></description>`,
		`<profile value="urn:p"/><profile id="q1"><extension url="urn:q"><valueCode value="z"/></extension></profile><profile id="r1" value="urn:r"/>`,
	} {
		assert.Contains(t, asXML, want)
	}
	asJSON := i.send("GET", at, "json", "").Body.String()
	assert.Contains(t, asJSON, `"profile":["urn:p",null,"urn:r"],"_profile":[null,{"id":"q1","extension":[{"url":"urn:q","valueCode":"z"}]},{"id":"r1"}]`)
	assert.Contains(t, asJSON, `"_date":{"extension":`)
	assert.NotContains(t, asJSON, `"date":`)
	assert.Equal(t, 1, strings.Count(asXML, "<custodian>"))
	require.NoError(t, func() error { _, err := pointer.Parse("application/xml", []byte(asXML)); return err }())

	for old, new := range map[string]string{
		`"_profile":[null,`: `"_profile":[`, `"_profile":[null,{`: `"_profile":[null,null,null,{`, `["urn:p",null,`: `["urn:p",`, `"_profile":[null,{"id":"q1",`: `"_profile":[null,{"id":"q1","x":"y",`,
		`"_date":{`: `"_author":{`, `"_description":{`: `"_description":[{`, `"_language":{"id":"l1"}`: `"_language":"l1"`, `{"url":"urn:unknown"`: `{"url":null`,
		`"_language":{"id":"l1"},`: `"_createdBy":{"id":"l1"},`, `"language":"en","_language":{"id":"l1"}`: `"_language":{"id":"l1"}`,
	} {
		require.Contains(t, extra, old)
		assert.Equal(t, 400, i.send("POST", collection, "json", strings.Replace(extra, old, new, 1)).Code, new)
	}

	// And back again.
	again := i.create(t, "xml", asXML)
	var first, second map[string]any
	require.NoError(t, json.Unmarshal(i.send("GET", at, "json", "").Body.Bytes(), &first))
	require.NoError(t, json.Unmarshal(i.send("GET", again, "json", "").Body.Bytes(), &second))
	for _, m := range []map[string]any{first, second} {
		delete(m, "id")
		delete(m["meta"].(map[string]any), "lastUpdated")
	}
	assert.Equal(t, first, second)
}

func TestWhoMayReadMayNotSearch(t *testing.T) {
	t.Parallel()
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
	t.Parallel()
	i := start(t)
	for _, member := range []string{`"extension":[{"url":["a","b"],"valueCode":"c"}]`, `"authenticator":{"id":["a","b"],"reference":"x"}`} {
		body := strings.Replace(example(t, "create-stu3.json"), `"custodian"`, member+`,"custodian"`, 1)
		i.send("POST", collection, "json", strings.ReplaceAll(body, newValue, newValue+member[1:3])) // refused, or stored
	}
	w := i.send("GET", query("subject", patient), "xml", "")
	for _, twice := range []string{`url="a" url="b"`, `id="a" id="b"`} {
		assert.NotContains(t, w.Body.String(), twice, "no XML reader takes the answer, with everyone's pointers in it")
	}
}

// It measures the heap, so no other test runs beside it.
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
	assert.Less(t, int64(after.HeapAlloc)-int64(before.HeapAlloc), int64(4<<20), "stored for a MaxBytes of 2 MiB")
	runtime.KeepAlive(store)
}

func TestMediaTypesHaveNoCase(t *testing.T) {
	t.Parallel()
	i := start(t)
	r := i.request("POST", collection, "xml", example(t, "create-stu3.xml"))
	r.Header.Set("Content-Type", "Application/FHIR+XML")
	assert.Equal(t, 201, i.serve(r).Code)
}

func TestTheSelfLinkIsText(t *testing.T) {
	t.Parallel()
	i := start(t)
	r := i.request("GET", query("subject", patient), "json", "")
	r.URL.RawQuery += "&_format=json%3B\xff"
	assert.Equal(t, 200, i.serve(r).Code)
}

func TestInvalidNHSNumbersHaveTheirCode(t *testing.T) {
	t.Parallel()
	i := start(t)
	w := i.send("POST", collection, "json", strings.ReplaceAll(example(t, "create-stu3.json"), "9000000009", "9000000008"))
	assert.Contains(t, w.Body.String(), "INVALID_NHS_NUMBER")
	w = i.send("GET", query("subject", patient[:len(patient)-1]+"8"), "json", "")
	assert.Contains(t, w.Body.String(), "INVALID_NHS_NUMBER")
}

// An order of XML's that FHIR's JSON has not: the store adds versionId and
// lastUpdated behind the extensions that it was given.
func TestMetaIsInTheOrderOfXML(t *testing.T) {
	t.Parallel()
	i := start(t)
	body := strings.Replace(example(t, "create-stu3.json"), `"meta": {`, `"meta": {"extension":[{"url":"urn:x","valueString":"y"}],"tag":[{"code":"z"}],`, 1)
	at := i.create(t, "json", body)
	answer := i.send(http.MethodGet, at, "xml", "").Body.String()
	_, meta, found := strings.Cut(answer, "<meta>")
	require.True(t, found, answer)
	assert.Regexp(t, `^<extension .*<versionId .*<lastUpdated .*<profile .*<tag>.*</meta>`, meta)
}
