// SPDX-License-Identifier: Apache-2.0

package pointer

import (
	"slices"

	"github.com/nrlsecurity/nrlsecurity/asid"
)

// A Pointer is what the guard needs of a DocumentReference; the whole of it
// stays in the body, which is handed on unchanged.
type Pointer struct {
	ID               string       // the logical id; the server's to assign
	Version          string       // meta.versionId, for a conditional change; empty if the resource names none
	Custodian        asid.ODSCode // the pointer's owner; zero if the resource names none, and then nobody owns it
	Status           string       // such as current, superseded, entered-in-error
	Subject          string       // the patient's URL; an NHS number given as identifier becomes its URL on the PDS
	MasterIdentifier Identifier   // zero if there is none
	RelatesTo        []Relation
}

// The value of Status that a pointer must have to be superseded or updated.
const statusCurrent = "current"

// An Identifier is a FHIR identifier: a value and the system that makes it unique.
type Identifier struct{ System, Value string }

// IsZero reports whether there is no identifier.
func (i Identifier) IsZero() bool { return i == Identifier{} }

// A Relation is one relatesTo of a DocumentReference.
type Relation struct {
	Code   string // replaces, transforms, signs or appends
	Target Query  // ID, Identifier or both, as the target names them; Subject stays empty
}

// Owns is the rule itself: nil if the pointer's custodian is an organisation of
// the caller's, else an [*OwnerError]. The author plays no part in it: the author
// owns the information, the custodian the pointer.
func Owns(caller *asid.Caller, p *Pointer) error {
	if caller == nil || caller.System == nil {
		return &OwnerError{}
	}
	if p == nil || p.Custodian.IsZero() || !slices.Contains(caller.System.ODS, p.Custodian) {
		return &OwnerError{ASID: caller.System.ASID}
	}
	return nil
}
