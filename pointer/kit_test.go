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

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/pointer"
)

const (
	patient      = "https://demographics.spineservices.nhs.uk/STU3/Patient/9000000009"
	otherPatient = "https://demographics.spineservices.nhs.uk/STU3/Patient/9000000017"
	odsURL       = "https://directory.spineservices.nhs.uk/STU3/Organization/"

	newID = "3f1c2a8e-5b7d-4c19-9e60-d2a4b8f0c713-10000000000000000001"
	oldID = "0d9b6f34-71c2-4e58-8a1f-c5e3b7d92046-10000000000000000000"
)

var (
	newIdentifier = pointer.Identifier{System: "urn:ietf:rfc:3986", Value: "urn:uuid:6a1d7c52-0f4e-4b8a-a3c6-92e5d7f81b30"}
	oldIdentifier = pointer.Identifier{System: "urn:ietf:rfc:3986", Value: "urn:uuid:c2f8e1b4-3d56-4a97-b0e2-7f1849d6a5c3"}
)

func ods(t testing.TB, code string) asid.ODSCode {
	t.Helper()
	c, err := asid.ParseODSCode(code)
	require.NoError(t, err)
	return c
}

// A document is an example resource that a test changes.
type document struct{ text, format, version string }

func load(t testing.TB, name, version, format string) document {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+"-"+version+"."+format))
	require.NoError(t, err)
	return document{text: string(text), format: format, version: version}
}

func (d document) contentType() string { return "application/fhir+" + d.format }

func (d document) parse() (*pointer.Pointer, error) {
	return pointer.Parse(d.contentType(), []byte(d.text))
}

// everyForm runs f on the example in JSON and XML, of STU3 and R4.
func everyForm(t *testing.T, name string, f func(t *testing.T, d document)) {
	t.Helper()
	for _, version := range []string{"stu3", "r4"} {
		for _, format := range []string{"json", "xml"} {
			d := load(t, name, version, format)
			t.Run(version+" "+format, func(t *testing.T) { f(t, d) })
		}
	}
}

// pick returns the text for the document's format.
func (d document) pick(json, xml string) string {
	if d.format == "json" {
		return json
	}
	return xml
}

// span finds an element of the root, without the comma that JSON has after it.
func (d document) span(t *testing.T, name string) (start, end int) {
	t.Helper()
	start = strings.Index(d.text, d.pick("\n  \""+name+"\":", "\n  <"+name)) + 1
	require.Positive(t, start, "no element %s", name)
	rest := d.text[start:]
	if d.format == "json" {
		end = len(rest)
		for _, next := range []string{",\n  \"", "\n}"} {
			if i := strings.Index(rest, next); i >= 0 && i < end {
				end = i
			}
		}
		return start, start + end
	}
	closing := "\n  </" + name + ">"
	if line, _, _ := strings.Cut(rest, "\n"); strings.HasSuffix(line, "/>") {
		return start, start + len(line)
	}
	return start, start + strings.Index(rest, closing) + len(closing)
}

func (d document) element(t *testing.T, name string) string {
	t.Helper()
	start, end := d.span(t, name)
	return d.text[start:end]
}

// with replaces an element of the root.
func (d document) with(t *testing.T, name, json, xml string) document {
	t.Helper()
	start, end := d.span(t, name)
	d.text = d.text[:start] + d.pick(json, xml) + d.text[end:]
	return d
}

// before puts an element before one of the root.
func (d document) before(t *testing.T, name, json, xml string) document {
	t.Helper()
	start, _ := d.span(t, name)
	d.text = d.text[:start] + d.pick(json+",", xml) + "\n" + d.text[start:]
	return d
}

func (d document) twice(t *testing.T, name string) document {
	t.Helper()
	e := d.element(t, name)
	return d.before(t, name, e, e)
}

// replace replaces one occurrence of a text, which must be there.
func (d document) replace(t *testing.T, jsonOld, jsonNew, xmlOld, xmlNew string) document {
	t.Helper()
	old := d.pick(jsonOld, xmlOld)
	require.Contains(t, d.text, old)
	d.text = strings.Replace(d.text, old, d.pick(jsonNew, xmlNew), 1)
	return d
}

// rename gives an element of the root another name.
func (d document) rename(t *testing.T, name, to string) document {
	t.Helper()
	e := d.element(t, name)
	e = strings.ReplaceAll(e, `"`+name+`":`, `"`+to+`":`)
	e = strings.ReplaceAll(e, "<"+name, "<"+to)
	e = strings.ReplaceAll(e, "</"+name, "</"+to)
	return d.with(t, name, e, e)
}

// custodian replaces the custodian by one that has what is given.
func (d document) custodian(t *testing.T, json, xml string) document {
	t.Helper()
	return d.with(t, "custodian", `  "custodian": `+json, "  <custodian>"+xml+"</custodian>")
}

// callerOf is a system that acts for the organisations and may do everything.
func callerOf(t testing.TB, codes ...string) *asid.Caller {
	t.Helper()
	system := &asid.System{
		ASID:  asid.MustParseID("200000000205"),
		FQDNs: []string{"nrl.supplier.example.nhs.uk"},
		Interactions: []asid.InteractionID{asid.DocumentReferenceRead, asid.DocumentReferenceSearch,
			asid.DocumentReferenceCreate, asid.DocumentReferenceUpdate, asid.DocumentReferenceDelete},
	}
	for _, code := range codes {
		system.ODS = append(system.ODS, ods(t, code))
	}
	return &asid.Caller{System: system}
}

// assertRule checks that err is a refusal by one of the rules.
func assertRule(t testing.TB, err error, rules ...pointer.Rule) bool {
	t.Helper()
	e, ok := errors.AsType[*pointer.ChangeError](err)
	return assert.True(t, ok, "an error of type %T: %v", err, err) && assert.Contains(t, rules, e.Rule, err.Error())
}

// bodyRules are those that refuse what a body is: not well formed, or not taken.
var bodyRules = []pointer.Rule{pointer.RuleBody, pointer.RuleResource}
