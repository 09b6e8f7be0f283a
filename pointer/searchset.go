// SPDX-License-Identifier: Apache-2.0

package pointer

import (
	"errors"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/nrlsecurity/nrlsecurity/internal/fhirpath"
	"github.com/nrlsecurity/nrlsecurity/pointer/internal/fhir"
)

const jsonType = "application/fhir+json"

// readSearchset reads a page of the answer to a search.
func readSearchset(contentType string, body []byte) (*fhir.Searchset, error) {
	if f, err := fhir.FormatOf(contentType); err != nil || f != fhir.JSON {
		return nil, errors.New("the answer to a search is no JSON, which was asked for")
	}
	return fhir.ReadSearchset(body)
}

// couldBe reports whether the resource of an entry could be the pointer that q
// means: it is, or may be, a DocumentReference of that masterIdentifier, or a part of
// one which lacks that, by whatever spelling of the tag IsPart knows it.
func couldBe(resource []byte, q Query) bool {
	var d struct {
		Meta struct {
			Tag []map[string]any `json:"tag,case:ignore"`
		} `json:"meta"`
		ResourceType     string `json:"resourceType"`
		MasterIdentifier *struct {
			System string `json:"system"`
			Value  string `json:"value"`
		} `json:"masterIdentifier"`
	}
	if err := json.Unmarshal(resource, &d); err != nil {
		return true
	}
	if d.ResourceType != fhirpath.DocumentReference {
		return d.ResourceType == ""
	}
	if d.MasterIdentifier == nil {
		return slices.ContainsFunc(d.Meta.Tag, func(tag map[string]any) bool {
			for name, value := range tag {
				if strings.EqualFold(name, "code") && value == fhir.Subsetted {
					return true
				}
			}
			return false
		})
	}
	return d.MasterIdentifier.Value == q.Identifier.Value
}
