// SPDX-License-Identifier: Apache-2.0

package nrl

import (
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

func parseJSON(dec *jsontext.Decoder) (*element, error) {
	members, err := jsonMembers(dec)
	if err != nil {
		return nil, err
	}
	root := group("", members...)
	if kind := root.find("resourceType"); kind != nil {
		root.name = kind.value
	}
	root.children = root.without("resourceType")
	return root, nil
}

func jsonMembers(dec *jsontext.Decoder) ([]*element, error) {
	if _, err := dec.ReadToken(); err != nil {
		return nil, err
	}
	var members []*element
	apart := map[string][]*element{} // of primitives: what is beside their values
	for dec.PeekKind() != '}' {
		name, err := dec.ReadToken()
		if err != nil {
			return nil, err
		}
		called, extends := strings.CutPrefix(name.String(), "_")
		if !isName(called) {
			return nil, errForm
		}
		values, err := jsonValues(dec, called, extends)
		if err != nil {
			return nil, err
		}
		if extends {
			apart[called] = values
		} else {
			members = append(members, values...)
		}
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, err
	}
	return joined(members, apart)
}

// jsonValues reads a member: one value, or an array of them. In an array a null
// is the place of what the other of a primitive's two members has.
func jsonValues(dec *jsontext.Decoder, name string, extends bool) ([]*element, error) {
	read := func() (*element, error) {
		if extends && dec.PeekKind() != '{' {
			return nil, errForm
		}
		return jsonValue(dec, name)
	}
	if dec.PeekKind() != '[' {
		e, err := read()
		return []*element{e}, err
	}
	if name == "id" || name == "url" {
		return nil, errForm // an attribute in XML, which is not there twice
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, err
	}
	var values []*element
	for dec.PeekKind() != ']' {
		if dec.PeekKind() == 'n' {
			if _, err := dec.ReadToken(); err != nil {
				return nil, err
			}
			values = append(values, listed(text(name, "")))
			continue
		}
		e, err := read()
		if err != nil {
			return nil, err
		}
		values = append(values, listed(e))
	}
	_, err := dec.ReadToken()
	return values, err
}

// joined gives primitives what JSON has apart from their values.
func joined(members []*element, apart map[string][]*element) ([]*element, error) {
	for _, name := range slices.Sorted(maps.Keys(apart)) {
		var values []*element
		for _, m := range members {
			if m.name == name {
				values = append(values, m)
			}
		}
		if values == nil {
			members = append(members, apart[name]...)
			values = apart[name]
		}
		if len(values) != len(apart[name]) {
			return nil, errForm
		}
		for i, from := range apart[name] {
			if values[i] != from && len(values[i].children) > 0 || values[i].list != from.list {
				return nil, errForm // what is no primitive
			}
			values[i].children = from.children
			values[i].extended = len(from.children) > 0
		}
	}
	for _, m := range members {
		if m.value == "" && len(m.children) == 0 {
			return nil, errForm
		}
	}
	return members, nil
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

func (e *element) writeJSON(enc *jsontext.Encoder, resource bool) error {
	if e.isResource() {
		return e.children[0].writeJSON(enc, true)
	}
	if e.isPrimitive() {
		switch {
		case e.value == "":
			return enc.WriteToken(jsontext.Null)
		case e.literal:
			return enc.WriteValue(jsontext.Value(e.value))
		}
		return enc.WriteToken(jsontext.String(e.value))
	}
	return e.writeMembers(enc, resource)
}

// writeMembers writes the children as an object.
func (e *element) writeMembers(enc *jsontext.Encoder, resource bool) error {
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
		list := values[name]
		array := list[0].list || len(list) > 1
		if slices.ContainsFunc(list, func(v *element) bool { return v.value != "" || !v.isPrimitive() }) {
			if err := writeValues(enc, name, list, array, func(v *element) error { return v.writeJSON(enc, false) }); err != nil {
				return err
			}
		}
		if !slices.ContainsFunc(list, func(v *element) bool { return v.extended }) {
			continue
		}
		err := writeValues(enc, "_"+name, list, array, func(v *element) error {
			if !v.extended {
				return enc.WriteToken(jsontext.Null)
			}
			return v.writeMembers(enc, false)
		})
		if err != nil {
			return err
		}
	}
	return enc.WriteToken(jsontext.EndObject)
}

func writeValues(enc *jsontext.Encoder, name string, values []*element, array bool, write func(*element) error) error {
	if err := enc.WriteToken(jsontext.String(name)); err != nil {
		return err
	}
	if array {
		if err := enc.WriteToken(jsontext.BeginArray); err != nil {
			return err
		}
	}
	for _, v := range values {
		if err := write(v); err != nil {
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
