// SPDX-License-Identifier: Apache-2.0

package fhir

import (
	"strings"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/internal/ascii"
	"github.com/nrlsecurity/nrlsecurity/internal/fhirpath"
	"github.com/nrlsecurity/nrlsecurity/internal/spine"
)

const organisationType = "Organization/"

// An Identifier is a FHIR identifier.
type Identifier struct{ System, Value string }

func readIdentifier(c cursor, partial bool) (Identifier, error) {
	var id Identifier
	err := enterFields(c, identifierLevel, func(f field) error {
		switch f {
		case fieldSystem:
			return readText(c, "system", &id.System)
		case fieldValue:
			return readText(c, "value", &id.Value)
		}
		return nil
	})
	if err == nil && !partial && (id.System == "" || id.Value == "") {
		err = refused("lacks its system or its value")
	}
	if err != nil {
		return Identifier{}, err
	}
	return id, nil
}

// A referenceTo is a FHIR Reference: by URL, by identifier, or by both.
type referenceTo struct {
	url        string
	identifier Identifier
}

func (r Reader) readReference(c cursor) (referenceTo, error) {
	var ref referenceTo
	err := enterFields(c, referenceLevel, func(f field) (err error) {
		switch f {
		case fieldReference:
			return readText(c, "reference", &ref.url)
		case fieldIdentifier:
			ref.identifier, err = readIdentifier(c, r.Stored)
			err = in("identifier", err)
		}
		return err
	})
	if err != nil {
		return referenceTo{}, err
	}
	return ref, nil
}

// organisation returns the ODS code that a custodian has: in the URL (STU3), in
// the identifier (R4), or, if it has both, the same code in both.
func (ref referenceTo) organisation(relative bool) (asid.ODSCode, error) {
	const element = "custodian"
	var byURL, byIdentifier asid.ODSCode
	if ref.url != "" {
		code, found := strings.CutPrefix(ref.url, spine.OrganizationURL)
		if !found && relative {
			code, found = strings.CutPrefix(ref.url, organisationType)
		}
		ods, err := asid.ParseODSCode(code)
		if !found || err != nil {
			return asid.ODSCode{}, invalid(element, "does not refer to "+spine.OrganizationURL+"[ODS code]")
		}
		byURL = ods
	}
	if ref.identifier != (Identifier{}) {
		ods, err := asid.ParseODSCode(ref.identifier.Value)
		if ref.identifier.System != spine.ODSSystem || err != nil {
			return asid.ODSCode{}, invalid(element, "has an identifier that is no ODS code of "+spine.ODSSystem)
		}
		byIdentifier = ods
	}
	switch {
	case byURL.IsZero() && byIdentifier.IsZero():
		return asid.ODSCode{}, invalid(element, "names no organisation")
	case byURL.IsZero():
		return byIdentifier, nil
	case byIdentifier.IsZero() || byIdentifier == byURL:
		return byURL, nil
	default:
		return asid.ODSCode{}, invalid(element, "names two organisations, one by reference and one by identifier")
	}
}

// patient returns the URL of a subject: that of the reference (STU3), or the one
// that the NHS number in the identifier has on the PDS (R4). What is stored may have
// both, and then other is the second of them. Whether the number's check digit is right is
// for the store to say, as it is for one in a URL: the NRL has an answer of its own for
// that, INVALID_NHS_NUMBER.
func (r Reader) patient(ref referenceTo) (subject, other string, err error) {
	const element = "subject"
	fault := func(detail string) (string, string, error) { return "", "", invalid(element, detail) }
	byIdentifier := ""
	if id := ref.identifier; id.System == spine.PatientSystem && ascii.Digits(id.Value) {
		byIdentifier = spine.PatientURL + id.Value
	} else if id != (Identifier{}) && !r.Stored {
		return fault("has an identifier that is no NHS number of " + spine.PatientSystem)
	}
	switch {
	case ref.url == byIdentifier, ref.url == "":
		subject = byIdentifier
	case byIdentifier == "":
		subject = ref.url
	case !r.Stored:
		return fault("names two patients, one by reference and one by identifier")
	case strings.HasPrefix(ref.url, spine.PatientURL): // the reference decides (the NRL's subject.reference)
		subject, other = ref.url, byIdentifier
	default: // the store's own record of that patient
		subject, other = byIdentifier, ref.url
	}
	switch {
	case r.Stored:
		return subject, other, nil
	case subject == "":
		return fault("names no patient")
	case !isAbsolute(subject):
		return fault("is not an absolute reference")
	case NormalURL(subject) != subject:
		return fault("is a URL that servers may take for another one's: it has a version, a slash at its end, the port 443 or capitals in its host")
	default:
		return subject, "", nil
	}
}

// pointer returns the pointer that a relatesTo has as its target, by logical id,
// identifier or both. The URL is a logical id, DocumentReference/[id], or that
// behind an absolute base; only the id counts, and nothing is fetched.
func (r Reader) pointer(ref referenceTo) (id string, identifier Identifier, err error) {
	const element = "relatesTo"
	fault := func(detail string) (string, Identifier, error) {
		return "", Identifier{}, invalid(element, detail)
	}
	if ref.url == "" && ref.identifier == (Identifier{}) {
		return fault("has a target with neither reference nor identifier")
	}
	if r.TargetIsID {
		system, value := ref.identifier.System, ref.identifier.Value
		if ref.url != "" || system != "" && system != spine.ODSSystem || !fhirpath.IsID(value) {
			return fault("has a target other than the logical id of a pointer as the value of an identifier")
		}
		return value, Identifier{}, nil
	}
	if ref.url == "" {
		return "", ref.identifier, nil
	}
	id = ref.url
	if i := strings.LastIndexByte(ref.url, '/'); i >= 0 {
		base := ref.url[:i]
		at, found := strings.CutSuffix(base, "/"+fhirpath.DocumentReference)
		if base != fhirpath.DocumentReference && (!found || !isAbsolute(at)) {
			return fault("refers to what is no DocumentReference")
		}
		id = ref.url[i+1:]
	}
	if !fhirpath.IsID(id) {
		return fault("refers to what is no DocumentReference")
	}
	return id, ref.identifier, nil
}

// isAbsolute reports whether s is an https URL that all readers take alike: a
// host and a path, no user, query or fragment, nothing encoded, no segment that
// begins with a dot.
func isAbsolute(s string) bool {
	rest, found := strings.CutPrefix(s, "https://")
	if !found || strings.HasPrefix(rest, "/") || strings.HasPrefix(rest, ":") {
		return false
	}
	for i := 0; i < len(rest); i++ {
		if c := rest[i]; !ascii.Alphanumeric(c) && strings.IndexByte("-._~:/", c) < 0 {
			return false
		}
	}
	return !strings.Contains(rest, "//") && !strings.Contains(rest, "/.")
}

// NormalURL returns the one spelling of the URLs that servers may take for the same
// resource's: without a version, a slash at the end and the scheme's own port, and with a
// host in small letters and without a dot at the end (RFC 3986 sections 6.2.2 and 6.2.3).
// What is no https or http URL is returned as it is.
func NormalURL(url string) string {
	scheme, port := "https://", ":443"
	rest, found := strings.CutPrefix(url, scheme)
	if !found {
		scheme, port = "http://", ":80"
		if rest, found = strings.CutPrefix(url, scheme); !found {
			return url
		}
	}
	host, path, _ := strings.Cut(rest, "/")
	resource, _, _ := strings.Cut(path, "/_history/")
	resource = strings.TrimSuffix(resource, "/")
	name := strings.TrimSuffix(strings.TrimSuffix(strings.ToLower(host), port), ":")
	name = strings.TrimSuffix(name, ".")
	if name == host && resource == path && path != "" { // as nearly all
		return url
	}
	return scheme + name + "/" + resource
}
