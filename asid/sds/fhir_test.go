// SPDX-License-Identifier: Apache-2.0

package sds_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/asid/asidtest"
	"github.com/nrlsecurity/nrlsecurity/asid/sds"
	"github.com/nrlsecurity/nrlsecurity/asid/sds/sdstest"
)

const apiKey = "key-of-a-test"

var theCanary = sds.Canary{Organization: ods("X26"), Interaction: asid.DocumentReferenceCreate}

// startFHIR returns a running stand-in and a client of it that does not wait between
// its requests.
func startFHIR(t *testing.T, d sdstest.Directory) (*sdstest.FHIR, *sds.FHIR) {
	standIn := &sdstest.FHIR{APIKey: apiKey}
	standIn.SetDirectory(d)
	server := httptest.NewTLSServer(standIn)
	t.Cleanup(server.Close)
	return standIn, clientOf(server.URL, server.Client())
}

func clientOf(url string, client *http.Client) *sds.FHIR {
	return &sds.FHIR{
		URL: url + "/spine-directory/FHIR/R4", APIKey: apiKey, Canary: theCanary,
		Client: client, Interval: time.Nanosecond,
		Cache: sds.Caching{RetryAfter: time.Nanosecond}, Providers: sds.Caching{RetryAfter: time.Nanosecond, MaxAge: time.Nanosecond},
	}
}

func sender(id asid.ID, organization string) asid.Sender {
	return asid.Sender{ASID: id, Organization: ods(organization), Interaction: asid.DocumentReferenceCreate}
}

// withOrganisation is a registry that knows which organisation each ASID claims.
type withOrganisation struct {
	asid.SenderRegistry
	claims map[asid.ID]string
}

func (r withOrganisation) Lookup(ctx context.Context, id asid.ID) (*asid.System, error) {
	claimed := r.claims[id]
	if claimed == "" {
		claimed = "RR8"
	}
	return r.LookupSender(ctx, sender(id, claimed))
}

func TestFHIRIsARegistryWithTheOrganisation(t *testing.T) {
	t.Parallel()
	for _, shape := range []sdstest.Fault{0, sdstest.Joined} {
		standIn, registry := startFHIR(t, directory())
		standIn.Fail(shape)
		claims := map[asid.ID]string{rr8ID: "RR8", rxaID: "RXA"}
		assert.NoError(t, asidtest.TestRegistry(withOrganisation{registry, claims}, rr8(), rxa()))
	}
}

func TestAPatchIsLookedUpForAnUpdate(t *testing.T) {
	t.Parallel()
	d := directory()
	d.AS = append(d.AS, sdstest.AS{ASID: "200000000207", ODS: "RR9", Interactions: []string{string(asid.DocumentReferencePatch)}})
	_, registry := startFHIR(t, d)
	sys, err := registry.LookupSender(t.Context(), asid.Sender{ASID: mustID("200000000207"), Organization: ods("RR9"), Interaction: asid.DocumentReferenceUpdate})
	require.NoError(t, err)
	assert.True(t, sys.Assured(asid.DocumentReferenceUpdate))
}

func TestTwoSystemsOfOneASIDAreAmbiguous(t *testing.T) {
	t.Parallel()
	d := directory()
	again := d.AS[0]
	again.PartyKey = "RXA-1234567"
	d.AS = append(d.AS, again)
	_, service := startFHIR(t, d)
	_, err := service.LookupSender(t.Context(), sender(rr8ID, "RR8"))
	assertCannotTell(t, err)
	assert.ErrorIs(t, err, sds.ErrAmbiguous)
}

// A limit of the directory gives a part, whose total fits: what is not in a long
// answer may have been cut off.
func TestALongAnswerDoesNotSayWhatIsNotThere(t *testing.T) {
	t.Parallel()
	for systems, partial := range map[int]bool{99: false, 100: true, 101: true} {
		d := directory()
		for i := range systems {
			d.AS = append(d.AS, sdstest.AS{ASID: fmt.Sprintf("%012d", 400_000_000_000+int64(i)), ODS: "RQX", Interactions: nrlInteractions[:1]})
		}
		_, service := startFHIR(t, d)
		_, err := service.LookupSender(t.Context(), sender(unknownID, "RQX"))
		if partial {
			assertCannotTell(t, err)
			assert.ErrorIs(t, err, sds.ErrPartial, systems)
		} else {
			assert.ErrorIs(t, err, asid.ErrNotFound, systems)
		}
		_, err = service.LookupSender(t.Context(), sender(mustID("400000000000"), "RQX"))
		assert.NoError(t, err, "what is in it is there")
	}
}

func TestFHIRConfirmsTheClaimedOrganisation(t *testing.T) {
	t.Parallel()
	_, registry := startFHIR(t, directory())
	for name, s := range map[string]asid.Sender{
		"another organisation":         sender(rr8ID, "RXA"),
		"another ASID":                 sender(unknownID, "RR8"),
		"an interaction that it lacks": {ASID: rxaID, Organization: ods("RXA"), Interaction: asid.DocumentReferenceDelete},
	} {
		_, err := registry.LookupSender(t.Context(), s)
		assert.ErrorIs(t, err, asid.ErrNotFound, name)
	}
	for name, s := range map[string]asid.Sender{
		"no organisation": {ASID: rr8ID, Interaction: asid.DocumentReferenceCreate},
		"no interaction":  {ASID: rr8ID, Organization: ods("RR8")},
	} {
		_, err := registry.LookupSender(t.Context(), s)
		assertCannotTell(t, err)
		assert.ErrorIs(t, err, sds.ErrInput, name)
	}
	_, err := registry.LookupSender(t.Context(), asid.Sender{ASID: rr8ID, Interaction: asid.DocumentReferenceCreate})
	assert.ErrorIs(t, err, asid.ErrNoOrganization)
	_, err = registry.Lookup(t.Context(), rr8ID)
	assert.ErrorIs(t, err, sds.ErrInput)
}

// TestWhatEachFaultBecomes is the table of package sds's documentation: allowed, refused
// (403) or could not tell (503), for a system that is there and one that is not.
func TestWhatEachFaultBecomes(t *testing.T) {
	t.Parallel()
	const allowed, refused, cannotTell = "allowed", "refused", "could not tell"
	for name, c := range map[string]struct {
		fault          sdstest.Fault
		known, unknown string
	}{
		"none":                          {0, allowed, refused},
		"the shape of before 2021":      {sdstest.Joined, allowed, refused},
		"an empty Bundle in an outage":  {sdstest.Empty, cannotTell, cannotTell},
		"a part with a total that fits": {sdstest.Part, cannotTell, cannotTell},
		"another caller's answer":       {sdstest.OtherRequest, cannotTell, cannotTell},
		"500 for all":                   {sdstest.Failing, cannotTell, cannotTell},
		"503 for all":                   {sdstest.Unavailable, cannotTell, cannotTell},
		"no answer":                     {sdstest.Hanging, cannotTell, cannotTell},
		"429":                           {sdstest.TooMany, cannotTell, cannotTell},
		"429 with Retry-After":          {sdstest.TooManyFor, cannotTell, cannotTell},
		"an answer that is cut":         {sdstest.Cut, cannotTell, cannotTell},
	} {
		ask := func(t *testing.T, registry *sds.FHIR) {
			for id, want := range map[asid.ID]string{rr8ID: c.known, unknownID: c.unknown} {
				sys, err := registry.LookupSender(t.Context(), sender(id, "RR8"))
				switch want {
				case allowed:
					require.NoError(t, err)
					assert.Equal(t, id, sys.ASID)
				case refused:
					assert.ErrorIs(t, err, asid.ErrNotFound)
				default:
					assertCannotTell(t, err)
				}
			}
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.fault == sdstest.Cut { // it takes a connection
				standIn, registry := startFHIR(t, directory())
				standIn.Fail(c.fault)
				ask(t, registry)
				return
			}
			synctest.Test(t, func(t *testing.T) {
				standIn := &sdstest.FHIR{APIKey: apiKey}
				standIn.SetDirectory(directory())
				standIn.Fail(c.fault)
				ask(t, clientOf("https://sds.nhs.uk", inMemory(standIn)))
			})
		})
	}
}

func TestOneBadRecordStaysByItself(t *testing.T) {
	t.Parallel()
	standIn, registry := startFHIR(t, directory())
	registry.Cache.RetryAfter = time.Hour
	standIn.Break("200000000205")
	_, err := registry.LookupSender(t.Context(), sender(rr8ID, "RR8"))
	assertCannotTell(t, err)
	var status *sds.StatusError
	require.ErrorAs(t, err, &status)
	assert.Equal(t, http.StatusInternalServerError, status.Status)
	_, err = registry.LookupSender(t.Context(), sender(rxaID, "RXA"))
	assert.NoError(t, err)

	asked := len(standIn.Requests())
	_, err = registry.LookupSender(t.Context(), sender(rr8ID, "RR8"))
	assertCannotTell(t, err)
	assert.Len(t, standIn.Requests(), asked, "its failure is remembered")
}

func TestWithoutACanaryNothingIsUnknown(t *testing.T) {
	t.Parallel()
	_, registry := startFHIR(t, directory())
	registry.Canary = sds.Canary{}
	_, err := registry.LookupSender(t.Context(), sender(unknownID, "RR8"))
	assertCannotTell(t, err)
	assert.ErrorIs(t, err, sds.ErrCanary)
	_, err = registry.LookupSender(t.Context(), sender(rr8ID, "RR8"))
	assert.NoError(t, err)
}

func TestAKeyThatIsRefused(t *testing.T) {
	t.Parallel()
	_, registry := startFHIR(t, directory())
	registry.APIKey = "another"
	_, err := registry.LookupSender(t.Context(), sender(rr8ID, "RR8"))
	assertCannotTell(t, err)
	assert.NotContains(t, err.Error(), "another")
}

func TestWhatIsSentToTheService(t *testing.T) {
	t.Parallel()
	var got *http.Request
	standIn := &sdstest.FHIR{APIKey: apiKey}
	standIn.SetDirectory(directory())
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got == nil {
			got = r
		}
		standIn.ServeHTTP(w, r)
	}))
	defer server.Close()
	registry := &sds.FHIR{URL: server.URL, APIKey: apiKey, Client: server.Client(), Interval: time.Nanosecond}
	_, err := registry.LookupSender(t.Context(), sender(rr8ID, "rr8"))
	require.NoError(t, err)
	assert.Equal(t, "no-cache", got.Header.Get("Cache-Control"))
	assert.Equal(t, "application/fhir+json", got.Header.Get("Accept"))
	assert.Equal(t, apiKey, got.Header.Get("apikey"))
	assert.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, got.Header.Get("X-Correlation-Id"))
	assert.Equal(t, map[string][]string{
		"organization": {"https://fhir.nhs.uk/Id/ods-organization-code|RR8"},
		"identifier":   {"https://fhir.nhs.uk/Id/nhsServiceInteractionId|urn:nhs:names:services:nrl:DocumentReference.create"},
	}, map[string][]string(got.URL.Query()))
}

// The gateway keeps what it answered before the system lost its interaction.
func TestNoAnswerIsTakenOutOfTheGatewaysCache(t *testing.T) {
	t.Parallel()
	standIn, registry := startFHIR(t, directory())
	_, err := registry.LookupSender(t.Context(), sender(rr8ID, "RR8"))
	require.NoError(t, err)
	standIn.SetDirectory(sdstest.Directory{AS: []sdstest.AS{canaryAS}})
	again := &sds.FHIR{URL: registry.URL, APIKey: apiKey, Canary: theCanary, Client: registry.Client, Interval: time.Nanosecond}
	_, err = again.LookupSender(t.Context(), sender(rr8ID, "RR8"))
	assert.ErrorIs(t, err, asid.ErrNotFound)
}

// An answer with an Age is a cache's, which did not ask the directory (RFC 9111 section 5.1).
func TestNoAnswerIsTakenOutOfAnotherCache(t *testing.T) {
	t.Parallel()
	for age, fresh := range map[string]bool{"": true, "0": true, "1": false, "1800": false, "x": false} {
		standIn := &sdstest.FHIR{APIKey: apiKey}
		standIn.SetDirectory(directory())
		registry := clientOf("https://sds.nhs.uk", inMemory(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if age != "" {
				w.Header().Set("Age", age)
			}
			standIn.ServeHTTP(w, r)
		})))
		if _, err := registry.LookupSender(t.Context(), sender(rr8ID, "RR8")); fresh {
			assert.NoError(t, err, age)
		} else {
			assertCannotTell(t, err)
			assert.ErrorContains(t, err, "was not validated", age)
		}
	}
}

func TestARedirectIsNotFollowed(t *testing.T) {
	t.Parallel()
	asked := 0
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		http.Redirect(w, r, "/elsewhere", http.StatusFound)
	}))
	defer server.Close()
	registry := &sds.FHIR{URL: server.URL, APIKey: apiKey, Client: server.Client()}
	_, err := registry.LookupSender(t.Context(), sender(rr8ID, "RR8"))
	assertCannotTell(t, err)
	assert.Equal(t, 1, asked)
}

func TestFHIRWithoutWhatItNeeds(t *testing.T) {
	t.Parallel()
	for name, registry := range map[string]*sds.FHIR{
		"zero":                         {},
		"without a key":                {URL: "https://api.service.nhs.uk/spine-directory/FHIR/R4"},
		"over http":                    {URL: "http://api.service.nhs.uk", APIKey: apiKey},
		"with a query":                 {URL: "https://api.service.nhs.uk/?a=b", APIKey: apiKey},
		"with half a canary":           {URL: "https://api.service.nhs.uk", APIKey: apiKey, Canary: sds.Canary{Organization: ods("X26")}},
		"with a canary that is no URN": {URL: "https://api.service.nhs.uk", APIKey: apiKey, Canary: sds.Canary{Organization: ods("X26"), Interaction: "*"}},
	} {
		assert.ErrorIs(t, registry.Validate(), sds.ErrConfiguration, name)
		_, err := registry.LookupSender(t.Context(), sender(rr8ID, "RR8"))
		assert.ErrorIs(t, err, sds.ErrConfiguration, name)
		_, err = registry.Provider(t.Context(), ods("RR8"), asid.DocumentReferenceCreate, nil)
		assert.ErrorIs(t, err, sds.ErrConfiguration, name)
		assert.Error(t, registry.Run(t.Context()), name)
	}
}
