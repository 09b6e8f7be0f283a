// SPDX-License-Identifier: Apache-2.0

package corpus

import "github.com/nrlsecurity/nrlsecurity/testdata"

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
	for _, c := range []struct{ lookup, rule, element string }{{"fails", "resolver", ""}, {"unavailable", "unavailable", ""}, {"unsearchable", "resource", "subject"}} {
		add(func(n int, _ storer) changeCase {
			return changeCase{name: "create: the look-up gives: " + c.lookup, clause: clauseTable, rule: c.rule, element: c.element,
				lookup: c.lookup, body: forms[0].document(storedIdentifier(n, "new"))}
		})
	}
	for _, f := range forms[:2] {
		create("a masterIdentifier with a comma", "resource", "masterIdentifier", f, func(r *resource, n int) {
			r.replace("masterIdentifier", el("masterIdentifier", ident(uriSystem, storedIdentifier(n, "a,b"))...))
		})
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
		supersede("the new pointer has no subject", "relates-to", "", f, ownODS, isCurrent, func(r *resource, n int) {
			byID(r, n)
			r.replace("subject")
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
