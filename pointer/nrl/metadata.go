// SPDX-License-Identifier: Apache-2.0

package nrl

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// hostForm is that of a Host that can be part of a URL (RFC 9110 section 7.2).
var hostForm = regexp.MustCompile(`^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]+)?$`)

// origin is the URL before the path of r, or the empty string if its Host is none.
func (s *Store) origin(r *http.Request) string {
	if !hostForm.MatchString(r.Host) {
		return ""
	}
	return "https://" + r.Host
}

// collectionURL is the URL of all pointers, given the path of r to them.
func (s *Store) collectionURL(r *http.Request, path string) string {
	if s.Base != nil {
		return (&url.URL{Scheme: s.Base.Scheme, Host: s.Base.Host, Path: s.Base.Path}).JoinPath(documentReference).String()
	}
	if origin := s.origin(r); origin != "" {
		return origin + path
	}
	return ""
}

// metadata answers GET [base]/metadata with what a client asks for before it
// begins (FHIR http, "capabilities").
func (s *Store) metadata(w http.ResponseWriter, r *http.Request) {
	fhirVersion := "3.0.1"
	if strings.HasSuffix(r.URL.Path, "/R4/metadata") {
		fhirVersion = "4.0.1"
	}
	resource := group("resource", text("type", documentReference))
	for _, code := range []string{"read", "search-type", "create", "patch", "delete"} {
		resource.children = append(resource.children, listed(group("interaction", text("code", code))))
	}
	write(w, r, http.StatusOK, group("CapabilityStatement",
		text("status", "active"),
		text("date", s.now().UTC().Format("2006-01-02")),
		text("kind", "instance"),
		text("fhirVersion", fhirVersion),
		listed(text("format", "application/fhir+xml")),
		listed(text("format", "application/fhir+json")),
		listed(group("rest", text("mode", "server"), listed(resource)))))
}
