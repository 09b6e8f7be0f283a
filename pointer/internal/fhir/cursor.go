// SPDX-License-Identifier: Apache-2.0

package fhir

import (
	"strings"
	"unicode/utf8"

	"github.com/nrlsecurity/nrlsecurity/internal/ascii"
)

// A cursor walks a resource once, from its first byte to its last, in JSON or
// XML. What it returns is read the same way in both; the rules are written on it.
type cursor interface {
	// resource enters the whole body as a resource of the type named.
	resource(name string) error
	// enter enters the present element as one that has children.
	enter() error
	// next moves to the next child of the innermost element entered that is not
	// ignored. After the last one it leaves the element and returns fieldDone.
	next(l level) (field, error)
	// text returns the value of the present element, a primitive of FHIR's.
	text() (string, error)
	// each calls f with each element of the present name: JSON has them together
	// in an array, XML one after the other, among others.
	each(f func() error) error
	// skip passes over the present element.
	skip() error
	// tolerate switches between closed and open lists of elements.
	tolerate(bool)
	// begin is where the present element begins in the body: in JSON its name.
	begin() int
	// end is where what was read last ends in the body.
	end() int
}

// fields calls visit with each child of the innermost element entered that is not
// ignored, until there are no more.
func fields(c cursor, l level, visit func(field) error) error {
	for {
		f, err := c.next(l)
		if err != nil || f == fieldDone {
			return err
		}
		if err := visit(f); err != nil {
			return err
		}
	}
}

// readText reads the text of the present element, whose name a refusal has.
func readText(c cursor, element string, into *string) (err error) {
	*into, err = c.text()
	return in(element, err)
}

// enterFields enters the present element and calls visit with its children.
func enterFields(c cursor, l level, visit func(field) error) error {
	if err := c.enter(); err != nil {
		return err
	}
	return fields(c, l, visit)
}

// A span is a part of the body, in bytes.
type span struct{ from, to int }

// maxDepth bounds the nesting of a body. The NRL's own pointers have nine levels.
const maxDepth = 64

const byteOrderMark = "\uFEFF"

// plain refuses values that readers trim, cut or normalise differently. None of
// the values that are read here may have such characters in FHIR.
func plain(s string) error {
	if s == "" {
		return refused("is empty")
	}
	if s != strings.TrimSpace(s) {
		return refused("begins or ends with white space")
	}
	if ascii.Printable(s) { // as nearly every value is
		return nil
	}
	for _, r := range s {
		switch {
		case r < ' ', 0x7F <= r && r < 0xA0:
			return refused("has a control character")
		case r == 0x2028, r == 0x2029, r == 0xFEFF, r == utf8.RuneError:
			return refused("has a character that is no part of a value")
		}
	}
	return nil
}

// IsPlain reports whether every reader takes s for the same value: not empty, no
// white space around it, and no character that is cut or normalised.
func IsPlain(s string) bool { return plain(s) == nil }

// maxName bounds a name of the sender's in a refusal.
const maxName = 40

func cut(name string) string { return ascii.Cut(name, maxName) }
