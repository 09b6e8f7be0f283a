// SPDX-License-Identifier: Apache-2.0

package nrl_test

import (
	"net/http/httptest"
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
