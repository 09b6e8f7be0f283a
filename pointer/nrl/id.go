// SPDX-License-Identifier: Apache-2.0

package nrl

import (
	"crypto/rand"

	"github.com/nrlsecurity/nrlsecurity/internal/spine"
)

// newID returns an id of the form that the NRL gives: a UUID and twenty digits.
func newID() string {
	digits := make([]byte, 20)
	rand.Read(digits)
	for i := range digits {
		digits[i] = '0' + digits[i]%10
	}
	return spine.NewUUID() + "-" + string(digits)
}
