// SPDX-License-Identifier: Apache-2.0

//go:build mutations

package corpus_test

import "slices"

const (
	headersGo  = "asid/headers.go"
	requestGo  = "asid/request.go"
	accessGo   = "asid/authorize.go"
	claimsGo   = "asid/tokencheck.go"
	tokenGo    = "asid/tokenread.go"
	endpointGo = "asid/endpoint.go"
	registryGo = "asid/read.go"
	systemGo   = "asid/system.go"
	senderGo   = "asid/sender.go"
	overrideGo = "internal/fhirpath/override.go"
)

// anySystem makes a system of the sender that may do what it asks for.
const anySystem = "return &System{ASID: c.From, FQDNs: c.Names.fqdns, Interactions: []InteractionID{c.Observed}, ODS: []ODSCode{c.Organization}}, nil"

// anyMethod takes every other method for an update.
var anyMethod = changed(requestGo, "	return \"\", &RequestError{Rule: RuleRequest, Detail: \"has a method that no interaction uses on its path\"}", "	return DocumentReferenceUpdate, nil")

// claimed is the comparison of the interaction's header with the request.
var claimed = never(accessGo, "if c.Claimed != \"\" && c.Claimed != c.Observed && !(patch && c.Claimed == DocumentReferencePatch) {")

func request(rule string, out ...[]edit) mutation {
	return mutation{rule: rule, tests: "asid", out: slices.Concat(out...)}
}

func second(rule, behind string, front []edit, out ...[]edit) mutation {
	return mutation{rule: rule, tests: "asid", out: slices.Concat(out...), behind: behind, front: front}
}

// The rules that others are second to.
var (
	otherScope  = never(claimsGo, "if t.requestedScope && by.nrl() {")
	noResource  = never(claimsGo, "if t.Resources && by.nrl() {")
	fiveMinutes = never(claimsGo, "case t.Expires.Sub(t.IssuedAt) > tokenLife:")
)

// isURN is the form of an interaction's header.
var isURN = returns("asid/interaction.go", "func ParseInteractionID(s string) (InteractionID, error) {", "InteractionID(s), nil")

// claim is a rule of a token's claims.
func claim(rule, line string) mutation { return request("token: "+rule, never(claimsGo, line)) }

// requestMutations are those of headers, tokens, interactions and registries.
var requestMutations = []mutation{
	request("header: in no other spelling", never(headersGo, "case f.respelt:")),
	request("header: in no trailer", never(headersGo, "case f.trailing:")),
	request("header: no InteractionID in a trailer alone", changed(headersGo, "!f.respelt && !f.trailing && !required", "!f.respelt && !required")),
	request("header: Connection does not name it", never(headersGo, "case f.dropped:")),
	request("header: it is there", changed(headersGo, "		return \"\", f.refuse(missing, errMissing)", "		return \"928942012545\", nil")),
	request("header: it is there once", never(headersGo, "case len(f.values) > 1:")),
	second("header: it is not empty", "header: the interaction is a URN", isURN, never(headersGo, `case f.values[0] == "":`)),
	request("header: an ASID has 12 digits at most", changed("asid/id.go", "if len(s) != idDigits {", "if len(s) < idDigits {")),
	request("header: an ASID has 12 digits at least", changed("asid/id.go", "if len(s) != idDigits {", "if s += \"000000000000\"[:max(0, idDigits-len(s))]; len(s) != idDigits {")),
	request("header: an ASID has digits only", never("asid/id.go", "if !(ok1 && ok2 && ok3) {")),
	second("header: no list of interactions", "header: the interaction of the request", claimed, never(headersGo, `if strings.Contains(value, ",") {`)),
	request("header: the interaction is a URN", isURN),
	request("header: the trace is a UUID", never(headersGo, "if err == nil && !spine.IsUUID(value) {")),
	request("header: the receiver is this system", never("asid/incoming.go", "if in.to != by.self {")),
	request("header: the interaction of the request", claimed),
	request("header: the SSP's interaction is retrieval", never("asid/gate.go", "if in.interaction != want {")),
	request("request: a retrieval is a GET or HEAD", never("asid/gate.go", "if want == DocumentReferenceContentRead && r.Method != http.MethodGet && r.Method != http.MethodHead {")),
	request("request: one of the endpoints", changed(endpointGo, `		return "", nil, &RequestError{Rule: RuleRequest, Detail: "has a path that no endpoint has"}`, "		ofPath = routes[:1]\n\t\tofPath[0].methods = nil")),
	request("request: a method of the endpoint", never(endpointGo, "if len(route.methods) > 0 && !slices.Contains(route.methods, r.Method) {")),
	request("request: a path of one reading", never("asid/path.go", "if err != nil || anyReading(decoded, unclear) {")),
	request("request: no other endpoint without regard to letter case or a suffix", never(endpointGo, "if !oneInteraction(ofPath, looselyOf(routes, decisive, ofPath)) {")),
	request("request: no other endpoint in another reading", never(endpointGo, "if servesAnother(ofPath, exact) || !oneInteraction(ofPath, looselyOf(routes, other, exact)) {")),
	request("request: no form to an endpoint", never(endpointGo, `if r.Method == http.MethodPost && segments[len(segments)-1] != "_search" && isForm(r.Header) {`)),
	request("asid: the sender is registered", changed(senderGo, "	case errors.Is(err, ErrNotFound):\n", "	case errors.Is(err, ErrNotFound):\n		"+anySystem+"\n")),
	request("binding: the certificate is the sender's", never(accessGo, "if !sys.owns(&c.Names) {")),
	request("interaction: the sender is assured for it", never(accessGo, "if c.Observed == \"\" || !sys.assured(c.Observed) && !(patch && sys.assured(DocumentReferencePatch)) {")),

	request("request: no header of an override", changed(overrideGo, "			if len(key) == len(name) && ascii.EqualHeader(key, name) {", "			if false {")),
	request("request: no length of the body in another spelling", never(overrideGo, "if framesBody(key) {")),
	request("request: no header Upgrade or HTTP2-Settings", never(overrideGo, `if ascii.EqualHeader(key, "Upgrade") || ascii.EqualHeader(key, "HTTP2-Settings") {`)),
	request("request: no Connection: upgrade", changed(overrideGo, ` || asksToUpgrade(r.Header["Connection"])`, "")),
	second("request: a method in capitals", "request: a method that an interaction uses", anyMethod, never(overrideGo, "if strings.ContainsFunc(r.Method, func(c rune) bool { return 'a' <= c && c <= 'z' }) {")),
	second("request: no CONNECT", "request: a method that an interaction uses", anyMethod, changed(overrideGo, "r.Method == http.MethodConnect || ", "")),
	request("request: a query that can be parsed", changed(overrideGo, "	if err != nil {\n		return \"has a malformed query\"\n	}\n", "	_ = err\n")),
	request("request: no parameter of an override", returns(overrideGo, "func overridesMethod(parameter string) bool {", "false")),
	request("request: no parameter of an override in PHP's spellings", changed(overrideGo, "	parameter = strings.NewReplacer(\" \", \"_\", \"[\", \"_\").Replace(strings.TrimLeft(parameter, \" \"))\n", "")),
	request("request: no form", never(requestGo, "if r.Method == http.MethodPost && isForm(r.Header) {")),
	request("request: a path without needless encoding", never(requestGo, `if r.URL.RawPath != "" || r.URL.Opaque != "" {`)),
	request("request: a path of a DocumentReference", never(requestGo, `if !found || rest != "" && !one {`)),
	request("request: an id in the path", changed(requestGo, "fhirpath.IsID(rest[1:])", "len(rest) > 1")),
	request("request: a method that an interaction uses", anyMethod),
	request("registry: it can be asked", changed(senderGo, "	return nil, &RegistryError{ASID: c.From, Detail: \"the look-up failed\", Err: err}", "	"+anySystem)),

	request("token: the scheme Bearer", never(headersGo, `if !strings.EqualFold(scheme, "Bearer") {`)),
	request("token: three sections", changed(tokenGo, `if !three || strings.Contains(signature, ".") {`, "if signature = strings.Trim(signature, \".\"); false {\n\t\t_ = three")),
	request("token: no signature", never(tokenGo, `if signature != "" {`)),
	request("token: well-formed, and no name twice", never(tokenGo, "if !jsontext.Value(d.raw).IsValid() {")),
	request("token: no crit", changed(tokenGo, `case strings.EqualFold(name, "crit"), strings.EqualFold(name, "alg"):`, `case strings.EqualFold(name, "alg"):`)),
	request("token: the algorithm none", changed(tokenGo, `case algorithm != "none" || !strings.EqualFold(kind, "JWT"):`, `case algorithm == "none" && false || !strings.EqualFold(kind, "JWT"):`)),
	request("token: the type JWT", changed(tokenGo, `case algorithm != "none" || !strings.EqualFold(kind, "JWT"):`, `case algorithm != "none" || kind == "JWT" && false:`)),
	request("token: one spelling of the organisation, or two alike", never(tokenGo, `case seen.organization != "" && seen.otherSpelling != "" && seen.organization != seen.otherSpelling:`)),
	second("token: identifiers or resources", "token: no resource in the NRL's, and scope", slices.Concat(noResource, otherScope), never(tokenGo, "case seen.resources && seen.texts:")),
	request("token: claims that are text", changed(tokenGo, "		return tokenError(claim, \"is not a string\", nil)", "		*into = \"x\"\n\t\treturn nil")),
	request("token: one audience", changed(tokenGo, "len(list) != 1 || list[0] == \"\"", "len(list) == 0")),
	request("token: times that are numbers", changed(tokenGo, "		return time.Time{}, tokenError(claim, \"is not a number\", nil)", "		value = strings.Trim(value, `\"`)")),
	second("token: a time of this age", "token: five minutes at most", fiveMinutes, changed(tokenGo, "if err != nil || seconds < 1 || seconds >= 1<<40 {", "if err != nil {")),
	request("token: claims in their letter case", never(tokenGo, "if len(name) >= len(claim) && strings.EqualFold(name, claim) {")),
	second("token: no resource in the NRL's", "token: scope, not requested_scope", otherScope, noResource),
	request("token: scope, not requested_scope", otherScope),
	request("token: no claim is missing", returns(claimsGo, "func (t *Token) checkPresent() error {", "nil")),
	claim("iat is not in the future", "case t.IssuedAt.After(latest):"),
	claim("nbf is not in the future", "case t.NotBefore.After(latest):"),
	claim("exp is not in the past", "case !t.Expires.After(earliest):"),
	claim("exp is after iat", "case !t.Expires.After(t.IssuedAt):"),
	request("token: five minutes at most", fiveMinutes),
	request("token: requesting_system has its system", changed(claimsGo, "	case !found || err != nil:\n		return tokenError(\"requesting_system\"", "	case !found && false || err != nil:\n		return tokenError(\"requesting_system\"")),
	claim("requesting_system sends the request", "case by.system != nil && id != by.system.ASID:"),
	claim("requesting_organization is the sender's", "case by.system != nil && !slices.Contains(by.system.ODS, organization):"),
	claim("the scope of the interaction", "if want := scope(by.method, by.interaction); t.Scope != want {"),
	claim("a professional or a citizen", `case t.User != "" && t.Patient != "":`),
	claim("a user with its system", `if id, found := strings.CutPrefix(t.User, userPrefix); !found || id == "" || !ascii.Printable(id) {`),
	claim("a citizen with an NHS number", "if number, found := strings.CutPrefix(withHTTPS(t.Patient), patientPrefix); !found || !spine.IsNHSNumber(number) {"),
	claim("a read is attended", "case !mayBeUnattended(by.interaction):"),
	claim("sub is who asks", "case withHTTPS(t.Subject) != withHTTPS(subject):"),
	claim("the reason of who asks", "case t.Reason != reason:"),
	claim("an actor of a citizen alone", `case t.Actor != "" && t.Patient == "":`),

	request("registry file: no unknown keys", changed(registryGo, "json.RejectUnknownMembers(true)", "json.RejectUnknownMembers(false)")),
	request("registry file: systems", changed(registryGo, "		return nil, &RegistryError{Detail: `the key \"systems\" is missing`}", "		return nil, nil")),
	request("registry file: no null", never("asid/strict.go", "case token.Kind() == 'n':")),
	request("registry file: an ASID", changed(registryGo, "		return System{}, &RegistryError{Detail: \"bad ASID\", Err: err}", "		id = MustParseID(\"200000000205\")")),
	request("registry file: ODS codes", changed(registryGo, "			return System{}, &RegistryError{ASID: id, Detail: \"bad ODS code\", Err: err}", "			continue")),
	request("registry file: an ODS code once", never(systemGo, "if repeats(s.ODS) {")),
	request("registry file: a name or a fingerprint", never(systemGo, "if len(given.FQDNs) == 0 && len(given.Leaves) == 0 && len(given.Keys) == 0 && !given.Unbound {")),
	request("registry file: names that are FQDNs", changed(systemGo, "			return fail(\"bad FQDN\", err)", "			continue")),
	request("registry file: an FQDN once", never(systemGo, "if repeats(s.FQDNs) {")),
	request("registry file: interactions once, URNs", changed(systemGo, "		return fail(\"bad interaction\", err)", "		return nil")),
}
