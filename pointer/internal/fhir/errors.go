// SPDX-License-Identifier: Apache-2.0

package fhir

import (
	"errors"
	"strconv"
)

// A Kind says in which way a body is not one that is taken.
type Kind int

// The kinds of an [Error].
const (
	MediaType Kind = iota + 1 // another media type, or a body that is encoded
	Malformed                 // not well-formed JSON or XML
	Refused                   // well formed, but two readers could read it differently, or the element is not FHIR's
	Invalid                   // an element that can be read in one way only, but is not what the specification asks for
)

// An Error is a body that is not taken.
type Error struct {
	Kind    Kind
	Element string // such as custodian.reference; empty if the fault lies in no single element
	Detail  string // such as "is there twice"
	Err     error  // what the parser said, or nil
}

func (e *Error) Error() string {
	text := "the body "
	switch {
	case e.Kind == MediaType:
		text = "the body's media type "
	case e.Kind == Invalid:
		text = e.Element + " "
	case e.Element != "":
		text = "the body's element " + strconv.QuoteToASCII(e.Element) + " "
	}
	text += e.Detail
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns what the parser said, or nil.
func (e *Error) Unwrap() error { return e.Err }

func refused(detail string) *Error { return &Error{Kind: Refused, Detail: detail} }

func refusedElement(element, detail string) *Error {
	return &Error{Kind: Refused, Element: element, Detail: detail}
}

func invalid(element, detail string) *Error {
	return &Error{Kind: Invalid, Element: element, Detail: detail}
}

// in says in which element err arose.
func in(element string, err error) error {
	body, ok := err.(*Error)
	if !ok || body.Kind != Refused {
		return err
	}
	located := *body
	located.Element = element
	if body.Element != "" {
		located.Element += "." + body.Element
	}
	return &located
}

// unwrapped returns the reader's own error if err wraps one, or err as the
// parser's verdict on the body.
func unwrapped(err error, detail string) error {
	if body, ok := errors.AsType[*Error](err); ok {
		return body
	}
	return &Error{Kind: Malformed, Detail: detail, Err: err}
}
