// SPDX-License-Identifier: Apache-2.0

package corpus

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
)

// tokenCases are those of the bearer token, for an NRL-like server, which checks
// that it agrees with the request.
func (g *generator) tokenCases(add adder) {
	with := func(name, rule string, change func(claims)) {
		c := maps.Clone(goodClaims())
		change(c)
		r := newRequest()
		r.set("Authorization", "Bearer "+c.token())
		add("nrl", "token: "+name, clauseToken, rule, r)
	}
	set := func(claim string, value any) func(claims) { return func(c claims) { c[claim] = value } }
	for _, claim := range []string{"iss", "sub", "aud", "exp", "iat", "reason_for_request", "scope", "requesting_system", "requesting_organization"} {
		with(claim+" is missing", "token", func(c claims) { delete(c, claim) })
		with(claim+" is null", "token", set(claim, nil))
		with(claim+" is an object", "token", set(claim, map[string]any{}))
	}
	for _, claim := range []string{"iss", "sub", "aud", "reason_for_request", "scope", "requesting_system", "requesting_organization", "requesting_user"} {
		with(claim+" is empty", "token", set(claim, ""))
		with(claim+" is a number", "token", set(claim, 1))
	}
	const sds, asid, ods = "https://fhir.nhs.uk/Id/sds-role-profile-id|", "https://fhir.nhs.uk/Id/accredited-system|", "https://fhir.nhs.uk/Id/ods-organization-code|"
	citizen := func(number string) func(claims) {
		return func(c claims) {
			delete(c, "requesting_user")
			c["requesting_patient"], c["sub"], c["reason_for_request"] = "https://fhir.nhs.net/Id/nhs-number|"+number, "https://fhir.nhs.net/Id/nhs-number|"+number, "patientaccess"
		}
	}
	gpConnect := func(c claims) {
		identified := func(kind, system, value string) map[string]any {
			return map[string]any{"resourceType": kind, "id": "10019", "identifier": []any{map[string]any{"system": system, "value": value}}}
		}
		for _, claim := range []string{"requesting_system", "requesting_user", "scope"} {
			delete(c, claim)
		}
		c["sub"], c["requested_scope"] = "10019", "patient/DocumentReference.read"
		c["requesting_organization"] = identified("Organization", "https://fhir.nhs.uk/Id/ods-organization-code", "RXA")
		c["requesting_device"] = identified("Device", "https://consumer.corpus.nhs.uk/device", "1")
		c["requesting_practitioner"] = identified("Practitioner", "https://fhir.nhs.uk/Id/sds-role-profile-id", "111222333444")
	}
	for _, c := range []struct {
		name, rule string
		change     func(claims)
	}{
		{"aud as an array of one", "", set("aud", []string{"https://nrl.corpus.nhs.uk"})},
		{"aud as an array of two", "token", set("aud", []string{"https://nrl.corpus.nhs.uk", "https://other.nhs.uk"})},
		{"aud as an empty array", "token", set("aud", []string{})},
		{"an unknown claim", "", set("jti", "1")},
		{"an unknown claim that is null", "", set("jti", nil)},
		{"times with fractions", "", func(c claims) { c["iat"], c["exp"] = float64(now.Unix())+0.5, float64(now.Unix())+200.25 }},
		{"requested_scope in place of scope", "token", func(c claims) { c["requested_scope"] = c["scope"]; delete(c, "scope") }},
		{"issued at zero", "token", set("iat", 0)},
		{"a time as a string", "token", set("exp", fmt.Sprint(now.Unix()+60))},
		{"expired, within the tolerance", "", func(c claims) { c["iat"], c["exp"] = now.Unix()-300, now.Unix()-29 }},
		{"expired", "token", func(c claims) { c["iat"], c["exp"] = now.Unix()-300, now.Unix()-31 }},
		{"issued 29 s ahead", "", func(c claims) { c["iat"], c["exp"] = now.Unix()+29, now.Unix()+300 }},
		{"issued 31 s ahead", "token", func(c claims) { c["iat"], c["exp"] = now.Unix()+31, now.Unix()+300 }},
		{"valid for five minutes and a second", "token", func(c claims) { c["exp"] = now.Unix() + 301 }},
		{"expires before it was issued", "token", func(c claims) { c["iat"], c["exp"] = now.Unix(), now.Unix()-1 }},
		{"not before 29 s from now", "", set("nbf", now.Unix()+29)},
		{"not before 31 s from now", "token", set("nbf", now.Unix()+31)},
		{"the scope to write, for a read", "token", set("scope", "patient/DocumentReference.write")},
		{"the scope of a retrieval, for a read", "token", set("scope", "patient/*.read")},
		{"another reason", "token", set("reason_for_request", "research")},
		{"patientaccess for a professional", "token", set("reason_for_request", "patientaccess")},
		{"another system's ASID", "token", set("requesting_system", asid+maintainerASID)},
		{"the ASID without its system", "token", set("requesting_system", consumerASID)},
		{"another organisation", "token", set("requesting_organization", ods+"RR8")},
		{"the organisation in other letters", "", set("requesting_organization", ods+"rxa")},
		{"the organisation in the older spelling", "", func(c claims) {
			c["requesting_organisation"] = c["requesting_organization"]
			delete(c, "requesting_organization")
		}},
		{"both spellings with one value", "", set("requesting_organisation", ods+"RXA")},
		{"both spellings with two values", "token", set("requesting_organisation", ods+"RR8")},
		{"sub is not the user", "token", set("sub", sds+"555")},
		{"a user without the system", "token", func(c claims) { c["requesting_user"], c["sub"] = "111222333444", "111222333444" }},
		{"a user with a line break", "token", func(c claims) { c["requesting_user"], c["sub"] = sds+"1\n2", sds+"1\n2" }},
		{"an unattended read", "token", func(c claims) { delete(c, "requesting_user"); c["sub"] = asid + consumerASID }},
		{"a citizen", "", citizen("9434765919")},
		{"a citizen whose NHS number has a wrong check digit", "token", citizen("9434765918")},
		{"a citizen with https", "", func(c claims) {
			citizen("9434765919")(c)
			c["requesting_patient"] = "https://fhir.nhs.net/Id/nhs-number|9434765919"
			c["sub"] = "http://fhir.nhs.net/Id/nhs-number|9434765919"
		}},
		{"a citizen for direct care", "token", func(c claims) { citizen("9434765919")(c); c["reason_for_request"] = "directcare" }},
		{"a citizen and a professional", "token", func(c claims) { user := c["requesting_user"]; citizen("9434765919")(c); c["requesting_user"] = user }},
		{"a professional and a citizen beside", "token", set("requesting_patient", "https://fhir.nhs.net/Id/nhs-number|9434765919")},
		{"a citizen by a proxy", "", func(c claims) {
			citizen("9434765919")(c)
			c["act"] = map[string]any{"sub": "https://fhir.nhs.uk/Id/nhs-number|9434765870"}
		}},
		{"a professional by a proxy", "token", set("act", map[string]any{"sub": "https://fhir.nhs.uk/Id/nhs-number|9434765870"})},
		{"a whole token of GP Connect's", "token", gpConnect},
		{"a token of GP Connect's with a user of the NRL's", "token", func(c claims) { gpConnect(c); c["requesting_user"] = sds + "111222333444" }},
		{"the organisation in the shape of GP Connect's tokens", "token", set("requesting_organization", map[string]any{"resourceType": "Organization",
			"identifier": []any{map[string]any{"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "RXA"}}})},
	} {
		with(c.name, c.rule, c.change)
	}
	good := goodClaims()
	for _, c := range []struct{ name, rule, value string }{
		{"the scheme in other letters", "", "bearer " + good.token()},
		{"two blanks behind the scheme", "", "Bearer  " + good.token()},
		{"another scheme", "token", "Basic dXNlcjpwYXNz"},
		{"another scheme before a good token", "token", "Basic " + good.token()},
		{"the algorithm HS256 without a signature", "token", "Bearer " + token(map[string]any{"alg": "HS256", "typ": "JWT"}, good)},
		{"the algorithm None", "token", "Bearer " + token(map[string]any{"alg": "None", "typ": "JWT"}, good)},
		{"no algorithm", "token", "Bearer " + token(map[string]any{"typ": "JWT"}, good)},
		{"another type", "token", "Bearer " + token(map[string]any{"alg": "none", "typ": "JWE"}, good)},
		{"no scheme", "token", good.token()},
		{"the scheme alone", "token", "Bearer"},
		{"two parts", "token", "Bearer " + strings.TrimSuffix(good.token(), ".")},
		{"four parts", "token", "Bearer " + good.token() + "."},
		{"a signature under alg none", "token", "Bearer " + good.token() + "c2ln"},
		{"typ in other letters", "", "Bearer " + token(map[string]any{"alg": "none", "typ": "jwt"}, good)},
		{"no typ", "", "Bearer " + token(map[string]any{"alg": "none"}, good)},
		{"an unknown header member", "", "Bearer " + token(map[string]any{"alg": "none", "typ": "JWT", "kid": "1"}, good)},
		{"crit", "token", "Bearer " + token(map[string]any{"alg": "none", "typ": "JWT", "crit": []string{"x"}}, good)},
		{"a claim twice", "token", "Bearer " + token(map[string]any{"alg": "none", "typ": "JWT"}, strings.Replace(string(must(json.Marshal(good))), "{", `{"iss":"https://other.nhs.uk",`, 1))},
		{"a claim in other letters beside it", "token", "Bearer " + token(map[string]any{"alg": "none", "typ": "JWT"}, strings.Replace(string(must(json.Marshal(good))), "{", `{"ISS":"https://other.nhs.uk",`, 1))},
		{"a payload that is no object", "token", "Bearer " + token(map[string]any{"alg": "none", "typ": "JWT"}, "[]")},
		{"something behind the payload", "token", "Bearer " + token(map[string]any{"alg": "none", "typ": "JWT"}, string(must(json.Marshal(good)))+"{}")},
		{"padding", "token", "Bearer " + strings.Replace(good.token(), ".", "=.", 1)},
		{"characters of another alphabet", "token", "Bearer " + strings.Replace(good.token(), "e", "+", 1)},
	} {
		r := newRequest()
		r.set("Authorization", c.value)
		add("nrl", "token: "+c.name, clauseToken, c.rule, r)
	}
}
