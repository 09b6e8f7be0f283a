// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"context"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

// One machine may leave the network, and the others ask it.
func ExampleMirror() {
	ca, caKey := exampleCertificate(nil, nil)
	authority := revocationtest.NewAuthority(ca, caKey) // where crl.nhs.uk would be
	defer authority.Close()
	hosts := revocation.AllowHosts(strings.TrimPrefix(authority.URL, "http://"))

	// The machine with a way out. The lists to fetch are those of the certificates
	// that crls is asked about, and these.
	crls := &revocation.CRLs{
		Fetcher: &revocation.HTTPFetcher{Hosts: hosts}, URLs: []string{authority.CRLURL(7)}, KeepDER: true,
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go crls.Run(ctx)
	mirror := &revocation.Mirror{CRLs: crls, Hosts: hosts, CAs: func() []*x509.Certificate { return []*x509.Certificate{ca} }}
	if err := mirror.Validate(); err != nil {
		fmt.Println(err)
	}
	server := httptest.NewServer(mirror)
	defer server.Close()

	// A machine without. It has to come back as long as the mirror has nothing yet.
	inside := &revocation.HTTPFetcher{Hosts: hosts, Rewrite: revocation.RewriteHost(server.URL)}
	request := revocation.Request{URL: authority.CRLURL(7), MaxBytes: 1 << 20}
	list, err := inside.Fetch(ctx, request)
	for ; err != nil; list, err = inside.Fetch(ctx, request) {
		time.Sleep(time.Millisecond)
	}
	fmt.Println("as the CA signed it:", string(list.Body) == string(authority.CRL(7)))

	response, err := http.Get(server.URL + "/etc/passwd")
	if err != nil {
		fmt.Println(err)
		return
	}
	response.Body.Close()
	fmt.Println("anything else:", response.Status)
	// Output:
	// as the CA signed it: true
	// anything else: 404 Not Found
}
