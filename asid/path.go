// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/nrlsecurity/nrlsecurity/internal/ascii"
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
		if err != nil || anyReading(decoded, unclear) {
			return nil, false
		}
		segments[i] = decoded
	}
	return segments, true
}

// syntax are the characters that end a segment or a path, or mean more than themselves.
const syntax = `./\%?#;`

// compatible returns what Unicode's NFKC, which some readers apply to a path, or Windows'
// code pages make of a full-width character, and of others of which they make syntax; ""
// for all other characters. Those that stand for the end of a numbering or an abbreviation, and the
// ellipsis, have no dot segment in them.
func compatible(c rune) string {
	if '\uFF01' <= c && c <= '\uFF5E' {
		return string(c - '\uFF01' + '!')
	}
	switch c {
	case '\u2024', '\uFE52':
		return "."
	case '\u2025', '\uFE30':
		return ".."
	case '\u2100', '\u2101', '\u2105', '\u2106':
		return "/" // between two letters
	case '\u2044', '\u2215': // of the code pages
		return "/"
	case '\uFE68', '\u2216':
		return `\`
	case '\uFE6A':
		return "%"
	case '\u2047', '\u2048', '\u2049', '\uFE16', '\uFE56':
		return "?"
	case '\uFE5F':
		return "#"
	case '\u037E', '\uFE14', '\uFE54':
		return ";"
	}
	return ""
}

// normalised returns a text as readers have it that apply NFKC.
func normalised(text string) string {
	if !strings.ContainsFunc(text, func(c rune) bool { return compatible(c) != "" }) {
		return text
	}
	var b strings.Builder
	for _, c := range text {
		if plain := compatible(c); plain != "" {
			b.WriteString(plain)
		} else {
			b.WriteRune(c)
		}
	}
	return b.String()
}

// unclear reports whether a router could clean a piece of a path up or end it early.
func unclear(piece string) bool {
	// Some readers take an overlong encoding for the character, such as a dot.
	if !utf8.ValidString(piece) || strings.ContainsFunc(piece, func(c rune) bool {
		return c < ' ' || c == 0x7F || c == '\\' || strings.ContainsAny(compatible(c), syntax)
	}) {
		return true
	}
	for part := range strings.SplitSeq(piece, "/") {
		if noName(withoutParameters(part)) || cookieless(part) {
			return true
		}
	}
	return false
}

// cookieless reports whether a segment is, or begins, what ASP.NET takes out of a path: a
// session or a ticket of a client without cookies, such as (S(x)).
func cookieless(segment string) bool {
	return len(segment) > 2 && segment[0] == '(' && ascii.Letter(segment[1]) && segment[2] == '('
}

// climbs reports whether a path has dot segments (RFC 3986 section 3.3), with
// parameters or without, with blanks at their end, which Windows drops, and whichever
// slash is before them.
func climbs(path string) bool {
	for segment := range strings.FieldsFuncSeq(path, func(c rune) bool { return c == '/' || c == '\\' }) {
		if name := strings.TrimRight(withoutParameters(segment), " "); name == "." || name == ".." {
			return true
		}
	}
	return false
}

// anyReading reports whether is says so of the text as it stands, normalised, or decoded
// again after either.
func anyReading(text string, is func(string) bool) bool {
	readings := []string{text}
	for range maxDecodings + 1 {
		var again []string
		for _, reading := range readings {
			plain := normalised(reading)
			if is(reading) || plain != reading && is(plain) {
				return true
			}
			for _, r := range []string{reading, plain} {
				if decoded := decodedAgain(r); decoded != r && !slices.Contains(again, decoded) {
					again = append(again, decoded)
				}
			}
		}
		readings = again
	}
	return false
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
		readings = append(readings, readingsOf(segments)...)
		// A parameter has its encoded slashes to a reader that drops it before it decodes.
		if bare := eachSegment(segments, withoutParameter); !slices.Equal(bare, segments) {
			readings = append(readings, readingsOf(bare)...)
		}
	}
	return readings
}

// readingsOf returns the segments by their slashes, with parameters and without, and
// those before a query or a fragment.
func readingsOf(segments []string) [][]string {
	var readings [][]string
	whole := strings.Join(segments, "/")
	path := whole
	if end := strings.IndexAny(whole, "?#"); end >= 0 {
		path = whole[:end]
	}
	for _, reading := range []string{whole, path} {
		split := strings.Split(reading, "/")
		readings = append(readings, split, eachSegment(split, withoutParameters))
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

// decodedAgain returns what a text is percent-encoded for to a reader that leaves a
// percent sign which begins no encoding as it is.
func decodedAgain(text string) string {
	if strings.IndexByte(text, '%') < 0 {
		return text
	}
	var b strings.Builder
	for i := range len(text) {
		b.WriteByte(text[i])
		if text[i] == '%' && !pchars(text[i:min(i+3, len(text))], "") {
			b.WriteString("25")
		}
	}
	again, _ := url.PathUnescape(b.String()) // all that it refuses is escaped now
	return again
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

// withoutParameter returns a segment without what is behind a semicolon.
func withoutParameter(segment string) string {
	name, _, _ := strings.Cut(segment, ";")
	return name
}

// noName reports whether nothing is left of a segment without the full stops and blanks
// that Windows drops at its end: it is empty, a dot segment, or stands for what is before it.
func noName(segment string) bool { return strings.Trim(segment, ". ") == "" }

// foldSegment returns a segment in one letter case, by the mappings of single characters
// that case-insensitive routers use, and with full-width characters as the ASCII ones that
// NFKC makes of them.
func foldSegment(segment string) string {
	return strings.Map(func(c rune) rune { return unicode.ToLower(unicode.ToUpper(c)) }, normalised(segment))
}

// alike reports whether some router takes a folded segment for a folded literal: as it
// is, with what is behind a full stop taken for the format of the answer, or with full
// stops and blanks at the end, which Windows drops from names.
func alike(literal, segment string) bool {
	rest, found := strings.CutPrefix(segment, literal)
	return found && (rest == "" || rest[0] == '.' || noName(rest))
}
