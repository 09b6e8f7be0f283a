// SPDX-License-Identifier: Apache-2.0

// Package der reads what certificates, CRLs and OCSP responses have in common:
// names and their comparison, times, extensions, signature algorithms. It is
// strict DER but for the leniencies that its readers name.
package der

import "errors"

// The kinds of failure.
var (
	ErrMalformed         = errors.New("malformed")
	ErrSignature         = errors.New("signature not valid")
	ErrScope             = errors.New("not authoritative for the certificate")
	ErrExpired           = errors.New("expired")
	ErrNotYetValid       = errors.New("not yet valid")
	ErrUnhandledCritical = errors.New("unhandled critical extension")
	ErrResponder         = errors.New("responder not authorised or unable to answer")
	ErrTooLarge          = errors.New("too large")
)

// An Error says why one document proves nothing.
type Error struct {
	Kind   error // one of the kinds of failure
	Detail string
}

// Error returns the kind and the detail.
func (e *Error) Error() string {
	if e.Detail == "" {
		return e.Kind.Error()
	}
	return e.Kind.Error() + ": " + e.Detail
}

// Unwrap returns the kind.
func (e *Error) Unwrap() error { return e.Kind }

// Malformed returns an Error of the kind ErrMalformed.
func Malformed(detail string) *Error { return &Error{ErrMalformed, detail} }
