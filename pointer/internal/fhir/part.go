// SPDX-License-Identifier: Apache-2.0

package fhir

import (
	"bytes"
	"encoding/xml"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
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
			Tag []map[string]jsontext.Value `json:"tag"`
		} `json:"meta"`
	}
	err := json.Unmarshal(slices.Concat([]byte{'{'}, meta, []byte{'}'}), &m)
	for _, tag := range m.Meta.Tag {
		for name, value := range tag {
			if !strings.EqualFold(name, "code") {
				continue
			}
			var code string
			if json.Unmarshal(value, &code) != nil || code == Subsetted {
				return true
			}
		}
	}
	return err != nil
}
