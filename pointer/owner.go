// SPDX-License-Identifier: Apache-2.0

package pointer

import (
	"slices"

	"github.com/nrlsecurity/nrlsecurity/asid"
)

// Owns is the rule itself: nil if the pointer's custodian is an organisation of
// the caller's, else a [*ChangeError] of the rule owner. The author plays no part
// in it: the author owns the information, the custodian the pointer.
func Owns(caller *asid.Caller, p *Pointer) error {
	if caller == nil || caller.System == nil {
		return &ChangeError{Rule: RuleOwner, Detail: notOwned}
	}
	if p == nil || p.Custodian.IsZero() || !slices.Contains(caller.System.ODS, p.Custodian) {
		return &ChangeError{Rule: RuleOwner, ASID: caller.System.ASID, Detail: notOwned}
	}
	return nil
}

const notOwned = "has a custodian that is not an organisation of the caller's"
