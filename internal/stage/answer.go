// SPDX-License-Identifier: Apache-2.0

package stage

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/nrlsecurity/nrlsecurity/internal/outcome"
	"github.com/nrlsecurity/nrlsecurity/testdata"
)

// An Answer is what became of a request.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte

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
	answer.Status, answer.Header, answer.Body = w.Code, w.Result().Header, w.Body.Bytes()
	return answer, nil
}

// Row returns what a request is answered with by the error table.
func Row(c outcome.Case) testdata.Request {
	o := c.With("")
	return testdata.Request{Status: o.Status, Issue: o.Issue, Code: o.Code, Display: o.Display}
}

// Passed wants the request to have come to a handler of Mark, or a router to have
// answered that it has no such path or method.
func (a *Answer) Passed() error {
	switch {
	case a.Reached != nil:
		return nil
	case a.routed() && (a.Status == http.StatusNotFound || a.Status == http.StatusMethodNotAllowed):
		return nil
	}
	return fmt.Errorf("it came to no handler of asidtest.Mark, but was answered with %d: %.300s", a.Status, a.Body)
}

// Refused wants the request to have come to no handler and to have been answered
// by one of the rows of the table, which no cache may keep.
func (a *Answer) Refused(rows ...testdata.Request) error {
	if a.Reached != nil {
		return errors.New("it came to the handler")
	}
	var errs []error
	for _, row := range rows {
		err := row.Answered(a.Status, a.Body)
		if err == nil {
			return a.NotStored()
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Unrouted is Refused for a request that amounts to no interaction, which a
// router before the check may have answered itself.
func (a *Answer) Unrouted(row testdata.Request) error {
	if a.Reached == nil && a.routed() && a.Status >= 300 && a.Status < 500 {
		return nil
	}
	return a.Refused(row)
}

// routed reports whether the answer has no OperationOutcome, and so is not the
// check's.
func (a *Answer) routed() bool { return !strings.Contains(string(a.Body), "OperationOutcome") }

// NotStored wants the answer to be none that a cache may keep.
func (a *Answer) NotStored() error {
	if !strings.Contains(strings.ToLower(a.Header.Get("Cache-Control")), "no-store") {
		return errors.New("its answer lacks Cache-Control: no-store")
	}
	return nil
}
