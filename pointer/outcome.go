// SPDX-License-Identifier: Apache-2.0

package pointer

import (
	"errors"
	"net/http"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/internal/outcome"
)

// WriteError answers r with err as an OperationOutcome, JSON or XML as r asks
// for. What is not this package's goes to [asid.WriteError].
func WriteError(w http.ResponseWriter, r *http.Request, err error) {
	if o, ok := outcomeOf(err); ok {
		outcome.Write(w, r, o)
		return
	}
	asid.WriteError(w, r, err)
}

func outcomeOf(err error) (outcome.Outcome, bool) {
	// What it wraps is about another server's answer, not about the request.
	if _, ok := errors.AsType[*ResolverError](err); ok {
		return outcome.InternalError.With(""), true
	}
	if _, ok := errors.AsType[*MediaTypeError](err); ok {
		return outcome.UnsupportedType.With("Unsupported Media Type"), true
	}
	if _, ok := errors.AsType[*BodyError](err); ok {
		return outcome.InvalidMessage.With("Invalid Request Message"), true
	}
	if e, ok := errors.AsType[*ResourceError](err); ok {
		o := outcome.WrongCustodian.With(e.Error())
		o.Display = "Resource is invalid : " + e.Element
		return o, true
	}
	// What these two wrap is not for the caller: it would tell a stranger whether
	// another organisation's pointer exists.
	if e, ok := errors.AsType[*SupersedeError](err); ok {
		if errors.Is(e, ErrNotCurrent) {
			return outcome.NotCurrent.With(notCurrent), true
		}
		return outcome.WrongRelatesTo.With("relatesTo " + e.Detail), true
	}
	if e, ok := errors.AsType[*TargetError](err); ok {
		if errors.Is(e, ErrNotCurrent) {
			return outcome.NotCurrent.With(notCurrent), true
		}
		return outcome.NoRecordFound.With("No record found for supplied DocumentReference identifier - " + e.Target.named() + "."), true
	}
	if e, ok := errors.AsType[*OwnerError](err); ok {
		return outcome.WrongCustodian.With(e.Error()), true
	}
	return outcome.Outcome{}, false
}

const notCurrent = "DocumentReference status is not 'current'"

// named is how an answer names the pointer to the one who asked for it.
func (q Query) named() string {
	if q.ID != "" {
		return q.ID
	}
	return q.Identifier.Value
}
