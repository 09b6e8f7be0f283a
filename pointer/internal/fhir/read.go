// SPDX-License-Identifier: Apache-2.0

// Package fhir reads what ownership needs of a DocumentReference, strictly for
// what a client sends and tolerantly for what is stored, and checks the one
// update that the NRL allows. It knows nothing of HTTP beyond media types.
package fhir

import (
	"mime"
	"strings"
)

// A Format is how FHIR writes a resource.
type Format int

// The formats.
const (
	JSON Format = iota + 1
	XML
)

// A Reader reads DocumentReferences of STU3 and R4.
type Reader struct {
	// Relative takes Organization/[ODS code] for a custodian.
	Relative bool

	// TargetIsID takes the value of the identifier in relatesTo.target, without a
	// system or with that of ODS codes, for the logical id of a pointer, as the R4
	// successor of the NRL does.
	TargetIsID bool

	// Stored reads what a store answers: everything but the custodian is read
	// tolerantly, since it was taken once. Relations are not read.
	Stored bool
}

// DocumentReference reads body, whose media type is contentType. The errors are
// [*Error]. The caller bounds the body's size.
func (r Reader) DocumentReference(contentType string, body []byte) (*DocumentReference, error) {
	p := new(DocumentReference)
	if err := r.Read(contentType, body, p); err != nil {
		return nil, err
	}
	return p, nil
}

// Read is DocumentReference into what the caller has, which is zero.
func (r Reader) Read(contentType string, body []byte, into *DocumentReference) error {
	return read(contentType, body, r, Reader.documentReference, into)
}

// read reads body by the rules into what they fill, whatever it is written in.
func read[T any](contentType string, body []byte, r Reader, rules func(Reader, cursor, *T) error, into *T) error {
	f, err := FormatOf(contentType)
	if err != nil {
		return err
	}
	if f == XML {
		return readXML(body, r.Stored, func(c cursor) error { return rules(r, c, into) })
	}
	return readJSON(body, &jsonDocument[T]{reader: r, rules: rules, into: into})
}

// FormatOf reads a Content-Type. The media types are those that the NRL takes.
// charset, if it is there, is UTF-8 (RFC 8259 section 8.1; FHIR http, 2.21), and
// fhirVersion is 3.0 or 4.0, with or without a patch level. Other parameters are
// ignored, as RFC 2045 section 1 asks: clients of the national API send version=1.
// The extended notation of RFC 2231 is refused.
func FormatOf(contentType string) (Format, error) {
	if contentType == "application/fhir+json" { // the common one, without an allocation
		return JSON, nil
	}
	if strings.Contains(contentType, "*") { // RFC 2231: some readers go by charset*, the others by charset
		return 0, &Error{Kind: MediaType, Detail: "has a parameter whose name or value has an asterisk"}
	}
	mediaType, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return 0, &Error{Kind: MediaType, Detail: "is missing or malformed"}
	}
	if charset, there := params["charset"]; there && !strings.EqualFold(charset, "utf-8") && !strings.EqualFold(charset, "utf8") {
		return 0, &Error{Kind: MediaType, Detail: "has a charset other than UTF-8"}
	}
	if version, there := params["fhirversion"]; there && !isVersion(version, "3.0") && !isVersion(version, "4.0") {
		return 0, &Error{Kind: MediaType, Detail: "has a fhirVersion other than 3.0 and 4.0"}
	}
	switch mediaType {
	case "application/fhir+json", "application/json+fhir", "application/json", "text/json":
		return JSON, nil
	case "application/fhir+xml", "application/xml+fhir", "application/xml":
		return XML, nil
	default:
		return 0, &Error{Kind: MediaType, Detail: "is none of FHIR's"}
	}
}

// isVersion reports whether s is the version, or one with a patch level, such as
// 4.0.1.
func isVersion(s, version string) bool {
	patch, longer := strings.CutPrefix(s, version+".")
	return s == version || longer && len(patch) == 1 && '0' <= patch[0] && patch[0] <= '9'
}
