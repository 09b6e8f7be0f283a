// SPDX-License-Identifier: Apache-2.0

// Package ascii classifies bytes of ASCII and compares and bounds texts that
// come from the network.
package ascii

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Letter reports whether c is a letter, of either case.
func Letter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// Digit reports whether c is a decimal digit.
func Digit(c byte) bool { return '0' <= c && c <= '9' }

// Alphanumeric reports whether c is a letter or a decimal digit.
func Alphanumeric(c byte) bool { return Letter(c) || Digit(c) }

// Hex reports whether c is a hexadecimal digit, of either case.
func Hex(c byte) bool { return Digit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }

// Lower returns c in lower case.
func Lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + ('a' - 'A')
	}
	return c
}

// Digits reports whether s is not empty and has decimal digits only.
func Digits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// Printable reports whether s has printable characters only (0x20 to 0x7E).
func Printable(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// EqualHeader reports whether some reader takes the two names of a header for
// the same: letter case does not count, nor does the difference of hyphen and
// underscore, which is lost to those that follow CGI (RFC 3875 section 4.1.18), nor
// that to the full stop and the other signs that names may have (RFC 9110 section
// 5.6.2), of which some of these make an underscore as well.
func EqualHeader(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := 0; i < len(a); i++ {
		if foldHeader(a[i]) != foldHeader(b[i]) {
			return false
		}
	}
	return true
}

func foldHeader(c byte) byte {
	if c != '-' && !Alphanumeric(c) && strings.IndexByte("_.!#$%&'*+^`|~", c) >= 0 {
		return '-'
	}
	return Lower(c)
}

// Cut returns s if it has at most n bytes; else as many characters from its
// start as fit into n bytes, and an ellipsis of three dots behind them.
func Cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "..."
}

// Line is Cut for a log, of a text that the sender has chosen: one that has line breaks
// or other characters that are not printable is quoted as by %q.
func Line(s string, n int) string {
	s = Cut(s, n)
	if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(s)
	}
	return s
}
