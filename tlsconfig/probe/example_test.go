// SPDX-License-Identifier: Apache-2.0

package probe_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/probe"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/spinetest"
)

func ExampleProber_Server() {
	pki := spinetest.NewPKI() // in real use: the certificates of the environment
	defer pki.Close()
	server := pki.NewServer(pki.Endpoint("provider.nhs.uk", "ssp.nhs.uk"), http.NotFoundHandler())
	defer server.Close()

	client := pki.Issue("ssp.nhs.uk")
	prober := &probe.Prober{
		ServerName:  "provider.nhs.uk",
		Certificate: &client,
		Verifier:    &tlsconfig.Verifier{Pins: pki.Pins(), Revocation: pki.Checker()},
	}
	report, err := prober.Server(context.Background(), strings.TrimPrefix(server.URL, "https://"))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(report.Verdict())
	for _, f := range report.Findings {
		if f.Subject == "order of preference" || f.Subject == "a client without a certificate" {
			fmt.Printf("%s: %v\n", f.Subject, f.Severity)
		}
	}
	// Output:
	// conformant
	// order of preference: conformant
	// a client without a certificate: conformant
}
