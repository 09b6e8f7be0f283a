// SPDX-License-Identifier: Apache-2.0

package fhir

import (
	"bytes"
	"encoding/xml"
	"slices"

	"github.com/go-json-experiment/json"
)

// Subsetted is the code of the tag of a resource that lacks elements which are stored:
// one of a summary, or of a server that leaves out what a client may not see. To write it
// back is to lose them (resource, "Meta", and search, "Summary", in STU3 and R4).
const Subsetted = "SUBSETTED"

// IsPart reports whether p, which was read from body, has the tag [Subsetted], of
// whatever system: STU3 and R4 have it in different ones. What cannot be read may be a
// part, too, as may what only some readers take for that code: of an element that is there
// twice, or of a name in another case.
func (p *DocumentReference) IsPart(contentType string, body []byte) bool {
	if p.meta == (span{}) {
		return false
	}
	meta := body[p.meta.from:p.meta.to]
	if !bytes.Contains(meta, []byte("tag")) { // names have no escapes
		return false
	}
	if f, _ := FormatOf(contentType); f == XML {
		var m struct {
			Tags []struct {
				Codes []struct {
					Value string `xml:"value,attr"`
				} `xml:"code"`
			} `xml:"tag"`
		}
		err := xml.Unmarshal(meta, &m)
		for _, tag := range m.Tags {
			for _, code := range tag.Codes {
				if code.Value == Subsetted {
					return true
				}
			}
		}
		return err != nil
	}
	var m struct {
		Meta struct {
			Tag []struct {
				Code string `json:"code"`
			} `json:"tag"`
		} `json:"meta"`
	}
	err := json.Unmarshal(slices.Concat([]byte{'{'}, meta, []byte{'}'}), &m, json.MatchCaseInsensitiveNames(true))
	for _, tag := range m.Meta.Tag {
		if tag.Code == Subsetted {
			return true
		}
	}
	return err != nil
}
