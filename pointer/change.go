// SPDX-License-Identifier: Apache-2.0

package pointer

import (
	"context"

	"github.com/nrlsecurity/nrlsecurity/asid"
)

// An Action is what a request does to pointers.
type Action int

// The actions. Bundle is several changes that are refused or let pass together.
const (
	Create Action = iota + 1
	Supersede
	Update
	Delete
	Bundle
)

func (a Action) String() string {
	switch a {
	case Create:
		return "create"
	case Supersede:
		return "supersede"
	case Update:
		return "update"
	case Delete:
		return "delete"
	case Bundle:
		return "bundle"
	default:
		return "unknown"
	}
}

// interaction is what a system must be assured for; a supersede is a create.
func (a Action) interaction() asid.InteractionID {
	switch a {
	case Create, Supersede:
		return asid.DocumentReferenceCreate
	case Update:
		return asid.DocumentReferenceUpdate
	case Delete:
		return asid.DocumentReferenceDelete
	default:
		return ""
	}
}

// A Change is one request to be judged.
type Change struct {
	Action  Action
	New     *Pointer // of Create and Supersede: the pointer in the body
	Target  Query    // of Update and Delete: the stored pointer
	Entries []Change // of Bundle, in its order; none of them is a Bundle
}

// A Decision is a change that was let pass, and the stored pointer that was
// judged. A handler makes the change conditional on Stored.Version: what another
// request has changed since was not judged.
type Decision struct {
	// Change is what was asked for. Its New has neither ID nor Version: those of
	// a body are the sender's invention, and a handler that used them would
	// write over a pointer that nobody judged.
	Change  Change
	Stored  *Pointer    // of Supersede, Update and Delete
	Entries []*Decision // of Bundle: one for each of Change.Entries
}

type decisionKey struct{}

// DecisionFrom returns the decision that [Guard.Middleware] stored in ctx.
func DecisionFrom(ctx context.Context) (*Decision, bool) {
	d, _ := ctx.Value(decisionKey{}).(*Decision)
	return d, d != nil
}
