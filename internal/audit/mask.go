// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"strings"

	"github.com/nrlsecurity/nrlsecurity/internal/ascii"
	"github.com/nrlsecurity/nrlsecurity/internal/spine"
)

const (
	nhsNumberDigits = 10

	// maxEncodings is how often a URL is taken to be percent-encoded: by a sender,
	// by the Spine Secure Proxy, and by one more.
	maxEncodings = 3

	maskedNumber = "**********"
	noBreakSpace = "\u00A0" // as word processors have it
)

// MaskNHSNumbers replaces each NHS number in a text by asterisks: ten digits of
// which the last is the check digit, with no digit beside them, in one piece or in
// groups of 3, 3 and 4 with a blank, a no-break space, a plus sign, a hyphen, a full
// stop or an underscore between them. The text is read as it stands, and as a URL
// whose octets, digits among them, are percent-encoded (RFC 3986 section 2.1) up to
// three times.
func MaskNHSNumbers(s string) string {
	digits := 0 // an encoded digit has two
	for i := 0; i < len(s); i++ {
		if ascii.Digit(s[i]) {
			digits++
		}
	}
	if digits < nhsNumberDigits {
		return s
	}
	s = mask(s, 0)
	for n := 1; n <= maxEncodings && strings.IndexByte(s, '%') >= 0; n++ {
		s = mask(s, n)
	}
	return s
}

// mask replaces NHS numbers in s when it is decoded n times, in one pass: the path of
// a request may be a megabyte of them.
func mask(s string, n int) string {
	var masked strings.Builder
	var digits [nhsNumberDigits]byte
	taken := 0 // of s, into masked
	for start := 0; start < len(s); {
		if length := groups(s[start:], n); length > 0 {
			masked.WriteString(s[taken:start])
			masked.WriteString(maskedNumber)
			start += length
			taken = start
			continue
		}
		end, count := start, 0
		for end < len(s) {
			c, length := octet(s[end:], n)
			if !ascii.Digit(c) {
				break
			}
			if count < nhsNumberDigits {
				digits[count] = c
			}
			count++
			end += length
		}
		if count == nhsNumberDigits && spine.IsNHSNumber(string(digits[:])) {
			masked.WriteString(s[taken:start])
			masked.WriteString(maskedNumber)
			taken = end
		}
		if start = end; start < len(s) {
			_, length := octet(s[start:], n)
			start += length
		}
	}
	if taken == 0 {
		return s
	}
	masked.WriteString(s[taken:])
	return masked.String()
}

// groups returns the length of the NHS number in three groups that s, decoded n times,
// begins with, or zero.
func groups(s string, n int) int {
	var digits [nhsNumberDigits]byte
	at := 0
	for i := range digits {
		if i == 3 || i == 6 {
			length := separator(s[at:], n)
			if length == 0 {
				return 0
			}
			at += length
		}
		c, length := octet(s[at:], n)
		if !ascii.Digit(c) {
			return 0
		}
		digits[i] = c
		at += length
	}
	if c, _ := octet(s[at:], n); ascii.Digit(c) || !spine.IsNHSNumber(string(digits[:])) {
		return 0
	}
	return at
}

// separator returns the length of what is between two groups of digits at the
// beginning of s, decoded n times, or zero.
func separator(s string, n int) int {
	c, length := octet(s, n)
	switch c {
	case ' ', '+', '-', '.', '_':
		return length
	case noBreakSpace[0]:
		if next, more := octet(s[length:], n); next == noBreakSpace[1] {
			return length + more
		}
	}
	return 0
}

// octet returns the first octet of s when it is decoded n times, and the length of
// what stands for it; zero at the end.
func octet(s string, n int) (byte, int) {
	if s == "" {
		return 0, 0
	}
	if s[0] != '%' || n == 0 {
		return s[0], 1
	}
	i := 1
	for range n - 1 {
		if !strings.HasPrefix(s[i:], "25") { // an encoded percent sign
			break
		}
		i += 2
	}
	if i+2 <= len(s) && ascii.Hex(s[i]) && ascii.Hex(s[i+1]) {
		return hex(s[i])<<4 | hex(s[i+1]), i + 2
	}
	return '%', i
}

// hex returns the value of a hexadecimal digit.
func hex(c byte) byte {
	if ascii.Digit(c) {
		return c - '0'
	}
	return ascii.Lower(c) - 'a' + 10
}
