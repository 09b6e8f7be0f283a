// SPDX-License-Identifier: Apache-2.0

package pointer

import (
	"bytes"
	"encoding/xml"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
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
func readXML(body []byte, read func(cursor) error) error {
	if bytes.Contains(body, []byte("<![")) {
		return &BodyError{Detail: "has a CDATA section"}
	}
	// The parser does not look into comments.
	if !isXMLText(body) {
		return &BodyError{Detail: "is not UTF-8, or has characters that XML has not"}
	}
	c := &xmlCursor{dec: xml.NewDecoder(bytes.NewReader(body))}
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

// xmlCursor implements cursor. It reads raw tokens, since the parser's own view
// of namespaces and nesting is more lenient than the guard's.
type xmlCursor struct {
	dec    *xml.Decoder
	begun  bool             // whether anything has been read
	here   xml.StartElement // the element at hand
	open   []string         // the elements that are open, outermost first
	spaced bool             // whether the root declares FHIR's namespace
	div    int              // the depth of the narrative's div, or 0
	frames []xmlFrame
}

// xmlFrame is an element that has been entered.
type xmlFrame struct {
	seen    []string // the elements that have been there and are not to be again
	wrapped bool     // whether another element encloses just this one
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
			err = &BodyError{Detail: "has more than one root element"}
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
			if c.div == 0 && len(bytes.Trim(t, " \t\r\n")) > 0 || bytes.ContainsRune(t, utf8.RuneError) {
				return nil, false, &BodyError{Element: c.innermost(), Detail: "has text outside a value, or one that is no text"}
			}
		case xml.ProcInst:
			// The first token of the document begins at its first byte.
			if !first || t.Target != "xml" || !xmlDeclaration.Match(t.Inst) {
				return nil, false, &BodyError{Detail: "has a processing instruction, or an XML declaration other than of version 1.0 and UTF-8"}
			}
		case xml.Directive:
			return nil, false, &BodyError{Detail: "has a document type"}
		}
	}
}

func (c *xmlCursor) innermost() string {
	if len(c.open) == 0 {
		return ""
	}
	return clip(c.open[len(c.open)-1])
}

// push checks a start tag and opens the element.
func (c *xmlCursor) push(t *xml.StartElement) error {
	name := t.Name.Local
	if t.Name.Space != "" || strings.Contains(name, ":") {
		return &BodyError{Element: clip(name), Detail: "has a prefix"}
	}
	if len(t.Attr) > maxAttributes {
		return &BodyError{Element: clip(name), Detail: "has too many attributes"}
	}
	for i, a := range t.Attr {
		// XHTML's xml:lang is the only one: nothing can give another meaning to its prefix.
		language := a.Name == xml.Name{Space: "xml", Local: "lang"} && (c.div != 0 || name == "div")
		if a.Name.Space != "" && !language || strings.Contains(a.Name.Local, ":") {
			return &BodyError{Element: clip(name), Detail: "has an attribute with a prefix"}
		}
		for _, other := range t.Attr[:i] {
			if other.Name == a.Name {
				return &BodyError{Element: clip(name), Detail: "has an attribute twice"}
			}
		}
		// The parser makes one of a reference to half a surrogate pair.
		if strings.ContainsRune(a.Value, utf8.RuneError) {
			return &BodyError{Element: clip(name), Detail: "has a character that is no part of a value"}
		}
		if a.Name.Local == "xmlns" {
			if err := c.namespace(name, a.Value); err != nil {
				return err
			}
		}
	}
	if c.open = append(c.open, name); len(c.open) > maxDepth {
		return &BodyError{Detail: "is nested too deeply"}
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
		return &BodyError{Element: clip(name), Detail: "is in another namespace than FHIR's"}
	}
}

func (c *xmlCursor) pop(t xml.EndElement) error {
	if len(c.open) == 0 || t.Name.Space != "" || t.Name.Local != c.open[len(c.open)-1] {
		return &BodyError{Element: clip(t.Name.Local), Detail: "ends but has not begun"}
	}
	if c.div == len(c.open) {
		c.div = 0
	}
	c.open = c.open[:len(c.open)-1]
	return nil
}

func (c *xmlCursor) resource(name string) error {
	// In a Bundle the element at hand encloses the resource.
	wrapped := len(c.open) > 1
	if wrapped {
		if err := c.bare(""); err != nil {
			return err
		}
		start, end, err := c.token()
		if err != nil {
			return err
		}
		if end {
			return &BodyError{Detail: "is empty"}
		}
		c.here = *start
	}
	if c.here.Name.Local != name {
		return &BodyError{Element: clip(c.here.Name.Local), Detail: "is not " + name}
	}
	if err := c.bare(""); err != nil {
		return err
	}
	c.frames = append(c.frames, xmlFrame{wrapped: wrapped})
	return nil
}

func (c *xmlCursor) enter() error {
	if err := c.bare("id"); err != nil {
		return err
	}
	c.frames = append(c.frames, xmlFrame{})
	return nil
}

// bare checks that the element at hand has no attribute but its namespace and
// the one allowed, if any: one with children has no value.
func (c *xmlCursor) bare(allowed string) error {
	for _, a := range c.here.Attr {
		if a.Name.Local != "xmlns" && a.Name.Local != allowed {
			return &BodyError{Detail: "has the attribute " + clip(a.Name.Local)}
		}
	}
	return nil
}

func (c *xmlCursor) next(l level) (field, error) {
	top := &c.frames[len(c.frames)-1]
	for {
		start, end, err := c.token()
		if err != nil {
			return done, err
		}
		if end {
			return done, c.leave()
		}
		c.here = *start
		name := start.Name.Local
		e, known := l[name]
		if !known {
			return done, &BodyError{Element: clip(name), Detail: "is not one that is accepted here"}
		}
		if !e.many {
			if slices.Contains(top.seen, name) {
				return done, &BodyError{Element: name, Detail: "is there twice"}
			}
			top.seen = append(top.seen, name)
		}
		if e.field != ignored {
			return e.field, nil
		}
		if err := c.skip(); err != nil {
			return done, err
		}
	}
}

func (c *xmlCursor) leave() error {
	last := c.frames[len(c.frames)-1]
	c.frames = c.frames[:len(c.frames)-1]
	if !last.wrapped {
		return nil
	}
	start, _, err := c.token()
	if err == nil && start != nil {
		err = &BodyError{Element: "resource", Detail: "has more than one resource"}
	}
	return err
}

// skip reads to the end of the element at hand. A custodian in there, or another
// organisation in the custodian, would be found by a reader that looks for one at
// any depth, as readers of XML may. Readers of JSON go by the path.
func (c *xmlCursor) skip() error {
	owner := slices.Contains(c.open, "custodian")
	for depth := len(c.open); len(c.open) >= depth; {
		start, _, err := c.token()
		if err != nil {
			return err
		}
		if start == nil {
			continue
		}
		switch name := start.Name.Local; name {
		case "reference", "identifier", "value": // of an extension or an assigner
			if !owner {
				continue
			}
			fallthrough
		case "custodian":
			return &BodyError{Element: name, Detail: "is in a place that is none of the pointer's own"}
		}
	}
	return nil
}

func (c *xmlCursor) text() (string, error) {
	if len(c.here.Attr) != 1 || c.here.Attr[0].Name.Local != "value" {
		return "", &BodyError{Detail: "has not just the attribute value"}
	}
	s := c.here.Attr[0].Value
	_, end, err := c.token()
	if err != nil {
		return "", err
	}
	if !end {
		return "", &BodyError{Detail: "has a value and children"}
	}
	return s, plain(s)
}

func (c *xmlCursor) each(f func() error) error { return f() }
