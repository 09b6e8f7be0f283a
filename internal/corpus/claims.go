// SPDX-License-Identifier: Apache-2.0

package corpus

import (
	"encoding/base64"
	"encoding/json"
	"time"
)

// claims are those of a token, which a case changes.
type claims map[string]any

// goodClaims are those of a professional's read.
func goodClaims() claims {
	return claims{
		"iss": "https://consumer.corpus.nhs.uk", "sub": "https://fhir.nhs.uk/Id/sds-role-profile-id|111222333444", "aud": "https://nrl.corpus.nhs.uk",
		"iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(), "reason_for_request": "directcare", "scope": "patient/DocumentReference.read",
		"requesting_system":       "https://fhir.nhs.uk/Id/accredited-system|" + consumerASID,
		"requesting_organization": "https://fhir.nhs.uk/Id/ods-organization-code|RXA",
		"requesting_user":         "https://fhir.nhs.uk/Id/sds-role-profile-id|111222333444",
	}
}

// maintenanceClaims are those of an unattended change by a system of an organisation.
func maintenanceClaims(system, ods string) claims {
	c := goodClaims()
	c["scope"], c["requesting_system"], c["sub"] = "patient/DocumentReference.write", "https://fhir.nhs.uk/Id/accredited-system|"+system, "https://fhir.nhs.uk/Id/accredited-system|"+system
	c["requesting_organization"] = "https://fhir.nhs.uk/Id/ods-organization-code|" + ods
	delete(c, "requesting_user")
	return c
}

// token writes an unsigned JWT.
func (c claims) token() string { return token(map[string]any{"alg": "none", "typ": "JWT"}, c) }

func token(header, payload any) string {
	encode := func(v any) string {
		if raw, ok := v.(string); ok {
			return base64.RawURLEncoding.EncodeToString([]byte(raw))
		}
		return base64.RawURLEncoding.EncodeToString(must(json.Marshal(v)))
	}
	return encode(header) + "." + encode(payload) + "."
}
