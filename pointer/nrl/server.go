// SPDX-License-Identifier: Apache-2.0

package nrl

import (
	"net/http"
	"path"
	"strings"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/internal/fhirpath"
	"github.com/nrlsecurity/nrlsecurity/internal/outcome"
	"github.com/nrlsecurity/nrlsecurity/pointer"
)

// ServeHTTP answers one request. A change is refused unless [pointer.Guard] has
// decided on it. The answers' URLs begin with https, the request's Host and the
// path before DocumentReference, unless Base is set.
func (s *Store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !outcome.Acceptable(r) {
		fail(w, r, &pointer.ChangeError{Rule: pointer.RuleMediaType, Detail: "of the answer is none that is served"})
		return
	}
	base, id := s.placeOf(r)
	if r.Method == http.MethodGet && id == "" && path.Base(r.URL.Path) == "metadata" {
		s.metadata(w, r)
		return
	}
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

// placeOf returns the absolute URL of all pointers, and the id of one if r's path
// has it; no URL if the path leads elsewhere.
func (s *Store) placeOf(r *http.Request) (base, id string) {
	dir, last := path.Split(r.URL.Path)
	// Before the other, as asid has it: what it took for a read is not to be a search.
	if strings.HasSuffix(dir, "/"+fhirpath.DocumentReference+"/") {
		return s.collectionURL(r, strings.TrimSuffix(dir, "/")), last
	}
	if last == fhirpath.DocumentReference {
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
