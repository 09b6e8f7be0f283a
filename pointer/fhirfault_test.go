// SPDX-License-Identifier: Apache-2.0

package pointer_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/pointer"
)

func TestWhatAResolverSends(t *testing.T) {
	t.Parallel()
	d := load(t, "supersede-both", "stu3", "json")
	s := &script{t: t, answer: func(r *http.Request, _ string) *http.Response {
		assert.Equal(t, []string{"no-cache"}, r.Header["Cache-Control"])
		assert.Equal(t, []string{"no-cache"}, r.Header["Pragma"])
		assert.Equal(t, []string{"identity"}, r.Header["Accept-Encoding"])
		if r.URL.Path == "/fhir/DocumentReference" {
			return says(http.StatusOK, searchsetOf("json"))
		}
		return says(http.StatusOK, d.text)
	}}
	f := s.resolver()
	id := pointer.Identifier{System: "urn:s", Value: "v"}
	for _, c := range []struct {
		q            pointer.Query
		byIdentifier bool
		asked        string
	}{
		{pointer.Query{ID: newID}, false, "/fhir/DocumentReference/" + newID},
		{pointer.Query{Subject: patient, Identifier: id}, false, "/fhir/DocumentReference?" + url.Values{"identifier": {"urn:s|v"}, "subject": {patient}}.Encode()},
		{pointer.Query{Subject: patient, Identifier: id}, true, "/fhir/DocumentReference?" +
			url.Values{"identifier": {"urn:s|v"}, "subject:identifier": {"https://fhir.nhs.uk/Id/nhs-number|9000000009"}}.Encode()},
		{pointer.Query{Subject: "https://pds.example/Patient/1", Identifier: id}, true, ""},
		// An id that is none does not become a search that leaves it out.
		{pointer.Query{ID: "a/b", Subject: patient, Identifier: id}, false, ""},
	} {
		s.asked, f.SubjectByIdentifier = nil, c.byIdentifier
		_, err := f.Resolve(t.Context(), c.q)
		if c.asked == "" && c.byIdentifier {
			assertRule(t, err, pointer.RuleResource)
		} else if c.q.ID != newID {
			assert.ErrorIs(t, err, pointer.ErrNotFound, "%+v", c.q)
		} else {
			assert.NoError(t, err)
		}
		assert.Equal(t, c.asked, strings.TrimPrefix(strings.Join(s.asked, " "), "GET "), "%+v", c.q)
	}
	assert.Zero(t, s.open, "bodies that were not closed")

	// A query with both wants one pointer that has both.
	_, err := f.Resolve(t.Context(), pointer.Query{ID: newID, Subject: otherPatient})
	assert.ErrorIs(t, err, pointer.ErrNotFound)
	for _, f := range []*pointer.FHIR{{}, {Client: f.Client}, {Base: f.Base}, {Client: f.Client, Base: &url.URL{Scheme: "https", Host: "a b"}}} {
		_, err := f.Resolve(t.Context(), pointer.Query{ID: newID})
		assert.Error(t, err)
		assert.NotErrorIs(t, err, pointer.ErrNotFound)
	}
}

func TestWhatAResolverIsAnswered(t *testing.T) {
	t.Parallel()
	d := load(t, "supersede-both", "stu3", "json")
	page := func(next string, resources ...string) string {
		return strings.Replace(searchsetOf("json", resources...), `"self","url":"x"`, `"next","url":"`+next+`"`, 1)
	}
	neighbour := strings.ReplaceAll(strings.ReplaceAll(d.text, newID, "neighbour"), newIdentifier.Value, "urn:uuid:neighbour")
	withoutVersion := d.with(t, "meta", `"meta":{"profile":["x"]}`, "").text
	absent := refusalOf("error", spineCodes, "BAD_REQUEST", "x")
	thenRead := func(read *http.Response) func(*http.Request, int) *http.Response {
		return func(r *http.Request, _ int) *http.Response {
			if r.URL.Path == "/fhir/DocumentReference" {
				return says(200, searchsetOf("json", withoutVersion))
			}
			return read
		}
	}
	const found = "found"
	for name, c := range map[string]struct {
		search bool
		answer func(r *http.Request, n int) *http.Response
		change func(*pointer.FHIR)
		want   string // found, or what the error says; "not found": ErrNotFound
	}{
		"the body broken off behind its end": {false, func(*http.Request, int) *http.Response { return broken(d.text) }, nil, "read to its end"},
		"two media types": {false, func(*http.Request, int) *http.Response {
			return says(200, d.text, "Content-Type", "application/fhir+json", "Content-Type", "application/fhir+json")
		}, nil, "not one Content-Type"},
		"two ETags": {false, func(*http.Request, int) *http.Response { return says(200, d.text, "ETag", `W/"1"`, "ETag", `W/"1"`) }, nil, "ETag"},
		"exactly as many bytes as are read": {false, func(*http.Request, int) *http.Response { return says(200, d.text) },
			func(f *pointer.FHIR) { f.MaxBytes = int64(len(d.text)) }, found},
		"a byte more": {false, func(*http.Request, int) *http.Response { return says(200, d.text) },
			func(f *pointer.FHIR) { f.MaxBytes = int64(len(d.text)) - 1 }, "larger"},
		"no answer":         {false, func(*http.Request, int) *http.Response { return nil }, nil, "could not be asked: no answer"},
		"400 with the code": {false, func(*http.Request, int) *http.Response { return says(400, absent) }, nil, "not found"},
		"400 with the code, fatal": {false, func(*http.Request, int) *http.Response {
			return says(400, refusalOf("fatal", spineCodes, "BAD_REQUEST", "x"))
		}, nil, "not found"},
		"400 without a body": {false, func(*http.Request, int) *http.Response { return says(400, "") }, nil, "status 400"},
		"400 and another type": {false, func(*http.Request, int) *http.Response {
			return says(400, absent, "Content-Type", "application/fhir+xml")
		}, nil, "status 400"},
		"400 and no type of FHIR's": {false, func(*http.Request, int) *http.Response { return says(400, absent, "Content-Type", "text/plain") }, nil, "status 400"},
		"400 and a second issue": {false, func(*http.Request, int) *http.Response {
			return says(400, strings.Replace(absent, `"issue":[`, `"issue":[{"severity":"error","details":{"coding":[{"system":"`+spineCodes+`","code":"BAD_REQUEST"}]}},`, 1))
		}, nil, "status 400"},
		"400 and no issue": {false, func(*http.Request, int) *http.Response { return says(400, `{"resourceType":"OperationOutcome"}`) }, nil, "status 400"},
		"400 and two codings": {false, func(*http.Request, int) *http.Response {
			return says(400, strings.Replace(absent, `"coding":[`, `"coding":[{"system":"`+spineCodes+`","code":"BAD_REQUEST"},`, 1))
		}, nil, "status 400"},
		"400 and no coding": {false, func(*http.Request, int) *http.Response {
			return says(400, `{"resourceType":"OperationOutcome","issue":[{"severity":"error"}]}`)
		}, nil, "status 400"},
		"a search at a URL where there is nothing": {true, func(*http.Request, int) *http.Response { return says(404, "") }, nil, "status 404"},
		"a search that is gone":                    {true, func(*http.Request, int) *http.Response { return says(410, "") }, nil, "status 410"},
		"a search for a patient who is not known": {true, func(*http.Request, int) *http.Response {
			return says(404, refusalOf("error", spineCodes, "NO_RECORD_FOUND", "x"))
		}, nil, "not found"},
		"a pointer without an id": {true, func(*http.Request, int) *http.Response {
			return says(200, searchsetOf("json", strings.Replace(d.text, `"id": "`+newID+`",`, "", 1)))
		}, nil, "without an id"},
		"a next page that is no URL": {true, func(*http.Request, int) *http.Response { return says(200, page("http://[::1", d.text)) }, nil, "malformed"},
		"a next page at Base itself": {true, func(r *http.Request, n int) *http.Response {
			if n == 0 {
				return says(200, page("https://store.test/fhir?page=2", d.text))
			}
			assert.Equal(t, "/fhir?page=2", r.URL.RequestURI())
			return says(200, searchsetOf("json"))
		}, nil, found},
		"as many pages as are read": {true, func(_ *http.Request, n int) *http.Response {
			if n < 2 {
				return says(200, page("?page=x", d.text))
			}
			return says(200, searchsetOf("json"))
		}, func(f *pointer.FHIR) { f.MaxPages = 3 }, found},
		"a page more": {true, func(_ *http.Request, n int) *http.Response {
			if n < 2 {
				return says(200, page("?page=x", d.text))
			}
			return says(200, searchsetOf("json"))
		}, func(f *pointer.FHIR) { f.MaxPages = 2 }, "more pages"},
		"as many bytes on all pages as are read": {true, func(_ *http.Request, n int) *http.Response {
			return says(200, []string{page("?page=1", d.text), searchsetOf("json", d.text)}[n])
		}, func(f *pointer.FHIR) {
			f.MaxBytes = int64(len(page("?page=1", d.text)) + len(searchsetOf("json", d.text)))
		}, found},
		"a byte more on all pages": {true, func(_ *http.Request, n int) *http.Response {
			return says(200, []string{page("?page=1", d.text), searchsetOf("json", d.text)}[n])
		}, func(f *pointer.FHIR) {
			f.MaxBytes = int64(len(page("?page=1", d.text)) + len(searchsetOf("json", d.text)) - 1)
		}, "larger"},
		"a page after as many bytes as are read": {true, func(_ *http.Request, n int) *http.Response {
			return says(200, []string{page("?page=1", d.text), searchsetOf("json", d.text)}[n])
		}, func(f *pointer.FHIR) { f.MaxBytes = int64(len(page("?page=1", d.text))) }, "larger"},
		"nothing, of one pointer that is said to be found": {true, func(*http.Request, int) *http.Response {
			return says(200, strings.Replace(searchsetOf("json"), `"total":0`, `"total":1`, 1))
		}, nil, "fewer pointers"},
		"two, of three on as many pages as there are": {true, func(_ *http.Request, n int) *http.Response {
			return says(200, strings.Replace([]string{page("?page=1", d.text), searchsetOf("json", d.text)}[n], `"total":1`, `"total":3`, 1))
		}, nil, "fewer pointers"},
		"two, of two on two pages": {true, func(_ *http.Request, n int) *http.Response {
			return says(200, strings.Replace([]string{page("?page=1", d.text), searchsetOf("json", neighbour)}[n], `"total":1`, `"total":2`, 1))
		}, nil, found},
		"one twice, of two": {true, func(*http.Request, int) *http.Response { return says(200, searchsetOf("json", d.text, d.text)) }, nil, "fewer pointers"},
		"one twice, of two on two pages": {true, func(_ *http.Request, n int) *http.Response {
			return says(200, strings.Replace([]string{page("?page=1", neighbour), searchsetOf("json", neighbour)}[n], `"total":1`, `"total":2`, 1))
		}, nil, "fewer pointers"},
		"one twice, in two versions": {true, func(_ *http.Request, n int) *http.Response {
			return says(200, []string{page("?page=1", d.text), searchsetOf("json", withoutVersion)}[n])
		}, nil, "two states"},
		"a total that is no number": {true, func(*http.Request, int) *http.Response {
			return says(200, strings.Replace(searchsetOf("json", d.text), `"total":1`, `"total":"1"`, 1))
		}, nil, "malformed"},
		"found, but its read is a 400 that says nothing":         {true, thenRead(says(400, "")), nil, "status 400"},
		"found, but its read is a 404 of whatever answers there": {true, thenRead(says(404, "")), nil, "status 404"},
		"found, but its read is a 404 of a FHIR server's": {true,
			thenRead(says(404, refusalOf("error", "urn:x", "NO_RECORD_FOUND", "x"))), nil, "status 404"},
		"found, and deleted before its read, as the NRL says it": {true,
			thenRead(says(404, refusalOf("error", spineCodes, "NO_RECORD_FOUND", "x"))), nil, "not found"},
		"found, and deleted before its read, as FHIR says it": {true, thenRead(says(410, "")), nil, "not found"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &script{t: t}
			s.answer = func(r *http.Request, _ string) *http.Response { return c.answer(r, len(s.asked)-1) }
			f := s.resolver()
			if c.change != nil {
				c.change(f)
			}
			q := pointer.Query{ID: newID}
			if c.search {
				q = pointer.Query{Subject: patient, Identifier: newIdentifier}
			}
			p, err := f.Resolve(t.Context(), q)
			assert.Zero(t, s.open, "a body that was not closed")
			switch c.want {
			case found:
				require.NoError(t, err)
				assert.Equal(t, newID, p.ID)
			case "not found":
				assert.ErrorIs(t, err, pointer.ErrNotFound)
			default:
				require.ErrorContains(t, err, c.want)
				assert.NotErrorIs(t, err, pointer.ErrNotFound)
			}
		})
	}
}

func TestHowLongAStoreAsksToBeLeftAlone(t *testing.T) {
	t.Parallel()
	for after, want := range map[string]time.Duration{
		"": 0, "0": 0, "1": time.Second, "3600": time.Hour, "3601": 0, "-1": 0, "soon": 0, "99999999999999999999": 0, "Sat, 28 Nov 2026 10:00:00 GMT": 0,
	} {
		s := &script{t: t, answer: func(*http.Request, string) *http.Response {
			return says(http.StatusServiceUnavailable, "", "Retry-After", after)
		}}
		_, err := s.resolver().Resolve(t.Context(), pointer.Query{ID: newID})
		refused, ok := errors.AsType[*pointer.ChangeError](err)
		require.True(t, ok, after)
		assert.Equal(t, pointer.RuleUnavailable, refused.Rule)
		assert.Equal(t, want, refused.RetryAfter, after)
	}
}
