// SPDX-License-Identifier: Apache-2.0

package corpus

import "github.com/nrlsecurity/nrlsecurity/testdata"

// Interactions of GP Connect.
const (
	patientRead   = "urn:nhs:names:services:gpconnect:fhir:rest:read:patient-1"
	patientSearch = "urn:nhs:names:services:gpconnect:fhir:rest:search:patient-1"
	patientRecord = "urn:nhs:names:services:gpconnect:fhir:operation:gpc.getstructuredrecord-1"
)

// endpoints are those of a provider of records and of GP Connect.
func endpoints() []testdata.Endpoint {
	return []testdata.Endpoint{
		{Path: "/records/{id}", Interaction: nrlInteraction + "content.read"},
		{Path: "/files/{path...}", Interaction: nrlInteraction + "content.read"},
		{Path: "/gpc/Patient", Interaction: patientSearch, Methods: []string{"GET"}},
		{Path: "/gpc/Patient/_search", Interaction: patientSearch, Methods: []string{"POST"}},
		{Path: "/gpc/Patient/{id}", Interaction: patientRead, Methods: []string{"GET", "POST"}},
		{Path: "/gpc/Patient/$gpc.getstructuredrecord", Interaction: patientRecord, Methods: []string{"POST"}},
	}
}

// endpointCases are those of a provider with several interactions: each path has its
// own, and no path may be another one's to a router behind.
func (g *generator) endpointCases(add adder) {
	const record = nrlInteraction + "content.read"
	for _, c := range []struct{ name, method, target, interaction, rule string }{
		{"a record", "GET", "/records/1", record, ""},
		{"a HEAD of a record", "HEAD", "/records/1", record, ""},
		{"a record whose id has a slash", "GET", "/records/a%2Fb", record, ""},
		{"a file", "GET", "/files/a/b/c.pdf", record, ""},
		{"a search", "GET", "/gpc/Patient?identifier=x", patientSearch, ""},
		{"a search by POST", "POST", "/gpc/Patient/_search", patientSearch, ""},
		{"a read", "GET", "/gpc/Patient/7", patientRead, ""},
		{"an operation", "POST", "/gpc/Patient/$gpc.getstructuredrecord", patientRecord, ""},
		{"an operation, encoded", "POST", "/gpc/Patient/%24gpc.getstructuredrecord", patientRecord, ""},

		{"the interaction of another path", "GET", "/gpc/Patient/7", patientSearch, "header"},
		{"the interaction of a record at another path", "GET", "/gpc/Patient/7", record, "header"},
		{"the interaction of what a literal segment would be as a value", "POST", "/gpc/Patient/$gpc.getstructuredrecord", patientRead, "header"},
		{"a path that is none of them", "GET", "/gpc/Practitioner/7", patientRead, "request"},
		{"a path with a segment more", "GET", "/records/1/2", record, "request"},
		{"a tree without a path in it", "GET", "/files", record, "request"},
		{"a POST of a record", "POST", "/records/1", record, "request"},
		{"a method that the path does not take", "DELETE", "/gpc/Patient/7", patientRead, "request"},
		{"a method that only a less specific path takes", "GET", "/gpc/Patient/$gpc.getstructuredrecord", patientRead, "request"},

		{"dot segments", "GET", "/files/../gpc/Patient", record, "request"},
		{"encoded dot segments", "GET", "/files/%2e%2e/gpc/Patient", record, "request"},
		{"dot segments with a parameter", "GET", "/files/..;x=1/gpc/Patient", record, "request"},
		{"dot segments with a blank", "GET", "/files/..%20/gpc/Patient", record, "request"},
		{"dot segments that are encoded twice", "GET", "/files/%252e%252e/gpc/Patient", record, "request"},
		{"dot segments in an overlong encoding", "GET", "/files/%c0%ae%c0%ae/gpc/Patient", record, "request"},
		{"full-width dot segments", "GET", "/files/%EF%BC%8E%EF%BC%8E/gpc/Patient", record, "request"},
		{"two slashes", "GET", "/files//gpc/Patient", record, "request"},
		{"a slash at the end", "GET", "/files/a/", record, "request"},
		{"a backslash", "GET", `/files/a%5C..%5Cb`, record, "request"},
		{"a control character", "GET", "/files/a%00", record, "request"},
		{"a path that is not UTF-8", "GET", "/files/a%E9", record, "request"},

		{"another letter case of another path", "GET", "/gpc/Patient/$GPC.getstructuredrecord", patientRead, "request"},
		{"another letter case of what is no path", "GET", "/Records/1", record, "request"},
		{"a suffix behind another path", "GET", "/gpc/Patient/_search.json", patientRead, "request"},
		{"a parameter behind another path", "GET", "/gpc/Patient/_search;x", patientRead, "request"},
		{"a parameter with a slash behind another path", "GET", "/gpc/Patient/_search;x%2Fy", patientRead, "request"},
		{"a segment of full stops", "GET", "/gpc/Patient/...", patientRead, "request"},
		{"a session in a segment of its own", "GET", "/files/(S(x))/a", record, "request"},
		{"an encoded question mark behind another path", "GET", "/gpc/Patient/_search%3Fx", patientRead, "request"},
		{"another path that is encoded twice", "GET", "/gpc/Patient/%255Fsearch", patientRead, "request"},
	} {
		r := newRetrieval()
		r.method, r.target, r.endpoints = c.method, c.target, endpoints()
		r.set("Ssp-InteractionID", c.interaction)
		add("provider", "endpoints: "+c.name, clauseInteraction, c.rule, r)
	}
	for _, c := range []struct{ name, target, interaction, rule string }{
		{"a form", "/gpc/Patient/$gpc.getstructuredrecord", patientRecord, "request"},
		{"a form to a search by POST", "/gpc/Patient/_search", patientSearch, ""},
	} {
		r := newRetrieval()
		r.method, r.target, r.endpoints = "POST", c.target, endpoints()
		r.set("Ssp-InteractionID", c.interaction)
		r.set("Content-Type", "application/x-www-form-urlencoded")
		add("provider", "endpoints: "+c.name, clauseInteraction, c.rule, r)
		if c.rule != "" {
			answered(g.cases[len(g.cases)-1].Request, "media-type", "") // as every other type that is not FHIR's
		}
	}
}
