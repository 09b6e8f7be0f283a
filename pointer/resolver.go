// SPDX-License-Identifier: Apache-2.0

package pointer

import "context"

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
// without a whole pair of subject and identifier means none.
func (q Query) Matches(p *Pointer) bool {
	if p == nil || q.ID == "" && (q.Subject == "" || q.Identifier.IsZero()) {
		return false
	}
	return (q.ID == "" || q.ID == p.ID) &&
		(q.Subject == "" || q.Subject == p.Subject) &&
		(q.Identifier.IsZero() || q.Identifier == p.MasterIdentifier)
}

// A Resolver finds stored pointers. It must be safe for concurrent use. Where
// there is no such pointer it returns an error that wraps [ErrNotFound], where
// there are several one that wraps [ErrAmbiguous]; any other error means that it
// could not tell, and the change is refused. It finds pointers whatever their
// status, and as the store has them now: what a cache remembers may be another
// organisation's by now. The pointer's Version is not empty and has the form of a
// FHIR id. The Pointer that it returns is not changed any more.
//
// The guard's decision rests on three things that the store must keep: a
// pointer's custodian never changes, its id is never given to another pointer,
// and a look-up by subject and identifier goes by the masterIdentifier alone.
type Resolver interface {
	Resolve(ctx context.Context, q Query) (*Pointer, error)
}
