// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxDecodings is how often a path that was decoded once is decoded again to see what
// a reader that decodes too often would make of it.
const maxDecodings = 2

// split returns the decoded segments of a path, or false for one that another
// reader could read differently.
func split(u *url.URL) ([]string, bool) {
	path, absolute := strings.CutPrefix(u.EscapedPath(), "/")
	if !absolute || u.Opaque != "" {
		return nil, false
	}
	segments := strings.Split(path, "/")
	for i, s := range segments {
		decoded, err := url.PathUnescape(s)
		// Some readers take an overlong encoding for the character, such as a dot.
		if err != nil || !utf8.ValidString(decoded) || anyReading(decoded, unclear) {
			return nil, false
		}
		segments[i] = decoded
	}
	return segments, true
}

// compatible are the characters that Unicode's NFKC, which some readers apply to a
// path, makes a full stop, slash, backslash, percent, question or number sign or
// semicolon of. Those that stand for the end of a numbering or an abbreviation, and
// the ellipsis, have no dot segment in them.
const compatible = "\uFF0E\u2024\u2025\uFE30\uFE52" + "\uFF0F\u2100\u2101\u2105\u2106" + "\uFF3C\uFE68" + "\uFF05\uFE6A" +
	"\uFF1F\u2047\u2048\u2049\uFE16\uFE56" + "\uFF03\uFE5F" + "\uFF1B\u037E\uFE14\uFE54"

// unclear reports whether a router could clean a piece of a path up or end it early.
func unclear(piece string) bool {
	if strings.ContainsFunc(piece, func(c rune) bool {
		return c < ' ' || c == 0x7F || c == '\\' || c > 0x7F && strings.ContainsRune(compatible, c)
	}) {
		return true
	}
	for part := range strings.SplitSeq(piece, "/") {
		if withoutParameters(part) == "" {
			return true
		}
	}
	return climbs(piece)
}

// climbs reports whether a path has dot segments (RFC 3986 section 3.3), with
// parameters or without, and whichever slash is before them.
func climbs(path string) bool {
	for segment := range strings.FieldsFuncSeq(path, func(c rune) bool { return c == '/' || c == '\\' }) {
		if name := withoutParameters(segment); name == "." || name == ".." {
			return true
		}
	}
	return false
}

// anyReading reports whether is says so of the text, as it stands or decoded again.
func anyReading(text string, is func(string) bool) bool {
	for range maxDecodings {
		if is(text) {
			return true
		}
		again := decodedAgain(text)
		if again == text {
			return false
		}
		text = again
	}
	return is(text)
}

// otherReadings returns the segments as readers have them that take an encoded slash
// for one, decode again, drop parameters, or parse the decoded path as a URL with a
// query or a fragment; none if there is nothing of that.
func otherReadings(segments []string) [][]string {
	if !slices.ContainsFunc(segments, func(s string) bool { return strings.ContainsAny(s, ";%/?#") }) {
		return nil
	}
	var readings [][]string
	for n := range maxDecodings + 1 {
		if n > 0 {
			segments = eachSegment(segments, decodedAgain)
		}
		whole := strings.Join(segments, "/")
		path := whole
		if end := strings.IndexAny(whole, "?#"); end >= 0 {
			path = whole[:end]
		}
		for _, reading := range []string{whole, path} {
			split := strings.Split(reading, "/")
			readings = append(readings, split, eachSegment(split, withoutParameters))
		}
	}
	return readings
}

func eachSegment(segments []string, change func(string) string) []string {
	changed := make([]string, len(segments))
	for i, s := range segments {
		changed[i] = change(s)
	}
	return changed
}

// decodedAgain returns what a text is percent-encoded for, or the text.
func decodedAgain(text string) string {
	if again, err := url.PathUnescape(text); err == nil {
		return again
	}
	return text
}

// withoutParameters returns a segment as servlet containers route by it, which drop
// what is behind a semicolon before they resolve dot segments, or as one that ends
// the path of a URL.
func withoutParameters(segment string) string {
	if end := strings.IndexAny(segment, ";?#"); end >= 0 {
		return segment[:end]
	}
	return segment
}

// foldSegment returns a segment in one letter case, by the mappings of single characters
// that case-insensitive routers use, and with full-width characters as the ASCII ones that
// NFKC makes of them.
func foldSegment(segment string) string {
	return strings.Map(func(c rune) rune {
		if '\uFF01' <= c && c <= '\uFF5E' {
			c -= '\uFF01' - '!'
		}
		return unicode.ToLower(unicode.ToUpper(c))
	}, segment)
}

// alike reports whether some router takes a folded segment for a folded literal: as it
// is, with what is behind a full stop taken for the format of the answer, or with full
// stops and blanks at the end, which Windows drops from names.
func alike(literal, segment string) bool {
	rest, found := strings.CutPrefix(segment, literal)
	return found && (rest == "" || rest[0] == '.' || strings.Trim(rest, ". ") == "")
}
