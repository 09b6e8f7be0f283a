// SPDX-License-Identifier: Apache-2.0

package revocation_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/nrlsecurity/nrlsecurity/revocation"
)

// TestReasonsAreSpelledAsInTheRFC: the numbers and the words of RFC 5280 section 5.3.1.
func TestReasonsAreSpelledAsInTheRFC(t *testing.T) {
	t.Parallel()
	for reason, want := range map[revocation.Reason]string{
		revocation.ReasonUnspecified:          "unspecified",
		revocation.ReasonKeyCompromise:        "keyCompromise",
		revocation.ReasonCACompromise:         "cACompromise",
		revocation.ReasonAffiliationChanged:   "affiliationChanged",
		revocation.ReasonSuperseded:           "superseded",
		revocation.ReasonCessationOfOperation: "cessationOfOperation",
		revocation.ReasonCertificateHold:      "certificateHold",
		7:                                     "reason(7)",
		revocation.ReasonRemoveFromCRL:        "removeFromCRL",
		revocation.ReasonPrivilegeWithdrawn:   "privilegeWithdrawn",
		revocation.ReasonAACompromise:         "aACompromise",
		11:                                    "reason(11)",
		-1:                                    "reason(-1)",
	} {
		assert.Equal(t, want, reason.String())
	}
}
