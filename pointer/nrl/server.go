// SPDX-License-Identifier: Apache-2.0

package nrl

import (
	"io"
	"net/http"
	"path"
	"strconv"
	"strings"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/internal/outcome"
	"github.com/nrlsecurity/nrlsecurity/pointer"
)

// ServeHTTP answers one request. A change is refused unless [pointer.Guard] has
// decided on it. The answers' URLs begin with https, the request's Host and the
// path before DocumentReference.
func (s *Store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	base, id := placeOf(r)
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		s.change(w, r, base)
		return
	}
	switch {
	case base == "":
		fail(w, r, &asid.RequestError{Rule: asid.RuleRequest, Detail: "has a path that is not that of a DocumentReference"})
	case id != "":
		s.read(w, r, id)
	default:
		s.find(w, r, base)
	}
}

const documentReference = "DocumentReference"

// placeOf returns the absolute URL of all pointers, and the id of one if r's path
// has it; no URL if the path leads elsewhere.
func placeOf(r *http.Request) (base, id string) {
	dir, last := path.Split(r.URL.Path)
	// Before the other, as asid has it: what it took for a read is not to be a search.
	if strings.HasSuffix(dir, "/"+documentReference+"/") {
		return "https://" + r.Host + strings.TrimSuffix(dir, "/"), last
	}
	if last == documentReference {
		return "https://" + r.Host + r.URL.Path, ""
	}
	return "", ""
}

func (s *Store) read(w http.ResponseWriter, r *http.Request, id string) {
	k := s.get(id)
	q := pointer.Query{ID: id}
	switch {
	case k == nil:
		fail(w, r, &pointer.TargetError{Target: q, Err: pointer.ErrNotFound})
	case k.pointer.Status != current:
		fail(w, r, &pointer.TargetError{Target: q, Err: pointer.ErrNotCurrent})
	default:
		w.Header().Set("ETag", etagOf(k))
		write(w, r, http.StatusOK, k.full())
	}
}

// change makes the change that the guard has decided on.
func (s *Store) change(w http.ResponseWriter, r *http.Request, base string) {
	d, decided := pointer.DecisionFrom(r.Context())
	if !decided {
		fail(w, r, &asid.ConfigError{Field: "Store", Detail: "got a change that no pointer.Guard has decided on"})
		return
	}
	if d.Change.Action == pointer.Bundle {
		fail(w, r, &asid.RequestError{Rule: asid.RuleRequest, Detail: "is a Bundle, which the NRL does not take"})
		return
	}
	if err := matches(r, d.Stored); err != nil {
		fail(w, r, err)
		return
	}
	var fresh *kept
	if d.Change.New != nil {
		var err error
		if fresh, err = s.fresh(r, d.Change.New); err != nil {
			fail(w, r, err)
			return
		}
	}
	k, err := s.commit(d, fresh)
	if err != nil {
		fail(w, r, err)
		return
	}
	url := base + "/" + k.pointer.ID
	switch d.Change.Action {
	case pointer.Create, pointer.Supersede:
		w.Header().Set("Location", url)
		w.Header().Set("ETag", etagOf(k))
		write(w, r, http.StatusCreated, done("RESOURCE_CREATED", "New resource created", "Successfully created resource DocumentReference"))
	case pointer.Update:
		w.Header().Set("ETag", etagOf(k))
		write(w, r, http.StatusOK, done("RESOURCE_UPDATED", "Resource has been updated", "Successfully updated resource DocumentReference: "+url))
	default:
		write(w, r, http.StatusOK, done("RESOURCE_DELETED", "Resource removed", "Successfully removed resource DocumentReference: "+url))
	}
}

func etagOf(k *kept) string { return `W/"` + k.pointer.Version + `"` }

// matches checks If-Match against the pointer that was judged.
func matches(r *http.Request, stored *pointer.Pointer) error {
	values := r.Header.Values("If-Match")
	if len(values) == 0 {
		return nil
	}
	if stored == nil || len(values) != 1 || strings.TrimPrefix(values[0], "W/") != `"`+stored.Version+`"` {
		return &versionError{}
	}
	return nil
}

// fresh makes of the body a pointer that can be kept: with an id and a version of
// the store's own.
func (s *Store) fresh(r *http.Request, judged *pointer.Pointer) (*kept, error) {
	body, err := io.ReadAll(r.Body) // bounded by the guard, and in memory
	if err != nil {
		return nil, &pointer.BodyError{Detail: "could not be read", Err: err}
	}
	contentType, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	resource, err := parseElement(strings.Contains(strings.ToLower(contentType), "xml"), body)
	if err != nil {
		return nil, &pointer.BodyError{Detail: "is a resource that cannot be kept", Err: err}
	}
	for _, mandatory := range []string{"status", "type", "subject", "author", "custodian", "content"} {
		if resource.find(mandatory) == nil {
			return nil, &pointer.ResourceError{Element: mandatory, Detail: "is missing"}
		}
	}
	p := *judged
	if p.Status != current {
		return nil, &pointer.ResourceError{Element: "status", Detail: "of a new pointer is not current"}
	}
	nhsNumber, found := strings.CutPrefix(p.Subject, patientURL)
	if !found {
		return nil, &pointer.ResourceError{Element: "subject", Detail: "does not refer to " + patientURL + "[NHS number]"}
	}
	if !isNHSNumber(nhsNumber) {
		return nil, &patientError{nhsNumber}
	}
	p.ID, p.Version = newID(), "1"
	k := &kept{pointer: &p, resource: resource, updated: s.now(), bytes: int64(len(body)) + overhead + resource.size()}
	if m := resource.find("meta"); m != nil {
		m.children = m.without("versionId", "version", "lastUpdated")
	}
	return k, nil
}

const patientURL = "https://demographics.spineservices.nhs.uk/STU3/Patient/"

// isNHSNumber checks ten digits, of which the last is a check digit modulo 11.
func isNHSNumber(s string) bool {
	if len(s) != 10 {
		return false
	}
	sum := 0
	for i := range 10 {
		digit := int(s[i]) - '0'
		if digit < 0 || digit > 9 {
			return false
		}
		if i < 9 {
			sum += digit * (10 - i)
		} else {
			sum += digit // the whole is a multiple of 11
		}
	}
	return sum%11 == 0
}

// full is the resource with what the store says of it.
func (k *kept) full() *element {
	meta := group("meta", text("versionId", k.pointer.Version), text("lastUpdated", k.updated.UTC().Format("2006-01-02T15:04:05.000Z")))
	if m := k.resource.find("meta"); m != nil {
		meta.children = append(meta.children, m.children...)
	}
	full := group(documentReference, text("id", k.pointer.ID), meta)
	for _, c := range k.resource.without("id", "meta") {
		if c.name == "status" {
			c = text("status", k.pointer.Status)
		}
		full.children = append(full.children, c)
	}
	return full
}

// done is the OperationOutcome of a change that was made.
func done(code, display, diagnostics string) *element {
	return group("OperationOutcome",
		text("id", newID()),
		group("meta", listed(text("profile", "https://fhir.nhs.uk/STU3/StructureDefinition/Spine-OperationOutcome-1"))),
		listed(group("issue",
			text("severity", "information"),
			text("code", "informational"),
			group("details",
				listed(group("coding",
					text("system", "https://fhir.nhs.uk/STU3/CodeSystem/Spine-ErrorOrWarningCode-1"),
					text("code", code),
					text("display", display))),
				text("text", newUUID())),
			text("diagnostics", diagnostics))))
}

// write answers with a resource in the format that r asks for.
func write(w http.ResponseWriter, r *http.Request, status int, e *element) {
	mediaType := outcome.MediaType(r)
	body, err := e.render(!strings.Contains(mediaType, "json"))
	if err != nil {
		fail(w, r, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", mediaType+"; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		// The peer may be gone, and nobody is left to be told.
		_, _ = w.Write(body)
	}
}
