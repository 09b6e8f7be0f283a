// SPDX-License-Identifier: Apache-2.0

package fhir

import (
	"regexp"
	"slices"
	"strings"
)

// IsNarrative reports whether s is the div of a narrative: one element of XHTML, in
// its namespace, and within it the elements and attributes that FHIR allows
// (narrative, "Narrative" in STU3 and R4): formatting, and nothing that runs.
func IsNarrative(s string) bool {
	body := []byte("<text>" + s + "</text>")
	if !isXMLText(body) || !strings.HasPrefix(s, "<div") || !strings.HasSuffix(s, ">") {
		return false
	}
	c := &xmlCursor{scan: xmlScanner{body: body}}
	if t, err := c.token(); err != nil || t != xmlStart {
		return false
	}
	for {
		t, err := c.token()
		switch {
		case err != nil:
			return false
		case t == xmlStart && (c.div == 0 || !c.isFormatting()):
			return false
		case t == xmlEnd && len(c.open) <= 1:
			return len(c.open) == 1 && string(body[c.scan.at:]) == "</text>"
		}
	}
}

// isFormatting reports whether the present start tag is one that a narrative may
// have.
func (c *xmlCursor) isFormatting() bool {
	if !slices.Contains(formatting(), string(c.scan.name)) {
		return false
	}
	for _, a := range c.scan.attrs {
		if !slices.Contains(formattingAttributes(), string(a.name)) {
			return false
		}
		switch string(a.name) {
		case "style":
			if !isPlainStyle(unescaped(a.raw)) {
				return false
			}
		case "href", "src", "cite", "longdesc":
			scheme, _, absolute := strings.Cut(strings.ToLower(strings.TrimSpace(unescaped(a.raw))), ":")
			if absolute && scheme != "https" && scheme != "http" && scheme != "mailto" && !strings.ContainsAny(scheme, "/?#") {
				return false
			}
		}
	}
	return true
}

// styleFunction matches an opening parenthesis and the name before it.
var styleFunction = regexp.MustCompile(`[^\s:;,('"]*\(`)

// isPlainStyle reports whether a style loads and runs nothing: its only functions
// are those of colours, and it has no escape, comment or block that could hide
// another one (CSS Syntax 3, section 4).
func isPlainStyle(s string) bool {
	if strings.ContainsAny(s, `\@{}`) || strings.Contains(s, "/*") {
		return false
	}
	for _, function := range styleFunction.FindAllString(s, -1) {
		switch strings.ToLower(function) {
		case "rgb(", "rgba(", "hsl(", "hsla(":
		default:
			return false
		}
	}
	return true
}

func formatting() []string {
	return []string{"a", "abbr", "acronym", "b", "big", "blockquote", "br", "caption", "cite", "code", "col", "colgroup", "dd", "dfn", "div", "dl", "dt", "em",
		"h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "kbd", "li", "ol", "p", "pre", "q", "samp", "small", "span", "strong", "sub", "sup",
		"table", "tbody", "td", "tfoot", "th", "thead", "tr", "tt", "ul", "var"}
}

func formattingAttributes() []string {
	return []string{"abbr", "align", "alt", "axis", "border", "cellpadding", "cellspacing", "char", "charoff", "cite", "class", "colspan", "dir", "frame",
		"headers", "height", "href", "hreflang", "id", "lang", "longdesc", "name", "rel", "rev", "rowspan", "rules", "scope", "span", "src", "style",
		"summary", "title", "valign", "width", "xml:lang", "xmlns"}
}
