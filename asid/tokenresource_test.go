// SPDX-License-Identifier: Apache-2.0

package asid_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
)

const (
	odsSystem     = "https://fhir.nhs.uk/Id/ods-organization-code"
	profileSystem = "https://fhir.nhs.uk/Id/sds-role-profile-id"
	userSystem    = "https://fhir.nhs.uk/Id/sds-user-id"
)

// resource returns a FHIR resource with pairs of an identifier's system and value.
func resource(kind string, pairs ...string) claims {
	var identifiers []any
	for i := 0; i < len(pairs); i += 2 {
		identifiers = append(identifiers, claims{"system": pairs[i], "value": pairs[i+1]})
	}
	return claims{"resourceType": kind, "id": "10019", "identifier": identifiers}
}

func TestTheOrganisationOfATokenHasOneCode(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		organization any
		want         string // empty: refused
	}{
		"one":             {resource("Organization", odsSystem, "AMS01"), odsSystem + "|AMS01"},
		"one twice":       {resource("Organization", odsSystem, "AMS01", odsSystem, "AMS01"), odsSystem + "|AMS01"},
		"an empty one":    {resource("Organization", odsSystem, "AMS01", odsSystem, ""), odsSystem + "|AMS01"},
		"another system":  {resource("Organization", "https://x", "A1", odsSystem, "AMS01"), odsSystem + "|AMS01"},
		"two":             {resource("Organization", odsSystem, "AMS01", odsSystem, "AMS02"), ""},
		"none":            {resource("Organization"), ""},
		"none of ODS":     {resource("Organization", "https://x", "A1"), ""},
		"only empty":      {resource("Organization", odsSystem, ""), ""},
		"no list":         {claims{"resourceType": "Organization", "identifier": claims{"system": odsSystem, "value": "AMS01"}}, ""},
		"a practitioner":  {resource("Practitioner", odsSystem, "AMS01"), ""},
		"a number":        {1, ""},
		"a list of those": {[]any{resource("Organization", odsSystem, "AMS01")}, ""},
	} {
		token, err := asid.ParseToken(gpConnect().with(claims{"requesting_organization": c.organization}).token(t))
		if c.want == "" {
			assert.Equal(t, "requesting_organization", requestError(t, err).Claim, name)
			continue
		}
		require.NoError(t, err, name)
		assert.Equal(t, c.want, token.Organization, name)
	}
}

// A professional without a role profile has UNK in its place.
func TestThePractitionerOfATokenIsTheRoleProfileOrTheUser(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		practitioner any
		want         string // empty: refused
	}{
		"both":             {resource("Practitioner", userSystem, "111", profileSystem, "222"), profileSystem + "|222"},
		"no role profile":  {resource("Practitioner", userSystem, "111"), userSystem + "|111"},
		"unknown":          {resource("Practitioner", userSystem, "111", profileSystem, "UNK"), userSystem + "|111"},
		"only unknown":     {resource("Practitioner", profileSystem, "UNK"), profileSystem + "|UNK"},
		"two role profile": {resource("Practitioner", userSystem, "111", profileSystem, "222", profileSystem, "333"), userSystem + "|111"},
		"an organisation":  {resource("Organization", profileSystem, "222"), ""},
		"text":             {profileSystem + "|222", ""},
		"no list":          {claims{"resourceType": "Practitioner", "identifier": "222"}, ""},
	} {
		token, err := asid.ParseToken(gpConnect().with(claims{"requesting_practitioner": c.practitioner}).token(t))
		if c.want == "" {
			assert.Equal(t, "requesting_practitioner", requestError(t, err).Claim, name)
			continue
		}
		require.NoError(t, err, name)
		assert.Equal(t, c.want, token.User, name)
	}
	half := json.RawMessage(`{"resourceType":"Device","identifier":[{"system":"s","value":"3"},7]}`)
	for name, device := range map[string]any{"half read": half, "a list": []any{}, "no list": claims{"resourceType": "Device", "identifier": "1"}, "another": resource("Organization")} {
		_, err := asid.ParseToken(gpConnect().with(claims{"requesting_device": device}).token(t))
		assert.Equal(t, "requesting_device", requestError(t, err).Claim, name)
	}
}

func TestTheScopeOfATokenIsThatOfEitherClaim(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]claims{
		"requested_scope": {}, "scope": {"requested_scope": nil, "scope": "organization/*.read"}, "both": {"scope": "organization/*.read"},
	} {
		token := gpConnect().with(change).token(t)
		read, err := asid.ParseToken(token)
		require.NoError(t, err, name)
		assert.Equal(t, "organization/*.read", read.Scope, name)
		assert.NoError(t, gateAnswers(t, asid.Gate{Tokens: asid.TokenClaims}, gpcInteraction, token), name)
	}
	texts := retrieving().with(claims{"scope": nil, "requested_scope": "patient/*.read"}).token(t)
	assert.NoError(t, gateAnswers(t, asid.Gate{Tokens: asid.TokenClaims}, gpcInteraction, texts), "of text and for another API")
	both := retrieving().with(claims{"requested_scope": "patient/*.read"}).token(t)
	assert.NoError(t, gateAnswers(t, asid.Gate{Tokens: asid.TokenClaims}, asid.DocumentReferenceContentRead, both))
}
