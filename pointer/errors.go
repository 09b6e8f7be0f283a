// SPDX-License-Identifier: Apache-2.0

package pointer

import (
	"time"

	"github.com/nrlsecurity/nrlsecurity/asid"
)

// A ChangeError is a change that was refused. Its text names neither the patient
// nor a master identifier.
type ChangeError struct {
	Rule   Rule
	Action Action  // zero if the request does not say
	ASID   asid.ID // of the caller; zero if that played no part
	Target Query   // the stored pointer that it is about; zero if it is about the request alone

	// Custodian is that of the pointer in the caller's own request; zero if only the
	// store knows it.
	Custodian asid.ODSCode

	Element string // such as custodian; empty if the fault lies in no single element
	Detail  string // such as "is there twice"

	// Concealed says that the caller is not told of RuleOwner, but answered as if
	// the pointer were not there; see [Guard.Disclose].
	Concealed bool

	// RetryAfter is what a store that is unavailable asks for; zero if it does not.
	RetryAfter time.Duration

	// Err is the cause: ErrNotFound or ErrAmbiguous, asid.ErrNotAssociated, what a
	// parser or a Resolver said; nil if there is none.
	Err error
}

func (e *ChangeError) Error() string {
	text := e.subject() + " " + e.Detail
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

func (e *ChangeError) subject() string {
	switch e.Rule {
	case RuleRequest:
		return "the request"
	case RuleMediaType:
		return "the media type"
	case RuleBody, RuleResource:
		if e.Element != "" {
			return e.Element
		}
		return "the body"
	case RuleOwner:
		if !e.Custodian.IsZero() {
			return "the custodian " + e.Custodian.String()
		}
	case RuleInteraction:
		return "ASID " + e.ASID.String()
	case RuleRelatesTo:
		return "relatesTo"
	case RuleDuplicate:
		return "the masterIdentifier"
	case RuleResolver:
		return "the resolver"
	case RuleStore, RuleUnavailable:
		return "the store"
	}
	switch {
	case e.Target.ID != "":
		return "the pointer " + e.Target.ID
	case !e.Target.IsZero():
		return "the pointer of that subject and identifier"
	default:
		return "the pointer"
	}
}

// Unwrap returns the cause, or nil.
func (e *ChangeError) Unwrap() error { return e.Err }

func requestError(action Action, detail string) error {
	return &ChangeError{Rule: RuleRequest, Action: action, Detail: detail}
}
