// SPDX-License-Identifier: Apache-2.0

package pointer

import (
	"context"
	"errors"

	"github.com/nrlsecurity/nrlsecurity/asid"
)

// judgeSupersede judges a create with a relatesTo: the new pointer and the one
// that it replaces are both the caller's, have the same patient, and the old one
// is current. With both a reference and an identifier the reference leads to the
// old pointer, and the identifier must be its master identifier.
func (g *Guard) judgeSupersede(ctx context.Context, caller *asid.Caller, c Change) (*Decision, error) {
	if err := ownsNew(caller, c); err != nil {
		return nil, err
	}
	if len(c.New.RelatesTo) != 1 {
		return nil, &SupersedeError{Detail: "is not there exactly once"}
	}
	relation := c.New.RelatesTo[0]
	if relation.Code != "replaces" {
		return nil, &SupersedeError{Detail: "has a code other than replaces"}
	}
	if c.New.Subject == "" {
		return nil, &SupersedeError{Detail: "is there, but the new pointer has no subject"}
	}
	query := Query{ID: relation.Target.ID}
	if query.ID == "" {
		query = Query{Subject: c.New.Subject, Identifier: relation.Target.Identifier}
	}
	stored, err := g.resolve(ctx, query)
	if errors.Is(err, ErrNotFound) || errors.Is(err, ErrAmbiguous) {
		return nil, &SupersedeError{Detail: leadsNowhere, Err: err}
	}
	if err != nil {
		return nil, err
	}
	if err := Owns(caller, stored); err != nil {
		owner := &OwnerError{ASID: caller.System.ASID, Action: c.Action}
		if g.Disclose {
			return nil, owner
		}
		return nil, &SupersedeError{Detail: leadsNowhere, Err: owner}
	}
	if stored.Subject != c.New.Subject {
		return nil, &SupersedeError{Detail: "leads to a pointer of another patient"}
	}
	if id := relation.Target.Identifier; !id.IsZero() && id != stored.MasterIdentifier {
		return nil, &SupersedeError{Detail: "leads to a pointer of another masterIdentifier"}
	}
	if stored.Status != statusCurrent {
		return nil, &SupersedeError{Detail: "leads to a pointer that is not current", Err: ErrNotCurrent}
	}
	c.New = unnamed(c.New)
	return &Decision{Change: c, Stored: stored}, nil
}

// leadsNowhere is all that a stranger learns.
const leadsNowhere = "does not lead to one pointer of the caller's"
