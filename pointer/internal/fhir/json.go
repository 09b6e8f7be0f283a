// SPDX-License-Identifier: Apache-2.0

package fhir

import (
	"bytes"
	"errors"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/nrlsecurity/nrlsecurity/internal/fhirpath"
)

// readJSON reads one JSON document. The parser refuses names that are there
// twice in any object, invalid UTF-8, halves of surrogate pairs, byte order marks
// and data after the end (RFC 7493 sections 2.1 and 2.3); the cursor does the
// rest.
func readJSON(body []byte, document json.UnmarshalerFrom) error {
	if bytes.HasPrefix(body, []byte(byteOrderMark)) {
		return &Error{Kind: Malformed, Detail: "begins with a byte order mark, which JSON must not have (RFC 8259 section 8.1)"}
	}
	if tooDeep(body) {
		return refused("is nested too deeply")
	}
	err := json.Unmarshal(body, document)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, jsontext.ErrDuplicateName):
		if syntax, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
			return refusedElement(cut(syntax.JSONPointer.LastToken()), "is there twice")
		}
		return refused("has a name twice")
	default:
		return unwrapped(err, "is not well-formed JSON")
	}
}

// jsonDocument lets the parser, with its pools, call the rules.
type jsonDocument[T any] struct {
	reader Reader
	rules  func(Reader, cursor, *T) error
	into   *T
	cursor jsonCursor
}

// UnmarshalJSONFrom implements [json.UnmarshalerFrom].
func (d *jsonDocument[T]) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	d.cursor.dec = dec
	return d.rules(d.reader, &d.cursor, d.into)
}

// jsonCursor implements cursor.
type jsonCursor struct {
	dec    *jsontext.Decoder
	frames []jsonFrame
	room   [8]jsonFrame
	from   int  // where the present element's name begins
	open   bool // whether elements that are on no list are ignored
}

// jsonFrame is an object that has been entered.
type jsonFrame struct {
	resource string // the type that resourceType must name, if it is a resource
	typed    bool   // whether it has done so
}

func (c *jsonCursor) resource(name string) error {
	return c.push(jsonFrame{resource: name})
}

func (c *jsonCursor) enter() error {
	return c.push(jsonFrame{})
}

func (c *jsonCursor) push(f jsonFrame) error {
	if c.dec.PeekKind() != '{' {
		return c.unexpected("is not an object")
	}
	if _, err := c.dec.ReadToken(); err != nil {
		return err
	}
	if c.frames == nil {
		c.frames = c.room[:0]
	}
	c.frames = append(c.frames, f)
	return nil
}

func (c *jsonCursor) next(l level) (field, error) {
	top := &c.frames[len(c.frames)-1]
	for {
		if c.dec.PeekKind() == '}' {
			return fieldDone, c.pop()
		}
		quoted, err := c.dec.ReadValue()
		if err != nil {
			return fieldDone, err
		}
		// A name with an escape is on no list, so that a closed one refuses it.
		name := quoted[1 : len(quoted)-1]
		c.from = c.end() - len(quoted)
		if top.resource != "" && string(name) == "resourceType" {
			if err := c.resourceType(top); err != nil {
				return fieldDone, err
			}
			continue
		}
		e, known := l[string(name)]
		if !known {
			e, known = companion(l, name)
		}
		if !known && c.open {
			unquoted, err := jsontext.AppendUnquote(nil, quoted)
			if err != nil {
				return fieldDone, err
			}
			e, known = l.open(string(unquoted))
		}
		if !known {
			return fieldDone, refusedElement(cut(string(name)), "is not one that is accepted here")
		}
		if e.field == fieldIgnored {
			if err := c.skip(); err != nil {
				return fieldDone, err
			}
			continue
		}
		return e.field, nil
	}
}

func (c *jsonCursor) skip() error {
	_, err := c.dec.ReadValue()
	return err
}

func (c *jsonCursor) tolerate(open bool) { c.open = open }

func (c *jsonCursor) begin() int { return c.from }

func (c *jsonCursor) end() int { return int(c.dec.InputOffset()) }

// companion finds the ignored element that a name with an underscore belongs to:
// FHIR's JSON keeps the extensions of a primitive apart from its value.
func companion(l level, name []byte) (element, bool) {
	if len(name) < 2 || name[0] != '_' {
		return element{}, false
	}
	e, known := l[string(name[1:])]
	return e, known && e.field == fieldIgnored
}

func (c *jsonCursor) resourceType(f *jsonFrame) error {
	got, err := c.text()
	if err != nil {
		return in("resourceType", err)
	}
	if got != f.resource {
		return refusedElement("resourceType", "is not "+f.resource)
	}
	f.typed = true
	return nil
}

func (c *jsonCursor) pop() error {
	if _, err := c.dec.ReadToken(); err != nil {
		return err
	}
	last := c.frames[len(c.frames)-1]
	c.frames = c.frames[:len(c.frames)-1]
	if last.resource != "" && !last.typed {
		return refusedElement("resourceType", "is missing")
	}
	return nil
}

func (c *jsonCursor) text() (string, error) {
	quoted, err := c.dec.ReadValue()
	if err != nil {
		return "", err
	}
	if quoted[0] != '"' {
		return "", refused("is not a string")
	}
	if bytes.IndexByte(quoted, '\\') >= 0 {
		unquoted, err := jsontext.AppendUnquote(nil, quoted)
		if err != nil {
			return "", err
		}
		s := string(unquoted)
		return s, plain(s)
	}
	raw := quoted[1 : len(quoted)-1]
	switch string(raw) { // what almost every resource has costs no allocation
	case fhirpath.DocumentReference:
		return fhirpath.DocumentReference, nil
	case "current":
		return "current", nil
	case "urn:ietf:rfc:3986":
		return "urn:ietf:rfc:3986", nil
	}
	s := string(raw)
	return s, plain(s)
}

func (c *jsonCursor) each(f func() error) error {
	if c.dec.PeekKind() != '[' {
		return c.unexpected("is not an array")
	}
	if _, err := c.dec.ReadToken(); err != nil {
		return err
	}
	if c.dec.PeekKind() == ']' {
		return refused("is an empty array")
	}
	for c.dec.PeekKind() != ']' {
		if err := f(); err != nil {
			return err
		}
	}
	_, err := c.dec.ReadToken()
	return err
}

// unexpected reports a value of another kind, unless the input is broken there.
func (c *jsonCursor) unexpected(detail string) error {
	if _, err := c.dec.ReadValue(); err != nil {
		return err
	}
	return refused(detail)
}

// tooDeep reports whether body nests deeper than maxDepth. It trusts nothing but
// quotes and brackets, which is enough for well-formed JSON; the parser refuses
// the rest.
func tooDeep(body []byte) bool {
	if bytes.Count(body, []byte{'{'})+bytes.Count(body, []byte{'['}) <= maxDepth {
		return false
	}
	depth, quoted := 0, false
	for i := 0; i < len(body); i++ {
		switch b := body[i]; {
		case quoted && b == '\\':
			i++
		case b == '"':
			quoted = !quoted
		case quoted:
		case b == '{' || b == '[':
			if depth++; depth > maxDepth {
				return true
			}
		case b == '}' || b == ']':
			depth--
		}
	}
	return false
}
