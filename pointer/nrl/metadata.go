// SPDX-License-Identifier: Apache-2.0

package nrl

import (
	"net/http"
	"strings"

	"github.com/nrlsecurity/nrlsecurity/internal/fhirpath"
)

// metadata answers GET [base]/metadata with what a client asks for before it
// begins (FHIR http, "capabilities").
func (s *Store) metadata(w http.ResponseWriter, r *http.Request) {
	fhirVersion := "3.0.1"
	if strings.HasSuffix(r.URL.Path, "/R4/metadata") {
		fhirVersion = "4.0.1"
	}
	resource := group("resource", text("type", fhirpath.DocumentReference))
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
