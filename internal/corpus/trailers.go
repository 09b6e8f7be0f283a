// SPDX-License-Identifier: Apache-2.0

package corpus

// trailerCases are those of header fields that follow the body. A reader behind may join
// them with the header, and then reads another sender or token than was judged.
func (g *generator) trailerCases(add adder) {
	read := func() *request {
		r := newRequest()
		r.set("InteractionID", nrlInteraction+"read")
		return r
	}
	for _, protocol := range []struct{ name, version string }{{"HTTP/1.1", ""}, {"HTTP/2", "HTTP/2.0"}} {
		for _, s := range []struct {
			server string
			fresh  func() *request
			names  []string
		}{
			{"nrl", read, []string{"fromASID", "toASID", "InteractionID", "Authorization"}},
			{"provider", newRetrieval, []string{"Ssp-From", "Ssp-To", "Ssp-InteractionID", "Ssp-TraceID", "Authorization"}},
		} {
			trailer := func(what, rule, name, value string, alone bool) {
				r := s.fresh()
				if alone {
					r.drop(name)
				}
				r.trailers, r.protocol = [][2]string{{name, value}}, protocol.version
				add(s.server, what+" trailer of "+protocol.name, clauseInteraction, rule, r)
			}
			for _, name := range s.names {
				rule := "header"
				if name == "Authorization" {
					rule = "token"
				}
				value := s.fresh().value(name)
				trailer(name+" again as a", rule, name, value, false)
				trailer(name+" alone as a", rule, name, value, true)
			}
			trailer("a field of another name as a", "", "X-Checksum", "1", false)
			if s.server == "provider" {
				trailer("Ssp-From with an underscore as a", "header", "Ssp_From", maintainerASID, false)
			}
		}
	}
}
