// SPDX-License-Identifier: Apache-2.0

package corpus

import "strings"

// interactionCases are those of methods and paths.
func (g *generator) interactionCases(add adder) {
	consumer := func(method, target string) *request {
		r := newRequest()
		r.method, r.target = method, target
		return r
	}
	const base = "/STU3/DocumentReference"
	for _, c := range []struct{ name, method, target, rule string }{
		{"a search", "GET", base + "?subject=https%3A%2F%2Fdemographics.spineservices.nhs.uk%2FSTU3%2FPatient%2F9876543210", ""},
		{"a read on R4", "GET", "/R4/DocumentReference/1", ""},
		{"a HEAD of a pointer", "HEAD", base + "/1", ""},
		{"a create without the interaction", "POST", base, "interaction"},
		{"a delete without the interaction", "DELETE", base + "/1", "interaction"},
		{"an update without the interaction", "PATCH", base + "/1", "interaction"},
		{"a PUT", "PUT", base + "/1", "request"},
		{"an OPTIONS", "OPTIONS", base, "request"},
		{"a TRACE", "TRACE", base, "request"},
		{"a CONNECT", "CONNECT", base, "request"},
		{"an id that is none", "GET", base + "/a_b", "request"},
		{"an id of 65 characters", "GET", base + "/" + strings.Repeat("1", 65), "request"},
		{"a POST to a pointer", "POST", base + "/1", "request"},
		{"another resource", "GET", "/STU3/Patient/1", "request"},
		{"another version of FHIR", "GET", "/DSTU2/DocumentReference/1", "request"},
		{"the resource in other letters", "GET", "/STU3/documentreference/1", "request"},
		{"a slash behind the resource", "GET", base + "/", "request"},
		{"a slash behind the id", "GET", base + "/1/", "request"},
		{"two slashes", "GET", "/STU3//DocumentReference/1", "request"},
		{"dot segments", "GET", "/STU3/x/../DocumentReference/1", "request"},
		{"encoded dot segments", "GET", "/STU3/x/%2e%2e/DocumentReference/1", "request"},
		{"an encoded slash", "GET", "/STU3%2FDocumentReference/1", "request"},
		{"an encoded letter", "GET", "/STU3/%44ocumentReference/1", "request"},
		{"a history", "GET", base + "/1/_history/1", "request"},
		{"a search by POST", "POST", base + "/_search", "request"},
		{"a method in the query", "GET", base + "/1?_method=DELETE", "request"},
		{"a method in the query, with a blank before its name", "GET", base + "/1?%20_method=DELETE", "request"},
		{"a method in the query, with a full stop for the underscore", "GET", base + "/1?.method=DELETE", "request"},
		{"a method in the query, under the header's name", "GET", base + "/1?X-HTTP-Method-Override=DELETE", "request"},
		{"a query that cannot be parsed", "GET", base + "?a=%zz", "request"},
	} {
		add("nrl", c.name, clauseASID, c.rule, consumer(c.method, c.target))
	}
	for _, c := range []struct{ name, method, target, rule string }{
		{"a create by a provider", "POST", base, ""},
		{"an update by a provider", "PATCH", base + "/1", ""},
		{"a conditional update by a provider", "PATCH", base + "?subject=a&identifier=b", ""},
		{"a conditional delete by a provider", "DELETE", base + "?subject=a&identifier=b", ""},
		{"a PUT by a provider", "PUT", base + "/1", "request"},
		{"a CONNECT by a provider", "CONNECT", base, "request"},
		{"a method that is not in capitals", "delete", base + "/1", "request"},
		{"a read by a provider that may only write", "GET", base + "/1", "interaction"},
	} {
		add("nrl", c.name, clauseASID, c.rule, newMaintenance(c.method, c.target))
	}
	for _, name := range []string{"X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "x_http_method_override", "X-Original-URL", "X-Rewrite-URL",
		"X-Original-Method", "If-None-Exist", "X-Cascade", "X-Provenance", "X-Request-Partition-IDs", "X-FHIR-TENANT-ID", "X-FHIR-DSID", "Transfer_Encoding", "Content_Length",
		"Upgrade", "HTTP2-Settings"} {
		r := newRequest()
		r.set(name, "DELETE")
		add("nrl", "the header "+name, clauseASID, "request", r)
	}
	for _, contentType := range []string{"application/x-www-form-urlencoded", "multipart/form-data; boundary=x"} {
		form := newMaintenance("POST", base)
		form.set("Content-Type", contentType)
		add("nrl", "a create of Content-Type "+contentType, clauseASID, "request", form)
		answered(g.cases[len(g.cases)-1].Request, "media-type", "") // as every other type that is not FHIR's
	}
	upgrade := newRequest()
	upgrade.set("Connection", "Upgrade")
	upgrade.set("Upgrade", "h2c")
	add("nrl", "a request for another protocol", clauseASID, "request", upgrade)
	upgrade = newRequest()
	upgrade.set("Connection", "keep-alive, upgrade")
	add("nrl", "a Connection that asks for another protocol", clauseASID, "request", upgrade)
}
