// SPDX-License-Identifier: Apache-2.0

package revocation

import "github.com/nrlsecurity/nrlsecurity/revocation/internal/der"

// Reason is a CRLReason (RFC 5280 section 5.3.1). The value 7 is not used.
type Reason int

// The reasons of RFC 5280 section 5.3.1.
const (
	ReasonUnspecified          Reason = 0
	ReasonKeyCompromise        Reason = 1
	ReasonCACompromise         Reason = 2
	ReasonAffiliationChanged   Reason = 3
	ReasonSuperseded           Reason = 4
	ReasonCessationOfOperation Reason = 5
	ReasonCertificateHold      Reason = 6
	ReasonRemoveFromCRL        Reason = 8
	ReasonPrivilegeWithdrawn   Reason = 9
	ReasonAACompromise         Reason = 10
)

// String returns the RFC's spelling, such as "keyCompromise", and "reason(N)"
// for a value that the RFC does not define.
func (r Reason) String() string { return der.Reason(r).String() }
