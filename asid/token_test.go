// SPDX-License-Identifier: Apache-2.0

package asid_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/asid/asidtest"
)

const unsigned = `{"alg":"none","typ":"JWT"}`

func jwt(header, payload string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + "."
}

func TestATokenIsReadAsItIsWritten(t *testing.T) {
	t.Parallel()
	token, err := asid.ParseToken(jwt(unsigned, `{
		"iss": "https://consumer.example", "sub": "https://fhir.nhs.net/Id/nhs-number|9876543210", "aud": "https://nrl.nhs.uk",
		"iat": 1795435200, "exp": 1795435500, "reason_for_request": "patientaccess", "scope": "patient/DocumentReference.read",
		"requesting_system": "https://fhir.nhs.uk/Id/accredited-system|928942012545",
		"requesting_organization": "https://fhir.nhs.uk/Id/ods-organization-code|AMS01",
		"requesting_patient": "https://fhir.nhs.net/Id/nhs-number|9876543210", "act": {"sub": "proxy"},
		"jti": "not one of the Spine's, which is no fault"}`))
	require.NoError(t, err)
	assert.Equal(t, &asid.Token{
		Issuer:       "https://consumer.example",
		Subject:      "https://fhir.nhs.net/Id/nhs-number|9876543210",
		Audience:     "https://nrl.nhs.uk",
		IssuedAt:     time.Unix(1795435200, 0),
		Expires:      time.Unix(1795435500, 0),
		Reason:       "patientaccess",
		Scope:        "patient/DocumentReference.read",
		System:       "https://fhir.nhs.uk/Id/accredited-system|928942012545",
		Organization: "https://fhir.nhs.uk/Id/ods-organization-code|AMS01",
		Patient:      "https://fhir.nhs.net/Id/nhs-number|9876543210",
		Actor:        "proxy",
	}, token)
}

func TestATokenThatReadersCouldReadDifferentlyIsRefused(t *testing.T) {
	t.Parallel()
	good := jwt(unsigned, `{"iss":"x"}`)
	_, err := asid.ParseToken(good)
	require.NoError(t, err)
	_, err = asid.ParseToken(jwt(`{"alg":"none"}`, `{}`))
	require.NoError(t, err, "typ is optional in a JWT")
	header, payload, _ := strings.Cut(strings.TrimSuffix(good, "."), ".")

	for name, token := range map[string]string{
		"empty":                        "",
		"one section":                  header,
		"two sections":                 header + "." + payload,
		"four sections":                good + ".",
		"a signature":                  good + "c2ln",
		"signed by name":               jwt(`{"alg":"RS256","typ":"JWT"}`, `{}`),
		"no algorithm":                 jwt(`{"typ":"JWT"}`, `{}`),
		"None":                         jwt(`{"alg":"None","typ":"JWT"}`, `{}`),
		"another type":                 jwt(`{"alg":"none","typ":"JWE"}`, `{}`),
		"the algorithm twice":          jwt(`{"alg":"none","alg":"RS256"}`, `{}`),
		"the algorithm in two cases":   jwt(`{"alg":"none","ALG":"RS256"}`, `{}`),
		"a critical extension":         jwt(`{"alg":"none","crit":["b64"],"b64":false}`, `{}`),
		"a header that is no object":   jwt(`"none"`, `{}`),
		"a payload that is no object":  jwt(unsigned, `["iss"]`),
		"a payload that is no JSON":    jwt(unsigned, `iss=x`),
		"an empty payload":             jwt(unsigned, ``),
		"something after it":           jwt(unsigned, `{}{}`),
		"a claim twice":                jwt(unsigned, `{"sub":"a","sub":"b"}`),
		"a claim twice, escaped":       jwt(unsigned, `{"sub":"a","s\u0075b":"b"}`),
		"a claim in other case":        jwt(unsigned, `{"Requesting_System":"a"}`),
		"an actor twice":               jwt(unsigned, `{"act":{"sub":"a","sub":"b"}}`),
		"an actor in other case":       jwt(unsigned, `{"act":{"SUB":"a"}}`),
		"a number for text":            jwt(unsigned, `{"sub":1}`),
		"text for a number":            jwt(unsigned, `{"exp":"1795435500"}`),
		"a resource of another type":   jwt(unsigned, `{"requesting_organization":{"resourceType":"Patient","identifier":[{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"A1"}]}}`),
		"an organisation of two codes": jwt(unsigned, `{"requesting_organization":{"resourceType":"Organization","identifier":[{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"A1"},{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"A2"}]}}`),
		"two organisations":            jwt(unsigned, `{"requesting_organization":"a","requesting_organisation":"b"}`),
		"two scopes":                   jwt(unsigned, `{"scope":"a","requested_scope":"b"}`),
		"half resources":               jwt(unsigned, `{"requesting_user":"a","requesting_device":{"resourceType":"Device"}}`),
		"an empty list of audiences":   jwt(unsigned, `{"aud":[]}`),
		"a list in a list":             jwt(unsigned, `{"aud":[["a"]]}`),
		"a list of an empty audience":  jwt(unsigned, `{"aud":[""]}`),
		"a list of a number":           jwt(unsigned, `{"aud":[1]}`),
		"an actor that is text":        jwt(unsigned, `{"act":"a"}`),
		"crit in another case":         jwt(`{"alg":"none","CRIT":["x"]}`, `{}`),
		"a time before all times":      jwt(unsigned, `{"iat":-1}`),
		"a time after all times":       jwt(unsigned, `{"exp":99999999999999}`),
		"a number out of range":        jwt(unsigned, `{"exp":99999999999999999999}`),
		"a list of audiences":          jwt(unsigned, `{"aud":["a","b"]}`),
		"an object for text":           jwt(unsigned, `{"requesting_organization":{"id":"1"}}`),
		"invalid UTF-8":                jwt(unsigned, "{\"sub\":\"\xff\"}"),
		"a byte order mark":            jwt(unsigned, "\ufeff{}"),
		"padding":                      strings.Replace(good, ".", "=.", 1),
		"plain base64":                 strings.ReplaceAll(jwt(unsigned, `{"sub":"???>>>"}`), "_", "/"),
		"bits beyond the last byte":    header + "." + base64.RawURLEncoding.EncodeToString([]byte(`{}`))[:2] + "1.",
		"a line break":                 header + "\n." + payload + ".",
		"a line break in the payload":  header + "." + payload[:4] + "\r" + payload[4:] + ".",
		"a line break before it":       header + ".\n" + payload + ".",
		"a return before it":           header + ".\r" + payload + ".",
		"a blank":                      header + " ." + payload + ".",
		"no base64 behind the JSON":    header + "." + base64.RawURLEncoding.EncodeToString([]byte(`{} `)) + "!.",
		"more than 8 KiB":              jwt(unsigned, `{"sub":"`+strings.Repeat("x", 8<<10)+`"}`),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := asid.ParseToken(token)
			requestError(t, err)
			assert.Nil(t, got)
		})
	}
}

func TestHowManySectionsATokenHas(t *testing.T) {
	t.Parallel()
	good := jwt(unsigned, `{}`)
	for _, token := range []string{"", "x", strings.TrimSuffix(good, "."), good + ".", good + "c2ln.", "..."} {
		_, err := asid.ParseToken(token)
		assert.EqualError(t, err, "The JWT associated with the Authorisation header must have the 3 sections", "%q", token)
	}
}

func TestATokenMayHave8KiB(t *testing.T) {
	t.Parallel()
	const most = 8 << 10
	room := most - len(jwt(unsigned, `{"sub":""}`))
	long := func(n int) string { return jwt(unsigned, `{"sub":"`+strings.Repeat("x", n)+`"}`) }
	n := room * 3 / 4
	for len(long(n)) < most {
		n++
	}
	require.Len(t, long(n), most)
	_, err := asid.ParseToken(long(n))
	assert.NoError(t, err)
	_, err = asid.ParseToken(long(n + 1))
	assert.Error(t, err)
}

// A reader such as encoding/json takes a name in any letter case, and by Unicode's
// folding: U+017F for s, U+212A for k.
func TestAMisspeltClaimIsRefused(t *testing.T) {
	t.Parallel()
	refused := func(payload, claim string) {
		t.Helper()
		_, err := asid.ParseToken(jwt(unsigned, payload))
		var refused *asid.RequestError
		require.ErrorAs(t, err, &refused, payload)
		assert.Equal(t, claim, refused.Claim, payload)
	}
	for _, claim := range []string{
		"iss", "sub", "aud", "iat", "exp", "nbf", "act", "reason_for_request", "scope", "requested_scope",
		"requesting_system", "requesting_organization", "requesting_organisation", "requesting_user",
		"requesting_patient", "requesting_practitioner", "requesting_device",
	} {
		for _, name := range []string{
			strings.ToUpper(claim), strings.ToUpper(claim[:1]) + claim[1:], claim[:len(claim)-1] + strings.ToUpper(claim[len(claim)-1:]),
			strings.Replace(claim, "s", "\u017f", 1),
		} {
			if name != claim {
				refused(`{"`+name+`":"x"}`, claim)
			}
		}
		if claim != "act" && claim != "scope" { // requested_scope ends in it
			_, err := asid.ParseToken(jwt(unsigned, `{"x`+claim+`":"x","`+claim+`x":1,"`+claim[1:]+`":[]}`))
			assert.NoError(t, err, "other claims than %s are ignored", claim)
		}
	}
	for _, name := range []string{"SUB", "Sub", "\u017fub"} {
		refused(`{"act":{"`+name+`":"x"}}`, "act")
	}
	for _, header := range []string{`{"Alg":"none","alg":"none"}`, `{"alg":"none","aLg":"none"}`, `{"alg":"none","Crit":[]}`, `{"alg":"none","crit":["x"]}`} {
		_, err := asid.ParseToken(jwt(header, `{}`))
		assert.Error(t, err, header)
	}
	_, err := asid.ParseToken(jwt(`{"alg":"none","kid":"1","x5c":[]}`, `{}`))
	assert.NoError(t, err)
}

// A name may be written with escapes (RFC 8259 section 7), which every reader takes
// for the characters themselves.
func TestAClaimWhoseNameHasEscapesIsTheClaim(t *testing.T) {
	t.Parallel()
	token, err := asid.ParseToken(jwt(unsigned, `{"sc\u006fpe":"patient/*.read","\u0061ct":{"s\u0075b":"a"},"\/":{}}`))
	require.NoError(t, err)
	assert.Equal(t, &asid.Token{Scope: "patient/*.read", Actor: "a"}, token)
	for _, payload := range []string{
		`{"sc\u006fpe":"a","scope":"b"}`, `{"scope":"a","sc\u006fpe":"a"}`, `{"sc\u006Fpe":"a","s\u0063ope":"b"}`, `{"Sc\u006fpe":"a"}`,
		`{"act":{"sub":"a","s\u0075b":"b"}}`, `{"act":{"S\u0075b":"a"}}`, `{"x":{"y":[{"z":1,"\u007a":2}]}}`,
	} {
		_, err := asid.ParseToken(jwt(unsigned, payload))
		assert.Error(t, err, payload)
	}
	_, err = asid.ParseToken(jwt(`{"a\u006cg":"none"}`, `{}`))
	assert.NoError(t, err)
	_, err = asid.ParseToken(jwt(`{"alg":"none","\u0063rit":["x"]}`, `{}`))
	assert.Error(t, err)
}

func TestEveryClaimOfTheSpineIsNeeded(t *testing.T) {
	t.Parallel()
	claims := map[string]string{
		"iss": `"https://x"`, "sub": `"https://fhir.nhs.uk/Id/accredited-system|200000000205"`, "aud": `"https://nrl.test"`,
		"iat": `1795435200`, "exp": `1795435500`, "reason_for_request": `"directcare"`, "scope": `"patient/DocumentReference.write"`,
		"requesting_system":       `"https://fhir.nhs.uk/Id/accredited-system|200000000205"`,
		"requesting_organization": `"https://fhir.nhs.uk/Id/ods-organization-code|RR8"`,
	}
	with := func(change map[string]string) *asid.RequestError {
		t.Helper()
		var pairs []string
		for name, value := range claims {
			if changed, ok := change[name]; ok {
				value = changed
			}
			if value != "" {
				pairs = append(pairs, `"`+name+`":`+value)
			}
		}
		for name, value := range change {
			if _, known := claims[name]; !known {
				pairs = append(pairs, `"`+name+`":`+value)
			}
		}
		r := create()
		r.Header.Set("Authorization", "Bearer "+jwt(unsigned, "{"+strings.Join(pairs, ",")+"}"))
		a := authorizer(t)
		a.Time = func() time.Time { return time.Unix(1795435200, 0) }
		caller, refused := judge(t, a, r)
		if caller != nil {
			return nil
		}
		token := requestError(t, refused.err)
		return token
	}
	require.Nil(t, with(nil))
	for name := range claims {
		refused := with(map[string]string{name: ""})
		require.NotNil(t, refused, name)
		assert.Equal(t, "The mandatory claim "+name+" from the JWT associated with the Authorisation header is missing", refused.Error())
		assert.Nil(t, with(map[string]string{"unknown_claim": "null"}))
		if claims[name][0] == '"' {
			assert.Equal(t, refused, with(map[string]string{name: `""`}))
			assert.Equal(t, refused, with(map[string]string{name: "null"}))
		}
	}
	const user = `"https://fhir.nhs.uk/Id/sds-role-profile-id|1"`
	const patient = `"https://fhir.nhs.net/Id/nhs-number|9876543210"`
	for name, c := range map[string]struct {
		change map[string]string
		claim  string
	}{
		"longer than five minutes":         {map[string]string{"exp": "1795435501"}, "exp"},
		"expired before it was issued":     {map[string]string{"iat": "1795435200", "exp": "1795435199"}, "exp"},
		"of another form of ASID":          {map[string]string{"requesting_system": `"https://fhir.nhs.uk/Id/accredited-system/200000000205"`}, "requesting_system"},
		"an organisation of another form":  {map[string]string{"requesting_organization": `"RR8"`}, "requesting_organization"},
		"an organisation malformed":        {map[string]string{"requesting_organization": `"https://fhir.nhs.uk/Id/ods-organization-code|RR8 "`}, "requesting_organization"},
		"a scope for all of them":          {map[string]string{"scope": `"patient/*.write"`}, "scope"},
		"two scopes":                       {map[string]string{"scope": `"patient/DocumentReference.read patient/DocumentReference.write"`}, "scope"},
		"a user who is not the subject":    {map[string]string{"requesting_user": user}, "sub"},
		"a subject who is not the user":    {map[string]string{"sub": user}, "sub"},
		"a user of another form":           {map[string]string{"requesting_user": `"1"`, "sub": `"1"`}, "requesting_user"},
		"a user without number":            {map[string]string{"requesting_user": `"https://fhir.nhs.uk/Id/sds-role-profile-id|"`}, "requesting_user"},
		"a patient of another form":        {map[string]string{"requesting_patient": `"9876543210"`}, "requesting_patient"},
		"a patient with a short number":    {map[string]string{"requesting_patient": `"https://fhir.nhs.net/Id/nhs-number|987654321"`}, "requesting_patient"},
		"a user and a patient":             {map[string]string{"requesting_user": user, "requesting_patient": patient, "sub": user}, "requesting_patient"},
		"an actor without patient":         {map[string]string{"act": `{"sub":"x"}`}, "act"},
		"a patient with directcare":        {map[string]string{"requesting_patient": patient, "sub": patient}, "reason_for_request"},
		"a professional with patientacces": {map[string]string{"requesting_user": user, "sub": user, "reason_for_request": `"patientaccess"`}, "reason_for_request"},
	} {
		t.Run(name, func(t *testing.T) {
			refused := with(c.change)
			require.NotNil(t, refused)
			assert.Equal(t, c.claim, refused.Claim)
		})
	}
	assert.Nil(t, with(map[string]string{"requesting_user": user, "sub": user}))
	assert.Nil(t, with(map[string]string{"requesting_patient": patient, "sub": patient, "reason_for_request": `"patientaccess"`}))
}

func FuzzParseToken(f *testing.F) {
	f.Add(strings.TrimPrefix(asidtest.NewRequest("GET", "/STU3/DocumentReference/1", provider, nrl).Header.Get("Authorization"), "Bearer "))
	f.Add(jwt(unsigned, `{"sub":"a","act":{"sub":"b"},"exp":1}`))
	f.Add(jwt(unsigned, `{"sub":"a","Sub":"b"}`))
	f.Add(jwt(unsigned, `{"aud":["a"],"iat":1.5e9,"nbf":1795435200.25,"requesting_organisation":"b","sub":null}`))
	f.Add(jwt(`{"alg":"none","typ":"jwt","kid":"x"}`, `{"sub":"1","requested_scope":"organization/*.read",`+
		`"requesting_organization":{"resourceType":"Organization","identifier":[{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"A1"}]},`+
		`"requesting_practitioner":{"resourceType":"Practitioner","id":"1","identifier":[{"system":"https://fhir.nhs.uk/Id/sds-role-profile-id","value":"2"}]},`+
		`"requesting_device":{"resourceType":"Device","identifier":[{"system":"s","value":"3"}]}}`))
	f.Fuzz(func(t *testing.T, s string) {
		token, err := asid.ParseToken(s)
		if err != nil {
			assert.Nil(t, token)
			return
		}
		assert.LessOrEqual(t, len(s), 8<<10)
		// The standard library's reader, which folds case and takes the last of
		// several, sees the same.
		same(t, s, token)
	})
}

// same checks that another reader finds the same claims in the token.
func same(t *testing.T, s string, token *asid.Token) {
	t.Helper()
	part, err := base64.RawURLEncoding.DecodeString(strings.Split(s, ".")[1])
	require.NoError(t, err)
	var other map[string]any
	require.NoError(t, json.Unmarshal(part, &other))
	for claim, got := range map[string]string{
		"iss": token.Issuer, "sub": token.Subject, "reason_for_request": token.Reason, "requesting_system": token.System,
		"requesting_user": token.User, "requesting_patient": token.Patient,
	} {
		if claim == "requesting_user" && token.Resources {
			continue
		}
		want, _ := other[claim].(string)
		assert.Equal(t, want, got, claim)
	}
	for claim, got := range map[string]time.Time{"iat": token.IssuedAt, "exp": token.Expires, "nbf": token.NotBefore} {
		if want, ok := other[claim].(float64); ok {
			assert.Equal(t, int64(want), got.Unix(), claim)
		} else {
			assert.True(t, got.IsZero(), claim)
		}
	}
	switch audience := other["aud"].(type) {
	case []any:
		assert.Equal(t, []any{token.Audience}, audience)
	case string:
		assert.Equal(t, audience, token.Audience)
	default:
		assert.Empty(t, token.Audience)
	}
}
