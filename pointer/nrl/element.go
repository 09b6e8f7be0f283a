// SPDX-License-Identifier: Apache-2.0

package nrl

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// An element is a FHIR element, as JSON and XML both can write it. What has
// children has no value.
type element struct {
	name     string
	value    string
	literal  bool // of JSON: a number or a boolean
	list     bool // of JSON: in an array, even if alone
	children []*element
}

func text(name, value string) *element { return &element{name: name, value: value} }

func group(name string, children ...*element) *element {
	return &element{name: name, children: children}
}

// listed says that JSON has e in an array.
func listed(e *element) *element {
	e.list = true
	return e
}

func (e *element) find(names ...string) *element {
	for _, name := range names {
		i := slices.IndexFunc(e.children, func(c *element) bool { return c.name == name })
		if i < 0 {
			return nil
		}
		e = e.children[i]
	}
	return e
}

// size estimates what e takes besides its text, in bytes.
func (e *element) size() int64 {
	n := int64(128)
	for _, c := range e.children {
		n += c.size()
	}
	return n
}

// without returns the children of other names.
func (e *element) without(names ...string) []*element {
	return slices.DeleteFunc(slices.Clone(e.children), func(c *element) bool { return slices.Contains(names, c.name) })
}

var errForm = errors.New("the resource has an element in a form that is not stored here")

// isName tells the names that FHIR gives to elements. Another one would be markup
// once it is written in XML.
func isName(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || i > 0 && '0' <= c && c <= '9') {
			return false
		}
	}
	return s != ""
}

// parseElement reads a resource that the guard has read before: it is well
// formed, and bounded in size and depth.
func parseElement(isXML bool, body []byte) (*element, error) {
	if isXML {
		return parseXML(xml.NewDecoder(bytes.NewReader(body)))
	}
	return parseJSON(jsontext.NewDecoder(bytes.NewReader(body)))
}

func parseJSON(dec *jsontext.Decoder) (*element, error) {
	members, err := jsonMembers(dec)
	if err != nil {
		return nil, err
	}
	root := group("", members...)
	if kind := root.find("resourceType"); kind != nil {
		root.name = kind.value
	}
	root.children = root.without("resourceType", "text") // the narrative is not stored
	return root, nil
}

func jsonMembers(dec *jsontext.Decoder) ([]*element, error) {
	if _, err := dec.ReadToken(); err != nil {
		return nil, err
	}
	var members []*element
	for dec.PeekKind() != '}' {
		name, err := dec.ReadToken()
		if err != nil {
			return nil, err
		}
		called := name.String()
		if !isName(called) {
			return nil, errForm // such as an extension of a primitive
		}
		if dec.PeekKind() != '[' {
			e, err := jsonValue(dec, called)
			if err != nil {
				return nil, err
			}
			members = append(members, e)
			continue
		}
		if called == "id" || called == "url" {
			return nil, errForm // an attribute in XML, which is not there twice
		}
		if _, err := dec.ReadToken(); err != nil {
			return nil, err
		}
		for dec.PeekKind() != ']' {
			e, err := jsonValue(dec, called)
			if err != nil {
				return nil, err
			}
			members = append(members, listed(e))
		}
		if _, err := dec.ReadToken(); err != nil {
			return nil, err
		}
	}
	_, err := dec.ReadToken()
	return members, err
}

// isValue tells the texts that XML can have as values, too.
func isValue(s string) bool {
	for _, r := range s {
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF {
			return false
		}
	}
	return s != ""
}

func jsonValue(dec *jsontext.Decoder, name string) (*element, error) {
	switch dec.PeekKind() {
	case '{':
		members, err := jsonMembers(dec)
		if len(members) == 0 && err == nil {
			err = errForm
		}
		return group(name, members...), err
	case '"':
		tok, err := dec.ReadToken()
		if err != nil {
			return nil, err
		}
		if !isValue(tok.String()) {
			return nil, errForm
		}
		return text(name, tok.String()), nil
	case '0', 't', 'f':
		raw, err := dec.ReadValue()
		return &element{name: name, value: string(raw), literal: true}, err
	default:
		return nil, errForm
	}
}

func parseXML(dec *xml.Decoder) (*element, error) {
	var open []*element
	for {
		tok, err := dec.Token()
		if err == io.EOF {
			return nil, io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, err
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			if tok.Name.Local == "text" && len(open) == 1 { // the narrative
				if err := dec.Skip(); err != nil {
					return nil, err
				}
				continue
			}
			if !isName(tok.Name.Local) {
				return nil, errForm
			}
			e := group(tok.Name.Local)
			if err := e.attributes(tok.Attr); err != nil {
				return nil, err
			}
			if len(open) > 0 {
				parent := open[len(open)-1]
				if parent.value != "" {
					return nil, errForm // an extension of a primitive
				}
				if (e.name == "id" || e.name == "url") && parent.find(e.name) != nil {
					return nil, errForm // as an attribute and as an element: one name twice in JSON
				}
				parent.children = append(parent.children, e)
			}
			open = append(open, e)
		case xml.EndElement:
			last := open[len(open)-1]
			if last.value == "" && len(last.children) == 0 {
				return nil, errForm
			}
			if len(open) == 1 {
				return last, nil
			}
			open = open[:len(open)-1]
		}
	}
}

// attributes makes elements of the attributes that JSON has as members.
func (e *element) attributes(attrs []xml.Attr) error {
	for _, a := range attrs {
		switch a.Name.Local {
		case "xmlns":
		case "value":
			e.value = a.Value
		case "id", "url":
			e.children = append(e.children, text(a.Name.Local, a.Value))
		default:
			return errForm
		}
	}
	if e.value != "" && len(e.children) > 0 {
		return errForm
	}
	return nil
}

// render writes a resource.
func (e *element) render(isXML bool) ([]byte, error) {
	var b bytes.Buffer
	if isXML {
		b.WriteString(xml.Header)
		e.writeXML(&b, "", ` xmlns="http://hl7.org/fhir"`)
		return b.Bytes(), nil
	}
	enc := jsontext.NewEncoder(&b)
	if err := e.writeJSON(enc, true); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// isResource tells the elements that enclose a resource in a Bundle.
func (e *element) isResource() bool { return e.name == "resource" && len(e.children) == 1 }

func (e *element) writeJSON(enc *jsontext.Encoder, resource bool) error {
	if e.isResource() {
		return e.children[0].writeJSON(enc, true)
	}
	if len(e.children) == 0 {
		if e.literal {
			return enc.WriteValue(jsontext.Value(e.value))
		}
		return enc.WriteToken(jsontext.String(e.value))
	}
	if err := enc.WriteToken(jsontext.BeginObject); err != nil {
		return err
	}
	if resource {
		if err := writeTokens(enc, jsontext.String("resourceType"), jsontext.String(e.name)); err != nil {
			return err
		}
	}
	var names []string // in the order in which they occur first
	values := make(map[string][]*element)
	for _, c := range e.children {
		if values[c.name] == nil {
			names = append(names, c.name)
		}
		values[c.name] = append(values[c.name], c)
	}
	for _, name := range names {
		if err := enc.WriteToken(jsontext.String(name)); err != nil {
			return err
		}
		if err := writeValues(enc, values[name], values[name][0].list || len(values[name]) > 1); err != nil {
			return err
		}
	}
	return enc.WriteToken(jsontext.EndObject)
}

func writeValues(enc *jsontext.Encoder, values []*element, array bool) error {
	if array {
		if err := enc.WriteToken(jsontext.BeginArray); err != nil {
			return err
		}
	}
	for _, v := range values {
		if err := v.writeJSON(enc, false); err != nil {
			return err
		}
	}
	if array {
		return enc.WriteToken(jsontext.EndArray)
	}
	return nil
}

func writeTokens(enc *jsontext.Encoder, tokens ...jsontext.Token) error {
	for _, t := range tokens {
		if err := enc.WriteToken(t); err != nil {
			return err
		}
	}
	return nil
}

// isAttribute tells the children that XML has as attributes.
func isAttribute(parent string, root bool, name string) bool {
	return name == "id" && !root || name == "url" && parent == "extension"
}

func (e *element) writeXML(b *bytes.Buffer, parent, namespace string) {
	root := namespace != "" || parent == "resource"
	fmt.Fprintf(b, "<%s%s", e.name, namespace)
	if len(e.children) == 0 {
		writeAttribute(b, "value", e.value)
		b.WriteString("/>")
		return
	}
	for _, c := range e.children {
		if len(c.children) == 0 && isAttribute(e.name, root, c.name) {
			writeAttribute(b, c.name, c.value)
		}
	}
	b.WriteByte('>')
	for _, c := range e.children {
		if len(c.children) > 0 || !isAttribute(e.name, root, c.name) {
			c.writeXML(b, e.name, "")
		}
	}
	fmt.Fprintf(b, "</%s>", e.name)
}

func writeAttribute(b *bytes.Buffer, name, value string) {
	b.WriteString(" " + name + `="`)
	// It escapes white space, too.
	_ = xml.EscapeText(b, []byte(value)) // a Buffer takes everything
	b.WriteByte('"')
}
