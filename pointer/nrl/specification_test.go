// SPDX-License-Identifier: Apache-2.0

package nrl_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/pointer"
)

// The shapes in which the pages of the NRL's specification print their sample
// pointers and requests, made of this repository's own example. The older pages
// are of a profile that asks for less; the guard takes their samples, and the
// test NRL says what the present profile misses.
func TestSamplesOfTheSpecification(t *testing.T) {
	t.Parallel()
	const stability = "Extension-NRL-ContentStability-1"
	cut := func(s, from, to string) (before, part, after string) {
		i := strings.Index(s, from)
		require.GreaterOrEqual(t, i, 0, from)
		j := i + strings.Index(s[i:], to) + len(to)
		return s[:i], s[i:j], s[j:]
	}
	swap := func(s, old, new string) string {
		require.Contains(t, s, old)
		return strings.Replace(s, old, new, 1)
	}
	xml, json := example(t, "supersede-identifier-stu3.xml"), example(t, "supersede-identifier-stu3.json")
	bare := swap(xml, ` xmlns="http://hl7.org/fhir"`, "")
	_, declaration, rest := cut(bare, "<?xml", "?>\n")
	require.NotEmpty(t, declaration)
	before, extension, after := cut(rest, "<extension", "</extension>")
	last := before + swap(after, "</format>", "</format>"+extension)
	_, master, _ := cut(last, "<masterIdentifier>", "</masterIdentifier>")
	_, target, _ := cut(last, "<target>", "</target>")
	byURL := swap(swap(last, master, ""), target, `<target><reference value="https://psis.example.nhs.uk/DocumentReference/OLD"/></target>`)
	beforeList, list, afterList := cut(json, `"extension": [`, "\n      ],")
	object := beforeList + `"extension": ` + strings.TrimSuffix(strings.TrimPrefix(list, `"extension": [`), "\n      ],") + "," + afterList
	second := func(s, one, close string) string { // a pointer to two formats of a record
		_, content, tail := cut(s, one, close)
		return swap(s, content+tail, content+content+tail)
	}

	for name, c := range map[string]struct {
		format, body string
		missing      string // what the test NRL says is not as the present profile has it; empty: taken
	}{
		"supersede by identifier":                                      {"xml", xml, ""},
		"without a namespace and a declaration":                        {"xml", rest, ""},
		"the extension behind attachment and format":                   {"xml", last, ""},
		"by reference, on another host, and without masterIdentifier":  {"xml", byURL, ""},
		"an id of the client's":                                        {"xml", swap(last, "<masterIdentifier>", `<id value="0353e505-1"/><masterIdentifier>`), ""},
		"two formats of one record":                                    {"xml", second(last, "<content>", "</content>"), ""},
		"an OID as the masterIdentifier":                               {"xml", strings.ReplaceAll(last, newValue, "urn:oid:1.3.6.1.4.1.21367.2005.3.7"), ""},
		"with created, and times of another zone":                      {"xml", swap(last, "<indexed", `<created value="2026-02-03T10:15:00+01:00"/><indexed`), ""},
		"an extension that is an object, which FHIR's JSON has not":    {"json", object, "extension"},
		"the older profile, with a retrieval mode and not a stability": {"xml", strings.ReplaceAll(last, stability, "Extension-NRLS-RecordRetrievalMode-2"), "content.extension"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := start(t)
			old := i.create(t, "json", strings.ReplaceAll(example(t, "create-stu3.json"), newValue, oldValue))
			body := strings.Replace(c.body, "DocumentReference/OLD", "DocumentReference/"+idOf(old), 1)
			guard := &pointer.Guard{Resolver: i.store}
			p, err := pointer.Parse("application/fhir+"+c.format, []byte(body))
			require.NoError(t, err)
			d, err := guard.Authorize(t.Context(), i.caller, pointer.Change{Action: pointer.Supersede, New: p})
			require.NoError(t, err)
			assert.Equal(t, idOf(old), d.Stored.ID)
			w := i.send(http.MethodPost, collection, c.format, body)
			if c.missing == "" {
				assert.Equal(t, 201, w.Code, w.Body.String())
				return
			}
			assert.Equal(t, 400, w.Code)
			assert.Contains(t, w.Body.String(), "Resource is invalid : "+c.missing)
		})
	}
	t.Run("the requests", func(t *testing.T) {
		t.Parallel()
		i := start(t)
		for _, target := range []string{"by id", "by identifier"} {
			at := i.create(t, "xml", example(t, "create-stu3.xml"))
			byName := query("subject", patient, "identifier", "urn:ietf:rfc:3986|"+newValue)
			searched := []string{at, query("_id", idOf(at)), query("subject", patient), query("subject", patient, "_format", "json"),
				query("subject", patient, "custodian", "https://directory.spineservices.nhs.uk/STU3/Organization/A81001"),
				query("subject", patient, "type", "http://snomed.info/sct|736366004"), query("subject", patient, "type.coding", "http://snomed.info/sct|736366004"),
				query("subject", patient, "_summary", "count")}
			for _, s := range searched {
				assert.Equal(t, 200, i.send(http.MethodGet, s, "xml", "").Code, s)
			}
			change, remove := at, query("_id", idOf(at))
			if target == "by identifier" {
				change, remove = byName, byName
			}
			assert.Equal(t, 200, i.send(http.MethodPatch, change, "xml", example(t, "update-stu3.xml")).Code, target)
			assert.Equal(t, 400, i.send(http.MethodGet, at, "xml", "").Code, "entered in error")
			assert.Equal(t, 200, i.send(http.MethodDelete, remove, "xml", "").Code, target)
			assert.Equal(t, 404, i.send(http.MethodGet, at, "xml", "").Code)
		}
	})
}

// What the public feature files of the NRL's R4 successor have producers do. The
// guard decides about the owner, and about what can be read in one way only; where
// it differs from them the row says why, and the page of the package.
func TestRequestsOfTheSuccessorsFeatures(t *testing.T) {
	t.Parallel()
	const (
		base = "/producer/FHIR/R4/DocumentReference"
		ods  = "https://fhir.nhs.uk/Id/ods-organization-code"
	)
	type pointerOf struct{ id, system, custodian, patient, code, url, target string }
	write := func(p pointerOf) string {
		text := fmt.Sprintf(`{"resourceType":"DocumentReference","id":"%s","status":"current","category":[{"coding":[{"system":"http://snomed.info/sct","code":"734163000"}]}],`+
			`"type":{"coding":[{"system":"http://snomed.info/sct","code":"%s"}]},"subject":{"identifier":{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"%s"}},`+
			`"custodian":{"identifier":{"system":"%s","value":"%s"}},"author":[{"identifier":{"system":"%s","value":"RX1"}}],`+
			`"content":[{"attachment":{"contentType":"application/pdf","url":"%s"}}]`, p.id, p.code, p.patient, p.system, p.custodian, ods, p.url)
		if p.target != "" {
			text += `,"relatesTo":[` + p.target + `]`
		}
		return text + "}"
	}
	plan := pointerOf{"A81001-1", ods, "A81001", "9000000009", "736253002", "https://example.org/plan.pdf", ""}
	with := func(change func(*pointerOf)) string {
		p := plan
		change(&p)
		return write(p)
	}
	replacing := func(code string, ids ...string) func(*pointerOf) {
		var list []string
		for _, id := range ids {
			list = append(list, `{"code":"`+code+`","target":{"type":"DocumentReference","identifier":{"value":"`+id+`"}}}`)
		}
		return func(p *pointerOf) { p.target = strings.Join(list, ",") }
	}
	const differs = true
	for _, c := range []struct {
		name, method, target, body string // OWN and OTHER are ids of stored pointers
		taken, differs             bool   // here; and whether the feature files say otherwise
	}{
		{"create", "POST", "", write(plan), true, false},
		{"create of a record behind the SSP", "POST", "", with(func(p *pointerOf) { p.url = "ssp://records.example.org/plan.pdf" }), true, false},
		{"create for another organisation", "POST", "", with(func(p *pointerOf) { p.custodian = "N0TANGY" }), false, false},
		{"create with a custodian of another system", "POST", "", with(func(p *pointerOf) { p.system = "https://fhir.nhs.uk/Id/accredited-system-id" }), false, false},
		{"create with an NHS number that fails its check", "POST", "", with(func(p *pointerOf) { p.patient = "1234567890" }), false, false},
		{"create with an NHS number that is too short", "POST", "", with(func(p *pointerOf) { p.patient = "45646" }), false, false},
		{"create for a device", "POST", "", with(func(p *pointerOf) { p.patient = "Device/9000000009" }), false, false},
		{"create with an empty patient", "POST", "", with(func(p *pointerOf) { p.patient = "" }), false, false},
		{"create with an id that is none", "POST", "", with(func(p *pointerOf) { p.id = "A81001|1" }), false, false},
		{"create of what is no pointer", "POST", "", `{"bad":true}`, false, false},
		{"create of what is no JSON", "POST", "", `{"resourceType":`, false, false},
		{"create with a key twice", "POST", "", strings.Replace(write(plan), `"status"`, `"status":"current","status"`, 1), false, false},
		{"create with an element that FHIR has not", "POST", "", strings.Replace(write(plan), `"status"`, `"extra":"x","status"`, 1), false, false},
		{"create with a record that has no URL", "POST", "", with(func(p *pointerOf) { p.url = "not-a-url" }), false, false},
		{"supersede", "POST", "", with(replacing("replaces", "OWN")), true, false},
		{"supersede of another organisation's", "POST", "", with(replacing("replaces", "OTHER")), false, false},
		{"supersede of what is not there", "POST", "", with(replacing("replaces", "A81001-none")), false, false},
		{"supersede of another patient's", "POST", "", with(func(p *pointerOf) { replacing("replaces", "OWN")(p); p.patient = "9000000017" }), false, false},
		{"supersede by another type", "POST", "", with(func(p *pointerOf) { replacing("replaces", "OWN")(p); p.code = "887701000000100" }), false, false},
		{"supersede by a code that is none", "POST", "", with(replacing("something_bad", "OWN")), false, false},
		{"supersede of one pointer twice", "POST", "", with(replacing("replaces", "OWN", "OWN")), false, false},
		{"delete", "DELETE", "/OWN", "", true, false},
		{"delete of another organisation's", "DELETE", "/OTHER", "", false, false},
		{"delete of what is not there", "DELETE", "/A81001-none", "", false, false},
		{"delete of an id that is none", "DELETE", "/A81001%7C1", "", false, false},
		{"delete without an id", "DELETE", "", "", false, false},
		{"update of what is not there", "PUT", "/A81001-none", write(plan), false, false},

		// One pointer replaces one: a store that takes several takes them one by one.
		{"supersede of several", "POST", "", with(replacing("replaces", "OWN", "SECOND")), false, differs},
		// An ODS code is letters and digits; the registry has no other ones.
		{"create with a suffix of the custodian", "POST", "", with(func(p *pointerOf) { p.custodian = "A81001.suffix001a" }), false, differs},
		// Ids are the server's to give: one that is there already does not count.
		{"create with the id of a pointer that exists", "POST", "", with(func(p *pointerOf) { p.id = "OWN" }), true, differs},
		{"create without an id, as the first edition had it", "POST", "", strings.Replace(write(plan), `"id":"A81001-1",`, "", 1), true, differs},
		// The one update is a PATCH of the status; a PUT could change everything.
		{"update", "PUT", "/OWN", write(plan), false, differs},
		{"upsert", "PUT", "", write(plan), false, differs},
		// What is posted is a new pointer; a search is a GET.
		{"search by POST", "POST", "/_search", "subject:identifier=x", false, differs},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			i := start(t)
			i.handler = (&pointer.Guard{Resolver: i.store, TargetIsID: true}).Middleware(i.store)
			other := start(t, "RX1")
			other.store = i.store
			other.handler = i.handler
			post := func(i *instance, body string) string {
				w := i.send(http.MethodPost, base, "json", body)
				require.Equal(t, 201, w.Code, w.Body.String())
				return idOf(w.Header().Get("Location"))
			}
			ids := strings.NewReplacer("OWN", post(i, write(plan)), "SECOND", post(i, write(plan)),
				"OTHER", post(other, with(func(p *pointerOf) { p.custodian = "RX1" })))
			w := i.send(c.method, base+ids.Replace(c.target), "json", ids.Replace(c.body))
			assert.Equal(t, c.taken, w.Code < 300, "%s; in the feature files it is taken: %v", w.Body, c.taken != c.differs)
			if c.name == "supersede" {
				read := i.send(http.MethodGet, base+"/"+idOf(w.Header().Get("Location")), "json", "")
				assert.Contains(t, read.Body.String(), ids.Replace(`"target":{"identifier":{"value":"OWN"}}`))
			}
			if !c.taken {
				assert.GreaterOrEqual(t, w.Code, 400)
				assert.Less(t, w.Code, 500)
			}
		})
	}
}
