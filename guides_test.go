// SPDX-License-Identifier: Apache-2.0

package nrlsecurity_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/asid/asidtest"
	"github.com/nrlsecurity/nrlsecurity/pointer"
	memory "github.com/nrlsecurity/nrlsecurity/pointer/nrl"
	"github.com/nrlsecurity/nrlsecurity/pointer/pointertest"
	"github.com/nrlsecurity/nrlsecurity/testdata"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/spinetest"
)

const sspName = "msg.int.spine2.ncrs.nhs.uk"

// A provider's records are for the Spine Secure Proxy alone. Two things stand before
// the handler: the endpoint, which refuses every other client's handshake, and the gate,
// which holds each request's headers to what the proxy sends. In production the pins
// are files (tlsconfig.LoadPins), the certificate is (tlsconfig.CertificateFiles), and
// revocation is asked of a revocation.CRLs whose Run has been started; here all three
// come from a Spine in memory.
func Example_provider() {
	pki := spinetest.NewPKI()
	defer pki.Close()
	end := &tlsconfig.Endpoint{
		Certificate: tlsconfig.StaticCertificate(pki.Issue("provider.nhs.uk")),
		Verifier:    tlsconfig.Verifier{Pins: pki.Pins(), FQDNs: []string{sspName}, Revocation: pki.Checker()},
	}
	self := asid.MustParseID("200000000205")
	gate := &asid.Gate{Self: self, Peers: end}
	records := gate.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		forwarded, _ := asid.ForwardedFrom(r.Context()) // for audit, never to decide by
		fmt.Fprint(w, "a record for ", forwarded.From)
	}))
	server := pki.NewServer(end, records)
	defer server.Close()

	registry, err := asid.NewMemory(
		asid.System{ASID: asid.MustParseID("928942012545"), ODS: odsCodes("AMS01"), FQDNs: []string{"consumer.nhs.uk"},
			Interactions: []asid.InteractionID{asid.DocumentReferenceContentRead}},
		asid.System{ASID: self, ODS: odsCodes("RR8"), FQDNs: []string{"provider.nhs.uk"}},
	)
	if err != nil {
		log.Fatal(err)
	}
	ssp := asidtest.NewSSP(pki, sspName, registry)
	defer ssp.Close()
	consumer := ssp.Client(pki.Issue("consumer.nhs.uk"), asid.MustParseID("928942012545"), self)
	fmt.Println("through the proxy:", get(consumer, "https://provider.nhs.uk/records/1"))

	direct := server.Client(pki.Issue("consumer.nhs.uk"))
	_, err = direct.Get(server.URL + "/records/1")
	fmt.Println("past the proxy, refused:", err != nil)

	proxy := server.Client(pki.Issue(sspName))
	fmt.Println("from the proxy, without its headers:", get(proxy, server.URL+"/records/1"))
	// Output:
	// through the proxy: 200 a record for 928942012545
	// past the proxy, refused: true
	// from the proxy, without its headers: 400
}

// A consumer's client: the endpoint verifies the server, the transport adds the ASIDs,
// the interaction and the token, and writes the record's URL behind the proxy's. What
// is refused is an error of the client, with the rule in it.
func Example_consumer() {
	pki := spinetest.NewPKI()
	defer pki.Close()
	self, provider := asid.MustParseID("928942012545"), asid.MustParseID("200000000205")
	registry, err := asid.NewMemory(
		asid.System{ASID: self, ODS: odsCodes("AMS01"), FQDNs: []string{"consumer.nhs.uk"}, Interactions: []asid.InteractionID{asid.DocumentReferenceContentRead}},
		asid.System{ASID: provider, ODS: odsCodes("RR8"), FQDNs: []string{"provider.nhs.uk"}},
	)
	if err != nil {
		log.Fatal(err)
	}
	ssp := asidtest.NewSSP(pki, "proxy.nhs.uk", registry)
	defer ssp.Close()
	server := pki.NewServer(pki.Endpoint("provider.nhs.uk", "proxy.nhs.uk"), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "a record") }))
	defer server.Close()

	end := &tlsconfig.Endpoint{
		Certificate: tlsconfig.StaticCertificate(pki.Issue("consumer.nhs.uk")),
		Verifier:    tlsconfig.Verifier{Pins: pki.Pins(), FQDNs: []string{"proxy.nhs.uk"}, Revocation: pki.Checker()},
	}
	config, err := end.ClientConfig()
	if err != nil {
		log.Fatal(err)
	}
	proxy, err := url.Parse(ssp.URL)
	if err != nil {
		log.Fatal(err)
	}
	client := &http.Client{Timeout: 30 * time.Second, Transport: &asid.Retry{Base: &asid.Transport{
		From: self, To: provider, SSP: proxy, Claims: asid.Claims{Organization: odsCodes("AMS01")[0], User: "555021935107"},
		Base: &http.Transport{TLSClientConfig: config, Proxy: http.ProxyFromEnvironment, IdleConnTimeout: time.Minute},
	}}}
	defer client.CloseIdleConnections()
	fmt.Println(get(client, "https://provider.nhs.uk/records/1"))

	client.CloseIdleConnections()
	end.Verifier.FQDNs = []string{"another.nhs.uk"}
	if config, err = end.ClientConfig(); err != nil {
		log.Fatal(err)
	}
	client.Transport.(*asid.Retry).Base.(*asid.Transport).Base.(*http.Transport).TLSClientConfig = config
	_, err = client.Get("https://provider.nhs.uk/records/1")
	if refusal, ok := errors.AsType[*tlsconfig.PeerError](err); ok {
		fmt.Println("another server than it should be, refused by rule", refusal.Rule)
	}
	// Output:
	// 200 a record
	// another server than it should be, refused by rule fqdn
}

// An NRL-like server: any system of the Spine may connect, and the authorizer binds its
// certificate to the ASID that it claims; the guard lets it change only its own
// pointers. Behind both is the store: here one in memory, in production your own, with
// pointer.DecisionFrom, or a FHIR server behind pointer.Forward.
func Example_nrl() {
	pki := spinetest.NewPKI()
	defer pki.Close()
	end := &tlsconfig.Endpoint{
		Certificate: tlsconfig.StaticCertificate(pki.Issue("nrl.nhs.uk")),
		Verifier:    tlsconfig.Verifier{Pins: pki.Pins(), AllowAnyFQDN: true, Revocation: pki.Checker()},
	}
	maintainer := func(id, ods, fqdn string) asid.System {
		return asid.System{ASID: asid.MustParseID(id), ODS: odsCodes(ods), FQDNs: []string{fqdn},
			Interactions: []asid.InteractionID{asid.DocumentReferenceCreate, asid.DocumentReferenceDelete}}
	}
	registry, err := asid.NewMemory(maintainer("200000000205", "RR8", "rr8.nhs.uk"), maintainer("200000000206", "RXA", "rxa.nhs.uk"))
	if err != nil {
		log.Fatal(err)
	}
	self := asid.MustParseID("999999999999")
	store := new(memory.Store)
	authorizer := &asid.Authorizer{Registry: registry, Self: self, Peers: end}
	guard := &pointer.Guard{Resolver: store, Disclose: true}
	server := pki.NewServer(end, authorizer.Middleware(guard.Middleware(store)))
	defer server.Close()

	client := func(id, ods, fqdn string) *http.Client {
		c := server.Client(pki.Issue(fqdn))
		c.Transport = &asid.Transport{From: asid.MustParseID(id), To: self, Claims: asid.Claims{Organization: odsCodes(ods)[0]}, Base: c.Transport}
		return c
	}
	owner, other := client("200000000205", "RR8", "rr8.nhs.uk"), client("200000000206", "RXA", "rxa.nhs.uk")
	created, err := owner.Post(server.URL+"/STU3/DocumentReference", "application/fhir+json", strings.NewReader(pointerOfRR8()))
	if err != nil {
		log.Fatal(err)
	}
	created.Body.Close()
	fmt.Println("create by RR8:", created.StatusCode)
	one := server.URL + "/STU3/DocumentReference/" + path.Base(created.Header.Get("Location"))
	fmt.Println("delete by RXA:", remove(other, one))
	fmt.Println("delete by RR8:", remove(owner, one))

	impostor := client("200000000205", "RR8", "rxa.nhs.uk") // RXA's certificate under RR8's ASID
	fmt.Println("RR8's ASID with another certificate:", remove(impostor, one))
	// Output:
	// create by RR8: 201
	// delete by RXA: 400
	// delete by RR8: 200
	// RR8's ASID with another certificate: 403
}

// A tester puts handlers and configs to the test with the cases of the corpus: each
// kit returns what was let pass that should not have been, or the other way round, and
// nil if nothing was. RunGate, RunAuthorizer, RunGuard and RunServer make subtests of it.
func Example_tester() {
	gate := func(check asid.TokenCheck) error {
		return asidtest.TestGate(func(s asidtest.Setting) http.Handler {
			gate := &asid.Gate{Self: s.Self, Peers: s.Peers, Time: s.Time, Tokens: check}
			return gate.Middleware(asidtest.Mark(http.NotFoundHandler()))
		})
	}
	fmt.Println("the gate:", gate(asid.TokenDefault))

	fmt.Println("the guard:", pointertest.TestGuard(func(s pointertest.Setting) http.Handler {
		guard := &pointer.Guard{Resolver: s.Resolver}
		authorizer := &asid.Authorizer{Registry: s.Registry, Self: s.Self, Peers: s.Peers, Time: s.Time}
		return authorizer.Middleware(guard.Middleware(asidtest.Mark(http.NotFoundHandler())))
	}))
	unguarded := pointertest.TestGuard(func(s pointertest.Setting) http.Handler {
		authorizer := &asid.Authorizer{Registry: s.Registry, Self: s.Self, Peers: s.Peers, Time: s.Time}
		return authorizer.Middleware(asidtest.Mark(http.NotFoundHandler()))
	})
	fmt.Println("without the guard, found:", unguarded != nil)

	pki := spinetest.NewPKI()
	defer pki.Close()
	end := pki.Endpoint("provider.nhs.uk", "ssp.nhs.uk")
	config, err := end.ServerConfig()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("the server's TLS:", spinetest.TestServer(pki, config, "ssp.nhs.uk"))

	var good, bad int
	for _, c := range testdata.Cases() { // or take the corpus, and run it as you like
		if c.Registry != nil {
			if _, err := asid.ReadRegistry(bytes.NewReader(append([]byte(c.Registry.Text), c.Registry.Octets...))); (err == nil) == (c.Verdict == testdata.Accept) {
				good++
			} else {
				bad++
			}
		}
	}
	fmt.Println("registries of the corpus read wrongly:", bad, "of", good+bad > 40)
	// Output:
	// the gate: <nil>
	// the guard: <nil>
	// without the guard, found: true
	// the server's TLS: <nil>
	// registries of the corpus read wrongly: 0 of true
}

// A GP Connect provider is called by the Spine Secure Proxy as well, with interactions
// of its own and tokens of another shape. One gate serves all its endpoints: each path
// has its interaction, and what names another one does not come through.
func Example_gpConnect() {
	const search, structured = asid.InteractionID("urn:nhs:names:services:gpconnect:fhir:rest:search:patient-1"),
		asid.InteractionID("urn:nhs:names:services:gpconnect:fhir:operation:gpc.getstructuredrecord-1")
	self := asid.MustParseID("918999198993")
	gate := &asid.Gate{Self: self, Peers: asidtest.Peers{}} // in production: the tlsconfig.Endpoint
	says := func(what string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, what) })
	}
	handler, err := gate.Handler(
		asid.Endpoint{Path: "/gpc/Patient", Interaction: search, Methods: []string{http.MethodGet}, Handler: says("patients")},
		asid.Endpoint{Path: "/gpc/Patient/$gpc.getstructuredrecord", Interaction: structured, Methods: []string{http.MethodPost}, Handler: says("a structured record")},
	)
	if err != nil {
		log.Fatal(err)
	}
	consumer := asid.System{ASID: asid.MustParseID("200000000359"), ODS: odsCodes("A20047")}
	ask := func(target string, interaction asid.InteractionID) {
		request := asidtest.NewSSPRequest(target, consumer, self, sspName)
		request.Header.Set("Ssp-InteractionID", string(interaction))
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, request)
		fmt.Println(w.Code, strings.TrimPrefix(string(interaction), "urn:nhs:names:services:gpconnect:fhir:"))
	}
	ask("https://gp.nhs.uk/gpc/Patient?identifier=x", search)
	ask("https://gp.nhs.uk/gpc/Patient?identifier=x", structured)
	ask("https://gp.nhs.uk/gpc/Practitioner?identifier=x", search)
	// Output:
	// 200 rest:search:patient-1
	// 400 operation:gpc.getstructuredrecord-1
	// 400 rest:search:patient-1
}

// What the guides share.

func odsCodes(code string) []asid.ODSCode {
	parsed, err := asid.ParseODSCode(code)
	if err != nil {
		log.Fatal(err)
	}
	return []asid.ODSCode{parsed}
}

// get returns the status and, of a 2xx, the body.
func get(client *http.Client, url string) string {
	response, err := client.Get(url)
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	if response.StatusCode > 299 {
		return fmt.Sprint(response.StatusCode)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprint(response.StatusCode, " ", string(body))
}

func remove(client *http.Client, url string) int {
	request, err := http.NewRequestWithContext(context.Background(), http.MethodDelete, url, nil)
	if err != nil {
		log.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		log.Fatal(err)
	}
	response.Body.Close()
	return response.StatusCode
}

// pointerOfRR8 is a whole, good pointer whose custodian is RR8.
func pointerOfRR8() string {
	for _, c := range testdata.Cases() {
		if c.Name == "change: create of STU3 JSON: by the custodian" {
			return c.Change.Body
		}
	}
	return ""
}
