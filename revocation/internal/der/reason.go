// SPDX-License-Identifier: Apache-2.0

package der

import "strconv"

// Reason is a CRLReason (RFC 5280 section 5.3.1). revocation.Reason has the same
// values and documents them.
type Reason int

// In the order of the RFC, which does not use 7.
const (
	ReasonUnspecified Reason = iota
	ReasonKeyCompromise
	ReasonCACompromise
	ReasonAffiliationChanged
	ReasonSuperseded
	ReasonCessationOfOperation
	ReasonCertificateHold
	_
	ReasonRemoveFromCRL
	ReasonPrivilegeWithdrawn
	ReasonAACompromise
)

var reasons = [...]string{
	ReasonUnspecified:          "unspecified",
	ReasonKeyCompromise:        "keyCompromise",
	ReasonCACompromise:         "cACompromise",
	ReasonAffiliationChanged:   "affiliationChanged",
	ReasonSuperseded:           "superseded",
	ReasonCessationOfOperation: "cessationOfOperation",
	ReasonCertificateHold:      "certificateHold",
	ReasonRemoveFromCRL:        "removeFromCRL",
	ReasonPrivilegeWithdrawn:   "privilegeWithdrawn",
	ReasonAACompromise:         "aACompromise",
}

// String returns the RFC's spelling, such as "keyCompromise", and "reason(N)"
// for a value that the RFC does not define.
func (r Reason) String() string {
	if 0 <= r && int(r) < len(reasons) && reasons[r] != "" {
		return reasons[r]
	}
	return "reason(" + strconv.Itoa(int(r)) + ")"
}
