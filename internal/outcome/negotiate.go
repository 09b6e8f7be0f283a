// SPDX-License-Identifier: Apache-2.0

package outcome

import (
	"net/http"
	"net/url"
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

// negotiate returns the media type of the answer to r. The parameter _format
// beats Accept, as FHIR has it, even when it names no format that the NRL knows,
// and then, as when Accept allows none of them, the answer is in the default
// format: an error in a format not asked for is more use than none (RFC 9110
// section 12.4.1).
func negotiate(r *http.Request) string {
	if r.URL != nil && r.URL.RawQuery != "" {
		// Pairs that cannot be parsed are left out, which is well enough here.
		query, _ := url.ParseQuery(r.URL.RawQuery)
		if formats := query["_format"]; len(formats) > 0 {
			return formatType(formats)
		}
	}
	return acceptType(r.Header.Values("Accept"))
}

func formatType(formats []string) string {
	// Of several values one reader takes the first and another the last.
	if len(formats) > 1 {
		return defaultType
	}
	format, _, _ := strings.Cut(formats[0], ";")
	// A plus sign that was not escaped arrives as a space.
	format = strings.ReplaceAll(strings.ToLower(strings.TrimSpace(format)), " ", "+")
	switch format {
	case "xml", "text/xml":
		return defaultType
	case "json":
		return "application/fhir+json"
	}
	for _, known := range mediaTypes() {
		if format == known {
			return known
		}
	}
	return defaultType
}

// acceptType returns the known media type of the highest weight, and of those
// the most preferred (RFC 9110 section 12.5.1).
func acceptType(accept []string) string {
	// For each type: its weight, and how specific the range was that gave it.
	var weights, specific [7]int
	for rest := strings.Join(accept, ","); rest != ""; {
		var item string
		item, rest = cutUnquoted(rest, ',')
		mediaRange, parameters := cutUnquoted(item, ';')
		mediaRange = strings.ToLower(strings.TrimSpace(mediaRange))
		weight := weightOf(parameters)
		for i, known := range mediaTypes() {
			if s := specificity(mediaRange, known); s > specific[i] {
				weights[i], specific[i] = weight, s
			} else if s > 0 && s == specific[i] {
				weights[i] = max(weights[i], weight)
			}
		}
	}
	best, weight := defaultType, 0
	for i, known := range mediaTypes() {
		if weights[i] > weight {
			best, weight = known, weights[i]
		}
	}
	return best
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
