// SPDX-License-Identifier: Apache-2.0

package asid

import "strings"

// An Access is what a request says of itself and what was observed about it.
type Access struct {
	From     ID            // the sender's ASID
	Claimed  InteractionID // from the header; empty if the request names none
	Observed InteractionID // from method and path
	Names    Names         // of the peer's certificate

	// Organization is what the token names; a [SenderRegistry] needs it.
	Organization ODSCode

	// OnlyUpdate wants DocumentReferenceUpdate for an update, and not
	// DocumentReferencePatch.
	OnlyUpdate bool
}

// Authorize is the decision itself: no clock, no network, no headers. In this
// order: sys is the system of the sender's ASID; the certificate is its own; the
// claimed interaction, if any, is the observed one; the system is assured for it.
// The error is a [*RequestError].
//
// A certificate is a system's own if one of the names it speaks for is one of
// the system's FQDNs, without regard to case, or if it or its key is one of the
// system's fingerprints. One name of several is enough: the Spine's CA signed all.
//
// DocumentReferencePatch counts as DocumentReferenceUpdate, claimed and assured,
// unless OnlyUpdate is set.
func Authorize(sys *System, c Access) error { return c.authorize(sys) }

func (c *Access) authorize(sys *System) error {
	if sys == nil || c.From.IsZero() || sys.ASID != c.From {
		return &RequestError{Rule: RuleASID, ASID: c.From, Interaction: c.Observed, Err: ErrNotFound}
	}
	if !sys.owns(&c.Names) {
		// A certificate may hold any number of names.
		names := strings.Join(c.Names.fqdns[:min(len(c.Names.fqdns), 5)], ", ")
		return &RequestError{Rule: RuleBinding, ASID: c.From, Interaction: c.Observed,
			Detail: "has no name (" + names + ") that is registered for ASID " + c.From.String()}
	}
	patch := c.Observed == DocumentReferenceUpdate && !c.OnlyUpdate
	if c.Claimed != "" && c.Claimed != c.Observed && !(patch && c.Claimed == DocumentReferencePatch) {
		return &RequestError{Rule: RuleHeader, ASID: c.From, Interaction: c.Claimed, Err: ErrMismatch}
	}
	if c.Observed == "" || !sys.assured(c.Observed) && !(patch && sys.assured(DocumentReferencePatch)) {
		return &RequestError{Rule: RuleInteraction, ASID: c.From, Interaction: c.Observed, Err: ErrNotAssociated}
	}
	return nil
}
