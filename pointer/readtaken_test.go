// SPDX-License-Identifier: Apache-2.0

package pointer_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/pointer"
)

// What looks odd but means the same to every reader.
func TestBodiesAreTaken(t *testing.T) {
	t.Parallel()
	want, err := load(t, "supersede-both", "stu3", "json").parse()
	require.NoError(t, err)
	for name, change := range map[string]func(t *testing.T, d document) document{
		"a byte order mark before XML": func(t *testing.T, d document) document { d.text = d.pick("", "\ufeff") + d.text; return d },
		"a replacement character": func(t *testing.T, d document) document {
			return d.replace(t, "Care plan", "Care \ufffd plan", "Care plan", "Care \ufffd plan")
		},
		"escapes in a value": func(t *testing.T, d document) document {
			return d.custodian(t, `{"reference":"`+strings.ReplaceAll(odsURL, "/", `\/`)+`\u0041\u00381001"}`,
				`<reference value="`+odsURL+`&#65;&#x38;1001"/>`)
		},
		"a code in small letters": func(t *testing.T, d document) document {
			return d.custodian(t, `{"reference":"`+odsURL+`a81001"}`, `<reference value="`+odsURL+`a81001"/>`)
		},
		"reference and identifier that agree": func(t *testing.T, d document) document {
			return d.custodian(t, `{"reference":"`+odsURL+`A81001","identifier":{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"a81001"},"display":"The surgery"}`,
				`<reference value="`+odsURL+`A81001"/><identifier><system value="https://fhir.nhs.uk/Id/ods-organization-code"/><value value="a81001"/></identifier><display value="The surgery"/>`)
		},
		"an extension": func(t *testing.T, d document) document {
			return d.before(t, "custodian", `"extension":[{"url":"https://x.example","valueString":"custodian"}]`, `<extension url="https://x.example"><valueString value="custodian"/></extension>`)
		},
		"an extension of a primitive": func(t *testing.T, d document) document {
			return d.before(t, "custodian", `"_description":{"id":"x"}`, `<description id="x" value="A plan"/>`)
		},
		"a narrative": func(t *testing.T, d document) document {
			return d.before(t, "status", `"text":{"status":"generated","div":"<div>x</div>"}`,
				`<text><status value="generated"/><div lang="en" xml:lang="en" xmlns="http://www.w3.org/1999/xhtml"><p xml:lang="cy">Not &amp; owned</p></div></text>`)
		},
		"another author": func(t *testing.T, d document) document {
			return d.with(t, "author", `"author":[{"reference":"#x"}]`, `<author><reference value="#x"/></author>`)
		},
		"a subject in both forms": func(t *testing.T, d document) document {
			return d.with(t, "subject", `  "subject": {"reference":"`+patient+`","identifier":{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9000000009"}}`,
				`  <subject><reference value="`+patient+`"/><identifier><system value="https://fhir.nhs.uk/Id/nhs-number"/><value value="9000000009"/></identifier></subject>`)
		},
		"a relation by logical id alone": func(t *testing.T, d document) document {
			return d.replace(t, "https://nrl.example.nhs.uk/STU3/DocumentReference/"+oldID, oldID, "https://nrl.example.nhs.uk/STU3/DocumentReference/"+oldID, oldID)
		},
		"a relation by relative reference": func(t *testing.T, d document) document {
			return d.replace(t, "https://nrl.example.nhs.uk/STU3/", "", "https://nrl.example.nhs.uk/STU3/", "")
		},
	} {
		t.Run(name, func(t *testing.T) {
			everyForm(t, "supersede-both", func(t *testing.T, d document) {
				d = change(t, d)
				got, err := d.parse()
				require.NoError(t, err, d.text)
				assert.Equal(t, want, got)
			})
		})
	}
	t.Run("XML without any namespace, as the specification prints its examples", func(t *testing.T) {
		d := load(t, "supersede-both", "stu3", "xml")
		d = d.replace(t, "", "", ` xmlns="http://hl7.org/fhir"`, "").replace(t, "", "", `<?xml version="1.0" encoding="UTF-8"?>`, "<!-- -->")
		got, err := d.parse()
		require.NoError(t, err)
		assert.Equal(t, want, got)
	})
}

func TestAPointerWithoutACustodianHasNoOwner(t *testing.T) {
	t.Parallel()
	everyForm(t, "create", func(t *testing.T, d document) {
		if d.format == "json" {
			d = d.replace(t, d.element(t, "custodian")+",", "", "", "")
		} else {
			d = d.with(t, "custodian", "", "")
		}
		p, err := d.parse()
		require.NoError(t, err)
		assertRule(t, pointer.Owns(callerOf(t, "A81001"), p), pointer.RuleOwner)
	})
}

func TestNoElementIsThereTwiceInXML(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"type", "context"} {
		_, err := load(t, "create", "stu3", "xml").twice(t, name).parse()
		assertRule(t, err, bodyRules...)
	}
}

func TestElementsMayHaveIDs(t *testing.T) {
	t.Parallel()
	everyForm(t, "create", func(t *testing.T, d document) {
		_, err := d.replace(t, `"custodian": {`, `"custodian": {"id":"c1",`, "<custodian>", `<custodian id="c1">`).parse()
		assert.NoError(t, err)
	})
}

func TestAHostIsNoType(t *testing.T) {
	t.Parallel()
	everyForm(t, "supersede-both", func(t *testing.T, d document) {
		d.text = strings.Replace(d.text, "https://nrl.example.nhs.uk/STU3/DocumentReference/", "https://DocumentReference/", 1)
		_, err := d.parse()
		assertRule(t, err, pointer.RuleResource)
	})
}

// elementTreeReader of differential_test.go sees RX1 here.
func TestNoOtherOrganisationIsInsideTheCustodian(t *testing.T) {
	t.Parallel()
	const own = `<system value="https://fhir.nhs.uk/Id/ods-organization-code"/><value value="A81001"/>`
	for _, custodian := range []string{
		`<identifier>` + own + `<assigner><reference value="` + odsURL + `RX1"/></assigner></identifier>`,
		`<extension url="u"><valueReference><reference value="` + odsURL + `RX1"/></valueReference></extension><identifier>` + own + `</identifier>`,
	} {
		_, err := load(t, "create", "r4", "xml").custodian(t, "", custodian).parse()
		assertRule(t, err, bodyRules...)
	}
}
