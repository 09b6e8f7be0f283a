// SPDX-License-Identifier: Apache-2.0

package fhir

import (
	"bytes"
	"slices"
	"unicode/utf8"
)

const (
	fhirNamespace  = "http://hl7.org/fhir"
	xhtmlNamespace = "http://www.w3.org/1999/xhtml"
)

// readXML reads one XML document of FHIR's subset: elements, their attributes,
// comments and white space. There is no document type, no processing instruction,
// no CDATA, no prefix, and no namespace but FHIR's and, in the narrative, XHTML.
// A document without any namespace is taken too: the specification prints its
// examples of supersede so, and nothing in it can be in another one.
//
// One byte order mark before it is passed over: .NET writes it.
func readXML(body []byte, open bool, rules func(cursor) error) error {
	marked := len(body)
	body = bytes.TrimPrefix(body, []byte(byteOrderMark))
	if bytes.Contains(body, []byte("<![")) { // in a comment, too
		return refused("has a CDATA section")
	}
	if !isXMLText(body) {
		return &Error{Kind: Malformed, Detail: "is not UTF-8, or has characters that XML has not"}
	}
	c := &xmlCursor{scan: xmlScanner{body: body}, base: marked - len(body), lists: open}
	c.open, c.seen = c.openRoom[:0], c.seenRoom[:0]
	return c.document(rules)
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

// xmlCursor implements cursor.
type xmlCursor struct {
	scan   xmlScanner // its last start tag is the present element's
	open   [][]byte   // the elements that are open, outermost first
	seen   [][]byte   // of the elements entered: children that are not to be there again
	frames []int      // of each element entered: where its part of seen begins
	spaced bool       // whether the root declares FHIR's namespace
	div    int        // the depth of the narrative's div, or 0
	base   int        // where the document begins in the body
	last   int        // where the last token begins in the document
	from   int        // where the present element begins
	lists  bool       // whether elements that are on no list are ignored

	openRoom, seenRoom [24][]byte
}

// document reads the root, by the rules, and what may surround it.
func (c *xmlCursor) document(rules func(cursor) error) error {
	t, err := c.token()
	if err != nil {
		return err
	}
	if t == xmlEOF {
		return malformed("has no element")
	}
	if err := rules(c); err != nil {
		return err
	}
	if t, err = c.token(); err == nil && t != xmlEOF {
		err = &Error{Kind: Malformed, Detail: "has more than one root element"}
	}
	return err
}

// token moves to the next start or end of an element, or the end of the
// document, and checks all there is to check about it.
func (c *xmlCursor) token() (xmlToken, error) {
	for {
		c.last = c.scan.at
		t, err := c.scan.next()
		if err != nil {
			return 0, err
		}
		switch t {
		case xmlStart:
			return t, c.push()
		case xmlEnd:
			return t, c.pop()
		case xmlText:
			if c.div == 0 && len(bytes.Trim(c.scan.text, " \t\r\n")) > 0 {
				if len(c.open) == 0 {
					return 0, &Error{Kind: Malformed, Detail: "has text outside its root element"}
				}
				return 0, refusedElement(c.innermost(), "has text outside a value")
			}
		case xmlEOF:
			if len(c.open) > 0 {
				err = malformed("ends within an element")
			}
			return t, err
		}
	}
}

func (c *xmlCursor) innermost() string {
	if len(c.open) == 0 {
		return ""
	}
	return cut(string(c.open[len(c.open)-1]))
}

// push checks a start tag and opens the element.
func (c *xmlCursor) push() error {
	name := c.scan.name
	if i := bytes.IndexByte(name, ':'); i >= 0 {
		return refusedElement(cut(string(name[i+1:])), "has a prefix")
	}
	for i, a := range c.scan.attrs {
		// XHTML's xml:lang is the only one: nothing can give another meaning to its prefix.
		language := string(a.name) == "xml:lang" && (c.div != 0 || string(name) == "div")
		if !language && bytes.IndexByte(a.name, ':') >= 0 {
			return refusedElement(cut(string(name)), "has an attribute with a prefix")
		}
		for _, other := range c.scan.attrs[:i] {
			if bytes.Equal(other.name, a.name) {
				return &Error{Kind: Malformed, Element: cut(string(name)), Detail: "has an attribute twice"} // XML 1.0 section 3.1
			}
		}
		if string(a.name) == "xmlns" {
			if err := c.namespace(name, unescaped(a.raw)); err != nil {
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
func (c *xmlCursor) namespace(name []byte, value string) error {
	switch {
	case value == fhirNamespace && c.div == 0 && (c.spaced || len(c.open) == 0):
		c.spaced = true
		return nil
	case value == xhtmlNamespace && c.div == 0 && string(name) == "div" && c.innermost() == "text":
		c.div = len(c.open) + 1
		return nil
	default:
		return refusedElement(cut(string(name)), "is in another namespace than FHIR's")
	}
}

func (c *xmlCursor) pop() error {
	name := c.scan.name
	if len(c.open) == 0 || !bytes.Equal(name, c.open[len(c.open)-1]) {
		return &Error{Kind: Malformed, Element: cut(string(name)), Detail: "ends but has not begun"}
	}
	if c.div == len(c.open) {
		c.div = 0
	}
	c.open = c.open[:len(c.open)-1]
	return nil
}

func (c *xmlCursor) resource(name string) error {
	if got := string(c.scan.name); got != name {
		return refusedElement(cut(got), "is not "+name)
	}
	if err := c.bare(""); err != nil {
		return err
	}
	c.frames = append(c.frames, len(c.seen))
	return nil
}

func (c *xmlCursor) enter() error {
	if err := c.bare("id"); err != nil {
		return err
	}
	c.frames = append(c.frames, len(c.seen))
	return nil
}

// bare checks that the present element has no attribute but its namespace and
// the one allowed, if any: one with children has no value.
func (c *xmlCursor) bare(allowed string) error {
	for _, a := range c.scan.attrs {
		if name := string(a.name); name != "xmlns" && name != allowed {
			return refused("has the attribute " + cut(name))
		}
	}
	return nil
}

func (c *xmlCursor) next(l level) (field, error) {
	seen := c.frames[len(c.frames)-1]
	for {
		t, err := c.token()
		if err != nil {
			return fieldDone, err
		}
		if t == xmlEnd {
			c.seen, c.frames = c.seen[:seen], c.frames[:len(c.frames)-1]
			return fieldDone, nil
		}
		c.from = c.last
		name := c.scan.name
		e, known := l[string(name)]
		if !known && c.lists {
			e, known = l.open(string(name))
		}
		if !known {
			return fieldDone, refusedElement(cut(string(name)), "is not one that is accepted here")
		}
		if !e.many {
			for _, before := range c.seen[seen:] {
				if bytes.Equal(before, name) {
					return fieldDone, refusedElement(string(name), "is there twice")
				}
			}
			c.seen = append(c.seen, name)
		}
		if e.field != fieldIgnored {
			return e.field, nil
		}
		if err := c.skip(); err != nil {
			return fieldDone, err
		}
	}
}

// skip reads to the end of the present element. What decides about a pointer in
// there, or another organisation or pointer in the custodian or a relatesTo, would
// be found by a reader that looks for it at any depth, as readers of XML may.
// Readers of JSON go by the path.
func (c *xmlCursor) skip() error {
	deciding := slices.ContainsFunc(c.open, func(name []byte) bool { return string(name) == "custodian" || string(name) == "relatesTo" })
	for depth := len(c.open); len(c.open) >= depth; {
		t, err := c.token()
		if err != nil {
			return err
		}
		if t == xmlEnd || c.lists {
			continue
		}
		switch name := c.scan.name; string(name) {
		case "reference", "identifier", "value": // of an extension or an assigner
			if !deciding {
				continue
			}
			fallthrough
		case "custodian", "relatesTo", "masterIdentifier", "subject":
			return refusedElement(string(name), "is in a place that is none of the pointer's own")
		}
	}
	return nil
}

func (c *xmlCursor) text() (string, error) {
	var raw []byte
	found := false
	for _, a := range c.scan.attrs {
		switch name := string(a.name); {
		case name == "value":
			raw, found = a.raw, true
		case name != "id" || !c.lists:
			return "", refused("has not just the attribute value")
		}
	}
	if !found {
		return "", refused("has not just the attribute value")
	}
	depth := len(c.open)
	t, err := c.token()
	if err != nil {
		return "", err
	}
	if t != xmlEnd && !c.lists {
		return "", refused("has a value and children")
	}
	for len(c.open) >= depth { // the extensions of a primitive
		if _, err := c.token(); err != nil {
			return "", err
		}
	}
	s := unescaped(raw)
	return s, plain(s)
}

func (c *xmlCursor) tolerate(open bool) { c.lists = open }

func (c *xmlCursor) begin() int { return c.base + c.from }

func (c *xmlCursor) end() int { return c.base + c.scan.at }

func (c *xmlCursor) each(f func() error) error { return f() }
