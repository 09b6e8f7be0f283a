// SPDX-License-Identifier: Apache-2.0

package pointer_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/nrlsecurity/nrlsecurity/pointer"
)

// A success that is not the one of its interaction does not say that the change was made:
// a 200 to a create may be another pointer, that was there before, and a 201 to an update a
// pointer made anew.
func TestWhatSaysThatAChangeWasMade(t *testing.T) {
	t.Parallel()
	body := func(name string) string { return load(t, name, "stu3", "json").text }
	put := func(f *pointer.Forward) { f.Update = pointer.UpdatePut }
	for name, c := range map[string]struct {
		request func() *http.Request
		form    func(*pointer.Forward)
		made    []int
	}{
		"a create": {func() *http.Request { return request("POST", collection, "application/fhir+json", body("create")) }, nil, []int{201}},
		"a supersede": {func() *http.Request {
			return request("POST", collection, "application/fhir+json", body("supersede-both"))
		}, nil, []int{201}},
		"an update": {func() *http.Request {
			return request("PATCH", collection+"/"+oldID, "application/fhir+json", updates[false])
		}, nil, []int{200, 204}},
		"a PUT": {func() *http.Request {
			return request("PATCH", collection+"/"+oldID, "application/fhir+json", updates[false])
		}, put, []int{200, 204}},
		"a delete": {func() *http.Request { return request("DELETE", collection+"/"+oldID, "", "") }, nil, []int{200, 202, 204}},
	} {
		for _, status := range []int{200, 201, 202, 203, 204, 206, 207, 304} {
			var log bytes.Buffer
			s := &script{t: t, answer: func(r *http.Request, _ string) *http.Response {
				if r.Method == http.MethodGet {
					return says(200, storedAs(t, "3", "A81001"))
				}
				return says(status, "")
			}}
			h := s.facade(stored(t), func(f *pointer.Forward) {
				f.Logger = slog.New(slog.NewTextHandler(&log, nil))
				if c.form != nil {
					c.form(f)
				}
			})
			want := http.StatusBadGateway
			for _, made := range c.made {
				if made == status {
					want = status
				}
			}
			assert.Equal(t, want, through(t, h, c.request()).Code, "%s answered with %d", name, status)
			if want == http.StatusBadGateway {
				assert.Contains(t, log.String(), fmt.Sprintf("status %d", status), name)
			}
		}
	}
}

// A store that gives another pointer than was asked for may give another patient's.
func TestAnotherPointerIsNotHandedBack(t *testing.T) {
	t.Parallel()
	other := strings.ReplaceAll(storedAs(t, "3", "A81001"), oldID, "another")
	read := func() *http.Request { return request("GET", collection+"/"+oldID, "", "") }
	update := func() *http.Request {
		return request("PATCH", collection+"/"+oldID, "application/fhir+json", updates[false])
	}
	for name, c := range map[string]struct {
		request func() *http.Request
		answer  string
		want    int
	}{
		"a read":                     {read, storedAs(t, "3", "A81001"), 200},
		"a read of another":          {read, other, 502},
		"a read of one without id":   {read, load(t, "create", "stu3", "json").text, 502},
		"a search":                   {func() *http.Request { return request("GET", collection+queryString("subject", patient), "", "") }, other, 200},
		"an update":                  {update, storedAs(t, "4", "A81001"), 200},
		"an update of another":       {update, other, 502},
		"an update with an outcome":  {update, `{"resourceType":"OperationOutcome"}`, 200},
		"an update without a body":   {update, "", 200},
		"a read of what is not read": {read, strings.Replace(other, `"custodian"`, `"Custodian"`, 1), 200},
	} {
		s := &script{t: t, answer: func(*http.Request, string) *http.Response { return says(200, c.answer) }}
		assert.Equal(t, c.want, through(t, s.facade(stored(t), nil), c.request()).Code, name)
	}
}
