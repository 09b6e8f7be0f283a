// SPDX-License-Identifier: Apache-2.0

package pointer

import (
	"context"

	"github.com/nrlsecurity/nrlsecurity/asid"
)

// Authorize resolves what c concerns and applies [Owns] to each pointer; no
// HTTP. The order is: the interaction that the caller's system needs, the
// custodian of what is new, whether the stored pointer is there, its custodian,
// and then what only its owner may learn: its patient, identifier, status and
// version.
//
// The errors are [*ChangeError] and, for a guard or caller that is missing,
// [*asid.ConfigError].
func (g *Guard) Authorize(ctx context.Context, caller *asid.Caller, c Change) (*Decision, error) {
	d, err := g.judge(ctx, caller, c)
	g.record(ctx, caller, c, d, err)
	if err != nil {
		return nil, err
	}
	d.guard, d.caller = g, caller
	return d, nil
}

// Again judges the same change anew, against what the store has now. A handler
// calls it when its store answers that the pointer has changed since it was
// judged, and then makes the new decision's change.
func (d *Decision) Again(ctx context.Context) (*Decision, error) {
	if d.guard == nil {
		return nil, &asid.ConfigError{Field: "Decision", Detail: "is none that a Guard has made"}
	}
	return d.guard.Authorize(ctx, d.caller, d.Change)
}

func (g *Guard) judge(ctx context.Context, caller *asid.Caller, c Change) (*Decision, error) {
	if err := g.Validate(); err != nil {
		return nil, err
	}
	if caller == nil || caller.System == nil {
		return nil, &asid.ConfigError{Field: "Guard", Detail: "knows no caller: asid's Middleware goes outside it"}
	}
	if need := c.Action.interaction(); need == "" || !caller.System.Assured(need) {
		return nil, &ChangeError{Rule: RuleInteraction, Action: c.Action, ASID: caller.System.ASID,
			Detail: "is not assured for " + c.Action.String(), Err: asid.ErrNotAssociated}
	}
	switch c.Action {
	case Create:
		return g.judgeCreate(ctx, caller, c)
	case Supersede:
		return g.judgeSupersede(ctx, caller, c)
	default:
		return g.judgeTarget(ctx, caller, c)
	}
}
