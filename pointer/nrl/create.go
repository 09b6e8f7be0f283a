// SPDX-License-Identifier: Apache-2.0

package nrl

import (
	"io"
	"net/http"
	"strings"

	"github.com/nrlsecurity/nrlsecurity/internal/fhirpath"
	"github.com/nrlsecurity/nrlsecurity/internal/spine"
	"github.com/nrlsecurity/nrlsecurity/pointer"
	"github.com/nrlsecurity/nrlsecurity/pointer/internal/fhir"
)

// fresh makes of the body a pointer that can be stored: with an id and a version of
// the store's own.
func (s *Store) fresh(r *http.Request, judged *pointer.Pointer) (*revision, error) {
	body, err := io.ReadAll(r.Body) // bounded by the guard, and in memory
	if err != nil {
		return nil, &pointer.ChangeError{Rule: pointer.RuleBody, Detail: "could not be read", Err: err}
	}
	return s.made(r.Header.Get("Content-Type"), body, judged)
}

// made makes of a body a pointer that can be stored.
func (s *Store) made(contentType string, body []byte, judged *pointer.Pointer) (*revision, error) {
	contentType, _, _ = strings.Cut(contentType, ";")
	isXML := strings.Contains(strings.ToLower(contentType), "xml")
	resource, err := parseElement(isXML, body)
	if err != nil {
		return nil, &pointer.ChangeError{Rule: pointer.RuleResource, Detail: "cannot be stored", Err: err}
	}
	if err := resource.complete(); err != nil {
		return nil, err
	}
	p := copyOf(judged)
	if p.Status != current {
		return nil, invalid("status", "of a new pointer is not current")
	}
	if m := resource.find("meta"); m != nil { // what the store assigns itself
		if m.children = m.without("versionId", "version", "lastUpdated"); len(m.children) == 0 {
			resource.children = resource.without("meta")
		}
	}
	if err := resource.conforms(fhirpath.DocumentReference, resource.edition(), isXML); err != nil {
		return nil, err
	}
	if err := resource.complete(); err != nil { // now that what is a primitive is known
		return nil, err
	}
	nhsNumber, found := strings.CutPrefix(p.Subject, spine.PatientURL)
	if !found {
		return nil, invalid("subject", "does not refer to "+spine.PatientURL+"[NHS number]")
	}
	if err := s.knowsPatient(nhsNumber); err != nil {
		return nil, err
	}
	if err := s.knowsOrganisations(p.Custodian, resource); err != nil {
		return nil, err
	}
	p.ID, p.Version = newID(), "1"
	k := &revision{pointer: p, resource: resource, updated: s.now(), bytes: int64(len(body)) + overhead + resource.size()}
	if !resource.isR4() { // when the NRL took it
		resource.children = append(resource.without("indexed"), text("indexed", k.updated.UTC().Format(instant)))
	}
	resource.arrange(fhirpath.DocumentReference, resource.edition())
	return k, k.legible()
}

// legible checks, before anything is changed, that the answers with k can be read
// in both formats and have the owner that was judged: what one format allows, such
// as a custodian inside the content, may be ambiguous in the other. The target of a
// supersede has an identifier without a system only if the guard has written it so,
// for the R4 successor.
func (k *revision) legible() error {
	target := k.resource.find("relatesTo", "target")
	reader := fhir.Reader{TargetIsID: target != nil && target.find("reference") == nil && target.find("identifier", "system") == nil}
	for _, isXML := range []bool{false, true} {
		contentType := "application/fhir+json"
		if isXML {
			contentType = "application/fhir+xml"
		}
		body, err := k.full().render(isXML)
		if err != nil {
			return &pointer.ChangeError{Rule: pointer.RuleResource, Detail: "cannot be answered in both formats", Err: err}
		}
		p, err := reader.DocumentReference(contentType, body)
		if err != nil || p.Custodian != k.pointer.Custodian || p.Subject != k.pointer.Subject {
			return &pointer.ChangeError{Rule: pointer.RuleResource, Detail: "cannot be answered in both formats", Err: err}
		}
	}
	return nil
}
