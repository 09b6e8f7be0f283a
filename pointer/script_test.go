// SPDX-License-Identifier: Apache-2.0

package pointer_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/nrlsecurity/nrlsecurity/pointer"
)

// A script answers requests without a network, so that a test sees what was sent
// and can answer what net/http's own server would not. It closes its books: every
// body that it gave must have been closed.
type script struct {
	t      *testing.T
	answer func(r *http.Request, body string) *http.Response
	asked  []string // method and URI
	open   int
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	body := ""
	if r.Body != nil {
		text, err := io.ReadAll(r.Body)
		assert.NoError(s.t, err)
		body = string(text)
	}
	s.asked = append(s.asked, r.Method+" "+r.URL.RequestURI())
	resp := s.answer(r, body)
	if resp == nil {
		return nil, errors.New("no answer")
	}
	s.open++
	resp.Body = &closed{resp.Body, s}
	return resp, nil
}

type closed struct {
	io.ReadCloser
	s *script
}

func (c *closed) Close() error { c.s.open--; return c.ReadCloser.Close() }

// says is an answer; the headers are names and values in turns.
func says(status int, body string, headers ...string) *http.Response {
	w := httptest.NewRecorder()
	for i := 0; i < len(headers); i += 2 {
		w.Header().Add(headers[i], headers[i+1])
	}
	if body != "" && w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "application/fhir+json")
	}
	w.WriteHeader(status)
	io.WriteString(w, body)
	return w.Result()
}

// broken is an answer whose body ends with an error.
func broken(body string) *http.Response {
	resp := says(http.StatusOK, "", "Content-Type", "application/fhir+json")
	resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(body), failing{}))
	return resp
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("cut off") }

var scripted = url.URL{Scheme: "https", Host: "store.test", Path: "/fhir"}

// resolver is a FHIR over the script.
func (s *script) resolver() *pointer.FHIR {
	base := scripted
	return &pointer.FHIR{Client: &http.Client{Transport: s}, Base: &base}
}

// facade is a guard and a Forward over the script.
func (s *script) facade(resolver pointer.Resolver, change func(*pointer.Forward)) http.Handler {
	backend := scripted
	f := &pointer.Forward{Client: &http.Client{Transport: s}, Backend: &backend, Base: &url.URL{Scheme: "https", Host: "nrl.test", Path: "/STU3"},
		Update: pointer.UpdateParameters, Supersede: pointer.SupersedeByStore,
		IfMatch: pointer.Conditions{Delete: true, Patch: true, Put: true, Transaction: true}}
	if change != nil {
		change(f)
	}
	return (&pointer.Guard{Resolver: resolver, Disclose: true}).Middleware(f)
}
