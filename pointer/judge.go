// SPDX-License-Identifier: Apache-2.0

package pointer

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/internal/fhirpath"
)

func (g *Guard) judgeCreate(ctx context.Context, caller *asid.Caller, c Change) (*Decision, error) {
	if err := ownsNew(caller, c); err != nil {
		return nil, err
	}
	if len(c.New.RelatesTo) > 0 {
		return nil, &ChangeError{Rule: RuleRelatesTo, Action: c.Action, Detail: "is there, but what was asked for is a create"}
	}
	if c.IfMatch != nil { // there is no pointer yet that could have a version (RFC 9110 section 13.1.1)
		return nil, &ChangeError{Rule: RuleVersion, Action: c.Action, Detail: "is new, but the request has an If-Match"}
	}
	if err := g.unique(ctx, c); err != nil {
		return nil, err
	}
	c.New = unassigned(c.New)
	return &Decision{Change: c}, nil
}

// judgeTarget judges an update or a delete. Only a current pointer can be
// updated; one can be deleted whatever its status.
func (g *Guard) judgeTarget(ctx context.Context, caller *asid.Caller, c Change) (*Decision, error) {
	stored, err := g.ownsStored(ctx, caller, c, c.Target)
	if err != nil {
		return nil, err
	}
	if c.Action == Update && stored.Status != statusCurrent {
		return nil, &ChangeError{Rule: RuleNotCurrent, Action: c.Action, Target: c.Target, Detail: "is not current"}
	}
	if err := matched(c, c.Target, stored); err != nil {
		return nil, err
	}
	return &Decision{Change: c, Stored: stored}, nil
}

// ownsNew applies Owns to the pointer in the body.
func ownsNew(caller *asid.Caller, c Change) error {
	if c.New == nil {
		return &ChangeError{Rule: RuleResource, Action: c.Action, Element: fhirpath.DocumentReference, Detail: "is missing"}
	}
	if err := Owns(caller, c.New); err != nil {
		return &ChangeError{Rule: RuleOwner, Action: c.Action, ASID: caller.System.ASID, Custodian: c.New.Custodian,
			Detail: "is not an organisation of ASID " + caller.System.ASID.String()}
	}
	return nil
}

// ownsStored finds the stored pointer that q means and applies Owns to it.
func (g *Guard) ownsStored(ctx context.Context, caller *asid.Caller, c Change, q Query) (*Pointer, error) {
	stored, err := g.resolve(ctx, c.Action, q)
	if err != nil {
		return nil, err
	}
	if Owns(caller, stored) != nil {
		return nil, &ChangeError{Rule: RuleOwner, Action: c.Action, ASID: caller.System.ASID, Target: q, Concealed: !g.Disclose,
			Detail: "has a custodian that is not an organisation of ASID " + caller.System.ASID.String()}
	}
	return stored, nil
}

// unique refuses a master identifier that the patient has already, or by which
// the new pointer could not be found again: FHIR gives a comma, a bar, a dollar
// sign and a backslash a meaning in a search. A race of two creates is the
// store's to end, by a unique constraint.
func (g *Guard) unique(ctx context.Context, c Change) error {
	id := c.New.MasterIdentifier
	if id.IsZero() {
		return nil
	}
	if strings.ContainsAny(id.System, searchSyntax) || strings.ContainsAny(id.Value, searchSyntax) {
		return &ChangeError{Rule: RuleResource, Action: c.Action, Element: "masterIdentifier",
			Detail: "has a character that has a meaning in a search, so that the pointer could not be found by it"}
	}
	if c.New.Subject == "" {
		return nil
	}
	q := Query{Subject: c.New.Subject, Identifier: id}
	p, err := g.Resolver.Resolve(ctx, q)
	if errors.Is(err, ErrNotFound) { // as it should be, and without a refusal of it
		return nil
	}
	switch _, err = resolved(c.Action, q, p, err); {
	case err == nil, errors.Is(err, ErrAmbiguous):
		return &ChangeError{Rule: RuleDuplicate, Action: c.Action, Target: q, Detail: "is one that the patient has a pointer of already"}
	default:
		return err
	}
}

// matched applies the request's If-Match to the stored pointer (RFC 9110 section
// 13.1.1), by the opaque part of the entity tags, as FHIR does.
func matched(c Change, q Query, stored *Pointer) error {
	if c.IfMatch == nil || slices.Contains(c.IfMatch, stored.Version) || slices.Contains(c.IfMatch, anyVersion) {
		return nil
	}
	return &ChangeError{Rule: RuleVersion, Action: c.Action, Target: q, Detail: "has another version than If-Match names"}
}

// unassigned returns p without what only the server assigns.
func unassigned(p *Pointer) *Pointer {
	if p.ID == "" && p.Version == "" {
		return p
	}
	q := *p
	q.ID, q.Version = "", ""
	return &q
}

// resolve asks the Resolver for the pointer that q means.
func (g *Guard) resolve(ctx context.Context, action Action, q Query) (*Pointer, error) {
	p, err := g.Resolver.Resolve(ctx, q)
	return resolved(action, q, p, err)
}

// resolved checks what a Resolver answers to q.
func resolved(action Action, q Query, p *Pointer, err error) (*Pointer, error) {
	fail := func(rule Rule, detail string, err error) (*Pointer, error) {
		return nil, &ChangeError{Rule: rule, Action: action, Target: q, Detail: detail, Err: err}
	}
	told, _ := errors.AsType[*ChangeError](err)
	switch {
	case errors.Is(err, ErrNotFound):
		return fail(RuleNotFound, "cannot be found", ErrNotFound)
	case errors.Is(err, ErrAmbiguous):
		return fail(RuleAmbiguous, "cannot be told from another", ErrAmbiguous)
	case told != nil && (told.Rule == RuleUnavailable || told.Rule == RuleResource):
		again := *told
		again.Action = action
		return nil, &again
	case err != nil:
		return fail(RuleResolver, "failed", err)
	case p == nil:
		return fail(RuleResolver, "gave neither a pointer nor an error", nil)
	case !q.Matches(p) || !fhirpath.IsID(p.ID):
		return fail(RuleResolver, "gave another pointer than asked for", nil)
	case !fhirpath.IsID(p.Version):
		return fail(RuleResolver, "gave a pointer without a version, so that no change could be conditional on it", nil)
	default:
		return p, nil
	}
}
