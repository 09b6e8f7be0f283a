// SPDX-License-Identifier: Apache-2.0

package pointer

import (
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

	otherSubject string // the patient's URL on the store itself, if it has that beside an NHS number
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

// A Query says which stored pointer is meant: by logical id, or by patient and
// master identifier. A query with both wants one pointer that has both.
type Query struct {
	ID         string
	Subject    string
	Identifier Identifier
}

// IsZero reports whether q says nothing.
func (q Query) IsZero() bool { return q == Query{} }

// Matches reports whether p is a pointer that q means. A query without an id and
// without a whole pair of subject and identifier means none. Two URLs are the same
// patient's if they differ in spelling alone (RFC 3986 section 6.2.2), or by a version.
func (q Query) Matches(p *Pointer) bool {
	if p == nil || q.ID == "" && (q.Subject == "" || q.Identifier.IsZero()) {
		return false
	}
	return (q.ID == "" || q.ID == p.ID) &&
		(q.Identifier.IsZero() || q.Identifier == p.MasterIdentifier) &&
		(q.Subject == "" || p.isOf(q.Subject))
}

// isOf reports whether p is about the patient of that URL.
func (p *Pointer) isOf(subject string) bool {
	return samePatient(p.Subject, subject) || samePatient(p.otherSubject, subject)
}

// samePatient reports whether a and b are one patient's URL. A store may have one in
// another spelling than a Guard takes, from before there was a Guard.
func samePatient(a, b string) bool {
	return a != "" && b != "" && (a == b || fhir.NormalURL(a) == fhir.NormalURL(b))
}

// searchSyntax are the characters that FHIR gives a meaning in the value of a
// search parameter (STU3 and R4, search, 3.1.1.1 "Escaping search parameters").
const searchSyntax = `,\|$`
