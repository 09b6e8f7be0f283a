// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"errors"
	"net/http"

	"github.com/nrlsecurity/nrlsecurity/internal/outcome"
)

// WriteError answers r with err as an OperationOutcome, JSON or XML as r asks
// for: the parameter _format beats Accept, and XML is the default. Errors of
// other packages, a [*RegistryError] and a [*ConfigError] become a 500 that says
// nothing about them.
func WriteError(w http.ResponseWriter, r *http.Request, err error) {
	row, rule := classify(err)
	diagnostics := ""
	if rule != nil {
		diagnostics = rule.Error()
	}
	outcome.Write(w, r, row.With(diagnostics))
}

// classify returns the row of the error table for err, and the error in it that
// may be told the sender; nil if the fault is not the sender's.
func classify(err error) (outcome.Case, error) {
	// What a registry failed with is nobody's claim, whatever its type.
	if _, ok := errors.AsType[*RegistryError](err); ok {
		return outcome.InternalError, nil
	}
	if e, ok := errors.AsType[*ConnectionError](err); ok {
		// The hook's own words, whatever their type, may tell of the machines behind
		// the proxy.
		return outcome.AccessDeniedSSL, &ConnectionError{Detail: e.Detail}
	}
	if e, ok := errors.AsType[*HeaderError](err); ok {
		if e.Header == authorization {
			return outcome.InvalidToken, e
		}
		return outcome.InvalidHeader, e
	}
	if e, ok := errors.AsType[*TokenError](err); ok {
		return outcome.InvalidToken, e
	}
	if e, ok := errors.AsType[*RequestError](err); ok {
		return outcome.BadRequest, e
	}
	if e, ok := errors.AsType[*BindingError](err); ok {
		return outcome.AccessDenied, e
	}
	if e, ok := errors.AsType[*InteractionError](err); ok {
		if errors.Is(e.Err, ErrMismatch) {
			return outcome.InvalidHeader, e
		}
		return outcome.ASIDCheckFailed, e
	}
	return outcome.InternalError, nil
}
