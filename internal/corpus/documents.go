// SPDX-License-Identifier: Apache-2.0

package corpus

import (
	"encoding/json"
	"encoding/xml"
	"slices"
	"strings"
)

// A node is an element of a resource, written as JSON or as XML. Of a primitive
// value is set, of the others the children.
type node struct {
	name     string
	value    string
	children []node
	json     string // raw, in place of both; "-": it is left out
	xml      string // likewise
}

func el(name string, children ...node) node { return node{name: name, children: children} }

func prim(name, value string) node { return node{name: name, value: value} }

// raw is an element as it must not be, in either format.
func raw(name, json, xml string) node { return node{name: name, json: json, xml: xml} }

// lists are the elements that FHIR's JSON has in an array.
var lists = []string{"profile", "coding", "category", "author", "relatesTo", "content", "extension", "parameter", "part", "tag"}

func (n *node) writeXML(b *strings.Builder) {
	switch {
	case n.xml == "-":
	case n.xml != "":
		b.WriteString(n.xml)
	case n.name == "extension":
		b.WriteString(`<extension url="` + n.children[0].value + `">`)
		for _, c := range n.children[1:] {
			c.writeXML(b)
		}
		b.WriteString("</extension>")
	case n.children == nil:
		b.WriteString("<" + n.name + ` value="`)
		xml.EscapeText(b, []byte(n.value))
		b.WriteString(`"/>`)
	default:
		b.WriteString("<" + n.name + ">")
		for _, c := range n.children {
			c.writeXML(b)
		}
		b.WriteString("</" + n.name + ">")
	}
}

func (n *node) writeJSON(b *strings.Builder) {
	if n.children == nil {
		b.Write(must(json.Marshal(n.value)))
		return
	}
	b.WriteByte('{')
	writeMembers(b, n.children, true)
	b.WriteByte('}')
}

// writeMembers writes the members of an object; neighbours of one name become an
// array.
func writeMembers(b *strings.Builder, children []node, first bool) {
	for i := 0; i < len(children); i++ {
		c := &children[i]
		if c.json == "-" {
			continue
		}
		if !first {
			b.WriteByte(',')
		}
		first = false
		if c.json != "" {
			b.WriteString(c.json)
			continue
		}
		b.WriteString(`"` + c.name + `":`)
		if !slices.Contains(lists, c.name) {
			c.writeJSON(b)
			continue
		}
		b.WriteByte('[')
		c.writeJSON(b)
		for i+1 < len(children) && children[i+1].name == c.name && children[i+1].json == "" {
			i++
			b.WriteByte(',')
			children[i].writeJSON(b)
		}
		b.WriteByte(']')
	}
}

// A resource is a body in the making.
type resource struct {
	kind     string // DocumentReference or Parameters
	elements []node
	asXML    bool
	r4       bool
}

func (r *resource) String() string {
	var b strings.Builder
	if r.asXML {
		b.WriteString("<" + r.kind + ` xmlns="http://hl7.org/fhir">`)
		for _, e := range r.elements {
			e.writeXML(&b)
		}
		b.WriteString("</" + r.kind + ">")
		return b.String()
	}
	b.WriteString(`{"resourceType":"` + r.kind + `"`)
	writeMembers(&b, r.elements, false)
	b.WriteByte('}')
	return b.String()
}

func (r *resource) contentType() string {
	if r.asXML {
		return "application/fhir+xml"
	}
	return "application/fhir+json"
}

// form names what the resource is written in.
func (r *resource) form() string {
	form := "STU3"
	if r.r4 {
		form = "R4"
	}
	if r.asXML {
		return form + " XML"
	}
	return form + " JSON"
}

func (r *resource) at(name string) int {
	i := slices.IndexFunc(r.elements, func(n node) bool { return n.name == name })
	if i < 0 {
		panic("corpus: no element " + name)
	}
	return i
}

// replace puts elements in the place of the one of that name.
func (r *resource) replace(name string, elements ...node) *resource {
	i := r.at(name)
	r.elements = slices.Concat(r.elements[:i], elements, r.elements[i+1:])
	return r
}

// before puts elements before the one of that name.
func (r *resource) before(name string, elements ...node) *resource {
	return r.replace(name, append(elements, r.elements[r.at(name)])...)
}

const (
	patientURL = "https://demographics.spineservices.nhs.uk/STU3/Patient/"
	odsURL     = "https://directory.spineservices.nhs.uk/STU3/Organization/"
	odsSystem  = "https://fhir.nhs.uk/Id/ods-organization-code"
	nhsNumber  = "https://fhir.nhs.uk/Id/nhs-number"
	uriSystem  = "urn:ietf:rfc:3986"
	stability  = "https://fhir.nhs.uk/STU3/StructureDefinition/Extension-NRL-ContentStability-1"

	onePatient, otherPatient = "9000000009", "9000000017"
	ownODS, otherODS         = "RR8", "RXA"
)

func ident(system, value string) []node { return []node{prim("system", system), prim("value", value)} }

func concept(name, system, code string) node {
	return el(name, el("coding", prim("system", system), prim("code", code), prim("display", "of the corpus")))
}

// organisation is a reference to one, as the version has it.
func (r *resource) organisation(name, ods string) node {
	if r.r4 {
		return el(name, el("identifier", ident(odsSystem, ods)...))
	}
	return el(name, prim("reference", odsURL+ods))
}

func (r *resource) patient(number string) node {
	if r.r4 {
		return el("subject", el("identifier", ident(nhsNumber, number)...))
	}
	return el("subject", prim("reference", patientURL+number))
}

// A form is one of the ways in which a resource is written.
type form struct{ r4, asXML bool }

// forms are all of them.
var forms = []form{{false, false}, {false, true}, {true, false}, {true, true}}

// document returns a whole, good pointer of the maintainer's organisation.
func (f form) document(masterIdentifier string) *resource {
	const snomed = "http://snomed.info/sct"
	r := &resource{kind: "DocumentReference", asXML: f.asXML, r4: f.r4}
	if !f.r4 {
		r.elements = append(r.elements, el("meta", prim("profile", "https://fhir.nhs.uk/STU3/StructureDefinition/NRL-DocumentReference-1")))
	}
	r.elements = append(r.elements, el("masterIdentifier", ident(uriSystem, masterIdentifier)...), prim("status", "current"), concept("type", snomed, "736366004"))
	if f.r4 {
		r.elements = append(r.elements, concept("category", snomed, "734163000"), r.patient(onePatient), prim("date", "2026-01-03T10:15:00+00:00"))
	} else {
		r.elements = append(r.elements, concept("class", snomed, "734163000"), r.patient(onePatient), prim("indexed", "2026-01-03T10:15:00+00:00"))
	}
	attachment := el("attachment", prim("contentType", "application/pdf"), prim("url", "https://records.corpus.nhs.uk/plans/1.pdf"))
	coded := el("format", prim("system", "https://fhir.nhs.uk/STU3/CodeSystem/NRL-FormatCode-1"), prim("code", "urn:nhs-ic:unstructured"), prim("display", "Unstructured document"))
	content := el("content", attachment, coded)
	if !f.r4 {
		content.children = append([]node{el("extension", prim("url", stability),
			concept("valueCodeableConcept", "https://fhir.nhs.uk/STU3/CodeSystem/NRL-ContentStability-1", "static"))}, content.children...)
	}
	r.elements = append(r.elements, r.organisation("author", ownODS), r.organisation("custodian", ownODS), content,
		el("context", concept("practiceSetting", snomed, "1291000175106")))
	return r
}

// relates adds a relatesTo after the custodian, where FHIR has it.
func (r *resource) relates(code string, target ...node) *resource {
	return r.before("content", el("relatesTo", prim("code", code), el("target", target...)))
}

// update returns the NRL's one update.
func (f form) update() *resource {
	return f.operation("replace", "DocumentReference.status", "entered-in-error")
}

func (f form) operation(kind, path, value string) *resource {
	part := func(name, type_, value string) node { return el("part", prim("name", name), prim(type_, value)) }
	return &resource{kind: "Parameters", asXML: f.asXML, r4: f.r4, elements: []node{
		el("parameter", prim("name", "operation"), part("type", "valueCode", kind), part("path", "valueString", path), part("value", "valueString", value)),
	}}
}
