// SPDX-License-Identifier: Apache-2.0

package kit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
)

// An Answer is what became of a request.
type Answer struct {
	Status int
	Code   string // of the OperationOutcome; empty: the answer is none in JSON
	Header http.Header

	// Reached is the request as it came to a handler of Mark, and nil if it came to
	// none.
	Reached *http.Request
}

type key struct{}

// Mark returns a handler that answers the requests of Try, and takes note that
// they came. Others go on to next.
func Mark(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, ok := r.Context().Value(key{}).(*Answer)
		if !ok {
			next.ServeHTTP(w, r)
			return
		}
		answer.Reached = r
		w.WriteHeader(http.StatusNoContent)
	})
}

// Try serves the request. A panic is an error.
func Try(handler http.Handler, r *http.Request) (answer *Answer, err error) {
	answer = new(Answer)
	w := httptest.NewRecorder()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the handler panicked: %v", p)
		}
	}()
	handler.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), key{}, answer)))
	answer.Status, answer.Header = w.Code, w.Result().Header
	var outcome struct {
		ResourceType string
		Issue        []struct{ Details struct{ Coding []struct{ Code string } } }
	}
	if json.Unmarshal(w.Body.Bytes(), &outcome) == nil && outcome.ResourceType == "OperationOutcome" &&
		len(outcome.Issue) > 0 && len(outcome.Issue[0].Details.Coding) > 0 {
		answer.Code = outcome.Issue[0].Details.Coding[0].Code
	}
	return answer, nil
}

// ErrUnmarked is an accepted request that came to no handler of Mark.
var ErrUnmarked = errors.New("it did not come to the handler of asidtest.Mark")

// Passed wants the request to have come to a handler of Mark. Where routed is
// set, a router that has no such path or method may have answered.
func (a *Answer) Passed(routed bool) error {
	switch {
	case a.Reached != nil:
		return nil
	case routed && a.Code == "" && (a.Status == http.StatusNotFound || a.Status == http.StatusMethodNotAllowed):
		return nil
	}
	return fmt.Errorf("%w, but was answered with %s", ErrUnmarked, a)
}

// Refused wants the request to have come to no handler and to have been answered
// with the status and the code, which no cache may keep.
func (a *Answer) Refused(status int, code string) error {
	switch {
	case a.Reached != nil:
		return errors.New("it came to the handler")
	case a.Status != status || a.Code != code:
		return fmt.Errorf("it was answered with %s, not %d %s", a, status, code)
	}
	return a.NotStored()
}

// Unrouted is Refused for a request that amounts to no interaction, which a
// router before the check may have answered itself.
func (a *Answer) Unrouted(status int, code string) error {
	if a.Reached == nil && a.Code == "" && a.Status >= 300 && a.Status < 500 {
		return nil
	}
	return a.Refused(status, code)
}

// NotStored wants the answer to be none that a cache may keep.
func (a *Answer) NotStored() error {
	if !strings.Contains(strings.ToLower(a.Header.Get("Cache-Control")), "no-store") {
		return errors.New("its answer lacks Cache-Control: no-store")
	}
	return nil
}

// String returns status and code.
func (a *Answer) String() string {
	if a.Code == "" {
		return fmt.Sprintf("%d and no OperationOutcome", a.Status)
	}
	return fmt.Sprintf("%d %s", a.Status, a.Code)
}
