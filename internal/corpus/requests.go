// SPDX-License-Identifier: Apache-2.0

package corpus

import "github.com/nrlsecurity/nrlsecurity/testdata"

// requests adds the cases of requests to an NRL-like server and to a provider.
func (g *generator) requests() {
	file := g.file("registry.json", []byte(registry))
	seen := map[string]bool{}
	add := func(server, name, clause, rule string, r *request) {
		if seen[server+name] {
			panic("corpus: two requests are called " + name)
		}
		seen[server+name] = true
		c := testdata.Case{Name: server + ": " + name, Clause: clause, Verdict: testdata.Accept, Rule: rule, Request: &testdata.Request{
			Server: server, Method: r.method, Target: r.target, Headers: r.headers, FQDN: r.fqdn, Registry: file, At: now, Self: nrlASID,
		}}
		if server == "provider" {
			c.Request.Self = providerASID
		}
		if rule != "" {
			c.Verdict = testdata.Refuse
			answered(c.Request, rule, "")
		}
		g.add(c)
	}
	outage := newRequest()
	add("nrl", "the registry cannot be asked", clauseASID, "registry", outage)
	g.cases[len(g.cases)-1].Request.Registry = ""
	g.headerCases(add)
	g.interactionCases(add)
	g.tokenCases(add)
}
