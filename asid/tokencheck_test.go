// SPDX-License-Identifier: Apache-2.0

package asid_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/asid/asidtest"
)

// issued is when the tokens of these tests are issued.
var issued = time.Unix(1795435200, 0)

// claims are those of a token; nil takes a claim out.
type claims map[string]any

// with returns c with the change made.
func (c claims) with(change claims) claims {
	changed := maps.Clone(c)
	for name, value := range change {
		if changed[name] = value; value == nil {
			delete(changed, name)
		}
	}
	return changed
}

func (c claims) token(t *testing.T) string {
	text, err := json.Marshal(c)
	require.NoError(t, err)
	return jwt(unsigned, string(text))
}

// retrieving are the claims of a professional who retrieves a record.
func retrieving() claims {
	return claims{
		"iss": "https://consumer.nhs.uk", "aud": "https://provider.nhs.uk", "iat": issued.Unix(), "exp": issued.Unix() + 300,
		"sub": "https://fhir.nhs.uk/Id/sds-role-profile-id|1", "requesting_user": "https://fhir.nhs.uk/Id/sds-role-profile-id|1",
		"reason_for_request": "directcare", "scope": "patient/*.read",
		"requesting_system":       "https://fhir.nhs.uk/Id/accredited-system|928942012545",
		"requesting_organization": "https://fhir.nhs.uk/Id/ods-organization-code|AMS01",
	}
}

// gpConnect are the claims of GP Connect's shape.
func gpConnect() claims {
	identifier := func(pairs ...string) []any {
		var list []any
		for i := 0; i < len(pairs); i += 2 {
			list = append(list, claims{"system": pairs[i], "value": pairs[i+1]})
		}
		return list
	}
	return claims{
		"iss": "https://consumer.nhs.uk", "aud": "https://provider.nhs.uk/fhir", "iat": issued.Unix(), "exp": issued.Unix() + 300,
		"sub": "10019", "reason_for_request": "directcare", "requested_scope": "organization/*.read",
		"requesting_device": claims{"resourceType": "Device", "model": "x", "version": "1",
			"identifier": identifier("https://consumer.nhs.uk/device", "1")},
		"requesting_organization": claims{"resourceType": "Organization", "name": "x",
			"identifier": identifier("https://fhir.nhs.uk/Id/ods-organization-code", "AMS01")},
		"requesting_practitioner": claims{"resourceType": "Practitioner", "id": "10019", "name": []any{claims{"family": "x"}},
			"identifier": identifier("https://fhir.nhs.uk/Id/sds-user-id", "111", "https://fhir.nhs.uk/Id/sds-role-profile-id", "222")},
	}
}

const gpcInteraction asid.InteractionID = "urn:nhs:names:services:gpconnect:fhir:rest:read:metadata-1"

// gateAnswers returns what a gate of that interaction says of the token.
func gateAnswers(t *testing.T, g asid.Gate, interaction asid.InteractionID, token string) error {
	t.Helper()
	var refused error
	g.Self, g.Peers, g.Interaction = provider.ASID, asidtest.Peers{}, interaction
	if g.Time == nil {
		g.Time = func() time.Time { return issued }
	}
	g.ErrorHandler = func(w http.ResponseWriter, r *http.Request, err error) { refused = err }
	r := retrieval()
	r.Header.Set("Ssp-InteractionID", string(interaction))
	r.Header.Set("Authorization", "Bearer "+token)
	serve(g.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})), r)
	return refused
}

// The rules of the NHS's own responder stub, one bad token for each claim that it
// wants and each rule that it has.
func TestAGateThatChecksClaimsRefusesWhatTheRespondersStubRefuses(t *testing.T) {
	t.Parallel()
	gate := asid.Gate{Tokens: asid.TokenClaims}
	bad := map[string]claims{
		"issued in the future":            {"iat": issued.Unix() + 31, "exp": issued.Unix() + 200},
		"more than five minutes":          {"exp": issued.Unix() + 301},
		"issued after it expires":         {"iat": issued.Unix() + 20, "exp": issued.Unix() + 10},
		"a subject that is not the user":  {"sub": "https://fhir.nhs.uk/Id/sds-role-profile-id|2"},
		"another reason":                  {"reason_for_request": "secondaryuse"},
		"another scope":                   {"scope": "patient/*.write"},
		"a system of another form":        {"requesting_system": "https://fhir.nhs.uk/Id/accredited-system/928942012545"},
		"an organisation of another form": {"requesting_organization": "https://fhir.nhs.uk/Id/ods-organization-code/AMS01"},
	}
	for name := range retrieving() {
		bad[name+" missing"] = claims{name: nil}
	}
	require.Len(t, bad, 18)
	refused := 0
	for name, change := range bad {
		err := gateAnswers(t, gate, asid.DocumentReferenceContentRead, retrieving().with(change).token(t))
		var token *asid.RequestError
		if assert.ErrorAs(t, err, &token, name) {
			assert.Equal(t, asid.RuleToken, token.Rule, name)
			assert.NotEmpty(t, token.Claim, name)
			refused++
		}
	}
	require.Error(t, gateAnswers(t, gate, asid.DocumentReferenceContentRead, "not.a.token"))
	refused++
	assert.Equal(t, 19, refused)
	for name, good := range map[string]claims{
		"as it should be":               {},
		"a citizen":                     {"requesting_user": nil, "requesting_patient": "https://fhir.nhs.net/Id/nhs-number|9876543210", "sub": "https://fhir.nhs.net/Id/nhs-number|9876543210", "reason_for_request": "patientaccess"},
		"a citizen with http":           {"requesting_user": nil, "requesting_patient": "https://fhir.nhs.net/Id/nhs-number|9876543210", "sub": "http://fhir.nhs.net/Id/nhs-number|9876543210", "reason_for_request": "patientaccess"},
		"the other spelling":            {"requesting_organization": nil, "requesting_organisation": "https://fhir.nhs.uk/Id/ods-organization-code|AMS01"},
		"both spellings":                {"requesting_organisation": "https://fhir.nhs.uk/Id/ods-organization-code|AMS01"},
		"an audience in an array":       {"aud": []string{"https://provider.nhs.uk"}},
		"a time with a fraction":        {"iat": float64(issued.Unix()) + 0.25},
		"times with exponents":          {"iat": json.Number("1.7954352e9"), "exp": json.Number("1795435.5e3")},
		"a clock that is ahead by 30 s": {"iat": issued.Unix() + 30, "exp": issued.Unix() + 330},
		"not before":                    {"nbf": issued.Unix()},
		"a claim that is not known":     {"jti": []int{1}},
		"another organisation":          {"requesting_organization": "https://fhir.nhs.uk/Id/ods-organization-code|ZZ9"},
	} {
		assert.NoError(t, gateAnswers(t, gate, asid.DocumentReferenceContentRead, retrieving().with(good).token(t)), name)
	}
	for name, bad := range map[string]claims{
		"the scope in another claim": {"scope": nil, "requested_scope": "patient/*.read"},
		"not before a later time":    {"nbf": issued.Unix() + 31},
		"a user with a line break":   {"requesting_user": "https://fhir.nhs.uk/Id/sds-role-profile-id|1\n2", "sub": "https://fhir.nhs.uk/Id/sds-role-profile-id|1\n2"},
		"a patient who has no such":  {"requesting_user": nil, "requesting_patient": "https://fhir.nhs.net/Id/nhs-number|9876543211", "sub": "https://fhir.nhs.net/Id/nhs-number|9876543211", "reason_for_request": "patientaccess"},
		"another patient":            {"requesting_user": nil, "requesting_patient": "https://fhir.nhs.net/Id/nhs-number|9876543210", "sub": "https://fhir.nhs.net/Id/nhs-number|9434765919", "reason_for_request": "patientaccess"},
	} {
		assert.Error(t, gateAnswers(t, gate, asid.DocumentReferenceContentRead, retrieving().with(bad).token(t)), name)
	}
}

func TestTheLevelSaysHowMuchOfATokenIsChecked(t *testing.T) {
	t.Parallel()
	strict := asid.Gate{Tokens: asid.TokenAgreement, Registry: registry(t)}
	none := claims{}.token(t)
	other := retrieving().with(claims{"requesting_organization": "https://fhir.nhs.uk/Id/ods-organization-code|ZZ9"}).token(t)
	good := retrieving().token(t)
	for level, accepts := range map[asid.TokenCheck][3]bool{
		asid.TokenDefault:   {true, true, true},
		asid.TokenForm:      {true, true, true},
		asid.TokenClaims:    {false, true, true},
		asid.TokenAgreement: {false, false, true},
	} {
		gate := strict
		gate.Tokens = level
		for i, token := range []string{none, other, good} {
			err := gateAnswers(t, gate, asid.DocumentReferenceContentRead, token)
			assert.Equal(t, accepts[i], err == nil, "level %d, token %d: %v", level, i, err)
		}
	}
	err := gateAnswers(t, strict, asid.DocumentReferenceContentRead,
		retrieving().with(claims{"requesting_system": "https://fhir.nhs.uk/Id/accredited-system|200000000205"}).token(t))
	assert.Equal(t, "requesting_system", requestError(t, err).Claim)
	strict.Registry = nil
	assert.IsType(t, &asid.ConfigError{}, gateAnswers(t, strict, asid.DocumentReferenceContentRead, good))
}

func TestAnAuthorizersLevelsAreThoseOfAGate(t *testing.T) {
	t.Parallel()
	good := retrieving().with(claims{"scope": "patient/DocumentReference.read"})
	tokens := []claims{
		{},
		good.with(claims{"requesting_organization": "https://fhir.nhs.uk/Id/ods-organization-code|ZZ9"}),
		good.with(claims{"requesting_system": "https://fhir.nhs.uk/Id/accredited-system|200000000205"}),
		good.with(claims{"scope": "patient/DocumentReference.write"}),
		good,
	}
	for level, accepts := range map[asid.TokenCheck][]bool{
		asid.TokenDefault:   {false, false, false, false, true},
		asid.TokenForm:      {true, true, true, true, true},
		asid.TokenClaims:    {false, true, true, false, true},
		asid.TokenAgreement: {false, false, false, false, true},
	} {
		a := authorizer(t)
		a.Tokens, a.Time = level, func() time.Time { return issued }
		for i, token := range tokens {
			r := asidtest.NewRequest(http.MethodGet, "/STU3/DocumentReference/1", consumer, nrl)
			r.Header.Set("Authorization", "Bearer "+token.token(t))
			_, refused := judge(t, a, r)
			assert.Equal(t, accepts[i], refused.err == nil, "level %d, token %d: %v", level, i, refused.err)
		}
	}
}

func TestTokensOfGPConnectAreTakenForItsInteractionsOnly(t *testing.T) {
	t.Parallel()
	for _, level := range []asid.TokenCheck{asid.TokenClaims, asid.TokenAgreement} {
		gate := asid.Gate{Tokens: level, Registry: registry(t)}
		good := gpConnect().token(t)
		assert.NoError(t, gateAnswers(t, gate, gpcInteraction, good))
		var refused *asid.RequestError
		require.ErrorAs(t, gateAnswers(t, gate, asid.DocumentReferenceContentRead, good), &refused)
		assert.Equal(t, "requesting_organization", refused.Claim)
		for name, change := range map[string]claims{
			"iss": {"iss": nil}, "sub": {"sub": "another"}, "aud": {"aud": nil}, "iat": {"iat": issued.Unix() + 301},
			"exp": {"exp": issued.Unix() + 301}, "reason_for_request": {"reason_for_request": "x"},
			"requested_scope": {"requested_scope": nil}, "scope": {"requested_scope": "everything"},
			"requesting_device": {"requesting_device": nil}, "requesting_practitioner": {"requesting_practitioner": nil, "sub": "1"},
			"requesting_organization": {"requesting_organization": nil},
		} {
			require.ErrorAs(t, gateAnswers(t, gate, gpcInteraction, gpConnect().with(change).token(t)), &refused, name)
			assert.Equal(t, name, refused.Claim)
		}
		assert.NoError(t, gateAnswers(t, gate, gpcInteraction, gpConnect().with(claims{"iat": issued.Unix() + 200}).token(t)),
			"GP Connect's suite demands 200 s")
	}
	for _, identifier := range []any{nil, []any{}, []any{nil}, []any{claims{}}, []any{claims{"system": "https://consumer.nhs.uk/device"}}, []any{claims{"value": ""}}} {
		device := claims{"requesting_device": claims{"resourceType": "Device", "identifier": identifier}}
		err := gateAnswers(t, asid.Gate{Tokens: asid.TokenClaims}, gpcInteraction, gpConnect().with(device).token(t))
		assert.Equal(t, "requesting_device", requestError(t, err).Claim, "%v", identifier)
	}
	token, err := asid.ParseToken(gpConnect().token(t))
	require.NoError(t, err)
	assert.True(t, token.Resources)
	assert.Equal(t, "https://fhir.nhs.uk/Id/ods-organization-code|AMS01", token.Organization)
	assert.Equal(t, "https://fhir.nhs.uk/Id/sds-role-profile-id|222", token.User)
	assert.Equal(t, "https://consumer.nhs.uk/device|1", token.Device)
	assert.Equal(t, "organization/*.read", token.Scope)
}

func TestAScopeOfOtherAPIsIsOneOfReadingOrWriting(t *testing.T) {
	t.Parallel()
	refused := func(scope string) error {
		return gateAnswers(t, asid.Gate{Tokens: asid.TokenClaims}, gpcInteraction, gpConnect().with(claims{"requested_scope": scope}).token(t))
	}
	for _, scope := range []string{
		"organization/*.read", "organization/*.write", "patient/*.read", "user/*.*", "patient/Patient.read", "user/Appointment.write", "patient/abz.read",
	} {
		assert.NoError(t, refused(scope), scope)
	}
	for _, scope := range []string{
		"organization*.read", "organization/*read", "system/*.read", "/*.read", "Patient/*.read", "patient/*.delete", "patient/*.", "patient/.read", "patient/**.read",
		"patient/*.read patient/*.write", "patient/a/b.read", "patient/a.b.read", "patient/1.read", "patient/Pati\u00E9nt.read", "patient/\u0161.read", "patient/{.read", " patient/*.read",
	} {
		assert.Equal(t, "scope", requestError(t, refused(scope)).Claim, scope)
	}
}

// What is to be recorded is well formed, also where nothing is compared with a registry.
func TestIdentifiersOfATokenAreWellFormed(t *testing.T) {
	t.Parallel()
	gate := asid.Gate{Tokens: asid.TokenClaims}
	for claim, values := range map[string][]string{
		"requesting_system":       {"https://fhir.nhs.uk/Id/accredited-system|", "https://fhir.nhs.uk/Id/accredited-system|92894201254", "https://fhir.nhs.uk/Id/accredited-system|92894201254\n"},
		"requesting_organization": {"https://fhir.nhs.uk/Id/ods-organization-code|", "https://fhir.nhs.uk/Id/ods-organization-code|AMS01\n", "https://fhir.nhs.uk/Id/ods-organization-code|AMS-01"},
	} {
		for _, value := range values {
			err := gateAnswers(t, gate, asid.DocumentReferenceContentRead, retrieving().with(claims{claim: value}).token(t))
			assert.Equal(t, claim, requestError(t, err).Claim, "%q", value)
		}
	}
	practitioner := claims{"resourceType": "Practitioner", "id": "10019", "identifier": []any{claims{"system": "https://fhir.nhs.uk/Id/sds-role-profile-id", "value": "2\n2"}}}
	err := gateAnswers(t, gate, gpcInteraction, gpConnect().with(claims{"requesting_practitioner": practitioner}).token(t))
	assert.Equal(t, "requesting_practitioner", requestError(t, err).Claim)
}

// A reader such as encoding/json takes an element's name in any letter case.
func TestAMisspeltElementOfAResourceIsRefused(t *testing.T) {
	t.Parallel()
	organization := func(text string) string {
		return gpConnect().with(claims{"requesting_organization": json.RawMessage(text)}).token(t)
	}
	const good = `{"resourceType":"Organization","x":{"Identifier":1},"identifier":[{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"AMS01","use":"x"}]}`
	_, err := asid.ParseToken(organization(good))
	require.NoError(t, err)
	for _, change := range [][2]string{
		{`"x"`, `"Identifier":[],"x"`}, {`"x"`, `"ResourceType":"Device","x"`}, {`"x"`, `"ID":"1","x"`}, {`"identifier"`, `"IDENTIFIER"`},
		{`"use"`, `"Value"`}, {`"use"`, `"\u017fystem"`}, {`"use"`, `"v\u0061lue"`}, {`"use"`, `"S\u0079stem"`},
	} {
		var refused *asid.RequestError
		_, err := asid.ParseToken(organization(strings.Replace(good, change[0], change[1], 1)))
		require.Error(t, err, change)
		require.ErrorAs(t, err, &refused, change)
		assert.Equal(t, asid.RuleToken, refused.Rule, change)
	}
}

func TestClocksMayDifferByHalfAMinute(t *testing.T) {
	t.Parallel()
	a := authorizer(t)
	now := issued
	a.Time = func() time.Time { return now }
	refusals := func(clock time.Duration, age time.Duration) (n int, last *asid.RequestError) {
		r := create()
		r.Header.Set("Authorization", "Bearer "+tokenOf(t, provider.ASID, http.MethodPost, "/STU3/DocumentReference",
			asid.Claims{Organization: ods("RR8")}, issued))
		for i := range 1000 {
			// The server's clock, by fractions of a second later each time.
			now = issued.Add(-clock + age + time.Duration(i)*time.Millisecond)
			if caller, refused := judge(t, a, r); caller == nil {
				n++
				require.ErrorAs(t, refused.err, &last)
			}
		}
		return n, last
	}
	for _, clock := range []time.Duration{0, 300 * time.Millisecond, 2 * time.Second, 29 * time.Second} {
		n, _ := refusals(clock, 0)
		assert.Zero(t, n, "ahead by %v", clock)
		n, _ = refusals(-clock, 0)
		assert.Zero(t, n, "behind by %v", clock)
	}
	n, refused := refusals(31*time.Second, 0)
	assert.Equal(t, 1000, n)
	assert.Equal(t, "iat", refused.Claim)
	n, refused = refusals(-31*time.Second, 5*time.Minute)
	assert.Equal(t, 1000, n)
	assert.Equal(t, "exp", refused.Claim)
}

// Who reads the refusal has to see which of two clocks is wrong, and by how much.
func TestARefusedTimeIsNamedBesideTheClock(t *testing.T) {
	t.Parallel()
	for claim, c := range map[string]struct {
		claims claims
		want   string
	}{
		"iat": {claims{"iat": issued.Unix() + 120, "exp": issued.Unix() + 420}, "is 2026-11-23T12:02:00Z, in the future: it is 2026-11-23T12:00:00Z here, and clocks may differ by 30s"},
		"nbf": {claims{"nbf": issued.Unix() + 120}, "is 2026-11-23T12:02:00Z, in the future: it is 2026-11-23T12:00:00Z here, and clocks may differ by 30s"},
		"exp": {claims{"iat": issued.Unix() - 420, "exp": issued.Unix() - 120}, "is 2026-11-23T11:58:00Z, in the past: it is 2026-11-23T12:00:00Z here, and clocks may differ by 30s"},
	} {
		var refused *asid.RequestError
		require.ErrorAs(t, gateAnswers(t, asid.Gate{Tokens: asid.TokenClaims}, asid.DocumentReferenceContentRead, retrieving().with(c.claims).token(t)), &refused, claim)
		assert.Equal(t, claim, refused.Claim)
		assert.Equal(t, c.want, refused.Detail)
	}
}
