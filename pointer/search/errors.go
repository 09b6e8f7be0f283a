// SPDX-License-Identifier: Apache-2.0

package search

import (
	"fmt"
	"net/http"
	"net/url"

	"github.com/go-json-experiment/json"

	"github.com/nrlsecurity/nrlsecurity/internal/audit"
)

// An OutcomeError is an answer other than 200. Code and Diagnostics are those of
// its OperationOutcome, such as NO_RECORD_FOUND for an NHS number that the Spine
// does not know, INVALID_NHS_NUMBER or INVALID_PARAMETER; they are empty if it has
// none.
type OutcomeError struct {
	Status      int // of HTTP
	Code        string
	Diagnostics string
}

// Error names the status and the code. The diagnostics may name the patient.
func (e *OutcomeError) Error() string {
	text := fmt.Sprintf("the NRL answered %d %s", e.Status, http.StatusText(e.Status))
	if e.Code != "" {
		text += ": " + e.Code
	}
	return text
}

// outcomeOf reads an OperationOutcome as well as it can: the status decides.
func outcomeOf(status int, body []byte) *OutcomeError {
	var o struct {
		Issue []struct {
			Details struct {
				Coding []struct {
					Code string `json:"code"`
				} `json:"coding"`
			} `json:"details"`
			Diagnostics string `json:"diagnostics"`
		} `json:"issue"`
	}
	e := &OutcomeError{Status: status}
	if json.Unmarshal(body, &o) != nil || len(o.Issue) == 0 {
		return e
	}
	if codings := o.Issue[0].Details.Coding; len(codings) > 0 {
		e.Code = audit.Clean(codings[0].Code, 64)
	}
	e.Diagnostics = audit.Clean(o.Issue[0].Diagnostics, 256)
	return e
}

// An AnswerError is an answer that cannot be taken for all that was asked for.
type AnswerError struct {
	URL    *url.URL // of the page
	Detail string
	Err    error // the cause, or nil
}

// Error names the page without its query, which names the patient.
func (e *AnswerError) Error() string {
	text := "the page at " + e.URL.Host + e.URL.EscapedPath() + " " + e.Detail
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns the cause.
func (e *AnswerError) Unwrap() error { return e.Err }
