// SPDX-License-Identifier: Apache-2.0

package nrl

import (
	"errors"
	"slices"
)

// An element is a FHIR element, as JSON and XML both can write it. What has
// children has no value, but for a primitive, whose children are its id and its
// extensions.
type element struct {
	name     string
	value    string
	literal  bool // of JSON: a number or a boolean
	list     bool // of JSON: in an array, even if alone
	extended bool // a primitive with children, which JSON has apart from its value
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

// isResource tells the elements that enclose a resource in a Bundle.
func (e *element) isResource() bool { return e.name == "resource" && len(e.children) == 1 }

func (e *element) isPrimitive() bool { return e.extended || len(e.children) == 0 }
