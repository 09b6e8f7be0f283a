// SPDX-License-Identifier: Apache-2.0

package corpus

import (
	"strings"

	"github.com/nrlsecurity/nrlsecurity/testdata"
)

// A request is one to be changed and sent. Headers are a list, so that one may
// come twice.
type request struct {
	method, target string
	headers        [][2]string
	fqdn           string // of the client's certificate
	trailers       [][2]string
	protocol       string // empty: HTTP/1.1
	endpoints      []testdata.Endpoint
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
