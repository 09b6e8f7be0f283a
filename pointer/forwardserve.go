// SPDX-License-Identifier: Apache-2.0

package pointer

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/nrlsecurity/nrlsecurity/internal/fhirpath"
	"github.com/nrlsecurity/nrlsecurity/internal/outcome"
	"github.com/nrlsecurity/nrlsecurity/pointer/internal/fhir"
)

// ServeHTTP answers a read or a search, or makes the change that a [Guard] has
// decided on. A change without a decision is refused with 500.
func (f *Forward) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.warned.Do(f.warn)
	err := f.Validate()
	if err == nil {
		if override := fhirpath.Override(r); override != "" {
			err = requestError(0, override)
		}
	}
	var a *storeAnswer
	switch {
	case err != nil:
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		a, err = f.find(r)
	default:
		a, err = f.change(r)
	}
	if err != nil {
		f.fail(w, r, err)
		return
	}
	f.relay(w, r, a)
}

// warn makes a record of each word that loosens what is checked.
func (f *Forward) warn() {
	if f.Logger == nil {
		return
	}
	if f.AllowUnconditional {
		f.Logger.Warn("changes are made to later versions than were judged: AllowUnconditional is in use")
	}
	if f.Supersede == SupersedeByStore {
		f.Logger.Warn("pointers are superseded in later versions than were judged: SupersedeByStore is in use")
	}
}

// find asks for one pointer, or for those that a search finds.
func (f *Forward) find(r *http.Request) (*storeAnswer, error) {
	if !outcome.Acceptable(r) {
		return nil, &ChangeError{Rule: RuleMediaType, Detail: "of the answer is none that is served"}
	}
	at, ok := fhirpath.Parse(r.URL)
	if !ok || !at.Typed {
		return nil, requestError(0, "has a path that is not that of a DocumentReference")
	}
	allowed := f.Search
	if allowed == nil {
		allowed = defaultSearch()
	}
	if at.ID != "" {
		allowed = []string{"_format"}
	}
	query := r.URL.Query() // Override has refused what cannot be parsed
	for name := range query {
		if !slices.Contains(allowed, name) {
			return nil, requestError(0, "has a parameter that the interaction has not")
		}
	}
	if at.ID == "" && f.Search == nil && !namesOne(query) {
		return nil, requestError(0, "is a search that names neither one patient nor one pointer")
	}
	u := f.Backend.JoinPath(fhirpath.DocumentReference, at.ID)
	u.RawQuery = query.Encode()
	out, err := f.request(r, r.Method, u, "", nil)
	if err != nil {
		return nil, err
	}
	if match := r.Header["If-None-Match"]; len(match) == 1 && harmless(match[0]) {
		out.Header.Set("If-None-Match", match[0])
	}
	a, err := f.send(out)
	if err != nil {
		return nil, err
	}
	if a.status == http.StatusNotAcceptable {
		return nil, &ChangeError{Rule: RuleMediaType, Detail: "of the answer is none that the store serves"}
	}
	if at.ID != "" && a.isOfAnother(at.ID) {
		return nil, &ChangeError{Rule: RuleStore, Target: Query{ID: at.ID}, Detail: "answered with another pointer than asked for"}
	}
	return a, a.refusal(0, Query{ID: at.ID})
}

// namesOne reports whether a search is for one patient's pointers or for one pointer, as
// the NRL has it. What is empty, a server passes over; a comma is FHIR's "or", and a system
// with a bar behind it means every value of that system.
func namesOne(query url.Values) bool {
	return slices.ContainsFunc([]string{"_id", "subject", "subject:identifier"}, func(name string) bool {
		values := query[name]
		return len(values) == 1 && fhir.IsPlain(values[0]) && !strings.ContainsAny(values[0], `,\`) && !strings.HasSuffix(values[0], "|")
	})
}
