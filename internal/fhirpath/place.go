// SPDX-License-Identifier: Apache-2.0

// Package fhirpath reads the paths of FHIR's RESTful API, tells the headers and
// parameters by which a request means something else than its method and URL say, and
// leaves reads without a body.
package fhirpath

import (
	"net/url"
	"path"
	"strings"
	"unicode"

	"github.com/nrlsecurity/nrlsecurity/internal/ascii"
)

// DocumentReference is the type of the resources that are pointers.
const DocumentReference = "DocumentReference"

// maxID is the longest id that FHIR allows, in bytes.
const maxID = 64

// IsID reports whether s has the form of a FHIR id: [A-Za-z0-9\-\.]{1,64}. One of
// dots alone has it too, but means something else in a path, and is refused.
func IsID(s string) bool {
	if len(s) > maxID || strings.Trim(s, ".") == "" {
		return false
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; !ascii.Alphanumeric(c) && c != '-' && c != '.' {
			return false
		}
	}
	return true
}

// A Place is what a path leads to.
type Place struct {
	Base  string // what is before DocumentReference, with its slash; all of the path if that is not there
	Typed bool   // whether there is DocumentReference
	ID    string // the id behind it; empty: all pointers
}

// Parse returns what the path of u leads to. It reports false for a path that a
// router could clean up or decode to another one, and for one that names a
// pointer by what is not an id.
func Parse(u *url.URL) (Place, bool) {
	// Servlet containers drop what is behind a semicolon (RFC 3986 section 3.3)
	// before they resolve dot segments, other readers what is behind a control.
	if strings.ContainsFunc(u.Path, func(r rune) bool { return r == ';' || unicode.IsControl(r) }) {
		return Place{}, false
	}
	// RawPath is set only if the path was not in its default encoding. Nothing in
	// the paths of FHIR needs any.
	if u.RawPath != "" || u.Opaque != "" || strings.Contains(u.Path, `\`) || !strings.HasPrefix(u.Path, "/") || path.Clean(u.Path) != u.Path {
		return Place{}, false
	}
	base, last := path.Split(u.Path)
	// Before the other, as routers have it: DocumentReference is an id, too.
	if before, typed := strings.CutSuffix(base, "/"+DocumentReference+"/"); typed {
		if !IsID(last) {
			return Place{}, false
		}
		return Place{Base: before + "/", Typed: true, ID: last}, true
	}
	if last == DocumentReference {
		return Place{Base: base, Typed: true}, true
	}
	return Place{Base: u.Path}, true
}
