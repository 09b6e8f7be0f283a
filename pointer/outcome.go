// SPDX-License-Identifier: Apache-2.0

package pointer

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/internal/audit"
	"github.com/nrlsecurity/nrlsecurity/internal/fhirpath"
	"github.com/nrlsecurity/nrlsecurity/internal/outcome"
)

// WriteError answers r with err as an OperationOutcome, JSON or XML as r asks
// for. What is not this package's goes to [asid.WriteError]. Like that, it has the record
// of the request name the rule.
func WriteError(w http.ResponseWriter, r *http.Request, err error) {
	e, ok := errors.AsType[*ChangeError](err)
	if !ok {
		asid.WriteError(w, r, err)
		return
	}
	audit.FromContext(r.Context()).Refuse(string(e.Rule), logText(e))
	if e.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(e.RetryAfter.Seconds())))
	}
	outcome.Write(w, r, e.outcome())
}

// outcome is the answer to e. What e wraps is not for the caller.
func (e *ChangeError) outcome() outcome.Outcome {
	switch e.Rule {
	case RuleRequest:
		return outcome.BadRequest.With("the request " + e.Detail)
	case RuleMediaType:
		return outcome.UnsupportedType.With("Unsupported Media Type")
	case RuleBody:
		return outcome.InvalidMessage.With("Invalid Request Message")
	case RuleResource:
		element := e.Element
		if element == "" {
			element = fhirpath.DocumentReference
		}
		return outcome.InvalidResource(element, element+" "+e.Detail)
	case RuleInteraction:
		return outcome.ASIDCheckFailed.With("ASID " + e.ASID.String() + " " + e.Detail)
	case RuleOwner, RuleNotFound, RuleAmbiguous:
		return e.ofTarget()
	case RuleRelatesTo:
		return outcome.WrongRelatesTo.With("relatesTo " + e.Detail)
	case RuleNotCurrent:
		return outcome.NotCurrent.With("DocumentReference status is not 'current'")
	case RuleDuplicate:
		id := e.Target.Identifier
		return outcome.Duplicate.With("Duplicate masterIdentifier value: " + id.Value + " system: " + id.System)
	case RuleVersion:
		return outcome.PreconditionFailed.With("If-Match does not name the version of the DocumentReference")
	case RuleConflict:
		return outcome.Conflict.With("the DocumentReference " + e.Detail)
	case RuleStore:
		return outcome.BadGateway.With("")
	case RuleUnavailable:
		return outcome.Unavailable.With("")
	default:
		return outcome.InternalError.With("")
	}
}

// ofTarget answers a pointer that is not the caller's or not there. Both look
// alike if e is concealed.
func (e *ChangeError) ofTarget() outcome.Outcome {
	switch {
	case e.Rule == RuleOwner && !e.Concealed:
		return outcome.WrongCustodian.With(e.Error())
	case e.Action == Supersede:
		return outcome.WrongRelatesTo.With("relatesTo does not lead to one pointer of the caller's")
	default:
		return outcome.NoRecordFound.With("No record found for supplied DocumentReference identifier - " + e.Target.named() + ".")
	}
}

// named is how an answer names the pointer, as the caller did.
func (q Query) named() string {
	if q.ID != "" {
		return q.ID
	}
	return q.Identifier.Value
}
