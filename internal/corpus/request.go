// SPDX-License-Identifier: Apache-2.0

package corpus

import (
	"strings"
)

const (
	clauseInteraction = "Interaction Security"
	clauseASID        = clauseInteraction + ": the interaction ID is associated with the ASID"
	clauseToken       = "Spine Core: bearer token"

	nrlASID, providerASID, consumerASID = "999999999999", "200000000205", "928942012545"
	consumerFQDN, maintainerFQDN        = "consumer.corpus.nhs.uk", "maintainer.corpus.nhs.uk"
	maintainerASID, certificateASID     = "200000000206", "200000000207"
	nrlInteraction                      = "urn:nhs:names:services:nrl:DocumentReference."
)

// A request is one to be changed and sent. Headers are a list, so that one may
// come twice.
type request struct {
	method, target string
	headers        [][2]string
	fqdn           string // of the client's certificate
}

// set takes the place of a header's value, or adds it.
func (r *request) set(name, value string) {
	for i := range r.headers {
		if strings.EqualFold(r.headers[i][0], name) {
			r.headers[i][1] = value
			return
		}
	}
	r.headers = append(r.headers, [2]string{name, value})
}

// again adds a header, whether or not it is there.
func (r *request) again(name, value string) { r.headers = append(r.headers, [2]string{name, value}) }

// value returns the first value of a header.
func (r *request) value(name string) string {
	for _, h := range r.headers {
		if strings.EqualFold(h[0], name) {
			return h[1]
		}
	}
	return ""
}

func (r *request) drop(name string) {
	var left [][2]string
	for _, h := range r.headers {
		if !strings.EqualFold(h[0], name) {
			left = append(left, h)
		}
	}
	r.headers = left
}

const registry = `{"systems": [
  {"asid": "928942012545", "ods": ["RXA"], "fqdns": ["consumer.corpus.nhs.uk"],
   "interactions": ["urn:nhs:names:services:nrl:DocumentReference.read", "urn:nhs:names:services:nrl:DocumentReference.search"]},
  {"asid": "200000000206", "ods": ["RR8"], "fqdns": ["maintainer.corpus.nhs.uk", "second.corpus.nhs.uk"],
   "interactions": ["urn:nhs:names:services:nrl:DocumentReference.create", "urn:nhs:names:services:nrl:DocumentReference.update", "urn:nhs:names:services:nrl:DocumentReference.delete"]},
  {"asid": "200000000207", "ods": ["RXA"], "fqdns": ["msg.int.spine2.corpus.nhs.uk"],
   "interactions": ["urn:nhs:names:services:nrl:DocumentReference.read"]},
  {"asid": "200000000208", "ods": ["RXA"], "fqdns": ["other.corpus.nhs.uk"],
   "interactions": ["urn:nhs:names:services:nrl:DocumentReference.create", "urn:nhs:names:services:nrl:DocumentReference.update"]}
]}
`

// newRequest returns a good read of the NRL by the consumer.
func newRequest() *request {
	return &request{method: "GET", target: "/STU3/DocumentReference/1", fqdn: consumerFQDN, headers: [][2]string{
		{"fromASID", consumerASID}, {"toASID", nrlASID}, {"Authorization", "Bearer " + goodClaims().token()},
	}}
}

// newMaintenance returns a good request of the maintainer, unattended.
func newMaintenance(method, target string) *request {
	return &request{method: method, target: target, fqdn: maintainerFQDN, headers: [][2]string{
		{"fromASID", maintainerASID}, {"toASID", nrlASID}, {"Authorization", "Bearer " + maintenanceClaims(maintainerASID, "RR8").token()},
	}}
}

// maintenanceClaims are those of an unattended change by a system of an organisation.
func maintenanceClaims(system, ods string) claims {
	c := goodClaims()
	c["scope"], c["requesting_system"], c["sub"] = "patient/DocumentReference.write", "https://fhir.nhs.uk/Id/accredited-system|"+system, "https://fhir.nhs.uk/Id/accredited-system|"+system
	c["requesting_organization"] = "https://fhir.nhs.uk/Id/ods-organization-code|" + ods
	delete(c, "requesting_user")
	return c
}

// newRetrieval returns a good retrieval that the SSP forwards to the provider.
func newRetrieval() *request {
	c := goodClaims()
	c["scope"], c["aud"] = "patient/*.read", "https://provider.corpus.nhs.uk"
	return &request{method: "GET", target: "/records/1", fqdn: fqdn, headers: [][2]string{
		{"Ssp-From", consumerASID}, {"Ssp-To", providerASID}, {"Ssp-InteractionID", nrlInteraction + "content.read"},
		{"Ssp-TraceID", "09a01679-2564-4fb4-5129-aecc81ea2706"}, {"Authorization", "Bearer " + c.token()},
	}}
}

type adder func(server, name, clause, rule string, r *request)
