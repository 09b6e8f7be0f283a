// SPDX-License-Identifier: Apache-2.0

package corpus

import (
	"net/url"
	"strings"

	"github.com/nrlsecurity/nrlsecurity/testdata"
)

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
		for _, path := range [][2]string{{"dot segments", "/STU3/x/../DocumentReference/"}, {"a parameter of the path", "/STU3;x/DocumentReference/"}, {"an encoded letter", "/STU3/%44ocumentReference/"}} {
			update(path[0], "request", "", f, ownODS, isCurrent, func(c *changeCase, _ int) { c.target = path[1] + oldID })
		}
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
		update("the operation twice", "resource", "parameter", f, ownODS, isCurrent, func(c *changeCase, _ int) {
			c.body.elements = append(c.body.elements, c.body.elements[0])
		})
		update("of another element", "resource", "parameter", f, ownODS, isCurrent, operation("replace", "DocumentReference.docStatus", inError))
		parts := func(change func(parts []node) []node) func(*changeCase, int) {
			return func(c *changeCase, _ int) { c.body.elements[0].children = change(c.body.elements[0].children) }
		}
		update("a parameter of another name", "resource", "parameter", f, ownODS, isCurrent, parts(func(p []node) []node {
			return append([]node{prim("name", "operations")}, p[1:]...)
		}))
		update("a fourth part", "resource", "parameter", f, ownODS, isCurrent, parts(func(p []node) []node {
			return append(p, el("part", prim("name", "index"), prim("valueString", "0")))
		}))
		update("a part twice", "resource", "parameter.part.value", f, ownODS, isCurrent, parts(func(p []node) []node { return append(p, p[len(p)-1]) }))
		update("a part with two values", "resource", "parameter.part.value", f, ownODS, isCurrent, parts(func(p []node) []node {
			return append(p[:len(p)-1:len(p)-1], el("part", prim("name", "value"), prim("valueCode", superseded), prim("valueString", inError)))
		}))
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
	remove("a patient of the store's own", "request", ownODS, isCurrent, "", func(c *changeCase, n int) {
		c.target += strings.Replace(conditional(n, oldID), url.QueryEscape(patientURL), url.QueryEscape("Patient/"), 1)
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
	remove("the look-up gives: unsearchable", "resource", ownODS, isCurrent, "", func(c *changeCase, n int) {
		byIdentifier(c, n)
		c.element, c.lookup = "subject", "unsearchable"
	})
	remove("by logical id, from a store that cannot be searched", "", ownODS, isCurrent, "/"+oldID, func(c *changeCase, _ int) { c.lookup = "unsearchable" })
	for _, lookup := range [][2]string{{"fails", "resolver"}, {"unavailable", "unavailable"}, {"nothing", "resolver"}, {"another pointer", "resolver"}, {"no version", "resolver"}} {
		remove("the look-up gives: "+lookup[0], lookup[1], ownODS, isCurrent, "/"+oldID, func(c *changeCase, _ int) { c.lookup = lookup[0] })
	}
	remove("with another version", "version", ownODS, isCurrent, "/"+oldID, func(c *changeCase, _ int) { c.headers = [][2]string{{"If-Match", `W/"7"`}} })
}
