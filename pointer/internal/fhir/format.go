// SPDX-License-Identifier: Apache-2.0

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

// FormatOf reads a Content-Type. The media types are those that the NRL takes.
// charset, if it is there, is UTF-8 (RFC 8259 section 8.1; FHIR http, 2.21), and
// fhirVersion is 3.0 or 4.0, with or without a patch level. Other parameters are
// ignored, as RFC 2045 section 1 asks: clients of the national API send version=1.
// The extended notation of RFC 2231 is refused, and so is a value with a comma, a
// semicolon or a backslash, which are quoted: a reader that splits a header at them
// without regard to quotes finds other parameters.
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
	for _, value := range params {
		if strings.ContainsAny(value, `,;\"`) {
			return 0, &Error{Kind: MediaType, Detail: "has a parameter whose value could be read as others"}
		}
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
