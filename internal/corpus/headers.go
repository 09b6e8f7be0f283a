// SPDX-License-Identifier: Apache-2.0

package corpus

import "strings"

// headerCases are those of each header of each protocol, and of who may do what.
func (g *generator) headerCases(add adder) {
	add("nrl", "a read by a professional", clauseASID, "", newRequest())
	named := newRequest() // with it, the certificates of the other cases can be shown to an NRL-like server
	named.fqdn = fqdn
	named.set("fromASID", certificateASID)
	c := goodClaims()
	c["requesting_system"] = "https://fhir.nhs.uk/Id/accredited-system|" + certificateASID
	named.set("Authorization", "Bearer "+c.token())
	add("nrl", "a read by the system whose certificate has the SSP's name", clauseASID, "", named)
	add("nrl", "a delete by a provider", clauseASID, "", newMaintenance("DELETE", "/STU3/DocumentReference/1"))
	add("provider", "a retrieval through the SSP", clauseInteraction, "", newRetrieval())
	for _, protocol := range []struct {
		server string
		fresh  func() *request
		names  []string
	}{
		{"nrl", newRequest, []string{"fromASID", "toASID", "Authorization"}},
		{"provider", newRetrieval, []string{"Ssp-From", "Ssp-To", "Ssp-InteractionID", "Ssp-TraceID", "Authorization"}},
	} {
		for _, name := range protocol.names {
			rule := "header"
			change := func(what, rule string, change func(*request)) {
				r := protocol.fresh()
				change(r)
				add(protocol.server, name+" "+what, clauseInteraction, rule, r)
			}
			if name == "Authorization" {
				rule = "token"
			}
			value := func(v string) func(*request) { return func(r *request) { r.set(name, v) } }
			change("is missing", rule, func(r *request) { r.drop(name) })
			change("is empty", rule, value(""))
			change("comes twice with the same value", rule, func(r *request) {
				for _, h := range r.headers {
					if h[0] == name {
						r.again(name, h[1])
						return
					}
				}
			})
			change("has a blank within", rule, value("2000000 00205"))
			change("in other letters", "", func(r *request) {
				for i := range r.headers {
					if r.headers[i][0] == name {
						r.headers[i][0] = strings.ToUpper(name)
					}
				}
			})
			if strings.HasSuffix(name, "ASID") || name == "Ssp-From" || name == "Ssp-To" {
				for _, v := range [][2]string{{"has 11 digits", "20000000020"}, {"has 13 digits", "2000000002055"}, {"has a letter", "20000000020A"}, {"has a sign", "+20000000020"},
					{"has two values", nrlASID + ", " + nrlASID}, {"has a full-width digit", "\uff1200000000205"}, {"is a wildcard", "*"}} {
					change(v[0], rule, value(v[1]))
				}
			}
		}
	}
	for _, c := range []struct {
		name, server, rule string
		change             func(*request)
	}{
		{"toASID names another system", "nrl", "header", func(r *request) { r.set("toASID", providerASID) }},
		{"Ssp-To names another provider", "provider", "header", func(r *request) { r.set("Ssp-To", nrlASID) }},
		{"the InteractionID of the request", "nrl", "", func(r *request) { r.set("InteractionID", nrlInteraction+"read") }},
		{"the InteractionID of another request", "nrl", "header", func(r *request) { r.set("InteractionID", nrlInteraction+"search") }},
		{"an InteractionID in other letters", "nrl", "header", func(r *request) { r.set("InteractionID", strings.ToUpper(nrlInteraction+"read")) }},
		{"an empty InteractionID", "nrl", "header", func(r *request) { r.set("InteractionID", "") }},
		{"an InteractionID that is no URN", "nrl", "header", func(r *request) { r.set("InteractionID", "read") }},
		{"the InteractionID twice", "nrl", "header", func(r *request) {
			r.again("InteractionID", nrlInteraction+"read")
			r.again("InteractionID", nrlInteraction+"read")
		}},
		{"an underscore for a hyphen beside the header", "provider", "header", func(r *request) { r.again("Ssp_From", maintainerASID) }},
		{"a full stop for a hyphen beside the header", "provider", "header", func(r *request) { r.again("Ssp.From", maintainerASID) }},
		{"a Connection that names fromASID", "nrl", "header", func(r *request) { r.again("Connection", "keep-alive, FromASID") }},
		{"a Connection that names the token", "nrl", "token", func(r *request) { r.again("Connection", "authorization") }},
		{"a Connection that names Ssp-To", "provider", "header", func(r *request) { r.again("Connection", "Ssp-To") }},
		{"the InteractionID twice in one line", "nrl", "header", func(r *request) { r.set("InteractionID", nrlInteraction+"read, "+nrlInteraction+"read") }},
		{"the InteractionID twice in one line without a blank", "nrl", "header", func(r *request) { r.set("InteractionID", nrlInteraction+"read,"+nrlInteraction+"read") }},
		{"another Ssp-InteractionID than retrieval", "provider", "header", func(r *request) { r.set("Ssp-InteractionID", nrlInteraction+"read") }},
		{"an Ssp-TraceID that is no UUID", "provider", "header", func(r *request) { r.set("Ssp-TraceID", "1") }},
		{"an ASID that is not in the registry", "nrl", "asid", func(r *request) { r.set("fromASID", "200000000999") }},
		{"another system's ASID under the own certificate", "nrl", "binding", func(r *request) { r.fqdn = maintainerFQDN }},
		{"a certificate of a name that no system has registered", "nrl", "binding", func(r *request) { r.fqdn = "unregistered.corpus.nhs.uk" }},
		{"a certificate of a name below the registered one", "nrl", "binding", func(r *request) { r.fqdn = "a." + consumerFQDN }},
		{"the registered name in capitals", "nrl", "", func(r *request) { r.fqdn = strings.ToUpper(consumerFQDN) }},
		{"a POST by a retrieval", "provider", "request", func(r *request) { r.method = "POST" }},
	} {
		r := newRequest()
		if c.server == "provider" {
			r = newRetrieval()
		}
		c.change(r)
		add(c.server, c.name, clauseASID, c.rule, r)
	}
	unknown := newRequest()
	unknown.set("fromASID", "200000000999")
	c["requesting_system"] = "https://fhir.nhs.uk/Id/accredited-system|200000000999"
	unknown.set("Authorization", "Bearer "+c.token())
	add("nrl", "an ASID that is not in the registry, which the token names, too", clauseASID, "asid", unknown)
	other := newMaintenance("DELETE", "/STU3/DocumentReference/1")
	other.fqdn = "other.corpus.nhs.uk"
	other.set("fromASID", "200000000208")
	other.set("Authorization", "Bearer "+maintenanceClaims("200000000208", "RXA").token())
	add("nrl", "a delete by a provider that may only create and update", clauseASID, "interaction", other)
	second := newMaintenance("DELETE", "/STU3/DocumentReference/1")
	second.fqdn = "second.corpus.nhs.uk"
	add("nrl", "the second of the registered names", clauseASID, "", second)
}
