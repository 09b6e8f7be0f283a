// SPDX-License-Identifier: Apache-2.0

package corpus

// trailerCases are those of header fields that follow the body. A reader behind may join
// them with the header, and then reads another sender or token than was judged.
func (g *generator) trailerCases(add adder) {
	for _, protocol := range []struct{ name, version string }{{"HTTP/1.1", ""}, {"HTTP/2", "HTTP/2.0"}} {
		for _, s := range []struct {
			server string
			fresh  func() *request
			names  []string
		}{
			{"nrl", newRequest, []string{"fromASID", "toASID", "InteractionID", "Authorization"}},
			{"provider", newRetrieval, []string{"Ssp-From", "Ssp-To", "Ssp-InteractionID", "Ssp-TraceID", "Authorization"}},
		} {
			trailer := func(what, rule, name, value string, change func(*request)) {
				r := s.fresh()
				r.set("InteractionID", nrlInteraction+"read")
				if s.server == "provider" {
					r.drop("InteractionID")
				}
				if value == "" {
					value = r.value(name)
				}
				if change != nil {
					change(r)
				}
				r.trailers, r.protocol = [][2]string{{name, value}}, protocol.version
				add(s.server, what+" trailer of "+protocol.name, clauseInteraction, rule, r)
			}
			for _, name := range s.names {
				rule := "header"
				if name == "Authorization" {
					rule = "token"
				}
				trailer(name+" again as a", rule, name, "", nil)
				trailer(name+" alone as a", rule, name, "", func(r *request) { r.drop(name) })
			}
			trailer("a field of another name as a", "", "X-Checksum", "1", nil)
		}
		r := newRetrieval()
		r.trailers, r.protocol = [][2]string{{"Ssp_From", maintainerASID}}, protocol.version
		add("provider", "Ssp-From with an underscore as a trailer of "+protocol.name, clauseInteraction, "header", r)
	}
}
