// SPDX-License-Identifier: Apache-2.0

package fhir

import (
	"bytes"
	"encoding/xml"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	byteOrderMark = "\uFEFF"

	fhirNamespace  = "http://hl7.org/fhir"
	xhtmlNamespace = "http://www.w3.org/1999/xhtml"

	// maxAttributes bounds an element's; FHIR's have three at most, those of the
	// narrative hardly more.
	maxAttributes = 16
)

// xmlDeclaration is the only form of a declaration that is taken: version 1.0
// and, if an encoding is named, UTF-8.
var xmlDeclaration = regexp.MustCompile(`^version\s*=\s*(?:"1\.0"|'1\.0')` +
	`(?:\s+encoding\s*=\s*(?:"(?i:utf-8)"|'(?i:utf-8)'))?` +
	`(?:\s+standalone\s*=\s*(?:"(?:yes|no)"|'(?:yes|no)'))?\s*$`)

// readXML reads one XML document of FHIR's subset: elements, their attributes,
// comments and white space. There is no document type, no processing instruction,
// no CDATA, no prefix, and no namespace but FHIR's and, in the narrative, XHTML.
// A document without any namespace is taken too: the specification prints its
// examples of supersede so, and nothing in it can be in another one.
//
// One byte order mark before it is passed over: .NET writes it.
func readXML(body []byte, open bool, read func(cursor) error) error {
	marked := len(body)
	body = bytes.TrimPrefix(body, []byte(byteOrderMark))
	if bytes.Contains(body, []byte("<![")) {
		return refused("has a CDATA section")
	}
	// The parser does not look into comments.
	if !isXMLText(body) || hasSurrogate(body) {
		return &Error{Kind: Malformed, Detail: "is not UTF-8, or has characters that XML has not"}
	}
	c := &xmlCursor{dec: xml.NewDecoder(bytes.NewReader(body)), base: marked - len(body), lists: open}
	if err := c.document(read); err != nil {
		return unwrapped(err, "is not well-formed XML")
	}
	return nil
}

// isXMLText reports whether body is UTF-8 and has only the characters of the
// production Char of XML 1.0.
func isXMLText(body []byte) bool {
	for _, b := range body {
		if b < ' ' && b != '\t' && b != '\n' && b != '\r' {
			return false
		}
	}
	return utf8.Valid(body) && !bytes.Contains(body, []byte("\uFFFE")) && !bytes.Contains(body, []byte("\uFFFF"))
}

// hasSurrogate reports whether a character reference names half a surrogate pair
// or what is beyond Unicode, which the parser takes for U+FFFD.
func hasSurrogate(body []byte) bool {
	for {
		i := bytes.Index(body, []byte("&#"))
		if i < 0 {
			return false
		}
		body = body[i+2:]
		digits, _, _ := bytes.Cut(body[:min(len(body), 32)], []byte{';'})
		base := 10
		if hex, found := bytes.CutPrefix(digits, []byte{'x'}); found {
			digits, base = hex, 16
		}
		n, err := strconv.ParseUint(string(digits), base, 32)
		if err != nil || 0xD800 <= n && n <= 0xDFFF || n > utf8.MaxRune {
			return true
		}
	}
}

// xmlCursor implements cursor. It reads raw tokens, since the parser's own view
// of namespaces and nesting is more lenient than the guard's.
type xmlCursor struct {
	dec    *xml.Decoder
	begun  bool             // whether anything has been read
	here   xml.StartElement // the present element
	open   []string         // the elements that are open, outermost first
	spaced bool             // whether the root declares FHIR's namespace
	div    int              // the depth of the narrative's div, or 0
	frames []xmlFrame
	base   int  // where the document begins in the body
	last   int  // where the last token begins in the document
	from   int  // where the present element begins
	lists  bool // whether elements that are on no list are ignored
}

// xmlFrame is an element that has been entered.
type xmlFrame struct {
	seen []string // the elements that have been there and are not to be again
}

// document reads the root, with read, and what may surround it.
func (c *xmlCursor) document(read func(cursor) error) error {
	start, _, err := c.token()
	if err != nil {
		return err
	}
	c.here = *start // outside the root token returns nothing else
	if err := read(c); err != nil {
		return err
	}
	if _, _, err := c.token(); err != io.EOF {
		if err == nil {
			err = &Error{Kind: Malformed, Detail: "has more than one root element"}
		}
		return err
	}
	return nil
}

// token returns the next start or end of an element and checks all there is to
// check about it. At the end of the document it returns io.EOF.
func (c *xmlCursor) token() (start *xml.StartElement, end bool, err error) {
	for {
		first := !c.begun
		c.begun = true
		c.last = int(c.dec.InputOffset())
		t, err := c.dec.RawToken()
		if err != nil {
			if err == io.EOF && len(c.open) > 0 {
				err = io.ErrUnexpectedEOF
			}
			return nil, false, err
		}
		switch t := t.(type) {
		case xml.StartElement:
			return &t, false, c.push(&t)
		case xml.EndElement:
			return nil, true, c.pop(t)
		case xml.CharData:
			if c.div == 0 && len(bytes.Trim(t, " \t\r\n")) > 0 {
				if len(c.open) == 0 {
					return nil, false, &Error{Kind: Malformed, Detail: "has text outside its root element"}
				}
				return nil, false, refusedElement(c.innermost(), "has text outside a value")
			}
		case xml.ProcInst:
			// The first token of the document begins at its first byte.
			if !first || t.Target != "xml" || !xmlDeclaration.Match(t.Inst) {
				return nil, false, refused("has a processing instruction, or an XML declaration other than of version 1.0 and UTF-8")
			}
		case xml.Directive:
			return nil, false, refused("has a document type")
		}
	}
}

func (c *xmlCursor) innermost() string {
	if len(c.open) == 0 {
		return ""
	}
	return cut(c.open[len(c.open)-1])
}

// push checks a start tag and opens the element.
func (c *xmlCursor) push(t *xml.StartElement) error {
	name := t.Name.Local
	if t.Name.Space != "" || strings.Contains(name, ":") {
		return refusedElement(cut(name), "has a prefix")
	}
	if len(t.Attr) > maxAttributes {
		return refusedElement(cut(name), "has too many attributes")
	}
	for i, a := range t.Attr {
		// XHTML's xml:lang is the only one: nothing can give another meaning to its prefix.
		language := a.Name == xml.Name{Space: "xml", Local: "lang"} && (c.div != 0 || name == "div")
		if a.Name.Space != "" && !language || strings.Contains(a.Name.Local, ":") {
			return refusedElement(cut(name), "has an attribute with a prefix")
		}
		for _, other := range t.Attr[:i] {
			if other.Name == a.Name {
				return refusedElement(cut(name), "has an attribute twice")
			}
		}
		if a.Name.Local == "xmlns" {
			if err := c.namespace(name, a.Value); err != nil {
				return err
			}
		}
	}
	if c.open = append(c.open, name); len(c.open) > maxDepth {
		return refused("is nested too deeply")
	}
	return nil
}

// namespace checks a declaration: FHIR's on the root, again but needlessly on
// what it encloses, and XHTML's on the narrative.
func (c *xmlCursor) namespace(name, value string) error {
	switch {
	case value == fhirNamespace && c.div == 0 && (c.spaced || len(c.open) == 0):
		c.spaced = true
		return nil
	case value == xhtmlNamespace && c.div == 0 && name == "div" && c.innermost() == "text":
		c.div = len(c.open) + 1
		return nil
	default:
		return refusedElement(cut(name), "is in another namespace than FHIR's")
	}
}

func (c *xmlCursor) pop(t xml.EndElement) error {
	if len(c.open) == 0 || t.Name.Space != "" || t.Name.Local != c.open[len(c.open)-1] {
		return &Error{Kind: Malformed, Element: cut(t.Name.Local), Detail: "ends but has not begun"}
	}
	if c.div == len(c.open) {
		c.div = 0
	}
	c.open = c.open[:len(c.open)-1]
	return nil
}

func (c *xmlCursor) resource(name string) error {
	if c.here.Name.Local != name {
		return refusedElement(cut(c.here.Name.Local), "is not "+name)
	}
	if err := c.bare(""); err != nil {
		return err
	}
	c.frames = append(c.frames, xmlFrame{})
	return nil
}

func (c *xmlCursor) enter() error {
	if err := c.bare("id"); err != nil {
		return err
	}
	c.frames = append(c.frames, xmlFrame{})
	return nil
}

// bare checks that the present element has no attribute but its namespace and
// the one allowed, if any: one with children has no value.
func (c *xmlCursor) bare(allowed string) error {
	for _, a := range c.here.Attr {
		if a.Name.Local != "xmlns" && a.Name.Local != allowed {
			return refused("has the attribute " + cut(a.Name.Local))
		}
	}
	return nil
}

func (c *xmlCursor) next(l level) (field, error) {
	top := &c.frames[len(c.frames)-1]
	for {
		start, end, err := c.token()
		if err != nil {
			return fieldDone, err
		}
		if end {
			c.frames = c.frames[:len(c.frames)-1]
			return fieldDone, nil
		}
		c.here, c.from = *start, c.last
		name := start.Name.Local
		e, known := l[name]
		if !known && c.lists {
			e, known = l.open(name)
		}
		if !known {
			return fieldDone, refusedElement(cut(name), "is not one that is accepted here")
		}
		if !e.many {
			if slices.Contains(top.seen, name) {
				return fieldDone, refusedElement(name, "is there twice")
			}
			top.seen = append(top.seen, name)
		}
		if e.field != fieldIgnored {
			return e.field, nil
		}
		if err := c.skip(); err != nil {
			return fieldDone, err
		}
	}
}

// skip reads to the end of the present element. A custodian in there, or another
// organisation in the custodian, would be found by a reader that looks for one at
// any depth, as readers of XML may. Readers of JSON go by the path.
func (c *xmlCursor) skip() error {
	owner := slices.Contains(c.open, "custodian")
	for depth := len(c.open); len(c.open) >= depth; {
		start, _, err := c.token()
		if err != nil {
			return err
		}
		if start == nil || c.lists {
			continue
		}
		switch name := start.Name.Local; name {
		case "reference", "identifier", "value": // of an extension or an assigner
			if !owner {
				continue
			}
			fallthrough
		case "custodian":
			return refusedElement(name, "is in a place that is none of the pointer's own")
		}
	}
	return nil
}

func (c *xmlCursor) text() (string, error) {
	s, found := "", false
	for _, a := range c.here.Attr {
		switch {
		case a.Name.Local == "value":
			s, found = a.Value, true
		case a.Name.Local != "id" || !c.lists:
			return "", refused("has not just the attribute value")
		}
	}
	if !found {
		return "", refused("has not just the attribute value")
	}
	depth := len(c.open)
	_, end, err := c.token()
	if err != nil {
		return "", err
	}
	if !end && !c.lists {
		return "", refused("has a value and children")
	}
	for len(c.open) >= depth { // the extensions of a primitive
		if _, _, err := c.token(); err != nil {
			return "", err
		}
	}
	return s, plain(s)
}

func (c *xmlCursor) tolerate(open bool) { c.lists = open }

func (c *xmlCursor) begin() int { return c.base + c.from }

func (c *xmlCursor) end() int { return c.base + int(c.dec.InputOffset()) }

func (c *xmlCursor) each(f func() error) error { return f() }
