// SPDX-License-Identifier: Apache-2.0

package nrl

import (
	"net/http"

	"github.com/nrlsecurity/nrlsecurity/internal/outcome"
	"github.com/nrlsecurity/nrlsecurity/pointer"
)

// The errors below are what a Store answers besides those of package pointer.

func refused(rule pointer.Rule, q pointer.Query, detail string) error {
	return &pointer.ChangeError{Rule: rule, Target: q, Detail: detail}
}

func invalid(element, detail string) error {
	return &pointer.ChangeError{Rule: pointer.RuleResource, Element: element, Detail: detail}
}

type patientError struct{ nhsNumber string }

func (e *patientError) Error() string {
	return "The NHS number does not conform to the NHS Number format: " + e.nhsNumber
}

// unknownPatientError is a patient that the Spine does not know.
type unknownPatientError struct{ nhsNumber string }

func (e *unknownPatientError) Error() string {
	return "The given NHS number could not be found " + e.nhsNumber + "."
}

// organisationError is an organisation that there is not.
type organisationError struct{ code string }

func (e *organisationError) Error() string {
	return "The ODS code in the custodian and/or author element is not resolvable - " + e.code
}

type fullError struct{}

func (*fullError) Error() string { return "there is no room for another pointer" }

type parameterError struct{ detail string }

func (e *parameterError) Error() string { return e.detail }

func fail(w http.ResponseWriter, r *http.Request, err error) {
	o := outcome.Outcome{Status: http.StatusBadRequest, Diagnostics: err.Error()}
	switch err.(type) {
	case *patientError:
		o.Issue, o.Code, o.Display = "invalid", "INVALID_NHS_NUMBER", "Invalid NHS number"
	case *unknownPatientError:
		o = outcome.NoRecordFound.With(err.Error())
	case *organisationError:
		o.Issue, o.Code, o.Display = "not-found", "ORGANISATION_NOT_FOUND", "Organisation not found"
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
