// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"context"
	"errors"
	"strings"
)

// A Sender is what a request says of the system that sent it.
type Sender struct {
	ASID         ID
	Organization ODSCode       // from the token's requesting_organization; zero: the token names none
	Interaction  InteractionID // that of the request
}

// A SenderRegistry is a Registry on a directory that cannot be asked by ASID alone,
// such as the FHIR service of the Spine's directory. Where an [Authorizer]'s
// Registry is one, LookupSender is called in place of Lookup. It is an interface of
// its own because the organisation is a claim that the directory must confirm: in a
// context it could be forgotten without a sign.
//
// LookupSender returns the system of s.ASID if the directory has it as one of
// s.Organization's that is assured for s.Interaction; a registry that can be asked
// by ASID alone may leave these two to be compared with what it returns. Its errors
// are those of Lookup, and one that wraps [ErrNoOrganization] where the question
// cannot be asked because s.Organization is zero: the fault is then the token's,
// and the request is refused with 400.
type SenderRegistry interface {
	Registry
	LookupSender(ctx context.Context, s Sender) (*System, error)
}

// lookup returns the system that a request names as its sender. The errors are a
// *RequestError and *RegistryError.
func lookup(ctx context.Context, registry Registry, c *Access) (*System, error) {
	var sys *System
	var err error
	if r, ok := registry.(SenderRegistry); ok {
		sys, err = r.LookupSender(ctx, Sender{ASID: c.From, Organization: c.Organization, Interaction: c.Observed})
	} else {
		sys, err = registry.Lookup(ctx, c.From)
	}
	switch {
	case err == nil && sys != nil && sys.ASID == c.From:
		return sys, nil
	case err == nil:
		return nil, &RegistryError{ASID: c.From, Detail: "the look-up gave no system, or another's"}
	case errors.Is(err, ErrNotFound):
		return nil, &RequestError{Rule: RuleASID, ASID: c.From, Interaction: c.Observed, Err: ErrNotFound}
	case errors.Is(err, ErrNoOrganization) && c.Organization.IsZero():
		return nil, &RequestError{Rule: RuleToken, ASID: c.From, Interaction: c.Observed, Claim: "requesting_organization",
			Detail: "names no ODS code, without which the sender cannot be looked up", Err: ErrNoOrganization}
	}
	return nil, &RegistryError{ASID: c.From, Detail: "the look-up failed", Err: err}
}

// organization returns the organisation that the token names, or zero.
func (t *Token) organization() ODSCode {
	code, found := strings.CutPrefix(t.Organization, organizationPrefix)
	if organization, err := ParseODSCode(code); found && err == nil {
		return organization
	}
	return ODSCode{}
}
