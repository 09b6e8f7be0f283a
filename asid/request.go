// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/nrlsecurity/nrlsecurity/internal/ascii"
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
// be parsed, and headers or parameters that ask for another method.
func InteractionOf(r *http.Request) (InteractionID, error) {
	for key := range r.Header {
		for _, name := range []string{"X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"} {
			if ascii.EqualHeader(key, name) {
				return "", &RequestError{Detail: "asks for another method than its own"}
			}
		}
	}
	if r.URL.RawQuery != "" {
		query, err := url.ParseQuery(r.URL.RawQuery)
		if err != nil {
			return "", &RequestError{Detail: "has a malformed query"}
		}
		if query.Has("_method") {
			return "", &RequestError{Detail: "asks for another method than its own"}
		}
	}
	// RawPath is set only if the path was not in its default encoding. Nothing in
	// the paths above needs any.
	if r.URL.RawPath != "" || r.URL.Opaque != "" {
		return "", &RequestError{Detail: "has an encoded path"}
	}
	return interactionAt(r.Method, r.URL.Path)
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
	one := strings.HasPrefix(rest, "/") && logicalID(rest[1:])
	if !found || rest != "" && !one {
		return "", &RequestError{Detail: "has a path that is not that of a DocumentReference"}
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
	return "", &RequestError{Detail: "has a method that no interaction uses on its path"}
}

// logicalID checks an id of FHIR: 1 to 64 letters, digits, hyphens and dots. One
// of dots alone is a way out of the path.
func logicalID(s string) bool {
	for i := 0; i < len(s); i++ {
		if !ascii.Alphanumeric(s[i]) && s[i] != '-' && s[i] != '.' {
			return false
		}
	}
	return len(s) <= 64 && strings.Trim(s, ".") != ""
}
