// SPDX-License-Identifier: Apache-2.0

package sds_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/asid/sds"
	"github.com/nrlsecurity/nrlsecurity/asid/sds/sdstest"
)

// badInputs are what no ASID, ODS code, interaction or party key may contain, or
// begin and end with.
var badInputs = []string{
	"*", ")(", "(", ")", "\\", "\x00", "%", "%00", "%2A", "|", "&", "=", "\r\n", "\n", "\t", " ", "\u00a0", "\u2003", "\ufeff",
	"\uff10", "\uff11\uff12", "\u0660", "\u06f1", "\u0967", "\U0001d7ce", "\u00b2", "\u2460", "é", "\xff", strings.Repeat("0", 4096), strings.Repeat("a", 4096), "",
}

// vary returns text with one bad input in it, or instead of it.
func vary(random *rand.Rand, text string) string {
	bad := badInputs[random.IntN(len(badInputs))]
	switch at := random.IntN(len(text) + 1); {
	case bad == "" || random.IntN(20) == 0:
		return bad
	case random.IntN(3) == 0 && at < len(text):
		return text[:at] + bad + text[at+1:] // in the place of a character
	default:
		return text[:at] + bad + text[at:]
	}
}

// roundTrip is an http.RoundTripper without a network.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// 10,000 variations of bad input: nothing is asked about them, and what a directory
// answers with them is not taken for what was asked.
func TestBadInputIsRefusedBeforeAnythingIsAsked(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(21, 1))
	asked := 0
	service := &sds.FHIR{
		URL: "https://sds.nhs.uk", APIKey: apiKey, Canary: theCanary, Interval: time.Nanosecond,
		Client: &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
			asked++
			return nil, errors.New("nothing is to be asked")
		})},
	}
	require.NoError(t, service.Validate())
	variations := 10_000
	if testing.Short() {
		variations = 1_000
	}
	for range variations {
		id, code := vary(random, "200000000205"), vary(random, "RR8")
		interaction := vary(random, string(asid.DocumentReferenceCreate))
		_, err := asid.ParseID(id)
		assert.Error(t, err, "%q", id)
		assert.Error(t, new(asid.ID).UnmarshalText([]byte(id)), "%q", id)
		if _, err := asid.ParseODSCode(code); err == nil {
			assert.Regexp(t, `^[0-9A-Za-z]{1,20}$`, code)
		}
		for _, s := range []asid.Sender{
			{ASID: rr8ID, Organization: ods("RR8"), Interaction: asid.InteractionID(interaction)},
			{ASID: rr8ID, Interaction: asid.DocumentReferenceCreate},
		} {
			_, err = service.LookupSender(t.Context(), s)
			assert.ErrorIs(t, err, sds.ErrInput, "%q", interaction)
		}
		_, err = service.Provider(t.Context(), ods("RR8"), asid.InteractionID(interaction), nil)
		assert.ErrorIs(t, err, sds.ErrInput, "%q", interaction)
		host := vary(random, "records.nhs.uk")
		_, err = service.Provider(t.Context(), ods("RR8"), asid.DocumentReferenceContentRead, &url.URL{Scheme: "https", Host: host})
		if (&url.URL{Host: host}).Hostname() != "records.nhs.uk" { // "records.nhs.uk:" has the same
			assert.ErrorIs(t, err, sds.ErrInput, "%q", host)
		}
		if t.Failed() {
			break
		}
	}
	assert.Zero(t, asked)
}

func TestBadInputInAnAnswerIsNotTaken(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(21, 2))
	variations := 2_000
	if testing.Short() {
		variations = 200
	}
	for range variations {
		id, partyKey := vary(random, "200000000205"), vary(random, "YGM24-820388")
		records := sds.Entries{{"uniqueIdentifier": {id}, "nhsIDCode": {"RR8"}}}
		registry := &sds.LDAP{}
		var questions []sds.Question
		registry.Simulate(func(_ context.Context, q sds.Question) (sds.Entries, error) {
			questions = append(questions, q)
			return records, nil
		})
		_, err := registry.Lookup(t.Context(), rr8ID)
		assertCannotTell(t, err)

		records = sds.Entries{{"uniqueIdentifier": {"200000000206"}, "nhsIDCode": {"RR8"}, "nhsMHSPartyKey": {partyKey}}}
		sys, err := registry.Lookup(t.Context(), rxaID)
		require.NoError(t, err)
		assert.Empty(t, sys.FQDNs)
		for _, q := range questions {
			assert.False(t, q.Children, "%q is asked about", q.Filter)
		}

		standIn := new(sdstest.FHIR)
		standIn.SetDirectory(sdstest.Directory{AS: []sdstest.AS{{ASID: id, ODS: "RR8", Interactions: nrlInteractions}, canaryAS}})
		service := &sds.FHIR{URL: "https://sds.nhs.uk", APIKey: apiKey, Canary: theCanary, Interval: time.Nanosecond, Client: inMemory(standIn)}
		_, err = service.LookupSender(t.Context(), sender(rr8ID, "RR8"))
		assert.ErrorIs(t, err, asid.ErrNotFound, "%q", id)
		if t.Failed() {
			break
		}
	}
}

// An export may have a value of an attribute twice, and a directory that is no X.500.
func TestAnInteractionThatIsThereTwiceCountsOnce(t *testing.T) {
	t.Parallel()
	create := string(asid.DocumentReferenceCreate)
	registry := &sds.LDAP{}
	registry.Simulate(func(context.Context, sds.Question) (sds.Entries, error) {
		return sds.Entries{{"uniqueIdentifier": {rr8ID.String()}, "nhsIDCode": {"RR8"}, "nhsAsSvcIA": {create, create, "x"}}}, nil
	})
	sys, err := registry.Lookup(t.Context(), rr8ID)
	require.NoError(t, err)
	assert.Equal(t, []asid.InteractionID{asid.DocumentReferenceCreate}, sys.Interactions)
	assert.Equal(t, 2, registry.State().Dropped)
}

func TestAnAnswerThatIsTooLongIsNotTaken(t *testing.T) {
	t.Parallel()
	const empty = `{"resourceType":"Bundle","type":"searchset","total":0}`
	for blanks, want := range map[int]error{0: sds.ErrCanary, 1: sds.ErrCanary, 2: nil, 1000: nil} {
		service := &sds.FHIR{
			URL: "https://sds.nhs.uk", APIKey: apiKey, Interval: time.Nanosecond, MaxBytes: int64(len(empty)) + 1,
			Client: inMemory(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/fhir+json")
				_, _ = w.Write([]byte(empty + strings.Repeat(" ", blanks)))
			})),
		}
		_, err := service.LookupSender(t.Context(), sender(rr8ID, "RR8"))
		assertCannotTell(t, err)
		if want != nil {
			assert.ErrorIs(t, err, want, blanks)
		} else {
			assert.ErrorContains(t, err, "more than 55 bytes", blanks)
		}
	}
}

// inMemory returns a client of a handler, without a network.
func inMemory(handler http.Handler) *http.Client {
	return &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if err := r.Context().Err(); err != nil {
			return nil, err
		}
		return w.Result(), nil
	})}
}
