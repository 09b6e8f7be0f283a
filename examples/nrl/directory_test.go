// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/asid/sds/sdstest"
	"github.com/nrlsecurity/nrlsecurity/examples/internal/exampletest"
	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
)

// A whole pointer's life with ASIDs from a real directory, which has an update as a
// patch, two systems behind one party key each, and no name for the consumer.
func TestThePointersLifeWithTheDirectory(t *testing.T) {
	t.Parallel()
	testenv.Need(t, "curl", "curl")
	files := exampletest.NewFiles(t)
	const create, remove = string(asid.DocumentReferenceCreate), string(asid.DocumentReferenceDelete)
	slapd := sdstest.StartSlapd(t, sdstest.SlapdConfig{PKI: files.PKI, FQDN: "ldap.nhs.uk", Directory: sdstest.Directory{
		AS: []sdstest.AS{
			{ASID: "200000000205", ODS: "RR8", PartyKey: "RR8-1", Interactions: []string{create, string(asid.DocumentReferencePatch), remove}},
			{ASID: "200000000206", ODS: "RXA", PartyKey: "RXA-1", Interactions: []string{create, remove}},
			{ASID: "928942012545", ODS: "RGD", Interactions: []string{string(asid.DocumentReferenceRead), string(asid.DocumentReferenceSearch)}},
		},
		MHS: []sdstest.MHS{
			{ODS: "RR8", PartyKey: "RR8-1", Interaction: create, FQDN: "rr8.nhs.uk"},
			{ODS: "RXA", PartyKey: "RXA-1", Interaction: create, FQDN: "rxa.nhs.uk"},
		},
	}})
	bindings := filepath.Join(t.TempDir(), "bindings.json")
	require.NoError(t, os.WriteFile(bindings, []byte(`{"bindings": [{"asid": "928942012545", "fqdns": ["rgd.nhs.uk"]}]}`), 0o600))
	port := startWith(t, files, "-sds", "ldaps://"+slapd.Address, "-sds-fqdn", "ldap.nhs.uk", "-sds-canary", "200000000205", "-bindings", bindings)
	assert.NotEmpty(t, pointersLife(t, files, port))
}

func TestRegistryFlags(t *testing.T) {
	t.Parallel()
	files := exampletest.NewFiles(t)
	own := files.Leaf(t, nrlName)
	for name, args := range map[string][]string{
		"no registry":           nil,
		"two registries":        {"-registry", "a.json", "-sds", "ldaps://ldap.nhs.uk"},
		"ldap without TLS":      {"-sds", "ldap://ldap.nhs.uk"},
		"a path":                {"-sds", "ldaps://ldap.nhs.uk/o=nhs"},
		"a canary that is none": {"-sds", "ldaps://ldap.nhs.uk", "-sds-canary", "1"},
		"no key":                {"-sds", "https://sds.nhs.uk"},
		"no bindings":           {"-sds", "ldaps://ldap.nhs.uk", "-bindings", filepath.Join(t.TempDir(), "none")},
	} {
		args = append([]string{"-cert", own.Cert, "-key", own.Key, "-roots", files.Roots, "-subcas", files.SubCAs, "-crl", files.CRL}, args...)
		assert.Error(t, run(t.Context(), args, t.Output(), t.Output()), name)
	}
}
