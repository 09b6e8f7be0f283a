// SPDX-License-Identifier: Apache-2.0

package asid_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/asid/asidtest"
	"github.com/nrlsecurity/nrlsecurity/asid/asidyaml"
)

// An NRL-like server: who may do what is in a file, and the handler knows who
// calls. The requests come from asidtest; a real server would serve the handler
// with the TLS configuration of package tlsconfig.
func ExampleAuthorizer_Middleware() {
	registry, err := asid.ReadRegistry(strings.NewReader(`{"systems": [
	  {"asid": "200000000205", "ods": ["RR8"], "fqdns": ["nrl-rr8.supplier.thirdparty.nhs.uk"],
	   "interactions": ["urn:nhs:names:services:nrl:DocumentReference.create"]}
	]}`))
	if err != nil {
		log.Fatal(err)
	}
	self := asid.MustParseID("999999999999")
	server := &asid.Authorizer{Registry: registry, Self: self, Peers: asidtest.Peers{}, Logger: slog.New(slog.DiscardHandler)}
	handler := server.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller, _ := asid.CallerFrom(r.Context())
		fmt.Fprintln(w, caller.System.ODS, caller.Interaction)
	}))

	sys, _ := registry.Lookup(context.Background(), asid.MustParseID("200000000205"))
	for _, method := range []string{http.MethodPost, http.MethodGet} {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, asidtest.NewRequest(method, "/STU3/DocumentReference?_format=json", *sys, self))
		_, issue, _ := strings.Cut(w.Body.String(), `"issue":`) // before it is a random id
		fmt.Println(w.Code, cmp.Or(issue, w.Body.String()))
	}
	// Output:
	// 200 [RR8] urn:nhs:names:services:nrl:DocumentReference.create
	//
	// 403 [{"severity":"error","code":"forbidden","details":{"coding":[{"system":"https://fhir.nhs.uk/STU3/CodeSystem/Spine-ErrorOrWarningCode-1","code":"ASID_CHECK_FAILED","display":"The sender or receiver's ASID is not authorised for this interaction"}]},"diagnostics":"ASID 200000000205, interaction \"urn:nhs:names:services:nrl:DocumentReference.search\": the ASID is not associated with the interaction"}]}
}

// The decision alone, for servers with their own router or protocol.
func ExampleAuthorize() {
	sys := &asid.System{
		ASID:         asid.MustParseID("200000000205"),
		FQDNs:        []string{"nrl-rr8.supplier.thirdparty.nhs.uk"},
		Interactions: []asid.InteractionID{asid.DocumentReferenceCreate},
	}
	// The leaf of the connection, which tlsconfig has verified.
	names, err := asid.NamesOf(certificate("elsewhere.thirdparty.nhs.uk"))
	if err != nil {
		log.Fatal(err)
	}
	err = asid.Authorize(sys, asid.Access{From: sys.ASID, Observed: asid.DocumentReferenceCreate, Names: names})
	if refused, ok := errors.AsType[*asid.RequestError](err); ok {
		fmt.Println(refused.Rule, "refuses", refused.ASID)
	}
	// Output: binding refuses 200000000205
}

// A provider's records, which only the Spine Secure Proxy may ask for.
func ExampleGate_Middleware() {
	self := asid.MustParseID("200000000205")
	gate := &asid.Gate{Self: self, Peers: asidtest.Peers{}}
	records := gate.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		forwarded, _ := asid.ForwardedFrom(r.Context())
		fmt.Fprint(w, "a record, asked for by ", forwarded.From)
	}))

	consumer := asid.System{ASID: asid.MustParseID("928942012545"), ODS: []asid.ODSCode{ods("AMS01")}}
	request := asidtest.NewSSPRequest("/records/1", consumer, self, "msg.int.spine2.ncrs.nhs.uk")
	w := httptest.NewRecorder()
	records.ServeHTTP(w, request)
	fmt.Println(w.Code, w.Header().Get("Cache-Control"), w.Body)

	request.Header.Set("Ssp-To", "200000000206")
	w = httptest.NewRecorder()
	records.ServeHTTP(w, request)
	fmt.Println(w.Code, w.Header().Get("Cache-Control"))
	// Output:
	// 200 no-store a record, asked for by 928942012545
	// 400 no-store
}

// A consumer that retrieves records through the Spine Secure Proxy. Base would
// be an http.Transport with the TLS configuration of package tlsconfig.
func ExampleTransport() {
	base := roundTripper(func(r *http.Request) (*http.Response, error) {
		fmt.Println(r.Method, r.URL)
		fmt.Println("Ssp-From:", r.Header.Get("Ssp-From"))
		fmt.Println("Ssp-To:", r.Header.Get("Ssp-To"))
		fmt.Println("Ssp-InteractionID:", r.Header.Get("Ssp-InteractionID"))
		return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader("a record"))}, nil
	})
	ssp, err := url.Parse("https://proxy.int.spine2.ncrs.nhs.uk")
	if err != nil {
		log.Fatal(err)
	}
	client := &http.Client{Transport: &asid.Transport{
		From:   asid.MustParseID("928942012545"),
		To:     asid.MustParseID("200000000205"),
		Claims: asid.Claims{Organization: ods("AMS01"), User: "555021935107"},
		SSP:    ssp,
		Base:   base,
	}}
	resp, err := client.Get("https://p1.nhs.uk/Plans/da2b")
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	fmt.Println(resp.StatusCode)
	// Output:
	// GET https://proxy.int.spine2.ncrs.nhs.uk/https%3A%2F%2Fp1.nhs.uk%2FPlans%2Fda2b
	// Ssp-From: 928942012545
	// Ssp-To: 200000000205
	// Ssp-InteractionID: urn:nhs:names:services:nrl:DocumentReference.content.read
	// 200
}

// A registry in YAML; ASIDs need no quotes.
func ExampleFile_yaml() {
	registry, err := asidyaml.Read(strings.NewReader(`
systems:
  - asid: 000000000205
    ods: [RR8, RGD]
    fqdns: [nrl-rr8.supplier.thirdparty.nhs.uk]
    interactions:
      - urn:nhs:names:services:nrl:DocumentReference.read
`))
	if err != nil {
		log.Fatal(err)
	}
	sys, err := registry.Lookup(context.Background(), asid.MustParseID("000000000205"))
	fmt.Println(sys.ODS, err)
	_, err = registry.Lookup(context.Background(), asid.MustParseID("000000000206"))
	fmt.Println(err)
	// Output:
	// [RR8 RGD] <nil>
	// the ASID is unknown
}

func ExampleInteractionOf() {
	for _, r := range []*http.Request{
		httptest.NewRequest(http.MethodPatch, "/STU3/DocumentReference/4711", nil),
		httptest.NewRequest(http.MethodPatch, "/STU3/DocumentReference%2F4711", nil),
	} {
		fmt.Println(asid.InteractionOf(r))
	}
	// Output:
	// urn:nhs:names:services:nrl:DocumentReference.update <nil>
	//  the request has an encoded path
}
