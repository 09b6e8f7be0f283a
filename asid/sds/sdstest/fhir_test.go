// SPDX-License-Identifier: Apache-2.0

package sdstest_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid/sds/sdstest"
)

const (
	organization = "organization=https://fhir.nhs.uk/Id/ods-organization-code%7C"
	interaction  = "&identifier=https://fhir.nhs.uk/Id/nhsServiceInteractionId%7C"
	partyKey     = "&identifier=https://fhir.nhs.uk/Id/nhsMhsPartyKey%7C"
)

func newService() *sdstest.FHIR {
	f := &sdstest.FHIR{APIKey: "key"}
	f.SetDirectory(sdstest.Directory{
		AS: []sdstest.AS{
			{ASID: "200000000205", ODS: "RR8", Clients: []string{"RR8"}, PartyKey: "RR8-1", Interactions: []string{"urn:nhs:a", "urn:nhs:b"}},
			{ASID: "200000000206", ODS: "RR9", Clients: []string{"RR8", "RR9"}, Interactions: []string{"urn:nhs:a"}},
		},
		MHS: []sdstest.MHS{{ODS: "RR8", PartyKey: "RR8-1", Interaction: "urn:nhs:a", FQDN: "a.nhs.uk", Endpoints: []string{"https://a.nhs.uk/1", "https://a.nhs.uk/2"}}},
	})
	return f
}

func ask(f http.Handler, path string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Header.Set("apikey", "key")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	return w
}

func TestFHIRAnswersAsTheServiceDoes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		path    string
		headers []string
		status  int
		total   int
	}{
		"a system":                      {"/Device?" + organization + "RR8" + interaction + "urn:nhs:a", nil, 200, 1},
		"with blanks":                   {"/Device?" + organization + "%20RR8" + interaction + "urn:nhs:a%20", nil, 200, 1},
		"in other case":                 {"/Device?" + organization + "rr8" + interaction + "urn:nhs:a", nil, 200, 0},
		"a party key in other case":     {"/Device?" + organization + "RR8" + interaction + "urn:nhs:a" + partyKey + "rr8-1", nil, 200, 1},
		"an endpoint for each address":  {"/Endpoint?" + organization + "RR8" + partyKey + "RR8-1", nil, 200, 2},
		"without an interaction":        {"/Device?" + organization + "RR8", nil, 400, 0},
		"one parameter for an endpoint": {"/Endpoint?" + organization + "RR8", nil, 400, 0},
		"an unknown parameter":          {"/Device?" + organization + "RR8" + interaction + "urn:nhs:a&_count=10", nil, 400, 0},
		"a system with two clients":     {"/Device?" + organization + "RR9" + interaction + "urn:nhs:a", nil, 500, 0},
		"another kind":                  {"/Patient?" + organization + "RR8", nil, 400, 0},
		"another key":                   {"/Device", []string{"apikey", "x"}, 401, 0},
		"a parameter of the media type": {"/Device?" + organization + "RR8" + interaction + "urn:nhs:a", []string{"Accept", "application/fhir+json; charset=utf-8"}, 406, 0},
		"a correlation id that is none": {"/Device?" + organization + "RR8" + interaction + "urn:nhs:a", []string{"X-Correlation-Id", "x"}, 400, 0},
	} {
		w := ask(newService(), c.path, c.headers...)
		require.Equal(t, c.status, w.Code, name)
		var bundle struct{ Total int }
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &bundle), name)
		assert.Equal(t, c.total, bundle.Total, name)
	}
}

// The gateway answers each caller from its cache, unless it is told not to.
func TestFHIRAnswersFromTheGatewaysCache(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newService()
		const path, mine, other = "/Device?" + organization + "RR8" + interaction + "urn:nhs:a",
			"00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"
		first := ask(f, path, "X-Correlation-Id", other, "Cache-Control", "no-cache")
		require.Equal(t, http.StatusOK, first.Code)
		f.Fail(sdstest.Failing)
		for _, control := range []string{"", "no-cache, no-store", "max-age=0"} {
			w := ask(f, path, "X-Correlation-Id", mine, "Cache-Control", control)
			assert.Equal(t, http.StatusOK, w.Code, control)
			assert.Equal(t, other, w.Header().Get("X-Correlation-Id"), control)
			assert.Equal(t, first.Body, w.Body, control)
		}
		assert.Equal(t, http.StatusInternalServerError, ask(f, path, "Cache-Control", "no-cache").Code)
		assert.Equal(t, http.StatusInternalServerError, ask(f, path, "Accept", "*/*").Code, "another question")
		assert.Equal(t, http.StatusUnauthorized, ask(f, path, "apikey", "x").Code)
		time.Sleep(30 * time.Minute)
		assert.Equal(t, http.StatusInternalServerError, ask(f, path).Code)
	})
}

func TestDirectoryAsLDIF(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	d := sdstest.Directory{AS: []sdstest.AS{{ASID: "200000000205", ODS: "RR8", Interactions: []string{"urn:nhs:a "}}}}
	require.NoError(t, d.WriteLDIF(&text))
	assert.Contains(t, text.String(), "dn: uniqueIdentifier=200000000205,ou=Services,o=nhs\nobjectClass: nhsAs\nuniqueIdentifier: 200000000205\nnhsIDCode: RR8\nnhsAsSvcIA:: dXJuOm5oczphIA==\n\n")
}
