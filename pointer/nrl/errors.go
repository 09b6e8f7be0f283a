// SPDX-License-Identifier: Apache-2.0

package nrl

import (
	"net/http"

	"github.com/nrlsecurity/nrlsecurity/internal/outcome"
	"github.com/nrlsecurity/nrlsecurity/pointer"
)

// The errors below are what a Store answers besides those of package pointer.

type conflictError struct{}

func (*conflictError) Error() string { return "the pointer has changed since it was judged" }

type versionError struct{}

func (*versionError) Error() string { return "If-Match does not name the pointer's version" }

type duplicateError struct{ identifier pointer.Identifier }

func (*duplicateError) Error() string { return "the patient has a pointer of that masterIdentifier" }

type patientError struct{ nhsNumber string }

func (e *patientError) Error() string {
	return "The NHS number does not conform to the NHS Number format: " + e.nhsNumber
}

type fullError struct{}

func (*fullError) Error() string { return "there is no room for another pointer" }

type parameterError struct{ detail string }

func (e *parameterError) Error() string { return e.detail }

func fail(w http.ResponseWriter, r *http.Request, err error) {
	o := outcome.Outcome{Status: http.StatusBadRequest, Diagnostics: err.Error()}
	switch e := err.(type) {
	case *conflictError:
		o.Status, o.Issue, o.Code, o.Display = http.StatusConflict, "conflict", "BAD_REQUEST", "Bad request"
	case *versionError:
		o.Status, o.Issue, o.Code, o.Display = http.StatusPreconditionFailed, "conflict", "BAD_REQUEST", "Bad request"
	case *duplicateError:
		o.Issue, o.Code, o.Display = "duplicate", "DUPLICATE_REJECTED", "Duplicate DocumentReference"
		o.Diagnostics = "Duplicate masterIdentifier value: " + e.identifier.Value + " system: " + e.identifier.System
	case *patientError:
		o.Issue, o.Code, o.Display = "invalid", "INVALID_NHS_NUMBER", "Invalid NHS number"
	case *parameterError:
		o.Issue, o.Code, o.Display = "invalid", "INVALID_PARAMETER", "Invalid parameter"
	case *fullError:
		o = outcome.InternalError.With(err.Error())
		o.Status = http.StatusInsufficientStorage
	default:
		pointer.WriteError(w, r, err)
		return
	}
	outcome.Write(w, r, o)
}
