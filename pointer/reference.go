// SPDX-License-Identifier: Apache-2.0

package pointer

import (
	"strings"

	"github.com/nrlsecurity/nrlsecurity/asid"
)

// The systems and addresses of the NRL's specification.
const (
	organisationURL   = "https://directory.spineservices.nhs.uk/STU3/Organization/"
	organisationType  = "Organization/"
	odsCodeSystem     = "https://fhir.nhs.uk/Id/ods-organization-code"
	patientURL        = "https://demographics.spineservices.nhs.uk/STU3/Patient/"
	nhsNumberSystem   = "https://fhir.nhs.uk/Id/nhs-number"
	uriSystem         = "urn:ietf:rfc:3986"
	documentReference = "DocumentReference"
)

// A referenceTo is a FHIR Reference: by URL, by identifier, or by both.
type referenceTo struct {
	url        string
	identifier Identifier
}

func readReference(c cursor) (ref referenceTo, err error) {
	if err := c.enter(); err != nil {
		return referenceTo{}, err
	}
	for {
		f, err := c.next(referenceLevel)
		if err != nil || f == done {
			return ref, err
		}
		switch f {
		case reference:
			ref.url, err = c.text()
			err = in("reference", err)
		case identifier:
			ref.identifier, err = readIdentifier(c)
			err = in("identifier", err)
		}
		if err != nil {
			return referenceTo{}, err
		}
	}
}

// organisation returns the ODS code that a custodian has: in the URL (STU3), in
// the identifier (R4), or, if it has both, the same code in both.
func (ref referenceTo) organisation(relative bool) (asid.ODSCode, error) {
	const element = "custodian"
	var byURL, byIdentifier asid.ODSCode
	if ref.url != "" {
		code, found := strings.CutPrefix(ref.url, organisationURL)
		if !found && relative {
			code, found = strings.CutPrefix(ref.url, organisationType)
		}
		ods, err := asid.ParseODSCode(code)
		if !found || err != nil {
			return asid.ODSCode{}, &ResourceError{Element: element, Detail: "does not refer to " + organisationURL + "[ODS code]"}
		}
		byURL = ods
	}
	if !ref.identifier.IsZero() {
		ods, err := asid.ParseODSCode(ref.identifier.Value)
		if ref.identifier.System != odsCodeSystem || err != nil {
			return asid.ODSCode{}, &ResourceError{Element: element, Detail: "has an identifier that is no ODS code of " + odsCodeSystem}
		}
		byIdentifier = ods
	}
	switch {
	case byURL.IsZero() && byIdentifier.IsZero():
		return asid.ODSCode{}, &ResourceError{Element: element, Detail: "names no organisation"}
	case byURL.IsZero():
		return byIdentifier, nil
	case byIdentifier.IsZero() || byIdentifier == byURL:
		return byURL, nil
	default:
		return asid.ODSCode{}, &ResourceError{Element: element, Detail: "names two organisations, one by reference and one by identifier"}
	}
}

// patient returns the URL of a subject: that of the reference (STU3), or the one
// that the NHS number in the identifier has on the PDS (R4).
func (ref referenceTo) patient() (string, error) {
	const element = "subject"
	byIdentifier := ""
	if !ref.identifier.IsZero() {
		if ref.identifier.System != nhsNumberSystem || !digits(ref.identifier.Value) {
			return "", &ResourceError{Element: element, Detail: "has an identifier that is no NHS number of " + nhsNumberSystem}
		}
		byIdentifier = patientURL + ref.identifier.Value
	}
	switch {
	case ref.url == "" && byIdentifier == "":
		return "", &ResourceError{Element: element, Detail: "names no patient"}
	case ref.url == "":
		return byIdentifier, nil
	case byIdentifier != "" && byIdentifier != ref.url:
		return "", &ResourceError{Element: element, Detail: "names two patients, one by reference and one by identifier"}
	case !isAbsolute(ref.url):
		return "", &ResourceError{Element: element, Detail: "is not an absolute reference"}
	default:
		return ref.url, nil
	}
}

// documentReference returns the pointer that a relatesTo has as its target. The
// URL is a logical id, DocumentReference/[id], or that behind an absolute base;
// only the id counts, and nothing is fetched.
func (ref referenceTo) documentReference() (Query, error) {
	const element = "relatesTo"
	if ref.url == "" && ref.identifier.IsZero() {
		return Query{}, &ResourceError{Element: element, Detail: "has a target with neither reference nor identifier"}
	}
	q := Query{Identifier: ref.identifier}
	if ref.url == "" {
		return q, nil
	}
	id := ref.url
	if base, last, found := cutLast(ref.url); found {
		at, typed := strings.CutSuffix(base, "/"+documentReference)
		if base != documentReference && (!typed || !isAbsolute(at)) {
			return Query{}, &ResourceError{Element: element, Detail: "refers to what is no DocumentReference"}
		}
		id = last
	}
	if !isID(id) {
		return Query{}, &ResourceError{Element: element, Detail: "refers to what is no DocumentReference"}
	}
	q.ID = id
	return q, nil
}

func cutLast(s string) (before, after string, found bool) {
	i := strings.LastIndexByte(s, '/')
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

// isAbsolute reports whether s is an https URL that everyone reads alike: a host
// and a path, no user, query or fragment, nothing encoded, no segment
// that begins with a dot.
func isAbsolute(s string) bool {
	rest, found := strings.CutPrefix(s, "https://")
	if !found || strings.HasPrefix(rest, "/") || strings.HasPrefix(rest, ":") {
		return false
	}
	for i := 0; i < len(rest); i++ {
		if c := rest[i]; !letterOrDigit(c) && strings.IndexByte("-._~:/", c) < 0 {
			return false
		}
	}
	return !strings.Contains(rest, "//") && !strings.Contains(rest, "/.")
}

func letterOrDigit(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// isID reports whether s has the form of a FHIR id: [A-Za-z0-9\-\.]{1,64}. One of
// dots alone has it too, but means something else in a path.
func isID(s string) bool {
	if len(s) > 64 || strings.Trim(s, ".") == "" {
		return false
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; !letterOrDigit(c) && c != '-' && c != '.' {
			return false
		}
	}
	return true
}

func digits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
