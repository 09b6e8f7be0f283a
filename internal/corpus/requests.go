// SPDX-License-Identifier: Apache-2.0

package corpus

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/nrlsecurity/nrlsecurity/testdata"
)

const (
	clauseInteraction = "Interaction Security"
	clauseASID        = clauseInteraction + ": the interaction ID is associated with the ASID"
	clauseToken       = "Spine Core: bearer token"

	nrlASID, providerASID, consumerASID = "999999999999", "200000000205", "928942012545"
	consumerFQDN, maintainerFQDN        = "consumer.corpus.nhs.uk", "maintainer.corpus.nhs.uk"
	maintainerASID, certificateASID     = "200000000206", "200000000207"
	nrlInteraction                      = "urn:nhs:names:services:nrl:DocumentReference."
)

// A request is one to be changed and sent. Headers are a list, so that one may
// come twice.
type request struct {
	method, target string
	headers        [][2]string
	fqdn           string // of the client's certificate
}

// set takes the place of a header's value, or adds it.
func (r *request) set(name, value string) {
	for i := range r.headers {
		if strings.EqualFold(r.headers[i][0], name) {
			r.headers[i][1] = value
			return
		}
	}
	r.headers = append(r.headers, [2]string{name, value})
}

// again adds a header, whether or not it is there.
func (r *request) again(name, value string) { r.headers = append(r.headers, [2]string{name, value}) }

func (r *request) drop(name string) {
	var left [][2]string
	for _, h := range r.headers {
		if !strings.EqualFold(h[0], name) {
			left = append(left, h)
		}
	}
	r.headers = left
}

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

const registry = `{"systems": [
  {"asid": "928942012545", "ods": ["RXA"], "fqdns": ["consumer.corpus.nhs.uk"],
   "interactions": ["urn:nhs:names:services:nrl:DocumentReference.read", "urn:nhs:names:services:nrl:DocumentReference.search"]},
  {"asid": "200000000206", "ods": ["RR8"], "fqdns": ["maintainer.corpus.nhs.uk", "second.corpus.nhs.uk"],
   "interactions": ["urn:nhs:names:services:nrl:DocumentReference.create", "urn:nhs:names:services:nrl:DocumentReference.update", "urn:nhs:names:services:nrl:DocumentReference.delete"]},
  {"asid": "200000000207", "ods": ["RXA"], "fqdns": ["msg.int.spine2.corpus.nhs.uk"],
   "interactions": ["urn:nhs:names:services:nrl:DocumentReference.read"]},
  {"asid": "200000000208", "ods": ["RXA"], "fqdns": ["other.corpus.nhs.uk"],
   "interactions": ["urn:nhs:names:services:nrl:DocumentReference.create", "urn:nhs:names:services:nrl:DocumentReference.update"]}
]}
`

// newRequest returns a good read of the NRL by the consumer.
func newRequest() *request {
	return &request{method: "GET", target: "/STU3/DocumentReference/1", fqdn: consumerFQDN, headers: [][2]string{
		{"fromASID", consumerASID}, {"toASID", nrlASID}, {"Authorization", "Bearer " + goodClaims().token()},
	}}
}

// newMaintenance returns a good request of the maintainer, unattended.
func newMaintenance(method, target string) *request {
	c := goodClaims()
	c["scope"], c["requesting_system"], c["sub"] = "patient/DocumentReference.write", "https://fhir.nhs.uk/Id/accredited-system|"+maintainerASID, "https://fhir.nhs.uk/Id/accredited-system|"+maintainerASID
	c["requesting_organization"] = "https://fhir.nhs.uk/Id/ods-organization-code|RR8"
	delete(c, "requesting_user")
	return &request{method: method, target: target, fqdn: maintainerFQDN, headers: [][2]string{
		{"fromASID", maintainerASID}, {"toASID", nrlASID}, {"Authorization", "Bearer " + c.token()},
	}}
}

// newRetrieval returns a good retrieval that the SSP forwards to the provider.
func newRetrieval() *request {
	c := goodClaims()
	c["scope"], c["aud"] = "patient/*.read", "https://provider.corpus.nhs.uk"
	return &request{method: "GET", target: "/records/1", fqdn: fqdn, headers: [][2]string{
		{"Ssp-From", consumerASID}, {"Ssp-To", providerASID}, {"Ssp-InteractionID", nrlInteraction + "content.read"},
		{"Ssp-TraceID", "09a01679-2564-4fb4-5129-aecc81ea2706"}, {"Authorization", "Bearer " + c.token()},
	}}
}

// requests adds the cases of requests to an NRL-like server and to a provider.
func (g *generator) requests() {
	file := g.file("registry.json", []byte(registry))
	seen := map[string]bool{}
	add := func(server, name, clause, rule string, r *request) {
		if seen[server+name] {
			panic("corpus: two requests are called " + name)
		}
		seen[server+name] = true
		c := testdata.Case{Name: server + ": " + name, Clause: clause, Verdict: testdata.Accept, Rule: rule, Request: &testdata.Request{
			Server: server, Method: r.method, Target: r.target, Headers: r.headers, FQDN: r.fqdn, Registry: file, At: now, Self: nrlASID,
		}}
		if server == "provider" {
			c.Request.Self = providerASID
		}
		if rule != "" {
			c.Verdict = testdata.Refuse
			answered(c.Request, rule, "")
		}
		g.add(c)
	}
	outage := newRequest()
	add("nrl", "the registry cannot be asked", clauseASID, "registry", outage)
	g.cases[len(g.cases)-1].Request.Registry = ""
	g.headerCases(add)
	g.interactionCases(add)
	g.tokenCases(add)
}

type adder func(server, name, clause, rule string, r *request)

// headerCases are those of each header of each protocol, and of who may do what.
func (g *generator) headerCases(add adder) {
	add("nrl", "a read by a professional", clauseASID, "", newRequest())
	named := newRequest() // with it, the certificates of the other cases can be shown to an NRL-like server
	named.fqdn = fqdn
	named.set("fromASID", certificateASID)
	c := goodClaims()
	c["requesting_system"] = "https://fhir.nhs.uk/Id/accredited-system|" + certificateASID
	named.set("Authorization", "Bearer "+c.token())
	add("nrl", "a read by the system whose certificate has the SSP's name", clauseASID, "", named)
	add("nrl", "a delete by a provider", clauseASID, "", newMaintenance("DELETE", "/STU3/DocumentReference/1"))
	add("provider", "a retrieval through the SSP", clauseInteraction, "", newRetrieval())
	for _, protocol := range []struct {
		server string
		fresh  func() *request
		names  []string
	}{
		{"nrl", newRequest, []string{"fromASID", "toASID", "Authorization"}},
		{"provider", newRetrieval, []string{"Ssp-From", "Ssp-To", "Ssp-InteractionID", "Ssp-TraceID", "Authorization"}},
	} {
		for _, name := range protocol.names {
			rule := "header"
			change := func(what, rule string, change func(*request)) {
				r := protocol.fresh()
				change(r)
				add(protocol.server, name+" "+what, clauseInteraction, rule, r)
			}
			if name == "Authorization" {
				rule = "token"
			}
			value := func(v string) func(*request) { return func(r *request) { r.set(name, v) } }
			change("is missing", rule, func(r *request) { r.drop(name) })
			change("is empty", rule, value(""))
			change("comes twice with the same value", rule, func(r *request) {
				for _, h := range r.headers {
					if h[0] == name {
						r.again(name, h[1])
						return
					}
				}
			})
			change("has a blank within", rule, value("2000000 00205"))
			change("in other letters", "", func(r *request) {
				for i := range r.headers {
					if r.headers[i][0] == name {
						r.headers[i][0] = strings.ToUpper(name)
					}
				}
			})
			if strings.HasSuffix(name, "ASID") || name == "Ssp-From" || name == "Ssp-To" {
				for _, v := range [][2]string{{"has 11 digits", "20000000020"}, {"has 13 digits", "2000000002055"}, {"has a letter", "20000000020A"}, {"has a sign", "+20000000020"},
					{"has two values", nrlASID + ", " + nrlASID}, {"has a full-width digit", "\uff1200000000205"}, {"is a wildcard", "*"}} {
					change(v[0], rule, value(v[1]))
				}
			}
		}
	}
	for _, c := range []struct {
		name, server, rule string
		change             func(*request)
	}{
		{"toASID names another system", "nrl", "header", func(r *request) { r.set("toASID", providerASID) }},
		{"Ssp-To names another provider", "provider", "header", func(r *request) { r.set("Ssp-To", nrlASID) }},
		{"the InteractionID of the request", "nrl", "", func(r *request) { r.set("InteractionID", nrlInteraction+"read") }},
		{"the InteractionID of another request", "nrl", "header", func(r *request) { r.set("InteractionID", nrlInteraction+"search") }},
		{"an InteractionID in other letters", "nrl", "header", func(r *request) { r.set("InteractionID", strings.ToUpper(nrlInteraction+"read")) }},
		{"an InteractionID that is no URN", "nrl", "header", func(r *request) { r.set("InteractionID", "read") }},
		{"the InteractionID twice", "nrl", "header", func(r *request) {
			r.again("InteractionID", nrlInteraction+"read")
			r.again("InteractionID", nrlInteraction+"read")
		}},
		{"an underscore for a hyphen beside the header", "provider", "header", func(r *request) { r.again("Ssp_From", maintainerASID) }},
		{"the InteractionID twice in one line", "nrl", "header", func(r *request) { r.set("InteractionID", nrlInteraction+"read, "+nrlInteraction+"read") }},
		{"another Ssp-InteractionID than retrieval", "provider", "header", func(r *request) { r.set("Ssp-InteractionID", nrlInteraction+"read") }},
		{"an Ssp-TraceID that is no UUID", "provider", "header", func(r *request) { r.set("Ssp-TraceID", "1") }},
		{"an ASID that nobody registered", "nrl", "asid", func(r *request) { r.set("fromASID", "200000000999") }},
		{"another system's ASID under the own certificate", "nrl", "binding", func(r *request) { r.fqdn = maintainerFQDN }},
		{"a certificate of a name that is registered for nobody", "nrl", "binding", func(r *request) { r.fqdn = "stranger.corpus.nhs.uk" }},
		{"a certificate of a name below the registered one", "nrl", "binding", func(r *request) { r.fqdn = "a." + consumerFQDN }},
		{"the registered name in capitals", "nrl", "", func(r *request) { r.fqdn = strings.ToUpper(consumerFQDN) }},
		{"a POST by a retrieval", "provider", "request", func(r *request) { r.method = "POST" }},
	} {
		r := newRequest()
		if c.server == "provider" {
			r = newRetrieval()
		}
		c.change(r)
		add(c.server, c.name, clauseASID, c.rule, r)
	}
	second := newMaintenance("DELETE", "/STU3/DocumentReference/1")
	second.fqdn = "second.corpus.nhs.uk"
	add("nrl", "the second of the registered names", clauseASID, "", second)
}

// interactionCases are those of methods and paths.
func (g *generator) interactionCases(add adder) {
	consumer := func(method, target string) *request {
		r := newRequest()
		r.method, r.target = method, target
		return r
	}
	const base = "/STU3/DocumentReference"
	for _, c := range []struct{ name, method, target, rule string }{
		{"a search", "GET", base + "?subject=https%3A%2F%2Fdemographics.spineservices.nhs.uk%2FSTU3%2FPatient%2F9876543210", ""},
		{"a read on R4", "GET", "/R4/DocumentReference/1", ""},
		{"a HEAD of a pointer", "HEAD", base + "/1", ""},
		{"a create without the interaction", "POST", base, "interaction"},
		{"a delete without the interaction", "DELETE", base + "/1", "interaction"},
		{"an update without the interaction", "PATCH", base + "/1", "interaction"},
		{"a PUT", "PUT", base + "/1", "request"},
		{"an OPTIONS", "OPTIONS", base, "request"},
		{"a TRACE", "TRACE", base, "request"},
		{"a POST to a pointer", "POST", base + "/1", "request"},
		{"another resource", "GET", "/STU3/Patient/1", "request"},
		{"another version of FHIR", "GET", "/DSTU2/DocumentReference/1", "request"},
		{"the resource in other letters", "GET", "/STU3/documentreference/1", "request"},
		{"a slash behind the resource", "GET", base + "/", "request"},
		{"a slash behind the id", "GET", base + "/1/", "request"},
		{"two slashes", "GET", "/STU3//DocumentReference/1", "request"},
		{"dot segments", "GET", "/STU3/x/../DocumentReference/1", "request"},
		{"encoded dot segments", "GET", "/STU3/x/%2e%2e/DocumentReference/1", "request"},
		{"an encoded slash", "GET", "/STU3%2FDocumentReference/1", "request"},
		{"an encoded letter", "GET", "/STU3/%44ocumentReference/1", "request"},
		{"a history", "GET", base + "/1/_history/1", "request"},
		{"a search by POST", "POST", base + "/_search", "request"},
		{"a method in the query", "GET", base + "/1?_method=DELETE", "request"},
		{"a query that cannot be parsed", "GET", base + "?a=%zz", "request"},
	} {
		add("nrl", c.name, clauseASID, c.rule, consumer(c.method, c.target))
	}
	for _, c := range []struct{ name, method, target, rule string }{
		{"a create by a provider", "POST", base, ""},
		{"an update by a provider", "PATCH", base + "/1", ""},
		{"a conditional update by a provider", "PATCH", base + "?subject=a&identifier=b", ""},
		{"a conditional delete by a provider", "DELETE", base + "?subject=a&identifier=b", ""},
		{"a read by a provider that may only write", "GET", base + "/1", "interaction"},
	} {
		add("nrl", c.name, clauseASID, c.rule, newMaintenance(c.method, c.target))
	}
	for _, name := range []string{"X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "x_http_method_override", "X-Original-URL", "X-Rewrite-URL"} {
		r := newRequest()
		r.set(name, "DELETE")
		add("nrl", "the header "+name, clauseASID, "request", r)
	}
	upgrade := newRequest()
	upgrade.set("Connection", "Upgrade")
	upgrade.set("Upgrade", "h2c")
	add("nrl", "a request for another protocol", clauseASID, "request", upgrade)
}

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
		{"a whole token of GP Connect's", "token", func(c claims) {
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
		}},
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
