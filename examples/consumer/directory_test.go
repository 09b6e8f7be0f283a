// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
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

	canary := "RR8," + content
	// Side by side, since each waits between its questions.
	for name, c := range map[string]struct {
		args    []string
		prints  string
		refused error
	}{
		"the owner in the URL":      {[]string{"-url", "https://" + providerName + "/RR8/records/1"}, "record /RR8/records/1", nil},
		"the owner in a flag":       {[]string{"-url", "https://" + providerName + "/records/1", "-owner", "RR8"}, "record /records/1", nil},
		"a host of no system":       {[]string{"-url", "https://nobody.nhs.uk/records/1", "-owner", "RR8"}, "", sds.ErrAmbiguous},
		"unknown, without a canary": {[]string{"-url", "https://" + providerName + "/records/1", "-owner", "RR9"}, "", sds.ErrCanary},
		"unknown, with a canary":    {[]string{"-url", "https://" + providerName + "/records/1", "-owner", "RR9", "-sds-canary", canary}, "", sds.ErrNoProvider},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if testing.Short() && c.refused == sds.ErrNoProvider {
				t.Skip("waits a second between its questions")
			}
			stdout, _, err := s.retrieve(t, append(slices.Clone(args), c.args...)...)
			require.ErrorIs(t, err, c.refused)
			assert.Equal(t, c.prints, stdout)
		})
	}
	_, _, err := s.retrieve(t, append(args, "-url", "https://"+providerName+"/", "-sds-canary", canary)...)
	assert.Error(t, err, "no owner")
}
