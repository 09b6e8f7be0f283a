// SPDX-License-Identifier: Apache-2.0

package spine

import "github.com/nrlsecurity/nrlsecurity/internal/ascii"

// IsNHSNumber reports whether s is ten digits of which the last is the check
// digit of the others by Modulus 11 (NHS Data Dictionary, "NHS NUMBER").
func IsNHSNumber(s string) bool {
	if len(s) != 10 || !ascii.Digits(s) {
		return false
	}
	sum := 0
	for i := range 9 {
		sum += (10 - i) * int(s[i]-'0')
	}
	// 11 stands for 0, and of a number whose check digit would be 10 there is none.
	check := (11 - sum%11) % 11
	return check == int(s[9]-'0')
}
