// SPDX-License-Identifier: Apache-2.0

package pointer

import (
	"bytes"
	"errors"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// readJSON reads one JSON document. The parser refuses names that are there
// twice in any object, invalid UTF-8, halves of surrogate pairs, byte order marks
// and data after the end (RFC 7493 sections 2.1 and 2.3); the cursor does the
// rest.
func readJSON(body []byte, document json.UnmarshalerFrom) error {
	if tooDeep(body) {
		return &BodyError{Detail: "is nested too deeply"}
	}
	err := json.Unmarshal(body, document)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, jsontext.ErrDuplicateName):
		if syntax, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
			return &BodyError{Element: clip(syntax.JSONPointer.LastToken()), Detail: "is there twice"}
		}
		return &BodyError{Detail: "has a name twice"}
	default:
		return unwrapped(err, "is not well-formed JSON")
	}
}

// jsonDocument lets the parser, with its pools, call the rules.
type jsonDocument[T any] struct {
	reader reader
	rules  func(reader, cursor, *T) error
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
			return done, c.pop()
		}
		quoted, err := c.dec.ReadValue()
		if err != nil {
			return done, err
		}
		// A name with an escape is on no list, so it is refused too.
		name := quoted[1 : len(quoted)-1]
		if top.resource != "" && string(name) == "resourceType" {
			if err := c.resourceType(top); err != nil {
				return done, err
			}
			continue
		}
		e, known := l[string(name)]
		if !known {
			e, known = companion(l, name)
		}
		if !known {
			return done, &BodyError{Element: clip(string(name)), Detail: "is not one that is accepted here"}
		}
		if e.field == ignored {
			if _, err := c.dec.ReadValue(); err != nil {
				return done, err
			}
			continue
		}
		return e.field, nil
	}
}

// companion finds the ignored element that a name with an underscore belongs to:
// FHIR's JSON keeps the extensions of a primitive apart from its value.
func companion(l level, name []byte) (element, bool) {
	if len(name) < 2 || name[0] != '_' {
		return element{}, false
	}
	e, known := l[string(name[1:])]
	return e, known && e.field == ignored
}

func (c *jsonCursor) resourceType(f *jsonFrame) error {
	got, err := c.text()
	if err != nil {
		return in("resourceType", err)
	}
	if got != f.resource {
		return &BodyError{Element: "resourceType", Detail: "is not " + f.resource}
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
		return &BodyError{Element: "resourceType", Detail: "is missing"}
	}
	return nil
}

func (c *jsonCursor) text() (string, error) {
	if c.dec.PeekKind() != '"' {
		return "", c.unexpected("is not a string")
	}
	quoted, err := c.dec.ReadValue()
	if err != nil {
		return "", err
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
	case documentReference:
		return documentReference, nil
	case statusCurrent:
		return statusCurrent, nil
	case uriSystem:
		return uriSystem, nil
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
		return &BodyError{Detail: "is an empty array"}
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
	return &BodyError{Detail: detail}
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
