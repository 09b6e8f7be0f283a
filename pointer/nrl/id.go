// SPDX-License-Identifier: Apache-2.0

package nrl

import (
	"crypto/rand"
	"fmt"
)

// newUUID returns a random UUID (RFC 9562 section 5.4).
func newUUID() string {
	var b [16]byte
	rand.Read(b[:]) // it does not fail
	b[6], b[8] = b[6]&0x0F|0x40, b[8]&0x3F|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// newID returns an id of the form that the NRL gives: a UUID and twenty digits.
func newID() string {
	digits := make([]byte, 20)
	rand.Read(digits)
	for i := range digits {
		digits[i] = '0' + digits[i]%10
	}
	return newUUID() + "-" + string(digits)
}
