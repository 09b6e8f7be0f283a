// SPDX-License-Identifier: Apache-2.0

package nrlsecurity_test

import (
	"context"
	"errors"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/pointer"
	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/spinetest"
)

// The functions below are the snippets of README.md: what it shows compiles.

func provider(records http.Handler) {
	pins, err := tlsconfig.LoadPins("spine-roots.pem", "spine-subcas.pem")
	if err != nil {
		log.Fatal(err)
	}
	crls := &revocation.CRLs{Fetcher: &revocation.HTTPFetcher{}, Cache: revocation.DirCache("crls"), Logger: slog.Default()}
	go crls.Run(context.Background())
	end := &tlsconfig.Endpoint{
		Certificate: tlsconfig.CertificateFiles("provider.pem", "provider.key"),
		Verifier: tlsconfig.Verifier{
			Pins:       pins,
			FQDNs:      []string{"msg.int.spine2.ncrs.nhs.uk"}, // the Spine Secure Proxy's
			Revocation: &revocation.Checker{Sources: []revocation.Source{crls}},
		},
		Logger: slog.Default(),
	}
	config, err := end.ServerConfig()
	if err != nil {
		log.Fatal(err)
	}
	gate := &asid.Gate{Self: asid.MustParseID("200000000205"), Peers: end, Logger: slog.Default()}
	server := &http.Server{
		Addr: ":443", TLSConfig: config, Handler: gate.Middleware(records),
		ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute,
	}
	log.Fatal(server.ListenAndServeTLS("", ""))
}

func consumer(end *tlsconfig.Endpoint, ods asid.ODSCode, record string) {
	config, err := end.ClientConfig()
	if err != nil {
		log.Fatal(err)
	}
	client := &http.Client{Timeout: 30 * time.Second, Transport: &asid.Transport{
		From:        asid.MustParseID("928942012545"),
		To:          asid.MustParseID("200000000205"),
		Interaction: asid.DocumentReferenceContentRead,
		Protocol:    asid.SSP,
		SSP:         &url.URL{Scheme: "https", Host: "proxy.int.spine2.ncrs.nhs.uk"},
		Claims:      asid.Claims{Organization: ods, User: "111222333444"},
		Base:        &http.Transport{TLSClientConfig: config, Proxy: http.ProxyFromEnvironment, IdleConnTimeout: time.Minute},
	}}
	response, err := client.Get(record)
	if revoked, ok := errors.AsType[*revocation.RevokedError](err); ok {
		log.Fatalf("the proxy's certificate was revoked at %v: %v", revoked.Time, revoked.Reason)
	} else if err != nil {
		log.Fatal(err)
	}
	defer response.Body.Close()
	io.Copy(os.Stdout, response.Body)
}

func nrl(end *tlsconfig.Endpoint, registry asid.Registry, db store) {
	config, err := end.ServerConfig()
	if err != nil {
		log.Fatal(err)
	}
	authorizer := &asid.Authorizer{Registry: registry, Self: asid.MustParseID("999999999999"), Peers: end}
	guard := &pointer.Guard{Resolver: db}
	handler := authorizer.Middleware(guard.Middleware(db)) // db reads pointer.DecisionFrom(r.Context())
	server := &http.Server{
		Addr: ":443", TLSConfig: config, Handler: handler,
		ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute,
	}
	log.Fatal(server.ListenAndServeTLS("", ""))
}

func TestOnlyTheSSPGetsIn(t *testing.T) {
	pki := spinetest.NewPKI()
	defer pki.Close()
	server := pki.NewServer(pki.Endpoint("provider.nhs.uk", "ssp.nhs.uk"), http.NotFoundHandler())
	defer server.Close()

	ssp := pki.Issue("ssp.nhs.uk")
	if _, err := server.Client(ssp).Get(server.URL); err != nil {
		t.Fatal(err)
	}
	pki.Authority.Revoke(ssp.Leaf, revocation.ReasonKeyCompromise, time.Now())
	if _, err := server.Client(ssp).Get(server.URL); err == nil {
		t.Error("a revoked certificate was accepted")
	}
}

type store interface {
	pointer.Resolver
	http.Handler
}

// TestSnippets holds README.md against the functions above.
func TestSnippets(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	source, err := os.ReadFile("snippets_test.go")
	require.NoError(t, err)
	_, rest, _ := strings.Cut(string(readme), "```go\n")
	snippets := 0
	for rest != "" {
		snippet, after, ok := strings.Cut(rest, "```")
		require.True(t, ok, "README.md has a snippet without an end")
		assert.Contains(t, string(source), snippet)
		snippets++
		_, rest, _ = strings.Cut(after, "```go\n")
	}
	assert.Equal(t, 4, snippets)
	for _, f := range []any{provider, consumer, nrl} {
		assert.NotNil(t, f)
	}
}
