// SPDX-License-Identifier: Apache-2.0

package fhir

import (
	"errors"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// A Searchset is one page of the Bundle that answers a search.
type Searchset struct {
	Entries []jsontext.Value // the resources found, unread
	Next    string           // the URL of the next page; empty if this is the last
	Total   int              // how many the server says it found, on all pages; zero if it does not say
	names   []string         // of the Entries, as header.name has them
}

// A Listing is what the pages of one answer list together. A resource counts once:
// a server whose pages move on while they are read lists one twice, and another not at all.
type Listing struct {
	Total int // the largest that a page has
	names map[string]bool
}

// Add counts what a page lists.
func (l *Listing) Add(page *Searchset) {
	if l.names == nil {
		l.names = make(map[string]bool)
	}
	l.Total = max(l.Total, page.Total)
	for _, name := range page.names {
		l.names[name] = true
	}
}

// Len returns how many resources are listed.
func (l *Listing) Len() int { return len(l.names) }

// ReadSearchset reads a page in JSON. Entries that are about the search, or
// included besides what it found, are left out. A page of which it cannot be told
// whether it is the whole is an error: one with an entry of another mode, with two
// next pages, or with an OperationOutcome, in whatever mode, that has anything but
// information and warnings. The last is an [*Error].
func ReadSearchset(body []byte) (*Searchset, error) {
	var b struct {
		ResourceType string `json:"resourceType"`
		Type         string `json:"type"`
		Total        int    `json:"total"`
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
	// The parser's error may have the patient in it, who is not for the logs.
	if err := json.Unmarshal(body, &b); err != nil {
		return nil, errors.New("the answer to a search is malformed")
	}
	if b.ResourceType != "Bundle" || b.Type != "searchset" {
		return nil, errors.New("the answer to a search is no searchset")
	}
	set := &Searchset{Total: b.Total}
	for _, l := range b.Link {
		if !strings.EqualFold(l.Relation, "next") {
			continue
		}
		if set.Next != "" || l.URL == "" {
			return nil, errors.New("the answer to a search has two next pages, or one without a URL")
		}
		set.Next = l.URL
	}
	for _, e := range b.Entry {
		var of header
		if json.Unmarshal(e.Resource, &of) != nil {
			of = header{}
		}
		if err := of.complete(e.Resource, e.Search.Mode); err != nil {
			return nil, err
		}
		switch e.Search.Mode {
		case "outcome", "include":
		case "", "match":
			set.Entries, set.names = append(set.Entries, e.Resource), append(set.names, of.name())
		default:
			return nil, errors.New("the answer to a search has an entry of an unknown mode")
		}
	}
	return set, nil
}

// A header is what tells one resource from another. What cannot be read has neither; a
// match of that kind is refused by what reads it as a pointer, if need be.
type header struct {
	ResourceType string         `json:"resourceType"`
	ID           jsontext.Value `json:"id"` // of whatever type, which is not what decides about an OperationOutcome
}

// name returns type and id. Resources without an id are one: nothing says that they are two.
func (h header) name() string {
	var id string
	if json.Unmarshal(h.ID, &id) != nil {
		id = ""
	}
	return h.ResourceType + "/" + id
}

// complete refuses an OperationOutcome by which the search may not have found
// everything, and an entry about the search that is none.
func (h header) complete(resource jsontext.Value, mode string) error {
	if h.ResourceType != "OperationOutcome" {
		if mode == "outcome" {
			return refusedElement("entry.resource", "is about the search, but no OperationOutcome")
		}
		return nil
	}
	var outcome struct {
		Issue []struct {
			Severity string `json:"severity"`
		} `json:"issue"`
	}
	if json.Unmarshal(resource, &outcome) != nil {
		return refusedElement("entry.resource.issue", "cannot be read, so that the answer may be a part")
	}
	for _, i := range outcome.Issue {
		if i.Severity != "information" && i.Severity != "warning" {
			return refusedElement("entry.resource.issue", "is neither information nor a warning, so that the answer may be a part")
		}
	}
	return nil
}
