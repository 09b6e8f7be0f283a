// SPDX-License-Identifier: Apache-2.0

package spine

import (
	"crypto/rand"
	"encoding/hex"

	"github.com/nrlsecurity/nrlsecurity/internal/ascii"
)

// IsUUID reports whether s has the form of RFC 9562 section 4, of any version,
// in either case.
func IsUUID(s string) bool {
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
			if !ascii.Hex(s[i]) {
				return false
			}
		}
	}
	return true
}

// NewUUID returns a random UUID (RFC 9562 section 5.4).
func NewUUID() string {
	var u [16]byte
	rand.Read(u[:]) // never fails
	u[6] = u[6]&0x0f | 0x40
	u[8] = u[8]&0x3f | 0x80
	var s [36]byte
	hex.Encode(s[:8], u[:4])
	hex.Encode(s[9:13], u[4:6])
	hex.Encode(s[14:18], u[6:8])
	hex.Encode(s[19:23], u[8:10])
	hex.Encode(s[24:], u[10:])
	s[8], s[13], s[18], s[23] = '-', '-', '-', '-'
	return string(s[:])
}
