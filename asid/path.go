// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"net/url"
	"slices"
	"strings"
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

// unclear reports whether a router could clean a piece of a path up or end it early.
func unclear(piece string) bool {
	if strings.ContainsFunc(piece, func(c rune) bool { return c < ' ' || c == 0x7F || c == '\\' }) {
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
// for one, decode again or drop parameters; none if there is nothing of that.
func otherReadings(segments []string) [][]string {
	if !slices.ContainsFunc(segments, func(s string) bool { return strings.ContainsAny(s, ";%/") }) {
		return nil
	}
	var readings [][]string
	for n := range maxDecodings + 1 {
		if n > 0 {
			segments = each(segments, decodedAgain)
		}
		whole := strings.Split(strings.Join(segments, "/"), "/")
		readings = append(readings, whole, each(whole, withoutParameters))
	}
	return readings
}

func each(segments []string, change func(string) string) []string {
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

// withoutParameters returns a segment as servlet containers route by it: they drop
// what is behind a semicolon before they resolve dot segments.
func withoutParameters(segment string) string {
	name, _, _ := strings.Cut(segment, ";")
	return name
}
