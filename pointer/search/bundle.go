// SPDX-License-Identifier: Apache-2.0

package search

import (
	"github.com/go-json-experiment/json"

	"github.com/nrlsecurity/nrlsecurity/pointer"
	"github.com/nrlsecurity/nrlsecurity/pointer/internal/fhir"
)

// A Pointer is what a consumer needs of a DocumentReference that was found.
type Pointer struct {
	pointer.Pointer        // without RelatesTo, which is in Resource
	Type            string // what the type is called: its text, or the display or code of its first coding
	Contents        []Content
	Resource        []byte // the whole of it in JSON, for a library of FHIR's types
}

// A Content is one form of the record that a pointer leads to.
type Content struct {
	URL         string
	ContentType string
	Format      string // what the format is called: its display, or its code
}

// A bundle is one page of an answer.
type bundle struct {
	*fhir.Searchset
	pointers []Pointer // of its Entries
	size     int64     // of its body, in bytes
}

type coding struct {
	Code    string `json:"code"`
	Display string `json:"display"`
}

func (c coding) name() string {
	if c.Display != "" {
		return c.Display
	}
	return c.Code
}

// readBundle reads a page. A pointer that cannot be read is an error, since the
// rest would not be the whole.
func readBundle(body []byte) (*bundle, error) {
	set, err := fhir.ReadSearchset(body)
	if err != nil {
		return nil, err
	}
	page := &bundle{Searchset: set}
	for _, resource := range set.Entries {
		p, err := readPointer(resource)
		if err != nil {
			return nil, err
		}
		page.pointers = append(page.pointers, *p)
	}
	return page, nil
}

// readPointer reads one resource as pointer.FHIR reads what is stored: the custodian
// strictly, all else tolerantly, since it was taken once.
func readPointer(resource []byte) (*Pointer, error) {
	read, err := fhir.Reader{Stored: true}.DocumentReference("application/fhir+json", resource)
	if err != nil {
		return nil, err
	}
	var d struct {
		Type struct {
			Text   string   `json:"text"`
			Coding []coding `json:"coding"`
		} `json:"type"`
		Content []struct {
			Attachment struct {
				URL         string `json:"url"`
				ContentType string `json:"contentType"`
			} `json:"attachment"`
			Format coding `json:"format"`
		} `json:"content"`
	}
	if err := json.Unmarshal(resource, &d); err != nil {
		return nil, err
	}
	p := &Pointer{Type: d.Type.Text, Resource: resource, Pointer: pointer.Pointer{ID: read.ID, Version: read.Version, Custodian: read.Custodian,
		Status: read.Status, Subject: read.Subject, MasterIdentifier: pointer.Identifier(read.MasterIdentifier)}}
	if p.Type == "" && len(d.Type.Coding) > 0 {
		p.Type = d.Type.Coding[0].name()
	}
	for _, c := range d.Content {
		p.Contents = append(p.Contents, Content{URL: c.Attachment.URL, ContentType: c.Attachment.ContentType, Format: c.Format.name()})
	}
	return p, nil
}
