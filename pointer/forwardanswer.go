// SPDX-License-Identifier: Apache-2.0

package pointer

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/nrlsecurity/nrlsecurity/internal/fhirpath"
	"github.com/nrlsecurity/nrlsecurity/pointer/internal/fhir"
)

// relay answers with what the server answered. Its URLs become this server's.
func (f *Forward) relay(w http.ResponseWriter, r *http.Request, a *storeAnswer) {
	body := a.body
	h := w.Header()
	if contentType := a.header.Get("Content-Type"); len(body) > 0 || contentType != "" && r.Method == http.MethodHead {
		format, err := fhir.FormatOf(contentType)
		if err == nil && len(body) > 0 {
			body, err = fhir.Links(format, body, f.public)
		}
		if err != nil {
			f.fail(w, r, &ChangeError{Rule: RuleStore, Detail: "gave an answer that is no FHIR", Err: err})
			return
		}
		h.Set("Content-Type", contentType)
	}
	for _, name := range [...]string{"ETag", "Last-Modified"} {
		if value := a.header.Get(name); value != "" && harmless(value) {
			h.Set(name, value)
		}
	}
	for _, name := range [...]string{"Location", "Content-Location"} {
		if id := idIn(a.header.Get(name)); id != "" {
			h.Set(name, f.Base.JoinPath(fhirpath.DocumentReference, id).String())
		}
	}
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if r.Method != http.MethodHead && a.status != http.StatusNoContent && a.status != http.StatusNotModified {
		h.Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(a.status)
	if r.Method != http.MethodHead {
		// The client may have gone, and the error is then no use to it.
		_, _ = w.Write(body)
	}
}

// idIn returns the id of the pointer that a Location names, or the empty string.
func idIn(location string) string {
	_, rest, found := strings.Cut("/"+location, "/"+fhirpath.DocumentReference+"/")
	id, _, _ := strings.Cut(rest, "/")
	if !found || !fhirpath.IsID(id) {
		return ""
	}
	return id
}

// public is what a URL in an answer is to clients: below Base. One of another
// server, which is none of theirs to know, becomes Base itself.
func (f *Forward) public(link string) string {
	base := strings.TrimSuffix(f.Base.String(), "/")
	backend := strings.TrimSuffix(f.Backend.String(), "/")
	rest, found := strings.CutPrefix(link, backend)
	switch {
	case found && (rest == "" || rest[0] == '/' || rest[0] == '?'):
		return base + rest
	case strings.Contains(link, "://"):
		if _, after, typed := strings.Cut(link, "/"+fhirpath.DocumentReference); typed && (after == "" || after[0] == '/' || after[0] == '?') {
			return base + "/" + fhirpath.DocumentReference + after
		}
		return base
	default: // a urn:uuid, or relative
		return link
	}
}
