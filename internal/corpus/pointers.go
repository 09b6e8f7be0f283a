// SPDX-License-Identifier: Apache-2.0

package corpus

import (
	"strings"
	"unicode/utf8"

	"github.com/nrlsecurity/nrlsecurity/testdata"
)

// A bodyCase changes one thing about a good pointer.
type bodyCase struct {
	name, rule string
	change     func(r *resource)
	text       func(body string) string // what is done to the whole
	read       func(p *testdata.Pointer)
	only       func(f form) bool // nil: it is asked in all four forms
}

func inJSON(f form) bool { return !f.asXML }
func inXML(f form) bool  { return f.asXML }

const masterIdentifier = "urn:uuid:6a1d7c52-0f4e-4b8a-a3c6-92e5d7f81b30"

// pointers adds the cases of reading who owns a pointer.
func (g *generator) pointers() {
	for _, c := range append(append(goodBodies(), badOwners()...), badBodies()...) {
		for _, f := range forms {
			if c.only != nil && !c.only(f) {
				continue
			}
			r := f.document(masterIdentifier)
			if c.change != nil {
				c.change(r)
			}
			body := r.String()
			if c.text != nil {
				body = c.text(body)
			}
			p := &testdata.Pointer{ContentType: r.contentType(), Body: body}
			if !utf8.ValidString(body) {
				p.Body, p.Octets = "", []byte(body)
			}
			verdict := testdata.Refuse
			if c.rule == "" {
				verdict = testdata.Accept
				p.Custodian, p.Subject, p.Identifier, p.Status = ownODS, patientURL+onePatient, uriSystem+"|"+masterIdentifier, "current"
				if c.read != nil {
					c.read(p)
				}
			}
			g.add(testdata.Case{Name: "pointer in " + r.form() + ": " + c.name, Clause: clauseCode, Verdict: verdict, Rule: c.rule, Pointer: p})
		}
	}
}

// reference is a custodian by URL, identifier one by code.
func reference(url string) node { return el("custodian", prim("reference", url)) }

func identifier(system, value string) node {
	return el("custodian", el("identifier", ident(system, value)...))
}

func goodBodies() []bodyCase {
	return []bodyCase{
		{name: "as it should be"},
		{name: "another organisation is the author", change: func(r *resource) { r.replace("author", r.organisation("author", otherODS)) }},
		{name: "two authors of other organisations", change: func(r *resource) {
			r.replace("author", r.organisation("author", otherODS), r.organisation("author", "A81001"))
		}},
		{name: "the code in small letters", change: func(r *resource) { r.replace("custodian", r.organisation("custodian", "rr8")) }},
		{name: "the custodian by URL", change: func(r *resource) { r.replace("custodian", reference(odsURL+ownODS)) }},
		{name: "the custodian by identifier", change: func(r *resource) { r.replace("custodian", identifier(odsSystem, ownODS)) }},
		{name: "the custodian by URL and identifier that agree", change: func(r *resource) {
			r.replace("custodian", el("custodian", prim("reference", odsURL+ownODS), el("identifier", ident(odsSystem, "rr8")...)))
		}},
		{name: "the custodian with a display of another organisation", change: func(r *resource) {
			r.replace("custodian", el("custodian", prim("reference", odsURL+ownODS), prim("display", otherODS)))
		}},
		{name: "no custodian", change: func(r *resource) { r.replace("custodian") }, read: func(p *testdata.Pointer) { p.Custodian = "" }},
		{name: "no masterIdentifier", change: func(r *resource) { r.replace("masterIdentifier") }, read: func(p *testdata.Pointer) { p.Identifier = "" }},
		{name: "an identifier of an ODS code beside the custodian", change: func(r *resource) {
			r.before("status", raw("identifier", `"identifier":[{"system":"`+odsSystem+`","value":"`+otherODS+`"}]`,
				`<identifier><system value="`+odsSystem+`"/><value value="`+otherODS+`"/></identifier>`))
		}},
		{name: "a relatesTo by logical id", change: func(r *resource) { r.relates("replaces", prim("reference", "DocumentReference/corpus-id-1")) },
			read: func(p *testdata.Pointer) { p.RelatesTo = "replaces|corpus-id-1||" }},
		{name: "a relatesTo by master identifier", change: func(r *resource) { r.relates("replaces", el("identifier", ident(uriSystem, "urn:uuid:old")...)) },
			read: func(p *testdata.Pointer) { p.RelatesTo = "replaces||" + uriSystem + "|urn:uuid:old" }},
		{name: "an extension with another organisation in it", change: func(r *resource) {
			r.before("status", el("extension", prim("url", "https://corpus.example/custodian"), el("valueReference", prim("reference", odsURL+otherODS))))
		}},
		{name: "escapes in the code", change: func(r *resource) {
			r.replace("custodian", raw("custodian", `"custodian":{"reference":"`+odsURL+`\u0052R8"}`, `<custodian><reference value="`+odsURL+`&#x52;R8"/></custodian>`))
		}},
		{name: "white space between the elements", text: func(b string) string { return strings.NewReplacer("><", ">\n <", `","`, "\",\n \"").Replace(b) }},
		{name: "a comment", only: inXML, change: func(r *resource) { r.before("custodian", raw("", "", "<!-- custodian -->")) }},
		{name: "a byte order mark before XML", only: inXML, text: func(b string) string { return "\ufeff" + b }},
		{name: "an XML declaration", only: inXML, text: func(b string) string { return `<?xml version="1.0" encoding="UTF-8"?>` + b }},
	}
}

// badOwners are custodians that are no organisation, or that two readers could
// take for two.
func badOwners() []bodyCase {
	const other, otherXML = `{"reference":"` + odsURL + otherODS + `"}`, `<reference value="` + odsURL + otherODS + `"/>`
	custodian := func(name string, replacement node) bodyCase {
		return bodyCase{name: name, rule: "resource", change: func(r *resource) { r.replace("custodian", replacement) }}
	}
	beside := func(name, as string) bodyCase {
		return bodyCase{name: name, rule: "resource", change: func(r *resource) {
			r.before("content", raw(as, `"`+as+`":`+other, "<"+as+">"+otherXML+"</"+as+">"))
		}}
	}
	return []bodyCase{
		beside("a second custodian", "custodian"), beside("a second custodian with a capital", "Custodian"), beside("a second custodian in capitals", "CUSTODIAN"),
		beside("a second custodian with an underscore", "_custodian"), beside("a second custodian with a hyphen", "custo-dian"),
		{name: "a second custodian before the own", rule: "resource", change: func(r *resource) {
			r.before("custodian", raw("custodian", `"custodian":`+other, "<custodian>"+otherXML+"</custodian>"))
		}},
		{name: "a second custodian, escaped", rule: "resource", only: inJSON, change: func(r *resource) {
			r.before("content", raw("custodian", `"\u0063ustodian":`+other, ""))
		}},
		{name: "a second custodian of another namespace", rule: "resource", only: inXML, change: func(r *resource) {
			r.before("content", raw("custodian", "", `<custodian xmlns="urn:corpus">`+otherXML+"</custodian>"))
		}},
		{name: "a custodian with a prefix", rule: "resource", only: inXML, change: func(r *resource) {
			r.replace("custodian", raw("custodian", "", `<f:custodian xmlns:f="http://hl7.org/fhir"><f:reference value="`+odsURL+ownODS+`"/></f:custodian>`))
		}},
		custodian("a custodian that is empty", raw("custodian", `"custodian":{}`, "<custodian/>")),
		custodian("a custodian with a display alone", el("custodian", prim("display", ownODS))),
		custodian("a custodian on another host", reference("https://directory.example.nhs.uk/STU3/Organization/"+ownODS)),
		custodian("a custodian over http", reference("http://directory.spineservices.nhs.uk/STU3/Organization/"+ownODS)),
		custodian("a custodian that is relative", reference("Organization/"+ownODS)),
		custodian("a custodian that is contained", reference("#org")),
		custodian("a custodian with a query", reference(odsURL+ownODS+"?x="+otherODS)),
		custodian("a custodian with a fragment", reference(odsURL+ownODS+"#"+otherODS)),
		custodian("a custodian with a version", reference(odsURL+ownODS+"/_history/1")),
		custodian("a custodian with dot segments", reference(odsURL+otherODS+"/../"+ownODS)),
		custodian("a custodian without a code", reference(odsURL)),
		custodian("a custodian with two codes", reference(odsURL+ownODS+","+otherODS)),
		custodian("a custodian that is no organisation", reference("https://directory.spineservices.nhs.uk/STU3/Practitioner/"+ownODS)),
		custodian("a custodian with a blank behind the code", reference(odsURL+ownODS+" ")),
		custodian("a custodian with a full-width letter", reference(odsURL+"\uff32R8")),
		custodian("a custodian of another system of identifiers", identifier("https://fhir.nhs.uk/Id/ods-site-code", ownODS)),
		custodian("a custodian whose system has other letters", identifier(strings.ToUpper(odsSystem), ownODS)),
		custodian("a custodian without a system", el("custodian", el("identifier", prim("value", ownODS)))),
		custodian("a custodian without a value", el("custodian", el("identifier", prim("system", odsSystem)))),
		custodian("a custodian whose URL and identifier disagree", el("custodian", prim("reference", odsURL+ownODS), el("identifier", ident(odsSystem, otherODS)...))),
		custodian("a custodian with two references", raw("custodian", `"custodian":{"reference":"`+odsURL+ownODS+`","reference":"`+odsURL+otherODS+`"}`,
			`<custodian><reference value="`+odsURL+ownODS+`"/>`+otherXML+`</custodian>`)),
		custodian("a custodian with a Reference beside the reference", raw("custodian", `"custodian":{"reference":"`+odsURL+ownODS+`","Reference":"`+odsURL+otherODS+`"}`,
			`<custodian><reference value="`+odsURL+ownODS+`"/><Reference value="`+odsURL+otherODS+`"/></custodian>`)),
		custodian("a custodian with a modifier extension", raw("custodian", `"custodian":{"modifierExtension":[{"url":"urn:not"}],"reference":"`+odsURL+ownODS+`"}`,
			`<custodian><modifierExtension url="urn:not"/><reference value="`+odsURL+ownODS+`"/></custodian>`)),
		{name: "a custodian that is null", rule: "resource", only: inJSON, change: func(r *resource) { r.replace("custodian", raw("", `"custodian":null`, "")) }},
		{name: "a custodian that is text", rule: "resource", only: inJSON, change: func(r *resource) { r.replace("custodian", raw("", `"custodian":"`+ownODS+`"`, "")) }},
		{name: "a custodian in an array", rule: "resource", only: inJSON, change: func(r *resource) { r.replace("custodian", raw("", `"custodian":[`+other+`]`, "")) }},
		{name: "a custodian as text", rule: "resource", only: inXML, change: func(r *resource) { r.replace("custodian", raw("", "", `<custodian>`+ownODS+`</custodian>`)) }},
		{name: "a custodian with a value twice", rule: "body", only: inXML, change: func(r *resource) {
			r.replace("custodian", raw("", "", `<custodian><reference value="`+odsURL+ownODS+`" value="`+odsURL+otherODS+`"/></custodian>`))
		}},
	}
}

// badBodies are bodies that are not well formed, or not as FHIR has them.
func badBodies() []bodyCase {
	whole := func(name, rule string, text func(string) string) bodyCase {
		return bodyCase{name: name, rule: rule, text: text}
	}
	element := func(name, of string, replacement node) bodyCase {
		return bodyCase{name: name, rule: "resource", change: func(r *resource) { r.replace(of, replacement) }}
	}
	subject := func(name string, n ...node) bodyCase { return element(name, "subject", el("subject", n...)) }
	target := func(name string, n ...node) bodyCase {
		return bodyCase{name: name, rule: "resource", change: func(r *resource) { r.relates("replaces", n...) }}
	}
	return []bodyCase{
		whole("empty", "body", func(string) string { return "" }),
		whole("white space alone", "body", func(string) string { return " \n" }),
		whole("cut short", "body", func(b string) string { return b[:len(b)-1] }),
		whole("another body behind it", "body", func(b string) string { return b + b }),
		{name: "something behind it", rule: "body", only: inJSON, text: func(b string) string { return b + "{}" }},
		{name: "an element behind it", rule: "body", only: inXML, text: func(b string) string { return b + "<x/>" }},
		whole("invalid UTF-8", "body", func(b string) string { return strings.Replace(b, "of the corpus", "of the \xff corpus", 1) }),
		{name: "a comment before it", rule: "body", only: inJSON, text: func(b string) string { return "/* x */" + b }},
		{name: "a comma behind the last", rule: "body", only: inJSON, text: func(b string) string { return b[:len(b)-1] + ",}" }},
		{name: "half a surrogate pair", rule: "body", only: inJSON, text: func(b string) string { return strings.Replace(b, "of the corpus", `of \ud800`, 1) }},
		{name: "a byte order mark before it", rule: "body", only: inJSON, text: func(b string) string { return "\ufeff" + b }},
		{name: "no resourceType", rule: "resource", only: inJSON, text: func(b string) string { return strings.Replace(b, `"resourceType":"DocumentReference",`, "", 1) }},
		{name: "a status that is a number", rule: "resource", only: inJSON, change: func(r *resource) { r.replace("status", raw("status", `"status":1`, "")) }},
		{name: "a relatesTo that is no list", rule: "resource", only: inJSON, change: func(r *resource) {
			r.before("content", raw("", `"relatesTo":{"code":"replaces","target":{"reference":"DocumentReference/1"}}`, ""))
		}},
		{name: "a relatesTo that is an empty list", rule: "resource", only: inJSON, change: func(r *resource) { r.before("content", raw("", `"relatesTo":[]`, "")) }},
		{name: "text between the elements", rule: "resource", only: inXML, change: func(r *resource) { r.before("status", raw("", "", "x")) }},
		{name: "a prefix that is declared and not used", rule: "resource", only: inXML, text: func(b string) string {
			return strings.Replace(b, " xmlns=", ` xmlns:f="http://hl7.org/fhir" xmlns=`, 1)
		}},
		{name: "a custodian with an attribute", rule: "resource", only: inXML, text: func(b string) string { return strings.Replace(b, "<custodian>", `<custodian value="`+otherODS+`">`, 1) }},
		element("an empty status", "status", prim("status", "")),
		element("a status with a control character", "status", prim("status", "curr\u007fent")),
		{name: "an array around it", rule: "resource", only: inJSON, text: func(b string) string { return "[" + b + "]" }},
		{name: "a name twice, far from the custodian", rule: "resource", only: inJSON, text: func(b string) string {
			return strings.Replace(b, `"display":"of the corpus"`, `"display":"of the corpus","display":"x"`, 1)
		}},
		{name: "a document type", rule: "resource", only: inXML, text: func(b string) string { return "<!DOCTYPE DocumentReference>" + b }},
		{name: "an entity of its own", rule: "resource", only: inXML, text: func(b string) string {
			return `<!DOCTYPE DocumentReference [<!ENTITY own "` + ownODS + `">]>` + b
		}},
		{name: "an unknown entity", rule: "body", only: inXML, text: func(b string) string { return strings.Replace(b, "of the corpus", "of &own;", 1) }},
		{name: "a processing instruction", rule: "resource", only: inXML, change: func(r *resource) { r.before("custodian", raw("", "", "<?x y?>")) }},
		{name: "a CDATA section", rule: "resource", only: inXML, change: func(r *resource) { r.before("custodian", raw("", "", "<![CDATA[ ]]>")) }},
		{name: "another namespace", rule: "resource", only: inXML, text: func(b string) string { return strings.Replace(b, "http://hl7.org/fhir", "urn:corpus", 1) }},
		{name: "another encoding", rule: "resource", only: inXML, text: func(b string) string { return `<?xml version="1.0" encoding="UTF-16"?>` + b }},
		{name: "a resource of another type", rule: "resource", change: func(r *resource) { r.kind = "DocumentManifest" }},
		{name: "a contained resource", rule: "resource", change: func(r *resource) {
			r.before("status", raw("", `"contained":[{"resourceType":"Organization","id":"x"}]`, `<contained><Organization><id value="x"/></Organization></contained>`))
		}},
		{name: "implicit rules", rule: "resource", change: func(r *resource) { r.before("status", prim("implicitRules", "https://corpus.example/rules")) }},
		{name: "a modifier extension", rule: "resource", change: func(r *resource) {
			r.before("status", raw("", `"modifierExtension":[{"url":"urn:not"}]`, `<modifierExtension url="urn:not"/>`))
		}},
		{name: "a tag that says that it is a part", rule: "resource", change: func(r *resource) {
			tag := el("tag", prim("system", "http://terminology.hl7.org/CodeSystem/v3-ObservationValue"), prim("code", "SUBSETTED"))
			if r.r4 {
				r.before("masterIdentifier", el("meta", tag))
				return
			}
			r.replace("meta", el("meta", tag))
		}},
		{name: "another tag", change: func(r *resource) {
			if tag := el("tag", prim("system", "urn:x"), prim("code", "subsetted")); r.r4 {
				r.before("masterIdentifier", el("meta", tag))
			} else {
				r.elements[r.at("meta")].children = append(r.elements[r.at("meta")].children, tag)
			}
		}},
		{name: "an element that FHIR does not have", rule: "resource", change: func(r *resource) { r.before("status", prim("owner", otherODS)) }},
		{name: "nested 100 deep", rule: "resource", change: func(r *resource) {
			r.before("status", raw("", `"text":`+strings.Repeat(`{"a":`, 100)+"1"+strings.Repeat("}", 100), "<text>"+strings.Repeat("<a>", 100)+strings.Repeat("</a>", 100)+"</text>"))
		}},
		{name: "a status twice", rule: "resource", change: func(r *resource) {
			r.before("status", raw("", `"status":"superseded"`, `<status value="superseded"/>`))
		}},
		element("a status with a blank", "status", prim("status", "current ")),
		element("a masterIdentifier without a system", "masterIdentifier", el("masterIdentifier", prim("value", "x"))),
		element("a masterIdentifier without a value", "masterIdentifier", el("masterIdentifier", prim("system", uriSystem))),
		{name: "a masterIdentifier twice", rule: "resource", change: func(r *resource) {
			r.before("status", raw("", `"masterIdentifier":{"system":"urn:x","value":"y"}`, `<masterIdentifier><system value="urn:x"/><value value="y"/></masterIdentifier>`))
		}},
		{name: "an id with a slash", rule: "resource", change: func(r *resource) { r.before("masterIdentifier", prim("id", "../x")) }},
		subject("a subject with a display alone", prim("display", "of the corpus")),
		subject("a subject that is relative", prim("reference", "Patient/"+onePatient)),
		subject("a subject with a version", prim("reference", patientURL+onePatient+"/_history/1")),
		subject("a subject with a slash behind the number", prim("reference", patientURL+onePatient+"/")),
		subject("a subject whose host has capitals", prim("reference", strings.Replace(patientURL, "demographics", "Demographics", 1)+onePatient)),
		subject("a subject with the port of https", prim("reference", strings.Replace(patientURL, ".uk/", ".uk:443/", 1)+onePatient)),
		subject("a subject whose URL and identifier disagree", prim("reference", patientURL+otherPatient), el("identifier", ident(nhsNumber, onePatient)...)),
		subject("a subject of another system of identifiers", el("identifier", ident("urn:x", onePatient)...)),
		target("a relatesTo that leads to another type", prim("reference", "https://nrl.corpus.nhs.uk/STU3/Binary/1")),
		target("a relatesTo that is contained", prim("reference", "#x")),
		target("a relatesTo that leads to a version", prim("reference", "DocumentReference/1/_history/1")),
		target("a relatesTo that leads to a URN", prim("reference", "urn:uuid:c2f8e1b4-3d56-4a97-b0e2-7f1849d6a5c3")),
		{name: "a relatesTo that leads nowhere", rule: "resource", change: func(r *resource) {
			r.before("content", raw("", `"relatesTo":[{"code":"replaces","target":{}}]`, `<relatesTo><code value="replaces"/><target/></relatesTo>`))
		}},
		{name: "a relatesTo with two codes", rule: "resource", change: func(r *resource) {
			r.before("content", raw("", `"relatesTo":[{"code":"replaces","code":"appends","target":{"reference":"DocumentReference/1"}}]`,
				`<relatesTo><code value="replaces"/><code value="appends"/><target><reference value="DocumentReference/1"/></target></relatesTo>`))
		}},
	}
}
