// SPDX-License-Identifier: Apache-2.0

package corpus

import "github.com/nrlsecurity/nrlsecurity/testdata"

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
		change := &testdata.Change{Body: c.text, Stored: c.stored, Lookup: c.lookup, After: map[string]string{}, New: c.fresh}
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
