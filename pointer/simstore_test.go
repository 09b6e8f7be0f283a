// SPDX-License-Identifier: Apache-2.0

package pointer_test

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/nrlsecurity/nrlsecurity/pointer"
)

// A quirk is how a store reads requests.
type quirk struct {
	name           string
	identifierToo  bool // the parameter identifier means the plain identifiers, too
	ignoresUnknown bool // of a conditional change only the subject counts
	targetIsID     bool // target.identifier.value is a logical id
	takesID        bool // a POST with an id writes over that pointer
	honours        pointer.Conditions
	update         pointer.UpdateForm
	supersede      pointer.SupersedeForm
}

// quirks are the five stores that read requests differently.
func quirks() []quirk {
	all := pointer.Conditions{Delete: true, Patch: true, Put: true, Transaction: true}
	return []quirk{
		{name: "masterIdentifier only", honours: all, update: pointer.UpdateParameters, supersede: pointer.SupersedeByStore},
		{name: "masterIdentifier or identifier", identifierToo: true, honours: all, update: pointer.UpdatePut, supersede: pointer.SupersedeTransaction},
		{name: "ignores unknown parameters", ignoresUnknown: true, honours: pointer.Conditions{Delete: true, Put: true, Transaction: true},
			update: pointer.UpdateJSONPatch, supersede: pointer.SupersedeTransaction},
		{name: "takes target.identifier.value for an id", targetIsID: true, honours: all, update: pointer.UpdatePut, supersede: pointer.SupersedeByStore},
		{name: "takes a POST's id and ignores If-Match", takesID: true, update: pointer.UpdateParameters, supersede: pointer.SupersedeByStore},
	}
}

// A simStore is a FHIR server that does what each caller asks.
type simStore struct {
	quirk
	pointers map[string]*simResource
	last     int
	// changed is told of each pointer that was there before or is there after a
	// change.
	changed func(method string, before, after *simResource)
}

func (s *simStore) put(method string, p *simResource) *simResource {
	before := s.pointers[p.ID]
	after := *p
	s.last++
	after.Meta.VersionID = fmt.Sprint(s.last)
	s.pointers[p.ID] = &after
	s.changed(method, before, &after)
	return &after
}

func (s *simStore) remove(p *simResource) {
	delete(s.pointers, p.ID)
	s.changed(http.MethodDelete, p, nil)
}

func (s *simStore) sorted() []*simResource {
	var list []*simResource
	for _, p := range s.pointers {
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b *simResource) int { return strings.Compare(a.ID, b.ID) })
	return list
}

// meant are the pointers that a query means to this store.
func (s *simStore) meant(r *http.Request) []*simResource {
	q := r.URL.Query()
	var found []*simResource
	for _, p := range s.sorted() {
		system, value, _ := strings.Cut(q.Get("identifier"), "|")
		id := simIdentifier{system, value}
		named := !q.Has("identifier") || s.ignoresUnknown || p.Master != nil && *p.Master == id ||
			s.identifierToo && slices.Contains(p.Identifier, id)
		if named && (!q.Has("_id") || q.Get("_id") == p.ID) && (!q.Has("subject") || q.Get("subject") == p.Subject.Reference) {
			found = append(found, p)
		}
	}
	return found
}

func (s *simStore) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	_, id, _ := strings.Cut(r.URL.Path, "/DocumentReference/")
	var targets []*simResource
	if id == "" && r.Method != http.MethodPost {
		targets = s.meant(r)
	} else if p := s.pointers[id]; p != nil {
		targets = []*simResource{p}
	}
	if r.Method == http.MethodGet {
		s.get(w, r, id, targets)
		return
	}
	if r.Method == http.MethodPost {
		s.post(w, r, body)
		return
	}
	if len(targets) == 0 {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	for _, p := range targets {
		if s.honoured(r.Method) && r.Header.Get("If-Match") != "" && r.Header.Get("If-Match") != `W/"`+p.Meta.VersionID+`"` {
			w.WriteHeader(http.StatusPreconditionFailed)
			return
		}
	}
	for _, p := range targets {
		switch r.Method {
		case http.MethodDelete:
			s.remove(p)
		case http.MethodPut:
			if next, err := readSim(r.Header.Get("Content-Type"), body); err == nil {
				s.put(r.Method, next)
			}
		case http.MethodPatch:
			if !s.patch(p, r.Header.Get("Content-Type"), body) {
				w.WriteHeader(http.StatusUnprocessableEntity)
				return
			}
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *simStore) honoured(method string) bool {
	return method == http.MethodDelete && s.honours.Delete || method == http.MethodPatch && s.honours.Patch || method == http.MethodPut && s.honours.Put
}

func (s *simStore) patch(p *simResource, contentType string, body []byte) bool {
	next := *p
	next.Status = "entered-in-error"
	if contentType == "application/json-patch+json" {
		var operations []struct {
			Op, Path string
			Value    any
		}
		if json.Unmarshal(body, &operations) != nil {
			return false
		}
		var resource map[string]any
		if json.Unmarshal([]byte(p.json()), &resource) != nil {
			return false
		}
		for _, o := range operations {
			switch o.Op + o.Path {
			case "test/meta/versionId":
				if o.Value != p.Meta.VersionID {
					return false
				}
			case "test/custodian":
				if fmt.Sprint(o.Value) != fmt.Sprint(resource["custodian"]) {
					return false
				}
			}
		}
	}
	s.put(http.MethodPatch, &next)
	return true
}

func (s *simStore) get(w http.ResponseWriter, r *http.Request, id string, found []*simResource) {
	w.Header().Set("Content-Type", "application/fhir+json")
	if id == "" {
		entries := []string{}
		for _, p := range found {
			entries = append(entries, `{"fullUrl":"http://store.example/fhir/DocumentReference/`+p.ID+`","resource":`+p.json()+`,"search":{"mode":"match"}}`)
		}
		list := ""
		if len(entries) > 0 {
			list = `,"entry":[` + strings.Join(entries, ",") + "]"
		}
		fmt.Fprintf(w, `{"resourceType":"Bundle","type":"searchset"%s}`, list)
		return
	}
	if len(found) == 0 {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	if strings.Contains(r.Header.Get("Accept"), "xml") {
		w.Header().Set("Content-Type", "application/fhir+xml")
		io.WriteString(w, found[0].xml())
		return
	}
	io.WriteString(w, found[0].json())
}

// post creates; a relatesTo supersedes if this store does so by itself.
func (s *simStore) post(w http.ResponseWriter, r *http.Request, body []byte) {
	if !strings.HasSuffix(r.URL.Path, "/DocumentReference") {
		s.transaction(w, r, body)
		return
	}
	p, err := readSim(r.Header.Get("Content-Type"), body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if !s.takesID || p.ID == "" {
		p.ID = fmt.Sprintf("p%d", s.last+1)
	}
	for _, rel := range p.RelatesTo {
		if old := s.old(p, rel.Target); old != nil && s.supersede == pointer.SupersedeByStore {
			next := *old
			next.Status = "superseded"
			s.put(r.Method, &next)
		}
	}
	p = s.put(r.Method, p)
	w.Header().Set("Location", "http://store.example/fhir/DocumentReference/"+p.ID+"/_history/"+p.Meta.VersionID)
	w.WriteHeader(http.StatusCreated)
}

// old is the pointer that a target means to this store.
func (s *simStore) old(p *simResource, target simReference) *simResource {
	if target.Identifier != nil && s.targetIsID {
		return s.pointers[target.Identifier.Value]
	}
	if target.Identifier != nil {
		for _, old := range s.sorted() {
			if old.Subject == p.Subject && (old.Master != nil && *old.Master == *target.Identifier ||
				s.identifierToo && slices.Contains(old.Identifier, *target.Identifier)) {
				return old
			}
		}
	}
	return s.pointers[target.Reference[strings.LastIndexByte(target.Reference, '/')+1:]]
}

func (s *simStore) transaction(w http.ResponseWriter, r *http.Request, body []byte) {
	type entry struct {
		resource             *simResource
		method, url, ifMatch string
	}
	var entries []entry
	if strings.Contains(r.Header.Get("Content-Type"), "xml") {
		var b struct {
			Entry []struct {
				Resource xmlResource `xml:"resource>DocumentReference"`
				Method   simValue    `xml:"request>method"`
				URL      simValue    `xml:"request>url"`
				IfMatch  simValue    `xml:"request>ifMatch"`
			} `xml:"entry"`
		}
		if xml.Unmarshal(body, &b) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		for _, e := range b.Entry {
			entries = append(entries, entry{e.Resource.plain(), e.Method.Value, e.URL.Value, e.IfMatch.Value})
		}
	} else {
		var b struct {
			Entry []struct {
				Resource simResource
				Request  struct{ Method, URL, IfMatch string }
			}
		}
		if json.Unmarshal(body, &b) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		for _, e := range b.Entry {
			entries = append(entries, entry{&e.Resource, e.Request.Method, e.Request.URL, e.Request.IfMatch})
		}
	}
	for _, e := range entries {
		if e.method != http.MethodPut {
			continue
		}
		if p := s.pointers[e.resource.ID]; p == nil || s.honours.Transaction && e.ifMatch != "" && e.ifMatch != `W/"`+p.Meta.VersionID+`"` {
			w.WriteHeader(http.StatusPreconditionFailed)
			return
		}
	}
	location := ""
	for _, e := range entries {
		if e.method == http.MethodPost {
			e.resource.ID = fmt.Sprintf("p%d", s.last+1)
			location = "DocumentReference/" + e.resource.ID
		}
		s.put(e.method, e.resource)
	}
	w.Header().Set("Content-Type", "application/fhir+json")
	fmt.Fprintf(w, `{"resourceType":"Bundle","type":"transaction-response","entry":[{"response":{"status":"201","location":"%s"}},{"response":{"status":"200"}}]}`, location)
}
