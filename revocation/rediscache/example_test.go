// SPDX-License-Identifier: Apache-2.0

package rediscache_test

import (
	"log"
	"net/http"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/rediscache"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// A provider, one of several, that knows from its start what another one has fetched.
func ExampleCache() {
	client := redis.NewClient(&redis.Options{Addr: "cache.internal:6379", ContextTimeoutEnabled: true})
	defer client.Close()
	source := &revocation.CRLs{Fetcher: &revocation.HTTPFetcher{}, Cache: &rediscache.Cache{Client: client}}

	pins, err := tlsconfig.LoadPins("roots.pem", "subcas.pem")
	if err != nil {
		log.Fatal(err)
	}
	end := &tlsconfig.Endpoint{
		Certificate: tlsconfig.CertificateFiles("provider.pem", "provider.key"),
		Verifier: tlsconfig.Verifier{
			Pins:       pins,
			FQDNs:      []string{"msg.int.spine2.ncrs.nhs.uk"},
			Revocation: &revocation.Checker{Sources: []revocation.Source{source}},
		},
	}
	config, err := end.ServerConfig()
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{Addr: ":443", TLSConfig: config, Handler: http.NotFoundHandler(), ReadHeaderTimeout: 10 * time.Second}
	log.Fatal(server.ListenAndServeTLS("", ""))
}
