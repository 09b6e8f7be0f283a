// SPDX-License-Identifier: Apache-2.0

package asidtest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/asid/asidtest"
)

// A test of a server's own handler behind the middleware, without a network.
func ExampleNewRequest() {
	registry, _ := asid.NewMemory(rr8)
	server := &asid.Authorizer{Registry: registry, Self: self}
	handler := server.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller, _ := asid.CallerFrom(r.Context())
		fmt.Fprint(w, "hello ", caller.System.ODS[0])
	}))

	for _, method := range []string{http.MethodGet, http.MethodDelete} {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, asidtest.NewRequest(method, "/STU3/DocumentReference/4711", rr8, self))
		fmt.Println(method, w.Code)
	}
	// Output:
	// GET 200
	// DELETE 403
}

// A registry of one's own is checked against what it should know.
func ExampleTestRegistry() {
	registry, _ := asid.NewMemory(rr8)
	other := rr8
	other.FQDNs = []string{"elsewhere.nhs.uk"}
	fmt.Println(asidtest.TestRegistry(registry, other))
	// Output: ASID 200000000205: FQDNs are [nrl-rr8.supplier.thirdparty.nhs.uk], not [elsewhere.nhs.uk]
}
