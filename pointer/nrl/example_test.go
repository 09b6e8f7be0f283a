// SPDX-License-Identifier: Apache-2.0

package nrl_test

import (
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/asid/asidtest"
	"github.com/nrlsecurity/nrlsecurity/pointer"
	"github.com/nrlsecurity/nrlsecurity/pointer/nrl"
)

// A whole NRL for a test of one's own: who may do what, whose pointer it is, and
// the pointers.
func Example() {
	surgery, err := asid.ParseODSCode("A81001")
	if err != nil {
		log.Fatal(err)
	}
	system := asid.System{
		ASID:         asid.MustParseID("200000000205"),
		ODS:          []asid.ODSCode{surgery},
		FQDNs:        []string{"nrl.supplier.example.nhs.uk"},
		Interactions: []asid.InteractionID{asid.DocumentReferenceCreate, asid.DocumentReferenceSearch},
	}
	registry, err := asid.NewMemory(system)
	if err != nil {
		log.Fatal(err)
	}
	self := asid.MustParseID("999999999999")

	store := new(nrl.Store)
	guard := &pointer.Guard{Resolver: store, Disclose: true}
	authorizer := &asid.Authorizer{Registry: registry, Self: self, Peers: asidtest.Peers{}}
	handler := authorizer.Middleware(guard.Middleware(store))

	send := func(method, target, body string) *httptest.ResponseRecorder {
		r := asidtest.NewRequest(method, target, system, self)
		if body != "" {
			asidtest.WithBody(r, "application/fhir+json", body)
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w
	}
	const patient = "https://demographics.spineservices.nhs.uk/STU3/Patient/9000000009"
	created := send(http.MethodPost, "/STU3/DocumentReference?_format=json", `{
		"resourceType": "DocumentReference",
		"status": "current",
		"type": {"coding": [{"system": "http://snomed.info/sct", "code": "736366004"}]},
		"subject": {"reference": "`+patient+`"},
		"author": [{"reference": "https://directory.spineservices.nhs.uk/STU3/Organization/RX1"}],
		"custodian": {"reference": "https://directory.spineservices.nhs.uk/STU3/Organization/A81001"},
		"class": {"coding": [{"system": "http://snomed.info/sct", "code": "734163000"}]},
		"meta": {"profile": ["https://fhir.nhs.uk/STU3/StructureDefinition/NRL-DocumentReference-1"]},
		"content": [{
			"extension": [{"url": "https://fhir.nhs.uk/STU3/StructureDefinition/Extension-NRL-ContentStability-1",
				"valueCodeableConcept": {"coding": [{"system": "https://fhir.nhs.uk/STU3/CodeSystem/NRL-ContentStability-1", "code": "static"}]}}],
			"attachment": {"contentType": "application/pdf", "url": "https://records.example.nhs.uk/plans/0001.pdf"},
			"format": {"system": "https://fhir.nhs.uk/STU3/CodeSystem/NRL-FormatCode-1", "code": "urn:nhs-ic:unstructured"}}],
		"context": {"practiceSetting": {"coding": [{"system": "http://snomed.info/sct", "code": "1291000175106"}]}}}`)
	fmt.Println(created.Code, created.Header().Get("ETag"))
	found := send(http.MethodGet, "/STU3/DocumentReference?_summary=count&_format=json&subject="+patient, "")
	fmt.Println(found.Code, strings.Contains(found.Body.String(), `"total":1`))
	// Output:
	// 201 W/"1"
	// 200 true
}
