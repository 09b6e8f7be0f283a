// SPDX-License-Identifier: Apache-2.0

package nrl_test

import (
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/pointer"
)

func TestCreatesAreRefused(t *testing.T) {
	t.Parallel()
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
			"not current":                replaced(`"status": "current"`, `"status": "superseded"`, `status value="current"`, `status value="superseded"`),
			"no type":                    replaced(`"type": {`, `"description":"x","context": {"x":1},"identifier": {`, "<type>", `<class><coding><code value="x"/></coding></class><type>`),
			"not an NHS number":          strings.ReplaceAll(good, "9000000009", "9000000008"),
			"an extension without a URL": replaced(`"display": "Care plan"`, `"_display": {"extension":[{"valueCode":"y"}]}`, `<display value="Care plan"/>`, `<display><extension><valueCode value="y"/></extension></display>`),
			"a mandatory value that is extended away":       replaced(`"url": "https://records.example.nhs.uk/plans/0001.pdf"`, `"_url": {"extension":[{"url":"urn:x","valueCode":"y"}]}`, `<url value="https://records.example.nhs.uk/plans/0001.pdf"/>`, `<url><extension url="urn:x"><valueCode value="y"/></extension></url>`),
			"an extension of what is no primitive":          replaced(`"format": {`, `"_attachment": {"extension":[{"url":"urn:x","valueCode":"y"}]},"format": {`, "<format>", `<format value="x">`),
			"another child of a primitive":                  replaced(`"display": "Care plan"`, `"display": "Care plan","_display":{"display":"x"}`, `<display value="Care plan"/>`, `<display value="Care plan"><display value="x"/></display>`),
			"a narrative that is more than one":             replaced(`"status": "current"`, `"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"/></text><description value=\"x\"/><text>"},"status": "current"`, `<status value="current"`, `<text><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml"/><div xmlns="http://www.w3.org/1999/xhtml"/></text><status value="current"`),
			"a value in an array and what is beside it not": replaced(`"display": "Care plan"`, `"display": "Care plan","_display":[{"id":"x"}]`, `<display value="Care plan"/>`, `<display/>`),
			"a narrative that runs":                         replaced(`"status": "current"`, `"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><script>x</script></div>"},"status": "current"`, `<status value="current"`, `<text><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml"><script>x</script></div></text><status value="current"`),
			"a name that is markup":                         replaced(`"display": "Care plan"`, `"x/><custodian/><x": "y"`, `<display value="Care plan"/>`, `<x_y value="z"/>`),
			"an element without value":                      replaced(`"display": "Care plan"`, `"display": ""`, `<display value="Care plan"/>`, `<display/>`),
			"a value that XML cannot have":                  replaced(`"display": "Care plan"`, `"display": "\u0007"`, `<display value="Care plan"/>`, `<display value="&#7;"/>`),
			"a date that no calendar has":                   replaced("2026-02-03T09:00:00+00:00", "2026-02-30T09:00:00+00:00", "2026-02-03T09:00:00+00:00", "2026-02-30T09:00:00+00:00"),
			"a date in words":                               replaced("2026-02-03T09:00:00+00:00", "yesterday", "2026-02-03T09:00:00+00:00", "yesterday"),
			"a time without a zone":                         replaced("2026-02-03T09:00:00+00:00", "2026-02-03T09:00:00", "2026-02-03T09:00:00+00:00", "2026-02-03T09:00:00"),
			"an object or an attribute for an element":      replaced(`"contentType": "application/pdf"`, `"contentType": {"id":"x"}`, "<attachment>\n      <contentType value=\"application/pdf\"/>\n      <url value=\"https://records.example.nhs.uk/plans/0001.pdf\"/>", `<attachment url="https://records.example.nhs.uk/plans/0001.pdf"><contentType value="application/pdf"/>`),
			"an object or an element for an attribute":      replaced(`"display": "Care plan"`, `"display": {"extension":[{"url":"urn:x","valueCode":"y"}]}`, `<display value="Care plan"/>`, `<display value="Care plan"><extension><url value="urn:x"/><valueCode value="y"/></extension></display>`),
			"a script as the record's URL":                  replaced("https://records.example.nhs.uk/plans/0001.pdf", "javascript:alert(1)", "https://records.example.nhs.uk/plans/0001.pdf", "javascript:alert(1)"),
			"a relative URL of a record":                    replaced("https://records.example.nhs.uk/plans/0001.pdf", "/plans/0001.pdf", "https://records.example.nhs.uk/plans/0001.pdf", "/plans/0001.pdf"),
			"a record over HTTP":                            replaced("https://records.", "http://records.", "https://records.", "http://records."),
			"a media type that is none":                     replaced("application/pdf", "a pdf", "application/pdf", "a pdf"),
			"a null":                                        replaced(`"display": "Care plan"`, `"display": null`, `<display value="Care plan"/>`, `<display value=""/>`),
		} {
			if name == "no type" && format == "xml" || name == "a mandatory value that is extended away" && version == "r4" {
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
	t.Parallel()
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
	t.Parallel()
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
	t.Parallel()
	i := start(t)
	at := i.create(t, "json", strings.ReplaceAll(example(t, "create-stu3.json"), newValue, oldValue))
	other := start(t, "RX1")
	other.store = i.store
	other.handler = (&pointer.Guard{Resolver: i.store, Disclose: true}).Middleware(i.store)
	theirs := strings.ReplaceAll(example(t, "supersede-identifier-stu3.json"), "A81001", "RX1")
	for _, w := range []*httptest.ResponseRecorder{
		other.send("DELETE", at, "json", ""),
		other.send("PATCH", at, "json", example(t, "update-stu3.json")),
		other.send("POST", collection, "json", theirs),
		other.send("POST", collection, "json", example(t, "create-stu3.json")),
	} {
		assert.Equal(t, 400, w.Code)
		assert.Contains(t, w.Body.String(), "Resource is invalid : custodian")
	}
	assert.Equal(t, `W/"1"`, i.send("GET", at, "json", "").Header().Get("ETag"))
}

func TestIfMatch(t *testing.T) {
	t.Parallel()
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

func TestAnswersNameTheBase(t *testing.T) {
	t.Parallel()
	i := start(t)
	body := example(t, "create-stu3.json")
	for _, host := range []string{"nrl\xff.example", "a b", "", "x/y", "u@h"} {
		r := i.request("POST", collection, "json", body)
		r.Host = host
		assert.Equal(t, 400, i.serve(r).Code, "%q", host)
	}
	assert.Contains(t, i.send("GET", query("subject", patient), "json", "").Body.String(), `"total":0`, "refused before anything was changed")

	base, err := url.Parse("https://nrl.public.example/api/STU3")
	require.NoError(t, err)
	i.store.Base = base
	r := i.request("POST", collection, "json", body)
	r.Host = "internal"
	w := i.serve(r)
	require.Equal(t, 201, w.Code)
	assert.True(t, strings.HasPrefix(w.Header().Get("Location"), "https://nrl.public.example/api/STU3/DocumentReference/"))
	assert.Contains(t, i.send("GET", query("subject", patient), "json", "").Body.String(), `"fullUrl":"`+w.Header().Get("Location"))
}

func TestAnswersAreInAFormatThatIsServed(t *testing.T) {
	t.Parallel()
	i := start(t)
	at := i.create(t, "json", example(t, "create-stu3.json"))
	for _, target := range []string{at + "?_format=turtle", query("subject", patient, "_format", "turtle")} {
		assert.Equal(t, 415, i.send("GET", target, "json", "").Code)
	}
	r := i.request("DELETE", at, "json", "")
	r.Header.Set("Accept", "text/html")
	assert.Equal(t, 415, i.serve(r).Code)
	assert.Equal(t, 200, i.send("GET", at, "json", "").Code, "refused before anything was changed")
}

func TestMetadataSaysWhatTheStoreDoes(t *testing.T) {
	t.Parallel()
	i := start(t)
	for path, version := range map[string]string{"/STU3/metadata": "3.0.1", "/R4/metadata": "4.0.1"} {
		w := i.send("GET", path, "json", "")
		assert.Equal(t, 200, w.Code)
		assert.Contains(t, w.Body.String(), `"fhirVersion":"`+version+`"`)
		assert.Contains(t, w.Body.String(), `"rest":[{"mode":"server","resource":[{"type":"DocumentReference","interaction":[{"code":"read"}`)
	}
	assert.Equal(t, 404, i.send("GET", collection+"/metadata", "json", "").Code, "a read, though not of a pointer")
}

func TestXMLHasTheElementsInTheOrderOfTheSchema(t *testing.T) {
	t.Parallel()
	i := start(t)
	var resource map[string]any // marshalled in the order of the alphabet
	require.NoError(t, json.Unmarshal([]byte(example(t, "create-stu3.json")), &resource))
	body, err := json.Marshal(resource)
	require.NoError(t, err)
	answered := i.send("GET", i.create(t, "json", string(body)), "xml", "").Body.String()
	want := i.send("GET", i.create(t, "xml", strings.ReplaceAll(example(t, "create-stu3.xml"), newValue, oldValue)), "xml", "").Body.String()
	names := regexp.MustCompile(`</?([a-zA-Z]+)`)
	assert.Equal(t, names.FindAllString(want, -1), names.FindAllString(answered, -1))
}

// One provider's resource must not make the answer to a search unreadable.
func TestAnAttributeIsNotThereAsAnElementToo(t *testing.T) {
	t.Parallel()
	i := start(t)
	body := strings.Replace(example(t, "create-stu3.xml"), "<attachment>", `<attachment id="a"><id value="b"/>`, 1)
	assert.Equal(t, 400, i.send("POST", collection, "xml", body).Code)
}

func TestMandatoryElementsAreNamed(t *testing.T) {
	t.Parallel()
	for path, change := range map[string]func(d map[string]any){
		"class":                   func(d map[string]any) { delete(d, "class") },
		"type":                    func(d map[string]any) { delete(d, "type") },
		"author":                  func(d map[string]any) { delete(d, "author") },
		"status":                  func(d map[string]any) { delete(d, "status") },
		"subject":                 func(d map[string]any) { delete(d, "subject") },
		"content":                 func(d map[string]any) { delete(d, "content") },
		"context":                 func(d map[string]any) { delete(d, "context") },
		"meta":                    func(d map[string]any) { delete(d, "meta") },
		"context.practiceSetting": func(d map[string]any) { delete(d["context"].(map[string]any), "practiceSetting") },
		"content.format":          func(d map[string]any) { delete(d["content"].([]any)[0].(map[string]any), "format") },
		"content.attachment":      func(d map[string]any) { delete(d["content"].([]any)[0].(map[string]any), "attachment") },
		"content.extension":       func(d map[string]any) { delete(d["content"].([]any)[0].(map[string]any), "extension") },
		"content.attachment.url": func(d map[string]any) {
			delete(d["content"].([]any)[0].(map[string]any)["attachment"].(map[string]any), "url")
		},
		"content.attachment.contentType": func(d map[string]any) {
			delete(d["content"].([]any)[0].(map[string]any)["attachment"].(map[string]any), "contentType")
		},
	} {
		var resource map[string]any
		require.NoError(t, json.Unmarshal([]byte(example(t, "create-stu3.json")), &resource))
		change(resource)
		body, err := json.Marshal(resource)
		require.NoError(t, err)
		w := start(t).send("POST", collection, "json", string(body))
		assert.Equal(t, 400, w.Code, path)
		assert.Contains(t, w.Body.String(), `"Resource is invalid : `+path+`"`)
	}
}
