// SPDX-License-Identifier: Apache-2.0

// Package supplier is a provider as a supplier would write it: it is copied into a
// module of its own, tested there, and tested again with a rule taken out.
package supplier

import (
	"net/http"
	"time"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// Handler serves records to the Spine Secure Proxy.
func Handler(self asid.ID, peers asid.PeerSource, clock func() time.Time, records http.Handler) http.Handler {
	gate := &asid.Gate{Self: self, Peers: peers, Time: clock}
	mux := http.NewServeMux()
	mux.Handle("/records/", gate.Middleware(records))
	mux.Handle("/letters/", gate.Middleware(records))
	return mux
}

// Endpoint accepts the Spine Secure Proxy.
func Endpoint(own tlsconfig.CertificateSource, pins *tlsconfig.Pins, fetcher revocation.Fetcher, clock func() time.Time) *tlsconfig.Endpoint {
	crls := &revocation.CRLs{Fetcher: fetcher, Time: clock}
	checker := &revocation.Checker{Sources: []revocation.Source{crls}, Time: clock}
	return &tlsconfig.Endpoint{
		Certificate: own,
		Verifier:    tlsconfig.Verifier{Pins: pins, FQDNs: []string{"ssp.nhs.uk"}, Revocation: checker, Time: clock},
	}
}
