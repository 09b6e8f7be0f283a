// SPDX-License-Identifier: Apache-2.0

package sds_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"net/http/httptest"
	"net/url"
	"strings"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/asid/sds"
	"github.com/nrlsecurity/nrlsecurity/asid/sds/sdstest"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// An NRL-like server asks the directory over LDAP. Without a directory's answer the
// ASID is not unknown: the request is refused with 503, not with 403.
func ExampleLDAP() {
	var end tlsconfig.Endpoint // the server's own, with its certificate, pins and revocation
	registry := &sds.LDAP{
		Address:  "ldap.nis1.national.ncrs.nhs.uk:636",
		Endpoint: &end,
		Canary:   asid.MustParseID("200000000205"),
		Logger:   slog.Default(),
	}
	if err := registry.Validate(); err != nil {
		fmt.Println(strings.Split(err.Error(), ":")[0], "cannot be used yet")
	}
	server := &asid.Authorizer{Registry: registry, Self: asid.MustParseID("999999999999")}
	_ = server
	// Output: directory cannot be used yet
}

// A consumer finds the provider of a record: its ASID, which the request must name,
// and the name under which the Spine knows its endpoint.
func ExampleFHIR_Provider() {
	content := string(asid.DocumentReferenceContentRead)
	service := new(sdstest.FHIR) // stands in for the national one
	service.SetDirectory(sdstest.Directory{
		AS:  []sdstest.AS{{ASID: "200000000205", ODS: "RR8", PartyKey: "RR8-822103", Interactions: []string{content}}},
		MHS: []sdstest.MHS{{ODS: "RR8", PartyKey: "RR8-822103", Interaction: content, FQDN: "nrl-rr8.supplier.thirdparty.nhs.uk"}},
	})
	server := httptest.NewTLSServer(service)
	defer server.Close()

	directory := &sds.FHIR{URL: server.URL, APIKey: "a key", Client: server.Client()}
	rr8, err := asid.ParseODSCode("RR8")
	if err != nil {
		log.Fatal(err)
	}
	record := &url.URL{Scheme: "https", Host: "nrl-rr8.supplier.thirdparty.nhs.uk", Path: "/RR8/records/1"}
	provider, err := directory.Provider(context.Background(), rr8, asid.DocumentReferenceContentRead, record)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(provider.ASID, provider.FQDN)
	// Output: 200000000205 nrl-rr8.supplier.thirdparty.nhs.uk
}

// A server whose decisions must not wait holds the whole directory.
func ExampleSnapshot() {
	const export = `
dn: uniqueIdentifier=200000000205,ou=Services,o=nhs
objectClass: nhsAs
uniqueIdentifier: 200000000205
nhsIDCode: RR8
nhsAsSvcIA: urn:nhs:names:services:nrl:DocumentReference.create

`
	snapshot := &sds.Snapshot{Source: func(ctx context.Context) (sds.Systems, error) {
		return sds.ReadLDIF(ctx, strings.NewReader(export)) // or sds.LDIF of a file's name
	}}
	if err := snapshot.Load(context.Background()); err != nil {
		log.Fatal(err)
	}
	sys, err := snapshot.Lookup(context.Background(), asid.MustParseID("200000000205"))
	fmt.Println(sys.ODS, sys.Assured(asid.DocumentReferenceCreate), err)
	// Output: [RR8] true <nil>
}

// The directory has no name for a consumer's certificate: the operator's file has.
func ExampleOverlay() {
	registry, err := asid.NewMemory(asid.System{ASID: asid.MustParseID("928942012545"), Unbound: true})
	if err != nil {
		log.Fatal(err)
	}
	overlay := &sds.Overlay{Registry: registry, Name: "testdata/bindings.json"}
	if err := overlay.Load(); err != nil { // and go overlay.Run(ctx)
		log.Fatal(err)
	}
	sys, err := overlay.Lookup(context.Background(), asid.MustParseID("928942012545"))
	fmt.Println(sys.FQDNs, err)
	// Output: [consumer.thirdparty.nhs.uk] <nil>
}
