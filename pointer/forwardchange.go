// SPDX-License-Identifier: Apache-2.0

package pointer

import (
	"errors"
	"io"
	"net/http"
	"strconv"

	"github.com/nrlsecurity/nrlsecurity/asid"
)

// attempts bounds how often one change is judged.
const attempts = 3

// change makes the change that was decided on.
func (f *Forward) change(r *http.Request) (*storeAnswer, error) {
	d, decided := DecisionFrom(r.Context())
	if !decided {
		return nil, &asid.ConfigError{Field: "Forward", Detail: "got a change that no pointer.Guard has decided on"}
	}
	body, err := io.ReadAll(r.Body) // bounded by the guard, and in memory
	if err != nil {
		return nil, &ChangeError{Rule: RuleBody, Action: d.Change.Action, Detail: "could not be read", Err: err}
	}
	judged := d
	for range attempts {
		a, err := f.attempt(r, d, body)
		if err == nil && a.status != http.StatusConflict && a.status != http.StatusPreconditionFailed {
			if !a.mayBeStale(f, d) {
				return a, a.outcome(d)
			}
		} else if err != nil && !errors.Is(err, errChanged) {
			return nil, err
		}
		next, again := d.Again(r.Context())
		if again != nil {
			return nil, again
		}
		if d.Change.Action == Supersede && next.Stored.ID != judged.Stored.ID {
			d = next
			break // the body names the pointer that was judged first
		}
		if err == nil && a.mayBeStale(f, d) && next.Stored.Version == d.Stored.Version {
			return a, a.outcome(d) // it was something else
		}
		d = next
	}
	detail := "has changed each time that it was judged"
	switch {
	case d.Stored == nil: // a new one
		detail = "is refused by the store"
	case d.Stored.ID == judged.Stored.ID && d.Stored.Version == judged.Stored.Version:
		detail = "is refused by the store in the version that it has"
	}
	return nil, &ChangeError{Rule: RuleConflict, Action: d.Change.Action, Target: d.target(), Detail: detail}
}

// attempt has the server make the change, in one request.
func (f *Forward) attempt(r *http.Request, d *Decision, body []byte) (*storeAnswer, error) {
	switch d.Change.Action {
	case Create:
		return f.post(r, body)
	case Supersede:
		switch f.Supersede {
		case SupersedeByStore:
			return f.post(r, body)
		case SupersedeTransaction:
			return f.transaction(r, d, body)
		default:
			return nil, &ChangeError{Rule: RuleRelatesTo, Action: Supersede, Detail: "is there, but the store does not supersede"}
		}
	case Update:
		return f.update(r, d)
	default:
		if err := f.conditional(f.IfMatch.Delete, d); err != nil {
			return nil, err
		}
		return f.one(r, http.MethodDelete, d, "", nil)
	}
}

// mayBeStale reports whether the answer may be that of a test which failed, for which
// some servers have no status of its own, or about a pointer that was deleted since it
// was judged. To the caller that is one that is not there (404), but only a look-up can
// say so: a 404 may also be a server's that has no such method, or another server's.
func (a *storeAnswer) mayBeStale(f *Forward, d *Decision) bool {
	return d.Stored != nil && a.gone() || d.Change.Action == Update && f.Update == UpdateJSONPatch &&
		(a.status == http.StatusBadRequest || a.status == http.StatusUnprocessableEntity)
}

// outcome is nil if the answer says that the change was made, or why it was not.
func (a *storeAnswer) outcome(d *Decision) error {
	if err := a.refusal(d.Change.Action, d.target()); err != nil || a.status >= 400 {
		return err
	}
	fault := ""
	switch {
	case !d.Change.Action.done(a.status):
		fault = "answered with status " + strconv.Itoa(a.status)
	case d.Change.Action == Update && a.isOfAnother(d.Stored.ID):
		fault = "answered with another pointer"
	default:
		return nil
	}
	return &ChangeError{Rule: RuleStore, Action: d.Change.Action, Target: d.target(), Detail: fault + unknownOutcome}
}

// done reports whether the status of an answer is that of a success of the action. 201 is
// none of an update: a PUT made anew what was not there.
func (a Action) done(status int) bool {
	switch a {
	case Create, Supersede:
		return status == http.StatusCreated
	case Update:
		return status == http.StatusOK || status == http.StatusNoContent
	default: // 202 promises it (FHIR http, "delete")
		return status == http.StatusOK || status == http.StatusAccepted || status == http.StatusNoContent
	}
}
