// SPDX-License-Identifier: Apache-2.0

package pointer

import (
	"mime"
	"strings"
)

// A format is how FHIR writes a resource.
type format int

const (
	jsonFormat format = iota + 1
	xmlFormat
)

// Parse reads a DocumentReference of STU3 or R4. The Content-Type says whether
// it is JSON or XML. The errors are [*MediaTypeError], [*BodyError] and, for a
// custodian, subject or relatesTo that refers to what it may not refer to,
// [*ResourceError]. The caller bounds the body's size.
func Parse(contentType string, body []byte) (*Pointer, error) {
	return reader{}.documentReference(contentType, body)
}

// A reader reads resources by the rules of one guard.
type reader struct {
	relative bool // whether a custodian may be Organization/[ODS]
}

func (r reader) documentReference(contentType string, body []byte) (*Pointer, error) {
	p := new(Pointer)
	if err := read(contentType, body, r, reader.pointer, p); err != nil {
		return nil, err
	}
	return p, nil
}

// read reads body by the rules into what they fill, whatever it is written in.
func read[T any](contentType string, body []byte, r reader, rules func(reader, cursor, *T) error, into *T) error {
	f, err := formatOf(contentType)
	if err != nil {
		return err
	}
	if f == xmlFormat {
		return readXML(body, func(c cursor) error { return rules(r, c, into) })
	}
	return readJSON(body, &jsonDocument[T]{reader: r, rules: rules, into: into})
}

// formatOf reads a Content-Type. The media types are those that the NRL takes;
// the charset, if there is one, is UTF-8 (RFC 8259 section 8.1; FHIR http, 2.21).
func formatOf(contentType string) (format, error) {
	if contentType == "application/fhir+json" { // the common one, without an allocation
		return jsonFormat, nil
	}
	mediaType, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return 0, &MediaTypeError{Detail: "is missing or malformed"}
	}
	for name, value := range params {
		switch {
		case name == "charset" && strings.EqualFold(value, "utf-8"):
		case name == "fhirversion" && (value == "3.0" || value == "4.0"):
		default:
			return 0, &MediaTypeError{Detail: "has a parameter other than charset=utf-8 and the fhirVersion 3.0 or 4.0"}
		}
	}
	switch mediaType {
	case "application/fhir+json", "application/json+fhir", "application/json", "text/json":
		return jsonFormat, nil
	case "application/fhir+xml", "application/xml+fhir", "application/xml":
		return xmlFormat, nil
	default:
		return 0, &MediaTypeError{Detail: "is none of FHIR's"}
	}
}
