// SPDX-License-Identifier: Apache-2.0

//go:build mutations

package corpus_test

import "slices"

const (
	judgeGo     = "pointer/judge.go"
	supersedeGo = "pointer/supersede.go"
	readGo      = "pointer/request.go"
	resourceGo  = "pointer/internal/fhir/documentreference.go"
	referenceGo = "pointer/internal/fhir/reference.go"
	jsonGo      = "pointer/internal/fhir/json.go"
	xmlGo       = "pointer/internal/fhir/xml.go"
	scanGo      = "pointer/internal/fhir/xmlscan.go"
	operationGo = "pointer/internal/fhir/parameters.go"
	placeGo     = "internal/fhirpath/place.go"
	formatGo    = "pointer/internal/fhir/format.go"
)

func pointer(rule string, out ...[]edit) mutation {
	return mutation{rule: rule, tests: "pointer", out: slices.Concat(out...)}
}

func pointerSecond(rule, behind string, front []edit, out ...[]edit) mutation {
	return mutation{rule: rule, tests: "pointer", out: slices.Concat(out...), behind: behind, front: front}
}

// oldPointer is a pointer of the caller's, in place of one that is not found.
const oldPointer = "custodian, _ := asid.ParseODSCode(\"RR8\")\n\t\treturn &Pointer{ID: \"corpus-id-1\", Version: \"1\", Status: statusCurrent, Custodian: custodian, " +
	"Subject: \"https://demographics.spineservices.nhs.uk/STU3/Patient/9000000009\"}, nil"

// The rules that others are second to.
var (
	found        = changed(judgeGo, "		return fail(RuleNotFound, \"cannot be found\", ErrNotFound)", "		"+oldPointer)
	otherPatient = never(supersedeGo, "if !stored.isOf(c.New.Subject) {")
	declared     = changed(scanGo, "				return 0, refused(\"has a document type, a CDATA section or another declaration\")", "				s.at += bytes.IndexByte(rest, '>') + 1\n\t\t\t\tcontinue")
	prefixed     = never(xmlGo, "if !language && bytes.IndexByte(a.name, ':') >= 0 {")
	known        = returns(xmlGo, "func (c *xmlCursor) bare(allowed string) error {", "nil")
	noSubject    = changed(referenceGo, "		return fault(\"names no patient\")", "		return \"\", \"\", nil")
)

// createOnly makes a create of whatever is new, with or without a relatesTo.
var createOnly = never(readGo, "if len(in.pointer.RelatesTo) > 0 {")

// pointerMutations are those of who may change which pointer, and of reading pointers.
var pointerMutations = []mutation{
	pointer("request: no parameters in the path of a change", never(placeGo, "if strings.ContainsFunc(u.Path, func(r rune) bool { return r == ';' || unicode.IsControl(r) }) {")),
	pointer("request: no needless encoding in the path of a change", changed(placeGo, `if u.RawPath != "" || u.Opaque`, "if u.Opaque")),
	pointer("request: no dot segments in the path of a change", changed(placeGo, " || path.Clean(u.Path) != u.Path", "")),
	pointer("request: one pointer is meant", changed(readGo, "		err = requestError(0, \"does not say which pointer is meant, or says it twice\")", "		in.change.Target = Query{ID: \"corpus-id-1\"}")),
	pointerSecond("request: an identifier of one system and value", "not-found: a stored pointer", found, never(readGo, "if strings.ContainsAny(patient+token, `,\\`) || strings.Count(token, \"|\") != 1 {")),
	pointerSecond("request: a subject that is a URL", "not-found: a stored pointer", found, never(readGo, "if !strings.HasPrefix(patient, \"https://\") && !strings.HasPrefix(patient, \"http://\") {")),
	pointer("request: no other parameters", changed(readGo, "			return nil, \"\", requestError(0, \"has a parameter that the interaction has not\")", "			continue")),
	pointer("request: a parameter once", changed(readGo, "		case len(list) != 1:\n			return nil, \"\", requestError(0, \"has a parameter twice\")\n", "")),
	pointer("request: no other precondition than If-Match", never("pointer/precondition.go", "if ascii.EqualHeader(key, name) {")),
	pointer("media-type: there once", never(readGo, `if len(list) != 1 || spelled(r.Header, "Content-Type") != 1 {`)),
	pointer("media-type: no Content-Encoding", never(readGo, `if spelled(r.Header, "Content-Encoding") > 0 {`)),
	pointer("media-type: UTF-8", never(formatGo, `if charset, there := params["charset"]; there && !strings.EqualFold(charset, "utf-8") && !strings.EqualFold(charset, "utf8") {`)),
	pointer("media-type: FHIR's 3.0 or 4.0", never(formatGo, `if version, there := params["fhirversion"]; there && !isVersion(version, "3.0") && !isVersion(version, "4.0") {`)),
	pointer("media-type: no extended notation", changed(formatGo, `if strings.Contains(contentType, "*") {`, "if false {")),
	pointer("media-type: parameters of one reading", never(formatGo, "if strings.ContainsAny(value, `,;\\\"`) {")),
	pointer("media-type: one of FHIR's", changed(formatGo, "		return 0, &Error{Kind: MediaType, Detail: \"is none of FHIR's\"}", "		return JSON, nil")),
	pointer("media-type: an answer that is served", never("pointer/middleware.go", "if err == nil && !outcome.Acceptable(r) {")),
	pointer("body: none of a delete", never(readGo, "if len(in.body) > 0 {")),

	pointer("interaction: the system is assured for it", never("pointer/authorize.go", `if need := c.Action.interaction(); need == "" || !caller.System.Assured(need) {`)),
	pointer("owner: of a new pointer", never(judgeGo, "if err := Owns(caller, c.New); err != nil {")),
	pointer("owner: of a stored pointer", never(judgeGo, "if Owns(caller, stored) != nil {")),
	pointer("owner: there is one", changed("pointer/owner.go", "if p == nil || p.Custodian.IsZero() || !slices", "if p != nil && p.Custodian.IsZero() {\n\t\treturn nil\n\t}\n\tif p == nil || !slices")),
	pointer("not-found: a stored pointer", found),
	pointer("resolver: a look-up that fails", changed(judgeGo, "		return fail(RuleResolver, \"failed\", err)", "		"+oldPointer)),
	pointer("resolver: a look-up without an answer", changed(judgeGo, "		return fail(RuleResolver, \"gave neither a pointer nor an error\", nil)", "		"+oldPointer)),
	pointer("resolver: the pointer that was asked for", never(judgeGo, "case !q.Matches(p) || !fhirpath.IsID(p.ID):")),
	pointer("resolver: a pointer with a version", never(judgeGo, "case !fhirpath.IsID(p.Version):")),
	{rule: "unavailable: a look-up that fails for a time", tests: "pointer", chooses: true, out: never(judgeGo, "case told != nil && (told.Rule == RuleUnavailable || told.Rule == RuleResource):")},
	{rule: "resource: a patient for whom there is no search", tests: "pointer", chooses: true, out: changed(judgeGo, " || told.Rule == RuleResource)", ")")},
	pointer("resolver: a look-up before a create that fails", changed(judgeGo, "	default:\n		return err\n", "	default:\n		return nil\n")),
	pointer("ambiguous: one stored pointer", changed(judgeGo, "		return fail(RuleAmbiguous, \"cannot be told from another\", ErrAmbiguous)", "		"+oldPointer)),
	pointerSecond("relates-to: none of a create", "relates-to: what makes a supersede", createOnly, never(judgeGo, "if len(c.New.RelatesTo) > 0 {")),
	pointer("relates-to: one", never(supersedeGo, "if len(c.New.RelatesTo) != 1 {")),
	pointer("relates-to: replaces", never(supersedeGo, `if relation.Code != "replaces" {`)),
	pointerSecond("relates-to: a patient", "relates-to: the same patient", otherPatient, never(supersedeGo, `if c.New.Subject == "" {`)),
	pointer("relates-to: the same patient", otherPatient),
	pointer("relates-to: the same master identifier", never(supersedeGo, "if id := relation.Target.Identifier; !id.IsZero() && id != stored.MasterIdentifier {")),
	pointer("not-current: of an update", never(judgeGo, "if c.Action == Update && stored.Status != statusCurrent {")),
	pointer("not-current: of a supersede", never(supersedeGo, "if stored.Status != statusCurrent {")),
	pointer("duplicate: a master identifier that is new", changed(judgeGo, "	case err == nil, errors.Is(err, ErrAmbiguous):\n		return &ChangeError", "	case err == nil, errors.Is(err, ErrAmbiguous):\n		return nil\n	case false:\n		return &ChangeError")),
	pointer("resource: a master identifier that can be searched for", never(judgeGo, "if strings.ContainsAny(id.System, searchSyntax) || strings.ContainsAny(id.Value, searchSyntax) {")),
	pointer("version: none of a create", changed(judgeGo, "if c.IfMatch != nil { // there", "if false { // there")),
	pointer("version: the stored pointer's", changed(judgeGo, "	if c.IfMatch == nil || slices", "	if true || slices")),

	pointer("body: well-formed JSON", changed(jsonGo, "		return unwrapped(err, \"is not well-formed JSON\")", "		if _, ok := errors.AsType[*jsontext.SyntacticError](err); ok {\n\t\t\treturn nil\n\t\t}\n\t\treturn unwrapped(err, \"\")")),
	pointer("resource: no name twice", changed(jsonGo, "json.Unmarshal(body, document)", "json.Unmarshal(body, document, jsontext.AllowDuplicateNames(true))")),
	pointer("body: no byte order mark before JSON", changed(jsonGo, "	if bytes.HasPrefix(body, []byte(byteOrderMark)) {\n		return", "	if body = bytes.TrimPrefix(body, []byte(byteOrderMark)); false {\n		return")),
	pointer("resource: not nested too deeply, in JSON", never(jsonGo, "if tooDeep(body) {")),
	pointer("resource: of the type, in JSON", never(jsonGo, "if got != f.resource {")),
	pointer("resource: a type, in JSON", never(jsonGo, `if last.resource != "" && !last.typed {`)),
	pointer("resource: known elements, in JSON", changed(jsonGo, "			return fieldDone, refusedElement(cut(string(name)), \"is not one that is accepted here\")", "			e = element{}")),
	pointer("resource: lists as arrays, in JSON", changed(jsonGo, "		return c.unexpected(\"is not an array\")", "		return f()")),
	pointer("resource: no empty list, in JSON", changed(jsonGo, "		return refused(\"is an empty array\")", "		_, err := c.dec.ReadToken()\n\t\treturn err")),
	pointer("resource: text as strings, in JSON", changed(jsonGo, "		return \"\", refused(\"is not a string\")", "		return string(quoted), nil")),
	pointer("body: UTF-8 and XML's characters", never(xmlGo, "if !isXMLText(body) {")),
	pointerSecond("resource: no CDATA", "resource: no document type", declared, changed(xmlGo, "if bytes.Contains(body, []byte(\"<![\")) {", "if false {")),
	pointer("body: one root element", never(xmlGo, "if t, err = c.token(); err == nil && t != xmlEOF {")),
	pointer("body: each attribute once", never(xmlGo, "if bytes.Equal(other.name, a.name) {")),
	pointer("resource: FHIR's namespace", changed(xmlGo, "		return refusedElement(cut(string(name)), \"is in another namespace than FHIR's\")", "		return nil")),
	pointerSecond("resource: no prefix", "resource: no attribute with a prefix, and known attributes", slices.Concat(prefixed, known),
		changed(xmlGo, "func (c *xmlCursor) pop() error {\n	name := c.scan.name", "func (c *xmlCursor) pop() error {\n	name := c.scan.name[bytes.IndexByte(c.scan.name, ':')+1:]"), changed(xmlGo, "		return refusedElement(cut(string(name[i+1:])), \"has a prefix\")", "		c.scan.name = name[i+1:]\n\t\tname = c.scan.name")),
	pointerSecond("resource: no attribute with a prefix", "resource: known attributes", known, prefixed),
	pointer("resource: known attributes", known),
	pointer("resource: UTF-8 and XML 1.0 declared", changed(scanGo, " || !xmlDeclaration.Match(inside[:i])", "")),
	pointer("resource: no processing instruction", changed(scanGo, "	if !found || s.at != 0 || i < 0 ||", "	if !found {\n\t\ts.at += bytes.Index(rest, []byte(\"?>\")) + 2\n\t\treturn nil\n\t}\n	if s.at != 0 || i < 0 ||")),
	pointer("resource: not nested too deeply, in XML", never(xmlGo, "if c.open = append(c.open, name); len(c.open) > maxDepth {")),
	pointer("resource: of the type, in XML", never(xmlGo, "if got := string(c.scan.name); got != name {")),
	pointer("resource: no text outside a value, in XML", changed(xmlGo, "			if c.div == 0 && len(", "			if false && len(")),
	pointer("resource: no document type", declared),
	pointer("body: known entities", changed(scanGo, "			return malformed(\"has a reference to what is no character\")", "			n = 1")),

	pointer("resource: the whole of a pointer", never("pointer/internal/fhir/read.go", "if into.IsPart(contentType, body) {")),
	pointer("resource: an id", never(resourceGo, "if err == nil && !fhirpath.IsID(id) {")),
	pointer("resource: system and value of an identifier", never(referenceGo, `if err == nil && !partial && (id.System == "" || id.Value == "") {`)),
	pointer("resource: the custodian's URL is an organisation's", changed(referenceGo, "		ods, err := asid.ParseODSCode(code)\n", "		if !found {\n\t\t\tfound, code = true, ref.url[strings.LastIndexByte(ref.url, '/')+1:]\n\t\t}\n		ods, err := asid.ParseODSCode(code)\n")),
	pointer("resource: the custodian's identifier is an ODS code", never(referenceGo, "if ref.identifier.System != spine.ODSSystem || err != nil {")),
	pointer("resource: a custodian that is named", changed(referenceGo, "		return asid.ODSCode{}, invalid(element, \"names no organisation\")", "		return asid.ParseODSCode(\"RR8\")")),
	pointer("resource: one custodian by URL and identifier", changed(referenceGo, "case byIdentifier.IsZero() || byIdentifier == byURL:", "case true:")),
	pointerSecond("resource: the subject's identifier is an NHS number", "resource: a subject that is named", noSubject, changed(referenceGo, "} else if id != (Identifier{}) && !r.Stored {", "} else if false {")),
	pointer("resource: a subject that is named", noSubject),
	pointer("resource: one subject by URL and identifier", changed(referenceGo, "		return fault(\"names two patients, one by reference and one by identifier\")", "		subject = ref.url")),
	pointer("resource: an absolute subject", never(referenceGo, "case !isAbsolute(subject):")),
	pointer("resource: a subject in one spelling", never(referenceGo, "case NormalURL(subject) != subject:")),
	pointer("resource: a target of a relatesTo", never(referenceGo, `if ref.url == "" && ref.identifier == (Identifier{}) {`)),
	pointer("resource: the target is a DocumentReference", never(referenceGo, `if base != fhirpath.DocumentReference && (!found || !isAbsolute(at)) {`)),
	pointer("resource: the target is an id", changed(referenceGo, "	if !fhirpath.IsID(id) {\n		return fault(\"refers", "	if false {\n		return fault(\"refers")),
	pointer("resource: values without white space around them", never("pointer/internal/fhir/cursor.go", "if s != strings.TrimSpace(s) {")),
	pointer("resource: values that are not empty", never("pointer/internal/fhir/cursor.go", "if s == \"\" {")),
	pointer("resource: no control characters in values", changed("pointer/internal/fhir/cursor.go", "return refused(\"has a control character\")", "continue")),

	pointer("resource: one operation", never(operationGo, "if err == nil && *count != 1 {")),
	pointer("resource: named operation", never(operationGo, `if named != "operation" {`)),
	pointer("resource: replace", never(operationGo, `if parts["type"] != (typed{fieldValueCode, "replace"}) {`)),
	pointer("resource: of the status", never(operationGo, `if parts["path"] != (typed{fieldValueString, "DocumentReference.status"}) {`)),
	pointer("resource: entered-in-error", never(operationGo, `if v := parts["value"]; v != (typed{fieldValueString, withdrawn}) && v != (typed{fieldValueCode, withdrawn}) {`)),
	pointer("resource: no other parts", never(operationGo, "if len(parts) != 3 {")),
	pointer("resource: no part twice", never(operationGo, "if _, twice := parts[named]; twice {")),
	pointer("resource: a part with one value", never(operationGo, "if v.field != fieldIgnored {")),
}
