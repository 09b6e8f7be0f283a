// SPDX-License-Identifier: Apache-2.0

package outcome

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// mediaTypes returns those of FHIR that the NRL knows, most preferred first: XML
// is the NRL's default, and the types of the current FHIR versions come before
// the older ones.
func mediaTypes() [7]string {
	return [...]string{
		"application/fhir+xml", "application/xml", "application/xml+fhir",
		"application/fhir+json", "application/json", "application/json+fhir", "text/json",
	}
}

const defaultType = "application/fhir+xml"

// Acceptable reports whether r asks for an answer in a format that is served, or
// for none. An unknown parameter _format asks for what is not served, and so do
// two that differ: of several values one reader takes the first and another the
// last.
func Acceptable(r *http.Request) bool {
	_, ok := asked(r)
	return ok
}

// negotiate returns the media type of the answer to r. When what r asks for is
// not served, the answer is in the default format: an error in a format not asked
// for is more use than none (RFC 9110 section 12.4.1).
func negotiate(r *http.Request) string {
	mediaType, _ := asked(r)
	return mediaType
}

// asked returns the media type that r asks for, or the default one and false if
// it is not served. The parameter _format beats Accept, as FHIR has it.
func asked(r *http.Request) (string, bool) {
	if r.URL != nil && r.URL.RawQuery != "" {
		// Pairs that cannot be parsed are left out, which is well enough here.
		query, _ := url.ParseQuery(r.URL.RawQuery)
		if formats := slices.Compact(query["_format"]); len(formats) == 1 {
			return formatType(formats[0])
		} else if len(formats) > 1 {
			return defaultType, false
		}
	}
	accept := r.Header["Accept"]
	if len(accept) == 0 {
		return defaultType, true
	}
	return acceptType(accept)
}

func formatType(value string) (string, bool) {
	format, _, _ := strings.Cut(value, ";")
	// A plus sign that was not escaped arrives as a space.
	format = strings.ReplaceAll(strings.ToLower(strings.TrimSpace(format)), " ", "+")
	switch format {
	case "xml", "text/xml":
		return defaultType, true
	case "json":
		return "application/fhir+json", true
	}
	for _, known := range mediaTypes() {
		if format == known {
			return known, true
		}
	}
	return defaultType, false
}

// A preference is what Accept says of one media type: the most specific range
// that covers it counts (RFC 9110 section 12.5.1).
type preference struct {
	weight   int // in thousandths; 0: not acceptable
	specific int // how specific the range is; 0: none covers it
	place    int // of the range in the list
}

// less reports whether q is preferred: by weight, then because its range is more
// specific, then because that is named first. What is left is our own order.
func (p preference) less(q preference) bool {
	return cmp.Or(cmp.Compare(p.weight, q.weight), cmp.Compare(p.specific, q.specific), cmp.Compare(q.place, p.place)) < 0
}

// maxRanges is how many media ranges of Accept are looked at; browsers send ten or
// so. A header of a megabyte has half a million.
const maxRanges = 64

func acceptType(accept []string) (string, bool) {
	var preferences [7]preference
	place := 0
	for rest := strings.Join(accept, ","); rest != "" && place < maxRanges; place++ {
		var item string
		item, rest = cutUnquoted(rest, ',')
		mediaRange, parameters := cutUnquoted(item, ';')
		mediaRange = strings.ToLower(strings.TrimSpace(mediaRange))
		weight := weightOf(parameters)
		for i, known := range mediaTypes() {
			p := &preferences[i]
			switch s := specificity(mediaRange, known); {
			case s > p.specific:
				*p = preference{weight, s, place}
			case s > 0 && s == p.specific && weight > p.weight:
				p.weight, p.place = weight, place
			}
		}
	}
	best := preference{}
	mediaType := defaultType
	for i, known := range mediaTypes() {
		if preferences[i].weight > 0 && best.less(preferences[i]) {
			best, mediaType = preferences[i], known
		}
	}
	return mediaType, best.weight > 0
}

// specificity is 0 if the range does not cover the media type.
func specificity(mediaRange, mediaType string) int {
	topLevel, _, _ := strings.Cut(mediaType, "/")
	switch mediaRange {
	case mediaType:
		return 3
	case topLevel + "/*":
		return 2
	case "*/*":
		return 1
	}
	return 0
}

// weightOf returns the parameter q in thousandths: 1000 if there is none, 0 if
// it is malformed.
func weightOf(parameters string) int {
	for parameters != "" {
		var parameter string
		parameter, parameters = cutUnquoted(parameters, ';')
		name, value, _ := strings.Cut(strings.TrimSpace(parameter), "=")
		if !strings.EqualFold(name, "q") {
			continue
		}
		whole, fraction, _ := strings.Cut(value, ".")
		if whole != "0" && whole != "1" || len(fraction) > 3 {
			return 0
		}
		weight := int(whole[0] - '0')
		for i := range 3 {
			digit := 0
			if i < len(fraction) {
				digit = int(fraction[i]) - '0'
			}
			if digit < 0 || digit > 9 {
				return 0
			}
			weight = weight*10 + digit
		}
		if weight > 1000 {
			return 0
		}
		return weight
	}
	return 1000
}

// cutUnquoted cuts s around the first sep that is outside a quoted string.
func cutUnquoted(s string, sep byte) (before, after string) {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case !quoted && s[i] == sep:
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}
