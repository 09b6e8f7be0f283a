// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/asid/sds"
	"github.com/nrlsecurity/nrlsecurity/asid/sds/sdstest"
)

func TestConsumerFindsTheProviderInTheDirectory(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	content := string(asid.DocumentReferenceContentRead)
	service := &sdstest.FHIR{APIKey: "key"}
	service.SetDirectory(sdstest.Directory{
		AS: []sdstest.AS{
			{ASID: providerASID, ODS: "RR8", PartyKey: "RR8-1", Interactions: []string{content}},
			{ASID: "200000000299", ODS: "RR8", PartyKey: "RR8-2", Interactions: []string{content}},
		},
		MHS: []sdstest.MHS{
			{ODS: "RR8", PartyKey: "RR8-1", Interaction: content, FQDN: providerName},
			{ODS: "RR8", PartyKey: "RR8-2", Interaction: content, FQDN: "another.nhs.uk"},
		},
	})
	server := httptest.NewTLSServer(service)
	t.Cleanup(server.Close)
	key := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(key, []byte("key\n"), 0o600))
	args := []string{"-to", "", "-ssp", s.ssp.URL, "-fqdn", sspName, "-sds", server.URL, "-sds-key", key,
		"-sds-ca", s.files.Write(t, "sds.pem", "CERTIFICATE", server.Certificate().Raw)}

	stdout, _, err := s.retrieve(t, append(args, "-url", "https://"+providerName+"/RR8/records/1")...)
	require.NoError(t, err)
	assert.Equal(t, "record /RR8/records/1", stdout)
	stdout, _, err = s.retrieve(t, append(args, "-url", "https://"+providerName+"/records/1", "-owner", "RR8")...)
	require.NoError(t, err)
	assert.Equal(t, "record /records/1", stdout)

	_, _, err = s.retrieve(t, append(args, "-url", "https://nobody.nhs.uk/records/1", "-owner", "RR8")...)
	assert.ErrorIs(t, err, sds.ErrAmbiguous)
	_, _, err = s.retrieve(t, append(args, "-url", "https://"+providerName+"/records/1", "-owner", "RR9")...)
	assert.ErrorIs(t, err, sds.ErrCanary)
	_, _, err = s.retrieve(t, append(args, "-url", "https://"+providerName+"/", "-sds-canary", "RR8,"+content)...)
	assert.Error(t, err)
	_, _, err = s.retrieve(t, append(args, "-url", "https://"+providerName+"/records/1", "-owner", "RR9", "-sds-canary", "RR8,"+content)...)
	assert.ErrorIs(t, err, sds.ErrNoProvider)
}
