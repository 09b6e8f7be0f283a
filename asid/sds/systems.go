// SPDX-License-Identifier: Apache-2.0

package sds

import (
	"time"

	"github.com/nrlsecurity/nrlsecurity/asid"
)

// Systems are all that a directory has.
type Systems struct {
	// Systems are those that can be used. One that has no FQDN is Unbound.
	Systems []asid.System

	// Ambiguous are the ASIDs whose records differ or cannot be used; of them it
	// cannot be told what they may do.
	Ambiguous []asid.ID

	// Dropped counts values and records that were left out.
	Dropped int

	// Since is when the directory was as it is here; zero, or later than that: when it
	// began to be read.
	Since time.Time
}

// checked returns the system as a registry gives it, with what it has been assured
// for as fast to find as in memory.
func checked(sys *asid.System) (*asid.System, error) {
	sys.Unbound = len(sys.FQDNs) == 0
	made, err := asid.NewSystem(*sys)
	if err != nil {
		return nil, &Error{Subject: subject(sys.ASID), Detail: "its record cannot be used", Err: err}
	}
	return made, nil
}
