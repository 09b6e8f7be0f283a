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
	"github.com/nrlsecurity/nrlsecurity/internal/spine"
	"github.com/nrlsecurity/nrlsecurity/pointer"
	"github.com/nrlsecurity/nrlsecurity/pointer/internal/fhir"
)

// ServeHTTP answers one request. A change is refused unless [pointer.Guard] has
// decided on it. The answers' URLs begin with https, the request's Host and the
// path before DocumentReference, unless Base is set.
func (s *Store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !outcome.Acceptable(r) {
		fail(w, r, &pointer.ChangeError{Rule: pointer.RuleMediaType, Detail: "of the answer is none that is served"})
		return
	}
	if r.Method == http.MethodGet && path.Base(r.URL.Path) == "metadata" {
		s.metadata(w, r)
		return
	}
	base, id := s.placeOf(r)
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
func (s *Store) placeOf(r *http.Request) (base, id string) {
	dir, last := path.Split(r.URL.Path)
	// Before the other, as asid has it: what it took for a read is not to be a search.
	if strings.HasSuffix(dir, "/"+documentReference+"/") {
		return s.collectionURL(r, strings.TrimSuffix(dir, "/")), last
	}
	if last == documentReference {
		return s.collectionURL(r, r.URL.Path), ""
	}
	return "", ""
}

func (s *Store) read(w http.ResponseWriter, r *http.Request, id string) {
	k := s.get(id)
	q := pointer.Query{ID: id}
	switch {
	case k == nil:
		fail(w, r, refused(pointer.RuleNotFound, q, "is not there"))
	case k.pointer.Status != current:
		fail(w, r, refused(pointer.RuleNotCurrent, q, "is not current"))
	default:
		w.Header().Set("ETag", etagOf(k))
		write(w, r, http.StatusOK, k.full())
	}
}

// change makes the change that the guard has decided on.
func (s *Store) change(w http.ResponseWriter, r *http.Request, base string) {
	if base == "" { // before anything is changed: the answer has a URL in it
		fail(w, r, &asid.RequestError{Rule: asid.RuleRequest, Detail: "has a Host or a path that can be no URL of a DocumentReference"})
		return
	}
	d, decided := pointer.DecisionFrom(r.Context())
	if !decided {
		fail(w, r, &asid.ConfigError{Field: "Store", Detail: "got a change that no pointer.Guard has decided on"})
		return
	}
	var fresh *revision
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

func etagOf(k *revision) string { return `W/"` + k.pointer.Version + `"` }

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
	if err := resource.conforms(documentReference, resource.edition(), isXML); err != nil {
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
	resource.arrange(documentReference, resource.edition())
	return k, k.legible()
}

// legible checks, before anything is changed, that the answers with k can be read
// in both formats and have the owner that was judged: what one format allows, such
// as a custodian inside the content, may be ambiguous in the other. The guard has
// left the target of a supersede without a reference only for the R4 successor.
func (k *revision) legible() error {
	target := k.resource.find("relatesTo", "target")
	reader := fhir.Reader{TargetIsID: target != nil && target.find("reference") == nil}
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

// instant is the layout of FHIR's instants.
const instant = "2006-01-02T15:04:05.000Z"

// full is the resource with what the store says of it.
func (k *revision) full() *element {
	meta := group("meta", text("versionId", k.pointer.Version), text("lastUpdated", k.updated.UTC().Format(instant)))
	if m := k.resource.find("meta"); m != nil {
		meta.children = append(meta.children, m.children...)
	}
	meta.arrange("Meta", k.resource.edition())
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
		group("meta", listed(text("profile", spine.OutcomeProfile))),
		listed(group("issue",
			text("severity", "information"),
			text("code", "informational"),
			group("details",
				listed(group("coding",
					text("system", spine.OutcomeCodeSystem),
					text("code", code),
					text("display", display))),
				text("text", spine.NewUUID())),
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
		// The client may have gone, and the error is then no use to it.
		_, _ = w.Write(body)
	}
}
