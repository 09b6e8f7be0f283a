// SPDX-License-Identifier: Apache-2.0

package pointer

import (
	"errors"
	"strconv"

	"github.com/nrlsecurity/nrlsecurity/asid"
)

// A MediaTypeError is a body whose Content-Type is missing, repeated, not one of
// FHIR's or in another charset than UTF-8, or that is compressed. It is answered
// with 415 UNSUPPORTED_MEDIA_TYPE.
type MediaTypeError struct{ Detail string }

func (e *MediaTypeError) Error() string { return "the body's media type " + e.Detail }

// A BodyError is a body that is malformed, too large, or that two readers could
// read differently. It is answered with 400 INVALID_REQUEST_MESSAGE.
type BodyError struct {
	Element string // such as custodian.reference; empty if the fault lies in no single element
	Detail  string // such as "is there twice"
	Err     error  // what the parser said, or nil
}

func (e *BodyError) Error() string {
	text := "the body "
	if e.Element != "" {
		text = "the body's element " + strconv.QuoteToASCII(e.Element) + " "
	}
	text += e.Detail
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns what the parser said, or nil.
func (e *BodyError) Unwrap() error { return e.Err }

// A ResourceError is a body that can be read in one way only, but whose element
// is not what the specification asks for. It is answered with 400
// INVALID_RESOURCE.
type ResourceError struct {
	Element string // such as custodian
	Detail  string
}

func (e *ResourceError) Error() string { return e.Element + " " + e.Detail }

// An OwnerError is a pointer whose custodian is not an organisation of the
// caller's. It is answered with 400 INVALID_RESOURCE.
type OwnerError struct {
	ASID      asid.ID
	Custodian asid.ODSCode // the custodian in the caller's own request; zero if only the store knows it
	Action    Action
}

func (e *OwnerError) Error() string {
	if e.Custodian.IsZero() {
		return "the pointer's custodian is not an organisation of ASID " + e.ASID.String()
	}
	return "the custodian " + e.Custodian.String() + " is not an organisation of ASID " + e.ASID.String()
}

// A TargetError is a stored pointer that an update or a delete is about and that
// the caller cannot change. A pointer that is not there and one that is another
// organisation's are answered alike, with 404 NO_RECORD_FOUND; one that is not
// current, which only its owner learns, with 400 BAD_REQUEST.
type TargetError struct {
	Target Query
	Err    error // ErrNotFound, ErrAmbiguous, ErrNotCurrent or an *OwnerError
}

func (e *TargetError) Error() string {
	// Neither the patient nor the identifier, which is the provider's business.
	if e.Target.ID == "" {
		return "the pointer of that subject and identifier: " + e.Err.Error()
	}
	return "the pointer " + e.Target.ID + ": " + e.Err.Error()
}

// Unwrap returns what is wrong with the pointer.
func (e *TargetError) Unwrap() error { return e.Err }

// A SupersedeError is a relatesTo that does not lead to one current pointer of
// the same patient that is the caller's. It is answered with 400
// INVALID_RESOURCE, or BAD_REQUEST if the pointer is not current.
type SupersedeError struct {
	Detail string // for the caller
	Err    error  // for the log: ErrNotFound, ErrAmbiguous, ErrNotCurrent, an *OwnerError, or nil
}

func (e *SupersedeError) Error() string {
	if e.Err != nil {
		return "relatesTo " + e.Detail + ": " + e.Err.Error()
	}
	return "relatesTo " + e.Detail
}

// Unwrap returns what is wrong with the pointer that relatesTo leads to, or nil.
func (e *SupersedeError) Unwrap() error { return e.Err }

// A ResolverError is a Resolver that failed or answered nonsense. It is the
// server's own fault and answered with 500.
type ResolverError struct {
	Detail string
	Err    error // the cause, or nil
}

func (e *ResolverError) Error() string {
	if e.Err != nil {
		return "resolver: " + e.Detail + ": " + e.Err.Error()
	}
	return "resolver: " + e.Detail
}

// Unwrap returns the cause, or nil.
func (e *ResolverError) Unwrap() error { return e.Err }

// Kinds of failure, for [errors.Is].
var (
	ErrNotFound   = errors.New("there is no such pointer")
	ErrAmbiguous  = errors.New("there is more than one such pointer")
	ErrNotCurrent = errors.New("the pointer's status is not 'current'")
)
