// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"net/http"
	"strings"

	"github.com/nrlsecurity/nrlsecurity/internal/ascii"
	"github.com/nrlsecurity/nrlsecurity/internal/fhirpath"
)

// InteractionOf returns the NRL interaction that r's method and path amount to:
//
//	GET    /STU3/DocumentReference/[id]   read
//	GET    /STU3/DocumentReference        search
//	POST   /STU3/DocumentReference        create
//	PATCH  /STU3/DocumentReference[/id]   update
//	DELETE /STU3/DocumentReference[/id]   delete
//
// and the same under /R4. HEAD counts as GET. A server that has a path before
// /STU3 takes it away first, with [http.StripPrefix].
//
// Everything else is a [*RequestError], and so is what two readers could take
// for different requests: a path that is encoded though it need not be, dot
// segments, doubled or trailing slashes, other letter case, a query that cannot
// be parsed, headers or parameters that ask for another method, and a form as the
// body of a POST, of which a field may ask for one.
func InteractionOf(r *http.Request) (InteractionID, error) {
	if err := overridden(r); err != nil {
		return "", err
	}
	if r.Method == http.MethodPost && isForm(r.Header) {
		return "", &RequestError{Rule: RuleRequest, Detail: "has a form in place of a resource", Err: errForm}
	}
	// RawPath is set only if the path was not in its default encoding. Nothing in
	// the paths above needs any.
	if r.URL.RawPath != "" || r.URL.Opaque != "" {
		return "", &RequestError{Rule: RuleRequest, Detail: "has an encoded path"}
	}
	return interactionAt(r.Method, r.URL.Path)
}

// validInteraction returns a *ConfigError if what a field has is no interaction ID.
func validInteraction(field string, id InteractionID) error {
	if _, err := ParseInteractionID(string(id)); err != nil {
		return &ConfigError{Field: field, Detail: "has none: " + err.Error()}
	}
	return nil
}

// overridden refuses what could be taken for another request than the one that is
// judged.
func overridden(r *http.Request) error {
	if detail := fhirpath.Override(r); detail != "" {
		return &RequestError{Rule: RuleRequest, Detail: detail}
	}
	return nil
}

// isForm reports whether some reader takes the body for a form: frameworks take the
// method of a POST from its field _method.
func isForm(header http.Header) bool {
	for key, values := range header {
		if !ascii.EqualHeader(key, "Content-Type") {
			continue
		}
		for _, value := range values {
			value = strings.ToLower(value)
			if strings.Contains(value, "x-www-form-urlencoded") || strings.Contains(value, "multipart/") {
				return true
			}
		}
	}
	return false
}

// collections returns the paths of the pointers, by FHIR version.
func collections() [2]string {
	return [...]string{"/STU3/DocumentReference", "/R4/DocumentReference"}
}

func interactionAt(method, path string) (InteractionID, error) {
	var rest string
	var found bool
	for _, collection := range collections() {
		if rest, found = strings.CutPrefix(path, collection); found {
			break
		}
	}
	one := strings.HasPrefix(rest, "/") && fhirpath.IsID(rest[1:])
	if !found || rest != "" && !one {
		return "", &RequestError{Rule: RuleRequest, Detail: "has a path that is not that of a DocumentReference"}
	}
	switch {
	case (method == http.MethodGet || method == http.MethodHead) && one:
		return DocumentReferenceRead, nil
	case method == http.MethodGet || method == http.MethodHead:
		return DocumentReferenceSearch, nil
	case method == http.MethodPost && !one:
		return DocumentReferenceCreate, nil
	case method == http.MethodPatch:
		return DocumentReferenceUpdate, nil
	case method == http.MethodDelete:
		return DocumentReferenceDelete, nil
	}
	return "", &RequestError{Rule: RuleRequest, Detail: "has a method that no interaction uses on its path"}
}
