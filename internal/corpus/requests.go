// SPDX-License-Identifier: Apache-2.0

package corpus

// requests adds the cases of requests to an NRL-like server and to a provider.
func (g *generator) requests() {
	g.file(registryFile, []byte(registry))
	seen := map[string]bool{}
	add := func(server, name, clause, rule string, r *request) {
		if seen[server+name] {
			panic("corpus: two requests are called " + name)
		}
		seen[server+name] = true
		c := requestCase(server+": "+name, server, clause, rule, r)
		g.add(c)
	}
	outage := newRequest()
	add("nrl", "the registry cannot be asked", clauseASID, "registry", outage)
	g.cases[len(g.cases)-1].Request.Registry = ""
	g.headerCases(add)
	g.trailerCases(add)
	g.interactionCases(add)
	g.tokenCases(add)
	g.endpointCases(add)
}
