// SPDX-License-Identifier: Apache-2.0

package spinetest_test

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"time"

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

	_, err = server.Client(pki.Issue("consumer.nhs.uk")).Get(server.URL)
	fmt.Println("another system was refused:", err != nil)

	pki.Authority.Revoke(ssp.Leaf, revocation.ReasonKeyCompromise, time.Now())
	_, err = server.Client(ssp).Get(server.URL)
	fmt.Println("the proxy, revoked, was refused:", err != nil)
	// Output:
	// the proxy: 200 OK
	// another system was refused: true
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

	end.Verifier.Revocation = tlsconfig.InsecureSkipRevocation{}
	if config, err = end.ServerConfig(); err != nil {
		log.Fatal(err)
	}
	fmt.Println("without revocation, found wanting:", spinetest.TestServer(pki, config, "ssp.nhs.uk") != nil)
	// Output:
	// as it should be: <nil>
	// without revocation, found wanting: true
}
