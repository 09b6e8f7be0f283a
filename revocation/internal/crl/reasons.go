// SPDX-License-Identifier: Apache-2.0

package crl

import (
	"strings"

	"golang.org/x/crypto/cryptobyte"
)

// Reasons is a set of revocation Reasons. Bit n stands for bit n of ReasonFlags
// (RFC 5280 section 4.2.1.13), so bit 0 is unused.
type Reasons uint16

// AllReasons are those that CRLs can be partitioned by: keyCompromise to
// aACompromise.
const AllReasons Reasons = 1<<9 - 2

func (r Reasons) String() string {
	names := [...]string{
		1: "keyCompromise", 2: "cACompromise", 3: "affiliationChanged", 4: "superseded",
		5: "cessationOfOperation", 6: "certificateHold", 7: "privilegeWithdrawn", 8: "aACompromise",
	}
	var set []string
	for bit, name := range names {
		if r>>bit&1 != 0 && name != "" {
			set = append(set, name)
		}
	}
	return strings.Join(set, ", ")
}

// readReasons reads the content octets of a ReasonFlags. In DER a named bit
// list has no trailing zero bits.
func readReasons(content cryptobyte.String) (set Reasons, ok bool) {
	if len(content) == 0 || len(content) > 3 {
		return 0, false
	}
	unused, octets := content[0], content[1:]
	if len(octets) == 0 {
		return 0, unused == 0
	}
	last := octets[len(octets)-1]
	if unused > 7 || last&(1<<unused-1) != 0 || last>>unused&1 == 0 {
		return 0, false
	}
	for bit := range len(octets) * 8 {
		if octets[bit/8]>>(7-bit%8)&1 != 0 {
			set |= 1 << bit
		}
	}
	return set & AllReasons, true
}
