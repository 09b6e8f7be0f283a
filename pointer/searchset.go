// SPDX-License-Identifier: Apache-2.0

package pointer

import (
	"errors"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/nrlsecurity/nrlsecurity/internal/fhirpath"
	"github.com/nrlsecurity/nrlsecurity/pointer/internal/fhir"
)

const jsonType = "application/fhir+json"

// A searchset is what a Resolver needs of the Bundle that answers a search.
type searchset struct {
	entries []searchEntry
	next    string // the URL of the next page; empty if this is the last
}

// A searchEntry is a DocumentReference that a search found, unread.
type searchEntry struct{ resource []byte }

// readSearchset reads a page. Entries that are about the search, or included
// besides what it found, are left out.
func readSearchset(contentType string, body []byte) (*searchset, error) {
	if f, err := fhir.FormatOf(contentType); err != nil || f != fhir.JSON {
		return nil, errors.New("the answer to a search is no JSON, which was asked for")
	}
	var b struct {
		ResourceType string `json:"resourceType"`
		Type         string `json:"type"`
		Link         []struct {
			Relation string `json:"relation"`
			URL      string `json:"url"`
		} `json:"link"`
		Entry []struct {
			Resource jsontext.Value `json:"resource"`
			Search   struct {
				Mode string `json:"mode"`
			} `json:"search"`
		} `json:"entry"`
	}
	if err := json.Unmarshal(body, &b); err != nil {
		return nil, errors.New("the answer to a search is malformed")
	}
	if b.ResourceType != "Bundle" || b.Type != "searchset" {
		return nil, errors.New("the answer to a search is no searchset")
	}
	set := new(searchset)
	for _, l := range b.Link {
		if !strings.EqualFold(l.Relation, "next") {
			continue
		}
		if set.next != "" || l.URL == "" {
			return nil, errors.New("the answer to a search has two next pages, or one without a URL")
		}
		set.next = l.URL
	}
	for _, e := range b.Entry {
		switch e.Search.Mode {
		case "outcome", "include":
		case "", "match":
			set.entries = append(set.entries, searchEntry{e.Resource})
		default:
			return nil, errors.New("the answer to a search has an entry of an unknown mode")
		}
	}
	return set, nil
}

// couldBe reports whether the entry could be the pointer that q means: it is, or
// may be, a DocumentReference of that masterIdentifier.
func (e searchEntry) couldBe(q Query) bool {
	var d struct {
		ResourceType     string `json:"resourceType"`
		MasterIdentifier *struct {
			System string `json:"system"`
			Value  string `json:"value"`
		} `json:"masterIdentifier"`
	}
	if err := json.Unmarshal(e.resource, &d); err != nil {
		return true
	}
	if d.ResourceType != fhirpath.DocumentReference {
		return d.ResourceType == ""
	}
	return d.MasterIdentifier != nil && d.MasterIdentifier.Value == q.Identifier.Value
}
