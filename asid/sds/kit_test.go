// SPDX-License-Identifier: Apache-2.0

package sds_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/asid/sds"
	"github.com/nrlsecurity/nrlsecurity/asid/sds/sdstest"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/spinetest"
)

const (
	directoryName = "ldap.nhs.uk"
	ownName       = "nrl.nhs.uk"
	sharedFQDN    = "gp.supplier.thirdparty.nhs.uk"
)

var (
	rr8ID     = mustID("200000000205")
	rxaID     = mustID("200000000206")
	canaryID  = mustID("000000000001")
	unknownID = mustID("299999999999")
)

func mustID(s string) asid.ID {
	var id asid.ID
	if err := id.UnmarshalText([]byte(s)); err != nil {
		panic(err)
	}
	return id
}

func ods(s string) asid.ODSCode {
	code, err := asid.ParseODSCode(s)
	if err != nil {
		panic(err)
	}
	return code
}

// nrlInteractions are what a provider is assured for.
var nrlInteractions = []string{
	string(asid.DocumentReferenceCreate), string(asid.DocumentReferenceUpdate), string(asid.DocumentReferenceDelete),
}

// directory has two systems that share a message handling system, and a canary
// that has none.
func directory() sdstest.Directory {
	return sdstest.Directory{
		AS: []sdstest.AS{
			{ASID: "200000000205", ODS: "RR8", Clients: []string{"RR8"}, PartyKey: "YGM24-820388", Manufacturer: "YGM24", Interactions: nrlInteractions},
			{ASID: "200000000206", ODS: "RXA", Clients: []string{"RXA"}, PartyKey: "YGM24-820388", Manufacturer: "YGM24", Interactions: nrlInteractions[:1]},
			{ASID: "000000000001", ODS: "X26", Interactions: nrlInteractions[:1]},
		},
		MHS: []sdstest.MHS{
			{ODS: "RR8", PartyKey: "YGM24-820388", Interaction: nrlInteractions[0], FQDN: sharedFQDN, Endpoints: []string{"https://" + sharedFQDN + "/a"}},
			{ODS: "RXA", PartyKey: "YGM24-820388", Interaction: nrlInteractions[1], FQDN: "GP.Supplier.thirdparty.nhs.uk"},
			{ODS: "RXA", PartyKey: "RXA-1234567", Interaction: nrlInteractions[1], FQDN: "other.nhs.uk"},
		},
	}
}

func rr8() asid.System {
	return asid.System{
		ASID: rr8ID, ODS: []asid.ODSCode{ods("RR8")}, FQDNs: []string{sharedFQDN},
		Interactions: []asid.InteractionID{asid.DocumentReferenceCreate, asid.DocumentReferenceUpdate, asid.DocumentReferenceDelete},
	}
}

func rxa() asid.System {
	return asid.System{
		ASID: rxaID, ODS: []asid.ODSCode{ods("RXA")}, FQDNs: []string{sharedFQDN},
		Interactions: []asid.InteractionID{asid.DocumentReferenceCreate},
	}
}

// interactions returns n of them.
func interactions(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("urn:nhs:names:services:gpconnect:fhir:rest:interaction-%d", i)
	}
	return list
}

// spine is the process's Spine, of which tests revoke no certificate but their own.
var spine = sync.OnceValue(spinetest.NewPKI)

// startLDAP returns a running directory and a registry on it.
func startLDAP(t *testing.T, config sdstest.SlapdConfig) (*sdstest.Slapd, *sds.LDAP) {
	if config.PKI == nil {
		config.PKI = spine()
	}
	config.FQDN = directoryName
	slapd := sdstest.StartSlapd(t, config)
	return slapd, &sds.LDAP{Address: slapd.Address, Endpoint: config.PKI.Endpoint(ownName, directoryName)}
}

func lookup(t *testing.T, registry asid.Registry, id asid.ID) *asid.System {
	t.Helper()
	sys, err := registry.Lookup(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, id, sys.ASID)
	return sys
}
