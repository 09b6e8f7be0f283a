// SPDX-License-Identifier: Apache-2.0

package spinetest_test

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"time"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/spinetest"
)

// A provider that only the Secure Proxy may call.
func ExamplePKI_NewServer() {
	pki := spinetest.NewPKI()
	defer pki.Close()
	records := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "a record") })
	server := pki.NewServer(pki.Endpoint("provider.nhs.uk", "ssp.nhs.uk"), records)
	defer server.Close()

	ssp := pki.Issue("ssp.nhs.uk")
	response, err := server.Client(ssp).Get(server.URL)
	if err != nil {
		log.Fatal(err)
	}
	response.Body.Close()
	fmt.Println("the proxy:", response.Status)

	_, err = server.Client(pki.Issue("somebody.nhs.uk")).Get(server.URL)
	fmt.Println("somebody else was refused:", err != nil)

	pki.Authority.Revoke(ssp.Leaf, revocation.ReasonKeyCompromise, time.Now())
	_, err = server.Client(ssp).Get(server.URL)
	fmt.Println("the proxy, revoked, was refused:", err != nil)
	// Output:
	// the proxy: 200 OK
	// somebody else was refused: true
	// the proxy, revoked, was refused: true
}

// A certificate that is wrong in one way, and the rule that refuses it.
func ExamplePKI_Issue() {
	pki := spinetest.NewPKI()
	defer pki.Close()
	server := pki.NewServer(pki.Endpoint("provider.nhs.uk", "ssp.nhs.uk"), http.NotFoundHandler())
	defer server.Close()

	// The server's certificate is judged by the client.
	impostor := pki.NewServer(pki.Endpoint("impostor.nhs.uk", "ssp.nhs.uk"), http.NotFoundHandler())
	defer impostor.Close()
	_, err := server.Client(pki.Issue("ssp.nhs.uk")).Get(impostor.URL)
	if refusal, ok := errors.AsType[*tlsconfig.PeerError](err); ok {
		fmt.Println(refusal.Rule)
	}
	// Output: fqdn
}

// A consumer retrieves a record from a provider through the Secure Proxy.
func ExamplePKI_NewSSP() {
	pki := spinetest.NewPKI()
	defer pki.Close()
	from, to := asid.MustParse("200000000115"), asid.MustParse("200000000205")
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
	ssp := pki.NewSSP("ssp.nhs.uk", registry)
	defer ssp.Close()
	gate := &asid.Gate{Self: to}
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

// Any config can be put to the test, however it was made.
func ExampleTestServer() {
	pki := spinetest.NewPKI()
	defer pki.Close()
	end := pki.Endpoint("provider.nhs.uk", "ssp.nhs.uk")
	config, err := end.ServerConfig()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("as it should be:", spinetest.TestServer(pki, config, "ssp.nhs.uk"))

	end.Peer.Revocation = tlsconfig.InsecureSkipRevocation{}
	if config, err = end.ServerConfig(); err != nil {
		log.Fatal(err)
	}
	fmt.Println("without revocation, found wanting:", spinetest.TestServer(pki, config, "ssp.nhs.uk") != nil)
	// Output:
	// as it should be: <nil>
	// without revocation, found wanting: true
}
