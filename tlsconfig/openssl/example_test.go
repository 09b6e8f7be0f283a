// SPDX-License-Identifier: Apache-2.0

package openssl_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/openssl"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/spinetest"
)

// A provider and a consumer that has only a suite which crypto/tls lacks.
func Example() {
	if err := openssl.Available(); err != nil {
		log.Fatal(err)
	}
	pki := spinetest.NewPKI()
	defer pki.Close()

	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	l, err := openssl.NewListener(inner, pki.Endpoint("provider.nhs.uk", "ssp.nhs.uk"))
	if err != nil {
		log.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s with %v", r.TLS.PeerCertificates[0].Subject.CommonName, tlsconfig.Suite(r.TLS.CipherSuite))
	})}
	ended := make(chan error)
	go func() { ended <- srv.Serve(l) }()

	ssp := pki.Endpoint("ssp.nhs.uk", "provider.nhs.uk")
	ssp.Suites = []tlsconfig.Suite{tlsconfig.DHE_RSA_AES256_GCM_SHA384}
	dialer, err := openssl.NewDialer(ssp)
	if err != nil {
		log.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DialTLSContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		// Where names resolve, DialTLSContext is dialer.DialContext itself.
		return dialer.DialContext(ctx, network, inner.Addr().String())
	}}}
	resp, err := client.Get("https://provider.nhs.uk/")
	if err != nil {
		log.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", body)
	resp.Body.Close()
	client.CloseIdleConnections()
	srv.Close()
	<-ended
	// Output:
	// ssp.nhs.uk with DHE-RSA-AES256-GCM-SHA384
}
