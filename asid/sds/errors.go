// SPDX-License-Identifier: Apache-2.0

package sds

import (
	"errors"
	"fmt"
	"time"
)

// An Error says that the directory could not tell: it was not reached, its answer
// was partial or ambiguous, or a record cannot be used. It never wraps
// [asid.ErrNotFound].
type Error struct {
	Subject string // what was looked up, such as "ASID 200000000205"; may be empty
	Detail  string // what was found and what was wanted
	Err     error  // the cause, or nil

	retry time.Duration // when asking again may help; zero: it is not known
}

func (e *Error) Error() string {
	text := "directory: "
	if e.Subject != "" {
		text += e.Subject + ": "
	}
	text += e.Detail
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// RetryAfter says when asking again may help; zero: it is not known. asid tells it to
// the sender of a request.
func (e *Error) RetryAfter() time.Duration {
	if e.retry > 0 {
		return e.retry
	}
	if cause, ok := errors.AsType[*Error](e.Err); ok {
		return cause.RetryAfter()
	}
	return 0
}

// Unwrap returns the cause, or nil.
func (e *Error) Unwrap() error { return e.Err }

// Kinds of failure, for [errors.Is].
var (
	// ErrConfiguration is a field that is missing or cannot be.
	ErrConfiguration = errors.New("the configuration cannot be used")

	// ErrPartial is an answer that is not the whole: a size limit, a referral, a
	// connection that ended.
	ErrPartial = errors.New("the answer is not the whole")

	// ErrAmbiguous is an answer with more than one system or endpoint where one is
	// wanted.
	ErrAmbiguous = errors.New("the answer is ambiguous")

	// ErrCanary is a record known to exist that was not found.
	ErrCanary = errors.New("the canary was not found")

	// ErrInput is a question that no directory is asked, since it cannot be an ODS
	// code, an interaction or a party key.
	ErrInput = errors.New("the question cannot be asked")
)

func misconfigured(field, detail string) error {
	return &Error{Detail: fmt.Sprintf("%s %s", field, detail), Err: ErrConfiguration}
}
