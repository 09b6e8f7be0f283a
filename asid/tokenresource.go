// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/nrlsecurity/nrlsecurity/internal/spine"
)

// A claimedResource is what a token's FHIR resource says of who it is. GP
// Connect's pages define the resources; other elements are ignored.
type claimedResource struct {
	Type       string                    `json:"resourceType"`
	ID         string                    `json:"id"`
	Identifier []claimedIdentifier       `json:"identifier"`
	Others     map[string]jsontext.Value `json:",embed"`
}

type claimedIdentifier struct {
	System string                    `json:"system"`
	Value  string                    `json:"value"`
	Others map[string]jsontext.Value `json:",embed"`
}

// hasOtherCase reports whether an element differs by letter case from one that counts.
func (r *claimedResource) hasOtherCase() bool {
	return otherCase(r.Others, "resourceType", "id", "identifier") ||
		slices.ContainsFunc(r.Identifier, func(id claimedIdentifier) bool { return otherCase(id.Others, "system", "value") })
}

// otherCase reports whether readers that ignore letter case would take one of the
// members for one of those known.
func otherCase(members map[string]jsontext.Value, known ...string) bool {
	for name := range members {
		if slices.ContainsFunc(known, func(k string) bool { return strings.EqualFold(name, k) }) {
			return true
		}
	}
	return false
}

// resource reads the claim, which must be a resource of that type.
func resource(claim, kind, value string) (*claimedResource, error) {
	if value[0] != '{' {
		return nil, tokenError(claim, "is not a resource", nil)
	}
	r := new(claimedResource)
	if err := json.Unmarshal([]byte(value), r); err != nil {
		return nil, tokenError(claim, "is not a well-formed resource", nil)
	}
	if r.hasOtherCase() {
		return nil, tokenError(claim, "has an element that is written in other letter case", nil)
	}
	if r.Type != kind {
		return nil, tokenError(claim, "is not a resource of the type "+kind, nil)
	}
	return r, nil
}

// identifier returns the one identifier of the system, in the form that the NRL's
// tokens have; empty if there is none, or more than one with different values.
func (r *claimedResource) identifier(system string) string {
	found := ""
	for _, id := range r.Identifier {
		if id.System != system || id.Value == "" || id.Value == found {
			continue
		}
		if found != "" {
			return ""
		}
		found = id.Value
	}
	if found == "" {
		return ""
	}
	return system + "|" + found
}

func organizationResource(into *string, claim, value string) error {
	r, err := resource(claim, "Organization", value)
	if err != nil {
		return err
	}
	if *into = r.identifier(spine.ODSSystem); *into == "" {
		return tokenError(claim, "has not one ODS code", nil)
	}
	return nil
}

// practitionerResource takes the SDS role profile ID or, without one, the SDS user
// ID for who asks.
func practitionerResource(t *Token, claim, value string) error {
	r, err := resource(claim, "Practitioner", value)
	if err != nil {
		return err
	}
	t.practitioner = r.ID
	if t.User = r.identifier(spine.UserSystem); t.User == "" || strings.HasSuffix(t.User, "|UNK") {
		if user := r.identifier(spine.SDSUserSystem); user != "" {
			t.User = user
		}
	}
	return nil
}

// deviceResource takes the first identifier of the device that has a value.
func deviceResource(t *Token, claim, value string) error {
	r, err := resource(claim, "Device", value)
	if err != nil {
		return err
	}
	for _, id := range r.Identifier {
		if id.Value != "" {
			t.Device = id.System + "|" + id.Value
			break
		}
	}
	return nil
}

// actor reads act (RFC 8693 section 4.1), of which sub counts.
func actor(t *Token, value string) error {
	var act struct {
		Subject string                    `json:"sub"`
		Others  map[string]jsontext.Value `json:",embed"`
	}
	if value[0] != '{' || json.Unmarshal([]byte(value), &act) != nil {
		return tokenError("act", "is malformed", nil)
	}
	if otherCase(act.Others, "sub") {
		return tokenError("act", "has a claim that is written in other letter case", nil)
	}
	t.Actor = act.Subject
	return nil
}
