// SPDX-License-Identifier: Apache-2.0

package pointer_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/pointer"
	"github.com/nrlsecurity/nrlsecurity/pointer/pointertest"
)

func mustODS(code string) asid.ODSCode {
	c, err := asid.ParseODSCode(code)
	if err != nil {
		log.Fatal(err)
	}
	return c
}

// A server with a router and a storage of its own asks the guard directly.
func ExampleGuard_Authorize() {
	store := pointertest.MapResolver{
		"p1": {ID: "p1", Version: "4", Status: "current", Custodian: mustODS("A81001")},
		"p2": {ID: "p2", Version: "1", Status: "current", Custodian: mustODS("RX1")},
	}
	guard := &pointer.Guard{Resolver: store}
	caller := &asid.Caller{System: &asid.System{
		ASID:         asid.MustParseID("200000000205"),
		ODS:          []asid.ODSCode{mustODS("A81001")},
		Interactions: []asid.InteractionID{asid.DocumentReferenceDelete},
	}}
	for _, id := range []string{"p1", "p2"} {
		decision, err := guard.Authorize(context.Background(), caller, pointer.Change{Action: pointer.Delete, Target: pointer.Query{ID: id}})
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Printf("delete %s if it is still version %s\n", decision.Stored.ID, decision.Stored.Version)
	}
	// Output:
	// delete p1 if it is still version 4
	// the pointer p2 has a custodian that is not an organisation of ASID 200000000205
}

// The middleware reads the request; the handler gets the decision and the body.
func ExampleGuard_Middleware() {
	guard := &pointer.Guard{Resolver: pointertest.MapResolver{}}
	handler := guard.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		decision, _ := pointer.DecisionFrom(r.Context())
		fmt.Printf("%v for %v\n", decision.Change.Action, decision.Change.New.Custodian)
	}))
	caller := &asid.Caller{System: &asid.System{
		ASID:         asid.MustParseID("200000000205"),
		ODS:          []asid.ODSCode{mustODS("A81001")},
		Interactions: []asid.InteractionID{asid.DocumentReferenceCreate},
	}}
	for _, custodian := range []string{"A81001", "RX1"} {
		body := `{"resourceType":"DocumentReference","status":"current",
			"custodian":{"reference":"https://directory.spineservices.nhs.uk/STU3/Organization/` + custodian + `"}}`
		r := httptest.NewRequest(http.MethodPost, "/STU3/DocumentReference?_format=json", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/fhir+json")
		w := httptest.NewRecorder()
		// In a server asid.Authorizer.Middleware says who is calling.
		handler.ServeHTTP(w, r.WithContext(asid.NewContext(r.Context(), caller)))
		fmt.Println(w.Code)
	}
	// Output:
	// create for A81001
	// 200
	// 400
}

// A body that two readers could read differently is refused.
func ExampleParse() {
	_, err := pointer.Parse("application/fhir+json", []byte(`{"resourceType":"DocumentReference",
		"custodian":{"reference":"https://directory.spineservices.nhs.uk/STU3/Organization/A81001"},
		"Custodian":{"reference":"https://directory.spineservices.nhs.uk/STU3/Organization/RX1"}}`))
	if body, ok := errors.AsType[*pointer.ChangeError](err); ok {
		fmt.Printf("%s: %v\n", body.Rule, body)
	}
	// Output: resource: Custodian is not one that is accepted here
}
