// SPDX-License-Identifier: Apache-2.0

package pointer

import (
	"slices"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/pointer/internal/fhir"
)

// A Pointer is what the guard needs of a DocumentReference; the whole of it
// stays in the body, which is handed on.
type Pointer struct {
	ID               string       // the logical id; the server's to assign
	Version          string       // meta.versionId, for a conditional change; empty if the resource names none
	Custodian        asid.ODSCode // the pointer's owner; zero if the resource names none, and then no system owns it
	Status           string       // such as current, superseded, entered-in-error
	Subject          string       // the patient's URL; an NHS number given as identifier becomes its URL on the PDS
	MasterIdentifier Identifier   // zero if there is none
	RelatesTo        []Relation
}

// The values of Status that the rules know.
const (
	statusCurrent    = "current"
	statusSuperseded = "superseded"
)

// An Identifier is a FHIR identifier: a value and the system that makes it unique.
type Identifier struct{ System, Value string }

// IsZero reports whether there is no identifier.
func (i Identifier) IsZero() bool { return i == Identifier{} }

// A Relation is one relatesTo of a DocumentReference.
type Relation struct {
	Code   string // replaces, transforms, signs or appends
	Target Query  // ID, Identifier or both, as the target names them; Subject stays empty
}

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

// Owns is the rule itself: nil if the pointer's custodian is an organisation of
// the caller's, else a [*ChangeError] of the rule owner. The author plays no part
// in it: the author owns the information, the custodian the pointer.
func Owns(caller *asid.Caller, p *Pointer) error {
	if caller == nil || caller.System == nil {
		return &ChangeError{Rule: RuleOwner, Detail: notOwned}
	}
	if p == nil || p.Custodian.IsZero() || !slices.Contains(caller.System.ODS, p.Custodian) {
		return &ChangeError{Rule: RuleOwner, ASID: caller.System.ASID, Detail: notOwned}
	}
	return nil
}
