// SPDX-License-Identifier: Apache-2.0

package corpus

import (
	"net/url"

	"github.com/nrlsecurity/nrlsecurity/testdata"
)

// tableCases are those of the rows that are about the form of a request.
func (g *generator) tableCases(add changeAdder) {
	post := func(name, rule, element string, f form, change func(c *changeCase, n int)) {
		add(func(n int, s storer) changeCase {
			c := changeCase{clause: clauseTable, rule: rule, element: element, target: collection, body: f.document(storedIdentifier(n, "new"))}
			form := c.body.form()
			change(&c, n)
			if c.name == "" {
				c.name = "form, " + form + ": " + name
			}
			if rule == "" && c.method != "GET" {
				c.fresh = 1
			}
			return c
		})
	}
	typed := func(contentType string) func(*changeCase, int) {
		return func(c *changeCase, _ int) { c.contentType = contentType }
	}
	header := func(name, value string) func(*changeCase, int) {
		return func(c *changeCase, _ int) { c.headers = append(c.headers, [2]string{name, value}) }
	}
	malformed := func(text string) func(*changeCase, int) {
		return func(c *changeCase, _ int) { c.text, c.contentType, c.body = text, c.body.contentType(), nil }
	}
	json, xml := forms[0], forms[1]
	for _, t := range []string{"application/json+fhir", "application/json", "text/json", "application/fhir+json; charset=utf-8"} {
		post("Content-Type "+t, "", "", json, typed(t))
	}
	for _, t := range []string{"application/xml+fhir", "application/xml", "application/fhir+xml;charset=UTF-8"} {
		post("Content-Type "+t, "", "", xml, typed(t))
	}
	for _, t := range []string{"text/plain", "application/x-www-form-urlencoded", "application/octet-stream", "application/json-patch+json", "application/fhir+json; charset=utf-16", "json",
		"application/fhir+json; fhirVersion=1.0", "application/fhir+json; charset*=utf-16''utf-16",
		`application/fhir+json; profile="x; charset=utf-7"`, `application/fhir+json; profile="x\"; charset=utf-7"`} {
		post("Content-Type "+t, "media-type", "", json, typed(t))
	}
	post("no Content-Type", "media-type", "", json, typed("-"))
	post("two Content-Types", "media-type", "", json, header("Content-Type", "application/fhir+xml"))
	post("a compressed body", "media-type", "", json, header("Content-Encoding", "gzip"))
	post("an Accept that names nothing served", "media-type", "", json, header("Accept", "text/html"))
	post("an Accept of FHIR's XML", "", "", json, header("Accept", "application/fhir+xml"))
	post("any Accept", "", "", json, header("Accept", "*/*"))
	post("a _format that is not served", "media-type", "", json, func(c *changeCase, _ int) { c.target += "?_format=turtle" })
	post("a _format beats the Accept", "", "", json, func(c *changeCase, _ int) {
		c.target += "?_format=json"
		c.headers = [][2]string{{"Accept", "text/html"}}
	})
	for _, f := range []form{json, xml} {
		post("an empty body", "body", "", f, malformed(""))
		post("a body cut short", "body", "", f, func(c *changeCase, n int) { s := c.body.String(); malformed(s[:len(s)-1])(c, n) })
		post("the body twice", "body", "", f, func(c *changeCase, n int) { malformed(c.body.String()+c.body.String())(c, n) })
		kind := "resourceType" // what names it
		if f.asXML {
			kind = "Patient"
		}
		post("another resource", "resource", kind, f, func(c *changeCase, _ int) { c.body.kind = "Patient" })
		post("an element that FHIR does not have", "resource", "owner", f, func(c *changeCase, _ int) { c.body.before("status", prim("owner", otherODS)) })
		post("a masterIdentifier without a system", "resource", "masterIdentifier", f, func(c *changeCase, n int) {
			c.body.replace("masterIdentifier", el("masterIdentifier", prim("value", storedIdentifier(n, "new"))))
		})
		post("a masterIdentifier that the patient has already", "duplicate", "", f, func(c *changeCase, n int) {
			c.stored = []testdata.Stored{g.stored(n, oldID, ownODS, isCurrent)}
			c.body.replace("masterIdentifier", el("masterIdentifier", ident(uriSystem, storedIdentifier(n, oldID))...))
		})
		post("a masterIdentifier that another patient has", "", "", f, func(c *changeCase, n int) {
			c.stored = []testdata.Stored{g.stored(n, oldID, ownODS, isCurrent)}
			c.body.replace("masterIdentifier", el("masterIdentifier", ident(uriSystem, storedIdentifier(n, oldID))...)).replace("subject", c.body.patient(otherPatient))
		})
	}
	post("the body of XML as JSON", "body", "", xml, typed("application/fhir+json"))
	post("the body of JSON as XML", "body", "", json, typed("application/fhir+xml"))
	post("a condition", "request", "", json, header("If-None-Exist", "identifier=1"))
	post("a parameter", "request", "", json, func(c *changeCase, _ int) { c.target += "?subject=1" })
	post("an If-Match", "version", "", json, header("If-Match", `W/"1"`))
	for _, q := range []struct{ name, rule, query string }{
		{"for a patient", "", "?subject=" + url.QueryEscape(patientURL+onePatient)},
		{"in a _format that is not served", "media-type", "?subject=" + url.QueryEscape(patientURL+onePatient) + "&_format=turtle"},
	} {
		post(q.name, q.rule, "", json, func(c *changeCase, _ int) {
			*c = changeCase{name: "search " + q.name, clause: clauseTable, rule: q.rule, method: "GET", target: collection + q.query}
		})
	}
}
