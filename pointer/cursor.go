// SPDX-License-Identifier: Apache-2.0

package pointer

import (
	"errors"
	"strings"
	"unicode/utf8"
)

// A cursor walks a resource once, from its first byte to its last, in JSON or
// XML. What it returns is read the same way in both; the rules are written on it.
type cursor interface {
	// resource enters the element at hand, or the whole body, as a resource of
	// the type named.
	resource(name string) error
	// enter enters the element at hand as one that has children.
	enter() error
	// next moves to the next child of the innermost element entered that is not
	// ignored. After the last one it leaves the element and returns done.
	next(l level) (field, error)
	// text returns the value of the element at hand, a primitive of FHIR's.
	text() (string, error)
	// each calls f with each element of that name at hand: JSON has them
	// together in an array, XML one after the other, among others.
	each(f func() error) error
}

// maxDepth bounds the nesting of a body. The NRL's own pointers have nine levels.
const maxDepth = 64

// plain refuses values that readers trim, cut or normalise differently. None of
// the values that the guard reads may have such characters in FHIR.
func plain(s string) error {
	if s == "" {
		return &BodyError{Detail: "is empty"}
	}
	if s != strings.TrimSpace(s) {
		return &BodyError{Detail: "begins or ends with white space"}
	}
	for _, r := range s {
		switch {
		case r < ' ', 0x7F <= r && r < 0xA0:
			return &BodyError{Detail: "has a control character"}
		case r == 0x2028, r == 0x2029, r == 0xFEFF, r == utf8.RuneError:
			return &BodyError{Detail: "has a character that is no part of a value"}
		}
	}
	return nil
}

// in says in which element err arose.
func in(element string, err error) error {
	body, ok := err.(*BodyError)
	if !ok {
		return err
	}
	located := *body
	located.Element = element
	if body.Element != "" {
		located.Element += "." + body.Element
	}
	return &located
}

// clip bounds a name that the sender chose.
func clip(name string) string {
	const most = 40
	if len(name) > most {
		return name[:most] + "..."
	}
	return name
}

// unwrapped returns the reader's own error if err wraps one, or err as the
// parser's verdict on the body.
func unwrapped(err error, detail string) error {
	if body, ok := errors.AsType[*BodyError](err); ok {
		return body
	}
	if res, ok := errors.AsType[*ResourceError](err); ok {
		return res
	}
	return &BodyError{Detail: detail, Err: err}
}
