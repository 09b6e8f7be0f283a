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
	s = newReading(s).mask(s)
	for n := 1; n <= maxEncodings; n++ {
		r := newReading(s)
		for range n {
			if !r.decode() {
				return s // it reads as before
			}
		}
		s = r.mask(s)
	}
	return s
}

// A reading is a text as it stands, or decoded.
type reading struct {
	octets []byte
	ends   []int // of each octet: where what stands for it ends in the text
}

func newReading(s string) *reading {
	r := &reading{octets: []byte(s), ends: make([]int, len(s))}
	for i := range r.ends {
		r.ends[i] = i + 1
	}
	return r
}

// decode decodes the text once more, and reports whether any of it was encoded. The
// digits behind a percent sign may have been encoded themselves.
func (r *reading) decode() (any bool) {
	to := 0
	for i := 0; i < len(r.octets); i, to = i+1, to+1 {
		c := r.octets[i]
		if c == '%' && i+2 < len(r.octets) && ascii.Hex(r.octets[i+1]) && ascii.Hex(r.octets[i+2]) {
			c = hex(r.octets[i+1])<<4 | hex(r.octets[i+2])
			i += 2
			any = true
		}
		r.octets[to], r.ends[to] = c, r.ends[i]
	}
	r.octets, r.ends = r.octets[:to], r.ends[:to]
	return any
}

// start returns where what stands for an octet begins in the text.
func (r *reading) start(i int) int {
	if i == 0 {
		return 0
	}
	return r.ends[i-1]
}

// mask replaces the NHS numbers of the reading in s, which is the text, in one pass: the
// path of a request may be a megabyte of them.
func (r *reading) mask(s string) string {
	var masked strings.Builder
	taken := 0 // of s, into masked
	replace := func(from, to int) {
		masked.WriteString(s[taken:r.start(from)])
		masked.WriteString(maskedNumber)
		taken = r.ends[to-1]
	}
	for i := 0; i < len(r.octets); {
		if length := groups(r.octets[i:]); length > 0 {
			replace(i, i+length)
			i += length
			continue
		}
		end := i
		for end < len(r.octets) && ascii.Digit(r.octets[end]) {
			end++
		}
		if end-i == nhsNumberDigits && spine.IsNHSNumber(string(r.octets[i:end])) {
			replace(i, end)
		}
		i = max(end, i+1)
	}
	if taken == 0 {
		return s
	}
	masked.WriteString(s[taken:])
	return masked.String()
}

// groups returns the length of the NHS number in three groups that the octets begin
// with, or zero.
func groups(octets []byte) int {
	var digits [nhsNumberDigits]byte
	at := 0
	for i := range digits {
		if i == 3 || i == 6 {
			length := separator(octets[at:])
			if length == 0 {
				return 0
			}
			at += length
		}
		if at == len(octets) || !ascii.Digit(octets[at]) {
			return 0
		}
		digits[i] = octets[at]
		at++
	}
	if at < len(octets) && ascii.Digit(octets[at]) || !spine.IsNHSNumber(string(digits[:])) {
		return 0
	}
	return at
}

// separator returns the length of what is between two groups of digits at the
// beginning of the octets, or zero.
func separator(octets []byte) int {
	if len(octets) == 0 {
		return 0
	}
	switch octets[0] {
	case ' ', '+', '-', '.', '_':
		return 1
	case noBreakSpace[0]:
		if len(octets) > 1 && octets[1] == noBreakSpace[1] {
			return 2
		}
	}
	return 0
}

// hex returns the value of a hexadecimal digit.
func hex(c byte) byte {
	if ascii.Digit(c) {
		return c - '0'
	}
	return ascii.Lower(c) - 'a' + 10
}
