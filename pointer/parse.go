// SPDX-License-Identifier: Apache-2.0

package pointer

import (
	"errors"

	"github.com/nrlsecurity/nrlsecurity/pointer/internal/fhir"
)

// Parse reads a DocumentReference of STU3 or R4. The Content-Type says whether
// it is JSON or XML. The errors are [*ChangeError] of the rules media-type, body
// and resource. The caller bounds the body's size.
func Parse(contentType string, body []byte) (*Pointer, error) {
	var read struct { // one allocation
		d fhir.DocumentReference
		p Pointer
	}
	if err := (fhir.Reader{}).Read(contentType, body, &read.d); err != nil {
		return nil, bodyError(0, err)
	}
	read.p.fill(&read.d)
	return &read.p, nil
}

func pointerOf(d *fhir.DocumentReference) *Pointer {
	p := new(Pointer)
	p.fill(d)
	return p
}

func (p *Pointer) fill(d *fhir.DocumentReference) {
	p.ID, p.Version, p.Custodian, p.Status, p.Subject = d.ID, d.Version, d.Custodian, d.Status, d.Subject
	p.MasterIdentifier = Identifier(d.MasterIdentifier)
	for _, rel := range d.RelatesTo {
		p.RelatesTo = append(p.RelatesTo, Relation{Code: rel.Code, Target: Query{ID: rel.ID, Identifier: Identifier(rel.Identifier)}})
	}
}

// bodyError is the refusal of a body that err is about.
func bodyError(action Action, err error) error {
	e, ok := errors.AsType[*fhir.Error](err)
	if !ok {
		return &ChangeError{Rule: RuleResource, Action: action, Detail: "cannot be handed on", Err: err}
	}
	refused := &ChangeError{Action: action, Element: e.Element, Detail: e.Detail, Err: e.Err}
	switch e.Kind {
	case fhir.MediaType:
		refused.Rule = RuleMediaType
	case fhir.Malformed:
		refused.Rule = RuleBody
	default:
		refused.Rule = RuleResource
	}
	return refused
}
