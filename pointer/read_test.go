// SPDX-License-Identifier: Apache-2.0

package pointer_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/pointer"
)

func TestExamplesAreRead(t *testing.T) {
	t.Parallel()
	base := pointer.Pointer{Version: "1", Custodian: ods(t, "A81001"), Status: "current", Subject: patient}
	replaces := func(q pointer.Query) []pointer.Relation {
		return []pointer.Relation{{Code: "replaces", Target: q}}
	}
	for _, c := range []struct {
		name string
		want func(p *pointer.Pointer)
	}{
		{"create", func(p *pointer.Pointer) { p.MasterIdentifier = newIdentifier }},
		{"supersede-reference", func(p *pointer.Pointer) {
			p.RelatesTo = replaces(pointer.Query{ID: oldID})
		}},
		{"supersede-identifier", func(p *pointer.Pointer) {
			p.MasterIdentifier = newIdentifier
			p.RelatesTo = replaces(pointer.Query{Identifier: oldIdentifier})
		}},
		{"supersede-both", func(p *pointer.Pointer) {
			p.ID, p.MasterIdentifier = newID, newIdentifier
			p.RelatesTo = replaces(pointer.Query{ID: oldID, Identifier: oldIdentifier})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			everyForm(t, c.name, func(t *testing.T, d document) {
				want := base
				c.want(&want)
				got, err := d.parse()
				require.NoError(t, err)
				assert.Equal(t, &want, got)
			})
		})
	}
}

// The NHS's own example is not part of this repository; NRL_EXAMPLES is the folder
// of who has it.
func TestPublishedExampleIsRead(t *testing.T) {
	t.Parallel()
	examples := os.Getenv("NRL_EXAMPLES")
	if examples == "" {
		t.Skip("NRL_EXAMPLES does not name the folder of the NRL's published examples")
	}
	for _, format := range []string{"json", "xml"} {
		body, err := os.ReadFile(filepath.Join(examples, "create_documentreference_resource."+format))
		require.NoError(t, err)
		p, err := pointer.Parse("application/fhir+"+format, body)
		require.NoError(t, err)
		assert.Equal(t, ods(t, "RR8"), p.Custodian)
		assert.Equal(t, "https://demographics.spineservices.nhs.uk/STU3/Patient/9876543210", p.Subject)
	}
}

func TestMediaTypes(t *testing.T) {
	t.Parallel()
	for format, types := range map[string][]string{
		"json": {"application/fhir+json", "application/json+fhir", "application/json", "text/json",
			"application/fhir+json; charset=utf-8", "Application/FHIR+JSON;charset=\"UTF-8\"", "application/fhir+json; fhirVersion=4.0",
			"application/fhir+json; fhirVersion=4.0.1", "application/fhir+json; version=1", "application/json; charset=utf8", "application/json; q=1"},
		"xml": {"application/fhir+xml", "application/xml+fhir", "application/xml", "application/xml; charset=UTF-8"},
	} {
		body := []byte(load(t, "create", "stu3", format).text)
		for _, contentType := range types {
			_, err := pointer.Parse(contentType, body)
			assert.NoError(t, err, contentType)
		}
	}
	body := []byte(load(t, "create", "stu3", "json").text)
	for _, contentType := range []string{
		"", "application", "text/plain", "text/xml", "application/json, application/xml", "application/json-patch+json",
		"application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/fhir+json; charset=utf-16",
		"application/fhir+json; charset=iso-8859-1", "application/fhir+json; charset=utf-8; charset=utf-7",
		`application/fhir+json; profile="x; charset=utf-7"`, `application/fhir+json; profile="x\"; charset=utf-7; y=\""`, `application/fhir+json; profile="x,application/fhir+xml"`,
		"application/fhir+json; charset=utf-7; charset*=utf-8''utf-8", "application/fhir+json; charset*=utf-16''utf-7", "application/fhir+json; charset*0=utf-7",
		"application/fhir+json; fhirVersion=5.0", "application/fhir+json; fhirVersion=4.0.x", "application/fhir+json; fhirVersion=4.01",
	} {
		_, err := pointer.Parse(contentType, body)
		assertRule(t, err, pointer.RuleMediaType)
	}
}

// A change is what a test does to a document.
type change func(t *testing.T, d document) document

// asCustodian gives the document another custodian.
func asCustodian(json, xml string) change {
	return func(t *testing.T, d document) document { return d.custodian(t, json, xml) }
}

// before adds an element before the one named.
func before(name, json, xml string) change {
	return func(t *testing.T, d document) document { return d.before(t, name, json, xml) }
}

// with gives the document another element of the name.
func with(name, json, xml string) change {
	return func(t *testing.T, d document) document { return d.with(t, name, json, xml) }
}

// Everything here is a way to make two readers see different pointers, or what
// the specification does not allow.
func TestBodiesAreRefused(t *testing.T) {
	t.Parallel()
	const (
		otherOwner = odsURL + "RX1"
		junkJSON   = `{"reference":"` + otherOwner + `"}`
		junkXML    = `<reference value="` + otherOwner + `"/>`
	)
	body, res := bodyRules, []pointer.Rule{pointer.RuleResource}
	for _, c := range []struct {
		name    string
		change  change
		want    []pointer.Rule
		element string
	}{
		{"a custodian twice", func(t *testing.T, d document) document { return d.twice(t, "custodian") }, body, "custodian"},
		{"another custodian before the own one", before("custodian", `"custodian":`+junkJSON, "<custodian>"+junkXML+"</custodian>"), body, "custodian"},
		{"another custodian at the end", before("context", `"custodian":`+junkJSON, "<custodian>"+junkXML+"</custodian>"), body, "custodian"},
		{"a custodian with a capital", func(t *testing.T, d document) document { return d.rename(t, "custodian", "Custodian") }, body, "Custodian"},
		{"a second custodian in capitals", before("custodian", `"CUSTODIAN":`+junkJSON, "<CUSTODIAN>"+junkXML+"</CUSTODIAN>"), body, "CUSTODIAN"},
		{"a second custodian with a long s", before("custodian", `"cuſtodian":`+junkJSON, "<cuſtodian>"+junkXML+"</cuſtodian>"), body, ""}, // to encoding/xml it is no name at all
		{"a second custodian with an underscore", before("custodian", `"_custodian":`+junkJSON, "<_custodian>"+junkXML+"</_custodian>"), body, "_custodian"},
		{"a second custodian with a hyphen", before("custodian", `"custo-dian":`+junkJSON, "<custo-dian>"+junkXML+"</custo-dian>"), body, "custo-dian"},
		{"an element that FHIR does not have", before("custodian", `"owner":`+junkJSON, "<owner>"+junkXML+"</owner>"), body, "owner"},
		{"a prototype", before("custodian", `"__proto__":{"custodian":`+junkJSON+`}`, "<__proto__/>"), body, "__proto__"},
		{"a modifier extension on the resource", before("status", `"modifierExtension":[{"url":"https://x.example/not"}]`, `<modifierExtension url="https://x.example/not"/>`), body, "modifierExtension"},
		{"a modifier extension on the custodian", asCustodian(`{"modifierExtension":[{"url":"https://x.example/not"}],"reference":"`+odsURL+`A81001"}`,
			`<modifierExtension url="https://x.example/not"/><reference value="`+odsURL+`A81001"/>`), body, "custodian.modifierExtension"},
		{"implicit rules", before("status", `"implicitRules":"https://x.example/rules"`, `<implicitRules value="https://x.example/rules"/>`), body, "implicitRules"},
		{"a contained resource", before("status", `"contained":[{"resourceType":"Organization","id":"x"}]`,
			`<contained><Organization><id value="x"/></Organization></contained>`), body, "contained"},
		{"a custodian that is contained", asCustodian(`{"reference":"#x"}`, `<reference value="#x"/>`), res, "custodian"},
		{"a custodian on another host", asCustodian(`{"reference":"https://directory.example.nhs.uk/STU3/Organization/A81001"}`,
			`<reference value="https://directory.example.nhs.uk/STU3/Organization/A81001"/>`), res, "custodian"},
		{"a custodian that is relative", asCustodian(`{"reference":"Organization/A81001"}`, `<reference value="Organization/A81001"/>`), res, "custodian"},
		{"a custodian with a query", asCustodian(`{"reference":"`+odsURL+`A81001?x=RX1"}`, `<reference value="`+odsURL+`A81001?x=RX1"/>`), res, "custodian"},
		{"a custodian with a version", asCustodian(`{"reference":"`+odsURL+`A81001/_history/1"}`, `<reference value="`+odsURL+`A81001/_history/1"/>`), res, "custodian"},
		{"a custodian with dot segments", asCustodian(`{"reference":"`+odsURL+`../Organization/A81001"}`, `<reference value="`+odsURL+`../Organization/A81001"/>`), res, "custodian"},
		{"a custodian without a code", asCustodian(`{"reference":"`+odsURL+`"}`, `<reference value="`+odsURL+`"/>`), res, "custodian"},
		{"a custodian of another identifier system", asCustodian(`{"identifier":{"system":"https://fhir.nhs.uk/Id/ods-site-code","value":"A81001"}}`,
			`<identifier><system value="https://fhir.nhs.uk/Id/ods-site-code"/><value value="A81001"/></identifier>`), res, "custodian"},
		{"a custodian whose reference and identifier disagree", asCustodian(`{"reference":"`+odsURL+`A81001","identifier":{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"RX1"}}`,
			`<reference value="`+odsURL+`A81001"/><identifier><system value="https://fhir.nhs.uk/Id/ods-organization-code"/><value value="RX1"/></identifier>`), res, "custodian"},
		{"a custodian with two references", asCustodian(`{"reference":"`+odsURL+`A81001","reference":"`+otherOwner+`"}`,
			`<reference value="`+odsURL+`A81001"/><reference value="`+otherOwner+`"/>`), body, ""},
		{"a custodian with a reference in capitals", asCustodian(`{"reference":"`+odsURL+`A81001","Reference":"`+otherOwner+`"}`,
			`<reference value="`+odsURL+`A81001"/><Reference value="`+otherOwner+`"/>`), body, "custodian.Reference"},
		{"a custodian that is empty", asCustodian(`{}`, ``), res, "custodian"},
		{"a custodian whose reference is empty", asCustodian(`{"reference":""}`, `<reference value=""/>`), body, "custodian.reference"},
		{"a custodian with white space", asCustodian(`{"reference":"`+odsURL+`A81001 "}`, `<reference value="`+odsURL+`A81001 "/>`), body, "custodian.reference"},
		{"a custodian with a line feed", asCustodian(`{"reference":"`+odsURL+`A81\n001"}`, "<reference value=\""+odsURL+"A81\n001\"/>"), body, "custodian.reference"},
		{"a custodian with a no-break space", asCustodian(`{"reference":"`+odsURL+`A81001\u00a0"}`, `<reference value="`+odsURL+`A81001&#xA0;"/>`), body, "custodian.reference"},
		{"a custodian with a replacement character", asCustodian(`{"reference":"`+odsURL+`A81001`+"\uFFFD"+`"}`, `<reference value="`+odsURL+`A81001`+"\uFFFD"+`"/>`), body, "custodian.reference"},
		{"invalid UTF-8", func(t *testing.T, d document) document {
			return d.replace(t, "Care plan", "Care \xff plan", "Care plan", "Care \xff plan")
		}, body, ""},
		{"overlong UTF-8", func(t *testing.T, d document) document {
			return d.replace(t, "Care plan", "Care\xc0\xafplan", "Care plan", "Care\xc0\xafplan")
		}, body, ""},
		{"a byte order mark, twice in XML", func(t *testing.T, d document) document {
			d.text = d.pick("\ufeff", "\ufeff\ufeff") + d.text
			return d
		}, body, ""},
		{"data after the end", func(t *testing.T, d document) document {
			d.text += d.pick("{}", "<x/>")
			return d
		}, body, ""},
		{"the whole twice", func(t *testing.T, d document) document {
			d.text += d.text
			return d
		}, body, ""},
		{"a body cut short", func(t *testing.T, d document) document {
			d.text = strings.TrimRight(d.text, "\n")
			d.text = d.text[:len(d.text)-1]
			return d
		}, body, ""},
		{"an empty body", func(t *testing.T, d document) document { d.text = ""; return d }, body, ""},
		{"white space alone", func(t *testing.T, d document) document { d.text = " \n"; return d }, body, ""},
		{"the other format", func(t *testing.T, d document) document {
			other := map[string]string{"json": "xml", "xml": "json"}[d.format]
			d.text = load(t, "supersede-both", d.version, other).text
			return d
		}, body, ""},
		{"a resource of another type", func(t *testing.T, d document) document {
			d.text = strings.ReplaceAll(d.text, "DocumentReference", "DocumentManifest")
			return d
		}, body, ""},
		{"a resource type that is not alone", before("status", `"resourceType":"DocumentReference"`, `<resourceType value="DocumentReference"/>`), body, "resourceType"},
		{"nesting beyond all bounds", before("status", `"text":`+strings.Repeat(`{"a":`, 100)+"1"+strings.Repeat("}", 100),
			"<text>"+strings.Repeat("<a>", 100)+strings.Repeat("</a>", 100)+"</text>"), body, ""},
		{"a status that is no text", with("status", `  "status": 1`, "  <status>current</status>"), body, "status"},
		{"a status twice", func(t *testing.T, d document) document { return d.twice(t, "status") }, body, "status"},
		{"a status with an extension", with("status", `"_status":{"extension":[]},"status":"current"`, `<status value="current"><extension url="https://x.example"/></status>`), body, ""},
		{"an id twice", func(t *testing.T, d document) document { return d.twice(t, "id") }, body, "id"},
		{"an id with a slash", with("id", `  "id": "../x"`, `  <id value="../x"/>`), body, "id"},
		{"an id of dots", with("id", `  "id": ".."`, `  <id value=".."/>`), body, "id"},
		{"a subject twice", func(t *testing.T, d document) document { return d.twice(t, "subject") }, body, "subject"},
		{"a subject that is relative", with("subject", `  "subject": {"reference":"Patient/9000000009"}`, `  <subject><reference value="Patient/9000000009"/></subject>`), res, "subject"},
		{"a subject of another identifier system", with("subject", `  "subject": {"identifier":{"system":"urn:x","value":"9000000009"}}`,
			`  <subject><identifier><system value="urn:x"/><value value="9000000009"/></identifier></subject>`), res, "subject"},
		{"a subject whose reference and identifier disagree", with("subject", `  "subject": {"reference":"`+otherPatient+`","identifier":{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9000000009"}}`,
			`  <subject><reference value="`+otherPatient+`"/><identifier><system value="https://fhir.nhs.uk/Id/nhs-number"/><value value="9000000009"/></identifier></subject>`), res, "subject"},
		{"a subject that is empty", with("subject", `  "subject": {}`, `  <subject/>`), res, "subject"},
		{"a master identifier twice", func(t *testing.T, d document) document { return d.twice(t, "masterIdentifier") }, body, "masterIdentifier"},
		{"a master identifier without a system", with("masterIdentifier", `  "masterIdentifier": {"value":"x"}`, `  <masterIdentifier><value value="x"/></masterIdentifier>`), body, "masterIdentifier"},
		{"a version twice", with("meta", `  "meta": {"versionId":"1","versionId":"2"}`, `  <meta><versionId value="1"/><versionId value="2"/></meta>`), body, ""},
		{"a relation to what is no DocumentReference", func(t *testing.T, d document) document {
			return d.replace(t, "nrl.example.nhs.uk/STU3/DocumentReference", "nrl.example.nhs.uk/STU3/Binary",
				"nrl.example.nhs.uk/STU3/DocumentReference", "nrl.example.nhs.uk/STU3/Binary")
		}, res, "relatesTo"},
		{"a relation to what is contained", with("relatesTo", `"relatesTo": [{"code":"replaces","target":{"reference":"#x"}}]`,
			`<relatesTo><code value="replaces"/><target><reference value="#x"/></target></relatesTo>`), res, "relatesTo"},
		{"a relation to a version", func(t *testing.T, d document) document {
			return d.replace(t, oldID, oldID+"/_history/1", oldID, oldID+"/_history/1")
		}, res, "relatesTo"},
		{"a relation to a URN", with("relatesTo", `"relatesTo": [{"code":"replaces","target":{"reference":"urn:uuid:c2f8e1b4-3d56-4a97-b0e2-7f1849d6a5c3"}}]`,
			`<relatesTo><code value="replaces"/><target><reference value="urn:uuid:c2f8e1b4-3d56-4a97-b0e2-7f1849d6a5c3"/></target></relatesTo>`), res, "relatesTo"},
		{"a relation to nothing", with("relatesTo", `"relatesTo": [{"code":"replaces","target":{}}]`, `<relatesTo><code value="replaces"/><target/></relatesTo>`), res, "relatesTo"},
		{"a relation with a modifier extension", with("relatesTo", `"relatesTo": [{"modifierExtension":[],"code":"replaces"}]`,
			`<relatesTo><modifierExtension url="https://x.example"/><code value="replaces"/></relatesTo>`), body, "relatesTo.modifierExtension"},
		{"a relation with two codes", with("relatesTo", `"relatesTo": [{"code":"replaces","code":"appends"}]`,
			`<relatesTo><code value="replaces"/><code value="appends"/></relatesTo>`), body, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			everyForm(t, "supersede-both", func(t *testing.T, d document) {
				_, err := d.parse()
				require.NoError(t, err, "the example itself")
				d = c.change(t, d)
				p, err := d.parse()
				require.True(t, assertRule(t, err, c.want...), d.text)
				assert.Nil(t, p)
				if e, _ := errors.AsType[*pointer.ChangeError](err); c.element != "" {
					assert.Equal(t, c.element, e.Element)
				}
			})
		})
	}
}
