// SPDX-License-Identifier: Apache-2.0

package tlsconfig_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/spinetest"
)

// A provider serves records to the SSP only; a consumer calls
// it. The PKI here is made up: in earnest, pins and certificates come from
// LoadPins and CertificateFiles, and Revocation is a revocation.Checker that
// fetches.
func Example() {
	pki := spinetest.NewPKI()
	defer pki.Close()

	provider := &tlsconfig.Endpoint{
		Certificate: tlsconfig.StaticCertificate(pki.Issue("nrl-rr8.supplier.thirdparty.nhs.uk")),
		Verifier: tlsconfig.Verifier{
			Pins:       pki.Pins(),
			FQDNs:      []string{"msg.int.spine2.ncrs.nhs.uk"},
			Revocation: pki.Checker(),
		},
	}
	config, err := provider.ServerConfig()
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{
		TLSConfig:         config,
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          log.New(io.Discard, "", 0),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, "a record, by %v", tlsconfig.Suite(r.TLS.CipherSuite))
		}),
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go server.ServeTLS(listener, "", "") // the config has the certificate
	defer server.Close()

	for _, name := range []string{"msg.int.spine2.ncrs.nhs.uk", "another.nhs.uk"} {
		caller := &tlsconfig.Endpoint{
			Certificate: tlsconfig.StaticCertificate(pki.Issue(name)),
			Verifier: tlsconfig.Verifier{
				Pins:       pki.Pins(),
				FQDNs:      []string{"nrl-rr8.supplier.thirdparty.nhs.uk"}, // what is dialled is an address
				Revocation: pki.Checker(),
			},
		}
		config, err := caller.ClientConfig()
		if err != nil {
			log.Fatal(err)
		}
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}}
		resp, err := client.Get("https://" + listener.Addr().String())
		if err != nil {
			fmt.Println(name, "is refused:", errors.Unwrap(err))
			continue
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		fmt.Println(name, "gets", string(body))
	}
	// Output:
	// msg.int.spine2.ncrs.nhs.uk gets a record, by ECDHE-RSA-AES256-GCM-SHA384
	// another.nhs.uk is refused: remote error: tls: bad certificate
}

// The Verifier can be used by itself. Its errors name the rule.
func ExampleVerifier_Verify() {
	pki := spinetest.NewPKI()
	defer pki.Close()
	verifier := &tlsconfig.Verifier{
		Pins:       pki.Pins(),
		FQDNs:      []string{"msg.int.spine2.ncrs.nhs.uk"},
		Revocation: pki.Checker(),
	}
	for _, cert := range []tls.Certificate{
		pki.Issue("msg.int.spine2.ncrs.nhs.uk"),
		pki.Issue("msg.int.spine2.ncrs.nhs.uk", spinetest.FromOtherSubCA()),
		pki.Issue("*.int.spine2.ncrs.nhs.uk"),
	} {
		leaf, err := x509.ParseCertificate(cert.Certificate[0])
		if err != nil {
			log.Fatal(err)
		}
		chain, err := verifier.Verify(context.Background(), tlsconfig.Presented{
			Certificates: []*x509.Certificate{leaf},
			Usage:        x509.ExtKeyUsageClientAuth,
		})
		if refusal, ok := errors.AsType[*tlsconfig.PeerError](err); ok {
			fmt.Println("refused by rule", refusal.Rule)
			continue
		}
		fmt.Println("accepted, issued by", chain[1].Subject.CommonName)
	}
	// Output:
	// accepted, issued by Test Authentication
	// refused by rule subca
	// refused by rule fqdn
}

// Audit judges configs from anywhere.
func ExampleAudit() {
	err := tlsconfig.Audit(&tls.Config{
		MinVersion:         tls.VersionTLS12,
		CipherSuites:       []uint16{tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384},
		InsecureSkipVerify: true,
		ServerName:         "proxy.int.spine2.ncrs.nhs.uk",
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return new(tls.Certificate), nil
		},
	})
	for _, departure := range err.(interface{ Unwrap() []error }).Unwrap() {
		fmt.Println(departure.(*tlsconfig.AuditError).Field)
	}
	// Output:
	// MaxVersion
	// InsecureSkipVerify
	// VerifyConnection
}

func ExampleSuites() {
	for _, suite := range tlsconfig.Suites() {
		fmt.Printf("%-27v native %v\n", suite, suite.Native())
	}
	// Output:
	// ECDHE-RSA-AES256-GCM-SHA384 native true
	// ECDHE-RSA-AES128-GCM-SHA256 native true
	// DHE-RSA-AES256-GCM-SHA384   native false
	// DHE-RSA-AES128-GCM-SHA256   native false
	// ECDHE-RSA-AES256-SHA384     native false
	// DHE-RSA-AES256-SHA256       native false
	// DHE-RSA-AES256-SHA          native false
	// ECDHE-RSA-AES256-SHA        native true
}
