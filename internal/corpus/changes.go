// SPDX-License-Identifier: Apache-2.0

package corpus

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/nrlsecurity/nrlsecurity/testdata"
)

const (
	clauseOwn   = clauseInteraction + ": only pointers of their own"
	clauseTable = "The NRL's error table"
	collection  = "/STU3/DocumentReference"
)

// A changeCase is a request of the maintainer's, and what the store has.
type changeCase struct {
	name, clause, rule string
	element            string // of an invalid resource
	method, target     string
	body               *resource
	text               string // in place of body
	contentType        string // nil: the body's; "-": none
	headers            [][2]string
	stored             []testdata.Stored
	after              map[string]string // nil: as before
	fresh              int
	reader             bool // a system sends it that may only read
}

// A stored pointer's master identifiers are of one case alone, so that cases can be
// run one after another at one server.
func (g *generator) stored(n int, id, custodian, status string) testdata.Stored {
	f := form{}
	r := f.document(storedIdentifier(n, id))
	r.replace("custodian", r.organisation("custodian", custodian))
	r.replace("author", r.organisation("author", custodian))
	return testdata.Stored{ID: id, Version: "1", Status: status, Custodian: custodian, Body: r.String()}
}

func storedIdentifier(n int, id string) string {
	return fmt.Sprintf("urn:corpus:%d:%s", n, strings.Replace(id, "corpus-id-", "pointer-", 1)) // an id is put in the place of the corpus' own
}

// changes adds the cases of changes, of each with the pointers that are stored.
func (g *generator) changes() {
	number := 0
	add := func(build func(n int, s storer) changeCase) {
		number++
		n := number
		c := build(n, func(id, custodian, status string) testdata.Stored { return g.stored(n, id, custodian, status) })
		if c.method == "" {
			c.method = "POST"
		}
		if c.target == "" {
			c.target = collection
		}
		r := newMaintenance(c.method, c.target)
		if c.method == "GET" || c.reader {
			r = newRequest()
			r.method, r.target = c.method, c.target
		}
		change := &testdata.Change{Body: c.text, Stored: c.stored, After: map[string]string{}, New: c.fresh}
		if c.body != nil {
			change.Body = c.body.String()
			if c.contentType == "" {
				c.contentType = c.body.contentType()
			}
		}
		if c.contentType != "" && c.contentType != "-" {
			r.again("Content-Type", c.contentType)
		}
		r.headers = append(r.headers, c.headers...)
		for _, stored := range c.stored {
			change.After[stored.ID] = stored.Status
		}
		for id, status := range c.after {
			if change.After[id] = status; status == "" {
				delete(change.After, id)
			}
		}
		change.Request = testdata.Request{Server: "nrl", Self: nrlASID, Method: r.method, Target: r.target, Headers: r.headers, FQDN: r.fqdn, Registry: "registry.json", At: now}
		verdict := testdata.Accept
		if c.rule != "" {
			verdict = testdata.Refuse
			rule := c.rule
			switch {
			case rule == "version":
				rule = "version-412"
			case rule == "not-found" && c.element == "relatesTo":
				rule, c.element = "relates-to", ""
			case rule == "nrl":
				rule = "resource"
			}
			answered(&change.Request, rule, c.element)
		}
		g.add(testdata.Case{Name: "change: " + c.name, Clause: c.clause, Verdict: verdict, Rule: c.rule, Change: change})
	}
	g.createCases(add)
	g.supersedeCases(add)
	g.updateCases(add)
	g.deleteCases(add)
	g.tableCases(add)
}

// A storer describes a stored pointer of a case.
type storer func(id, custodian, status string) testdata.Stored

type changeAdder func(build func(n int, s storer) changeCase)

const (
	oldID, otherID = "corpus-id-1", "corpus-id-2" // of the stored pointers
	isCurrent      = "current"
	inError        = "entered-in-error"
	superseded     = "superseded"
)

func (g *generator) createCases(add changeAdder) {
	create := func(name, rule, element string, f form, change func(r *resource, n int)) {
		add(func(n int, _ storer) changeCase {
			r := f.document(storedIdentifier(n, "new"))
			if change != nil {
				change(r, n)
			}
			c := changeCase{name: "create of " + r.form() + ": " + name, clause: clauseOwn, rule: rule, element: element, body: r}
			if f.r4 {
				c.target = "/R4/DocumentReference"
			}
			if rule == "" {
				c.fresh = 1
			}
			return c
		})
	}
	for _, f := range forms {
		create("by the custodian", "", "", f, nil)
		create("another organisation is the custodian", "owner", "", f, func(r *resource, _ int) { r.replace("custodian", r.organisation("custodian", otherODS)) })
		create("another organisation is the custodian, the own one the author", "owner", "", f, func(r *resource, _ int) {
			r.replace("custodian", r.organisation("custodian", otherODS)).replace("author", r.organisation("author", ownODS))
		})
		create("another organisation is the author", "", "", f, func(r *resource, _ int) { r.replace("author", r.organisation("author", otherODS)) })
		create("an organisation whose code begins with the own", "owner", "", f, func(r *resource, _ int) { r.replace("custodian", r.organisation("custodian", ownODS+"0")) })
		create("the own code in small letters", "", "", f, func(r *resource, _ int) { r.replace("custodian", r.organisation("custodian", "rr8")) })
		create("no custodian", "owner", "", f, func(r *resource, _ int) { r.replace("custodian") })
		create("no masterIdentifier", "", "", f, func(r *resource, _ int) { r.replace("masterIdentifier") })
		create("two custodians", "resource", "custodian", f, func(r *resource, _ int) {
			r.before("content", raw("", `"custodian":{"reference":"`+odsURL+otherODS+`"}`, `<custodian><reference value="`+odsURL+otherODS+`"/></custodian>`))
		})
		if !f.r4 {
			create("no indexed, which the NRL fills in", "", "", f, func(r *resource, _ int) { r.replace("indexed") })
		}
		create("an id of the sender's", "", "", f, func(r *resource, _ int) { r.before("masterIdentifier", prim("id", oldID)) })
	}
	for _, f := range forms[:2] {
		for _, element := range []string{"class", "type", "status", "subject", "author", "content", "context"} {
			create("no "+element, "nrl", element, f, func(r *resource, _ int) { r.replace(element) })
		}
	}
}

func (g *generator) supersedeCases(add changeAdder) {
	supersede := func(name, rule, element string, f form, custodian, status string, change func(r *resource, n int)) {
		add(func(n int, s storer) changeCase {
			r := f.document(storedIdentifier(n, "new"))
			change(r, n)
			c := changeCase{name: "supersede of " + r.form() + ": " + name, clause: clauseOwn, rule: rule, element: element, body: r,
				stored: []testdata.Stored{s(oldID, custodian, status), s(otherID, ownODS, isCurrent)}}
			if rule == "" {
				c.after, c.fresh = map[string]string{oldID: superseded}, 1
			}
			return c
		})
	}
	reference := func(id string) node { return prim("reference", "DocumentReference/"+id) }
	byID := func(r *resource, _ int) { r.relates("replaces", reference(oldID)) }
	byIdentifier := func(r *resource, n int) {
		r.relates("replaces", el("identifier", ident(uriSystem, storedIdentifier(n, oldID))...))
	}
	for _, f := range forms[:2] {
		supersede("by logical id", "", "", f, ownODS, isCurrent, byID)
		supersede("by master identifier", "", "", f, ownODS, isCurrent, byIdentifier)
		supersede("by both", "", "", f, ownODS, isCurrent, func(r *resource, n int) {
			r.relates("replaces", reference(oldID), el("identifier", ident(uriSystem, storedIdentifier(n, oldID))...))
		})
		supersede("the old pointer is another organisation's", "owner", "", f, otherODS, isCurrent, byID)
		supersede("the old pointer is another organisation's, by master identifier", "owner", "", f, otherODS, isCurrent, byIdentifier)
		supersede("the new pointer is another organisation's", "owner", "", f, ownODS, isCurrent, func(r *resource, n int) {
			byID(r, n)
			r.replace("custodian", r.organisation("custodian", otherODS))
		})
		supersede("the old pointer was superseded", "not-current", "", f, ownODS, superseded, byID)
		supersede("the old pointer was entered in error", "not-current", "", f, ownODS, inError, byID)
		supersede("of another patient", "relates-to", "", f, ownODS, isCurrent, func(r *resource, n int) {
			byID(r, n)
			r.replace("subject", r.patient(otherPatient))
		})
		supersede("the master identifier is another pointer's", "relates-to", "", f, ownODS, isCurrent, func(r *resource, n int) {
			r.relates("replaces", reference(oldID), el("identifier", ident(uriSystem, storedIdentifier(n, otherID))...))
		})
		supersede("no such pointer", "not-found", "relatesTo", f, ownODS, isCurrent, func(r *resource, _ int) { r.relates("replaces", reference("corpus-id-9")) })
		supersede("no such master identifier", "not-found", "relatesTo", f, ownODS, isCurrent, func(r *resource, n int) {
			r.relates("replaces", el("identifier", ident(uriSystem, storedIdentifier(n, "none"))...))
		})
		supersede("two relatesTo", "relates-to", "", f, ownODS, isCurrent, func(r *resource, n int) {
			byID(r, n)
			r.relates("replaces", reference(otherID))
		})
		for _, code := range []string{"transforms", "signs", "appends"} {
			supersede("the code is "+code, "relates-to", "", f, ownODS, isCurrent, func(r *resource, _ int) { r.relates(code, reference(oldID)) })
		}
		supersede("a relatesTo that is contained", "resource", "relatesTo", f, ownODS, isCurrent, func(r *resource, _ int) { r.relates("replaces", prim("reference", "#x")) })
		supersede("a masterIdentifier that the patient has already", "duplicate", "", f, ownODS, isCurrent, func(r *resource, n int) {
			byID(r, n)
			r.replace("masterIdentifier", el("masterIdentifier", ident(uriSystem, storedIdentifier(n, otherID))...))
		})
	}
}

// conditional is the query that names a stored pointer by patient and master
// identifier.
func conditional(n int, id string) string {
	return "?" + url.Values{"subject": {patientURL + onePatient}, "identifier": {uriSystem + "|" + storedIdentifier(n, id)}}.Encode()
}

func (g *generator) updateCases(add changeAdder) {
	update := func(name, rule, element string, f form, custodian, status string, change func(c *changeCase, n int)) {
		add(func(n int, s storer) changeCase {
			c := changeCase{clause: clauseOwn, rule: rule, element: element, method: "PATCH", target: collection + "/" + oldID, body: f.update(),
				stored: []testdata.Stored{s(oldID, custodian, status), s(otherID, ownODS, isCurrent)}}
			if change != nil {
				change(&c, n)
			}
			c.name = "update in " + f.update().form()[5:] + ": " + name
			if rule == "" {
				c.after = map[string]string{oldID: inError}
			}
			return c
		})
	}
	at := func(target string) func(*changeCase, int) {
		return func(c *changeCase, _ int) { c.target = collection + target }
	}
	byIdentifier := func(c *changeCase, n int) { c.target = collection + conditional(n, oldID) }
	for _, f := range forms[:2] {
		operation := func(kind, path, value string) func(*changeCase, int) {
			return func(c *changeCase, _ int) { c.body = f.operation(kind, path, value) }
		}
		update("by logical id", "", "", f, ownODS, isCurrent, nil)
		update("by patient and master identifier", "", "", f, ownODS, isCurrent, byIdentifier)
		update("another organisation's", "owner", "", f, otherODS, isCurrent, nil)
		update("another organisation's, by patient and master identifier", "owner", "", f, otherODS, isCurrent, byIdentifier)
		update("no such pointer", "not-found", "", f, ownODS, isCurrent, at("/corpus-id-9"))
		update("no such master identifier", "not-found", "", f, ownODS, isCurrent, func(c *changeCase, n int) { c.target = collection + conditional(n, "none") })
		update("of one that was superseded", "not-current", "", f, ownODS, superseded, nil)
		update("of one that was entered in error", "not-current", "", f, ownODS, inError, nil)
		update("by _id", "request", "", f, ownODS, isCurrent, at("?_id="+oldID))
		update("by id and parameters", "request", "", f, ownODS, isCurrent, func(c *changeCase, n int) { c.target += conditional(n, oldID) })
		update("by the patient alone", "request", "", f, ownODS, isCurrent, at("?subject="+url.QueryEscape(patientURL+onePatient)))
		update("by the master identifier alone", "request", "", f, ownODS, isCurrent, func(c *changeCase, n int) {
			c.target = collection + "?identifier=" + url.QueryEscape(uriSystem+"|"+storedIdentifier(n, oldID))
		})
		update("by a value without its system", "request", "", f, ownODS, isCurrent, func(c *changeCase, n int) {
			c.target = strings.Replace(collection+conditional(n, oldID), url.QueryEscape(uriSystem+"|"), "", 1)
		})
		update("by two master identifiers", "request", "", f, ownODS, isCurrent, func(c *changeCase, n int) {
			c.target = collection + conditional(n, oldID) + url.QueryEscape(","+uriSystem+"|"+storedIdentifier(n, otherID))
		})
		update("of nothing", "request", "", f, ownODS, isCurrent, at(""))
		update("with the version of now", "", "", f, ownODS, isCurrent, func(c *changeCase, _ int) { c.headers = [][2]string{{"If-Match", `W/"1"`}} })
		update("with another version", "version", "", f, ownODS, isCurrent, func(c *changeCase, _ int) { c.headers = [][2]string{{"If-Match", `W/"7"`}} })
		update("with an If-None-Match", "request", "", f, ownODS, isCurrent, func(c *changeCase, _ int) { c.headers = [][2]string{{"If-None-Match", `*`}} })
		update("another operation", "resource", "parameter", f, ownODS, isCurrent, operation("delete", "DocumentReference.status", inError))
		update("of the custodian", "resource", "parameter", f, ownODS, isCurrent, operation("replace", "DocumentReference.custodian", otherODS))
		update("to another status", "resource", "parameter", f, ownODS, isCurrent, operation("replace", "DocumentReference.status", superseded))
		update("two operations", "resource", "parameter", f, ownODS, isCurrent, func(c *changeCase, _ int) {
			c.body.elements = append(c.body.elements, f.operation("replace", "DocumentReference.custodian", otherODS).elements...)
		})
		update("no operation", "resource", "parameter", f, ownODS, isCurrent, func(c *changeCase, _ int) { c.body.elements = nil })
		kind := "resourceType" // what names it
		if f.asXML {
			kind = "DocumentReference"
		}
		update("a pointer in place of the operation", "resource", kind, f, ownODS, isCurrent, func(c *changeCase, n int) { c.body = f.document(storedIdentifier(n, oldID)) })
	}
}

func (g *generator) deleteCases(add changeAdder) {
	remove := func(name, rule, custodian, status, target string, change func(c *changeCase, n int)) {
		add(func(n int, s storer) changeCase {
			c := changeCase{name: "delete: " + name, clause: clauseOwn, rule: rule, method: "DELETE", target: collection + target,
				stored: []testdata.Stored{s(oldID, custodian, status), s(otherID, ownODS, isCurrent)}}
			if change != nil {
				change(&c, n)
			}
			if rule == "" {
				c.after = map[string]string{oldID: ""}
			}
			return c
		})
	}
	byIdentifier := func(c *changeCase, n int) { c.target += conditional(n, oldID) }
	remove("by logical id", "", ownODS, isCurrent, "/"+oldID, nil)
	remove("by _id", "", ownODS, isCurrent, "?_id="+oldID, nil)
	remove("by patient and master identifier", "", ownODS, isCurrent, "", byIdentifier)
	remove("of one that was entered in error", "", ownODS, inError, "/"+oldID, nil)
	remove("another organisation's", "owner", otherODS, isCurrent, "/"+oldID, nil)
	remove("another organisation's, by _id", "owner", otherODS, isCurrent, "?_id="+oldID, nil)
	remove("another organisation's, by patient and master identifier", "owner", otherODS, isCurrent, "", byIdentifier)
	remove("the system may only read", "interaction", otherODS, isCurrent, "/"+oldID, func(c *changeCase, _ int) { c.reader = true })
	remove("two pointers have the master identifier", "ambiguous", ownODS, isCurrent, "", func(c *changeCase, n int) {
		byIdentifier(c, n)
		c.stored[1].Body = c.stored[0].Body
	})
	remove("no such pointer", "not-found", ownODS, isCurrent, "/corpus-id-9", nil)
	remove("no such pointer, by _id", "not-found", ownODS, isCurrent, "?_id=corpus-id-9", nil)
	remove("no such master identifier", "not-found", ownODS, isCurrent, "", func(c *changeCase, n int) { c.target += conditional(n, "none") })
	remove("of another patient", "not-found", ownODS, isCurrent, "", func(c *changeCase, n int) {
		c.target += strings.Replace(conditional(n, oldID), onePatient, otherPatient, 1)
	})
	remove("two ids", "request", ownODS, isCurrent, "?_id="+oldID+","+otherID, nil)
	remove("_id twice", "request", ownODS, isCurrent, "?_id="+oldID+"&_id="+otherID, nil)
	remove("an empty _id", "request", ownODS, isCurrent, "?_id=", nil)
	remove("an id and an _id", "request", ownODS, isCurrent, "/"+oldID+"?_id="+otherID, nil)
	remove("an _id beside patient and master identifier", "request", ownODS, isCurrent, "", func(c *changeCase, n int) { c.target += conditional(n, oldID) + "&_id=" + otherID })
	remove("the patient alone", "request", ownODS, isCurrent, "?subject="+url.QueryEscape(patientURL+onePatient), nil)
	remove("of everything", "request", ownODS, isCurrent, "", nil)
	remove("a parameter that it does not have", "request", ownODS, isCurrent, "/"+oldID+"?_cascade=delete", nil)
	remove("a body", "body", ownODS, isCurrent, "/"+oldID, func(c *changeCase, _ int) { c.text, c.contentType = "{}", "application/fhir+json" })
	remove("with another version", "version", ownODS, isCurrent, "/"+oldID, func(c *changeCase, _ int) { c.headers = [][2]string{{"If-Match", `W/"7"`}} })
}

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
	for _, t := range []string{"text/plain", "application/x-www-form-urlencoded", "application/octet-stream", "application/json-patch+json", "application/fhir+json; charset=utf-16", "json"} {
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
