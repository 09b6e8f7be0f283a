// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"crypto/rand"
	"encoding/hex"
)

// isUUID accepts the form of RFC 9562 section 4, of any version, in either case.
func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := 0; i < len(s); i++ {
		switch i {
		case 8, 13, 18, 23:
			if s[i] != '-' {
				return false
			}
		default:
			if !hexadecimal(s[i]) {
				return false
			}
		}
	}
	return true
}

// newUUID returns a random UUID (RFC 9562 section 5.4).
func newUUID() string {
	var u [16]byte
	rand.Read(u[:]) // never fails
	u[6] = u[6]&0x0f | 0x40
	u[8] = u[8]&0x3f | 0x80
	s := hex.EncodeToString(u[:])
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}
