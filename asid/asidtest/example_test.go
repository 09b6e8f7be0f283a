// SPDX-License-Identifier: Apache-2.0

package asidtest_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/asid/asidtest"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/spinetest"
)

// A test of a server's own handler behind the middleware, without a network.
func ExampleNewRequest() {
	registry, _ := asid.NewMemory(rr8)
	server := &asid.Authorizer{Registry: registry, Self: self, Peers: asidtest.Peers{}}
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

// A consumer retrieves a record from a provider through the Secure Proxy.
func ExampleNewSSP() {
	pki := spinetest.NewPKI()
	defer pki.Close()
	from, to := asid.MustParseID("200000000115"), asid.MustParseID("200000000205")
	rr7, err := asid.ParseODSCode("RR7")
	if err != nil {
		log.Fatal(err)
	}
	registry, err := asid.NewMemory(
		asid.System{ASID: from, FQDNs: []string{"consumer.nhs.uk"}, ODS: []asid.ODSCode{rr7},
			Interactions: []asid.InteractionID{asid.DocumentReferenceContentRead}},
		asid.System{ASID: to, FQDNs: []string{"provider.nhs.uk"}},
	)
	if err != nil {
		log.Fatal(err)
	}
	ssp := asidtest.NewSSP(pki, "ssp.nhs.uk", registry)
	defer ssp.Close()
	gate := &asid.Gate{Self: to, Peers: asidtest.Peers{}}
	provider := pki.NewServer(pki.Endpoint("provider.nhs.uk", "ssp.nhs.uk"),
		gate.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "record "+r.URL.Path) })))
	defer provider.Close()

	client := ssp.Client(pki.Issue("consumer.nhs.uk"), from, to)
	response, err := client.Get("https://provider.nhs.uk/Plans/da2b")
	if err != nil {
		log.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(response.Status, string(body))
	// Output: 200 OK record /Plans/da2b
}

// provider is a provider's own server: its router, with the check before its
// records.
func provider(self asid.ID, peers asid.PeerSource, clock func() time.Time, records http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/records/", (&asid.Gate{Self: self, Peers: peers, Time: clock}).Middleware(records))
	mux.Handle("/letters/", records) // forgotten
	return mux
}

// A provider's handler is put to the test, route by route. In a test with
// subtests this is asidtest.RunGate(t, ...).
func ExampleTestGate() {
	build := func(s asidtest.Setting) http.Handler {
		return provider(s.Self, s.Peers, s.Time, asidtest.Mark(http.NotFoundHandler()))
	}
	fmt.Println("records:", asidtest.TestGate(build, asidtest.Route{Target: "/records/1"}))
	err := asidtest.TestGate(build, asidtest.Route{Target: "/letters/1"})
	fmt.Println("letters, found wanting:", err != nil)
	// Output:
	// records: <nil>
	// letters, found wanting: true
}

// An NRL-like server's handler is put to the test.
func ExampleTestAuthorizer() {
	fmt.Println(asidtest.TestAuthorizer(func(s asidtest.Setting) http.Handler {
		server := &asid.Authorizer{Self: s.Self, Registry: s.Registry, Peers: s.Peers, Time: s.Time}
		return server.Middleware(asidtest.Mark(http.NotFoundHandler()))
	}))
	// Output: <nil>
}
