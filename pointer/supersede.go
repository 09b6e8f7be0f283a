// SPDX-License-Identifier: Apache-2.0

package pointer

import (
	"context"

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
	fault := func(detail string) (*Decision, error) {
		return nil, &ChangeError{Rule: RuleRelatesTo, Action: c.Action, Detail: detail}
	}
	if len(c.New.RelatesTo) != 1 {
		return fault("is not there exactly once")
	}
	relation := c.New.RelatesTo[0]
	if relation.Code != "replaces" {
		return fault("has a code other than replaces")
	}
	if c.New.Subject == "" {
		return fault("is there, but the new pointer has no subject")
	}
	query := Query{ID: relation.Target.ID}
	if query.ID == "" {
		query = Query{Subject: c.New.Subject, Identifier: relation.Target.Identifier}
	}
	stored, err := g.ownsStored(ctx, caller, c, query)
	if err != nil {
		return nil, err
	}
	if !stored.isOf(c.New.Subject) {
		return fault("leads to a pointer of another patient")
	}
	if id := relation.Target.Identifier; !id.IsZero() && id != stored.MasterIdentifier {
		return fault("leads to a pointer of another masterIdentifier")
	}
	if stored.Status != statusCurrent {
		return nil, &ChangeError{Rule: RuleNotCurrent, Action: c.Action, Target: query, Detail: "is not current"}
	}
	if err := matched(c, query, stored); err != nil {
		return nil, err
	}
	if err := g.unique(ctx, c); err != nil {
		return nil, err
	}
	c.New = unassigned(c.New)
	return &Decision{Change: c, Stored: stored}, nil
}
