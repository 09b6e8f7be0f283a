// SPDX-License-Identifier: Apache-2.0

package pointer_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/pointer"
)

func searchsetOf(format string, resources ...string) string {
	var b strings.Builder
	if format == "json" {
		b.WriteString(`{"resourceType":"Bundle","type":"searchset","total":` + strconv.Itoa(len(resources)) + `,"link":[{"relation":"self","url":"x"}]`)
		for i, r := range resources {
			b.WriteString([]string{`,"entry":[`, ","}[min(i, 1)] + `{"fullUrl":"x","resource":` + r + `,"search":{"mode":"match"}}`)
		}
		if len(resources) > 0 {
			b.WriteString("]")
		}
		return b.String() + "}"
	}
	b.WriteString(`<Bundle xmlns="http://hl7.org/fhir"><type value="searchset"/><total value="1"/><link><relation value="self"/><url value="x"/></link>`)
	for _, r := range resources {
		_, root, _ := strings.Cut(r, "?>")
		b.WriteString(`<entry><fullUrl value="x"/><resource>` + root + `</resource><search><mode value="match"/></search></entry>`)
	}
	return b.String() + "</Bundle>"
}

const spineCodes = "https://fhir.nhs.uk/STU3/CodeSystem/Spine-ErrorOrWarningCode-1"

// refusalOf is an OperationOutcome of one issue.
func refusalOf(severity, system, code, diagnostics string) string {
	return `{"resourceType":"OperationOutcome","issue":[{"severity":"` + severity + `","code":"invalid","details":{"coding":[{"system":"` + system +
		`","code":"` + code + `"}]},"diagnostics":"` + diagnostics + `"}]}`
}

// A server that refuses the search itself may repeat what it was asked for. The
// patient's pointer of that masterIdentifier is there all the same.
func TestARefusedSearchIsNotOneThatFindsNothing(t *testing.T) {
	t.Parallel()
	invalid := refusalOf("error", spineCodes, "INVALID_NHS_NUMBER", "x")
	for name, c := range map[string]struct {
		contentType, body string
		found             bool
	}{
		"coded":                        {"application/fhir+json", invalid, false},
		"no body":                      {"application/fhir+json", "", true},
		"an echo in the diagnostics":   {"application/fhir+json", refusalOf("error", spineCodes, "INVALID_PARAMETER", "identifier INVALID_NHS_NUMBER"), true},
		"a status in the diagnostics":  {"application/fhir+json", refusalOf("error", spineCodes, "INVALID_PARAMETER", "DocumentReference status is not 'current'"), true},
		"what only a read is told":     {"application/fhir+json", refusalOf("error", spineCodes, "BAD_REQUEST", "x"), true},
		"codes of another system":      {"application/fhir+json", refusalOf("error", "urn:x", "INVALID_NHS_NUMBER", "x"), true},
		"a warning":                    {"application/fhir+json", refusalOf("warning", spineCodes, "INVALID_NHS_NUMBER", "x"), true},
		"another resource":             {"application/fhir+json", strings.Replace(invalid, "OperationOutcome", "Basic", 1), true},
		"not JSON":                     {"text/plain", invalid, true},
		"text around it":               {"application/fhir+json", invalid + "x", true},
		"a name twice":                 {"application/fhir+json", strings.Replace(invalid, `"issue"`, `"issue":[],"issue"`, 1), true},
		"another issue beside it":      {"application/fhir+json", strings.Replace(invalid, `"issue":[`, `"issue":[{"severity":"error","code":"timeout"},`, 1), true},
		"another coding beside it":     {"application/fhir+json", strings.Replace(invalid, `"coding":[`, `"coding":[{"system":"urn:x","code":"y"},`, 1), true},
		"more than an outcome's bytes": {"application/fhir+json", invalid + strings.Repeat(" ", 64<<10), true},
	} {
		f := remote(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", c.contentType)
			w.WriteHeader(http.StatusBadRequest)
			w.Write([]byte(c.body))
		})
		fresh := &pointer.Pointer{Custodian: ods(t, "A81001"), Status: "current", Subject: patient,
			MasterIdentifier: pointer.Identifier{System: "urn:x", Value: "INVALID_NHS_NUMBER"}}
		_, err := (&pointer.Guard{Resolver: f}).Authorize(t.Context(), callerOf(t, "A81001"), pointer.Change{Action: pointer.Create, New: fresh})
		if c.found {
			assert.True(t, assertRule(t, err, pointer.RuleResolver), name)
		} else {
			assert.NoError(t, err, name)
		}
	}
}

// searched is a resolver over a server where every search finds d, and all else is
// answered by read.
func searched(t *testing.T, d document, read http.HandlerFunc) *pointer.FHIR {
	t.Helper()
	return remote(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == collection {
			reply(w, d.contentType(), "", searchsetOf("json", d.text))
			return
		}
		read(w, r)
	})
}

// assertCannotTell asserts that a search fails, and does not find nothing.
func assertCannotTell(t *testing.T, f *pointer.FHIR) {
	t.Helper()
	_, err := f.Resolve(t.Context(), pointer.Query{Subject: patient, Identifier: newIdentifier})
	require.Error(t, err)
	assert.NotErrorIs(t, err, pointer.ErrNotFound)
}

// The pointer that a search has found is there, whatever a read of it is told.
func TestWhatASearchFoundIsNotLostByItsRead(t *testing.T) {
	t.Parallel()
	d := load(t, "supersede-both", "stu3", "json")
	d = d.with(t, "meta", `"meta":{"profile":["x"]}`, "")
	f := searched(t, d, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/fhir+json")
		w.WriteHeader(http.StatusBadRequest)
		w.Write([]byte(refusalOf("error", spineCodes, "BAD_REQUEST", "DocumentReference status is not 'current'")))
	})
	assertCannotTell(t, f)
}

// The first page is not the whole, and the next may have expired.
func TestAPageThatIsGoneIsNotTheEndOfASearch(t *testing.T) {
	t.Parallel()
	d := load(t, "supersede-both", "stu3", "json")
	for _, first := range []string{searchsetOf("json"), searchsetOf("json", d.text)} {
		for _, status := range []int{http.StatusGone, http.StatusNotFound} {
			f := remote(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Query().Has("page") {
					w.Header().Set("Content-Type", "application/fhir+json")
					w.WriteHeader(status)
					io.WriteString(w, refusalOf("error", spineCodes, "NO_RECORD_FOUND", "x"))
					return
				}
				reply(w, d.contentType(), "", strings.Replace(first, `"self","url":"x"`, `"next","url":"?page=1"`, 1))
			})
			assertCannotTell(t, f)
		}
	}
}

func TestASearchHasTheVersionToo(t *testing.T) {
	t.Parallel()
	d := load(t, "supersede-both", "stu3", "json")
	d = d.with(t, "meta", `"meta":{"profile":["x"]}`, "")
	etag := `W/"7"`
	f := searched(t, d, func(w http.ResponseWriter, _ *http.Request) { reply(w, d.contentType(), etag, d.text) })
	q := pointer.Query{Subject: patient, Identifier: newIdentifier}
	p, err := f.Resolve(t.Context(), q)
	require.NoError(t, err)
	assert.Equal(t, "7", p.Version)
	etag = ""
	_, err = f.Resolve(t.Context(), q)
	assert.Error(t, err, "a change that cannot be conditional")
}

// A server that answers a search with a part of each pointer may leave out what tells it
// from others.
func TestAPartOfAPointerIsNotPassedOver(t *testing.T) {
	t.Parallel()
	d := load(t, "supersede-both", "stu3", "json")
	for _, tag := range []string{`"tag":[{"code":"SUBSETTED"}]`, `"tag":[{"Code":"SUBSETTED"}]`, `"Tag":[{"code":"SUBSETTED"}]`} {
		part := d.with(t, "meta", `"meta":{"versionId":"1",`+tag+`}`, "")
		for _, element := range []string{"masterIdentifier", "subject"} {
			assertCannotTell(t, searched(t, part.with(t, element, `"language":"en"`, ""), http.NotFound))
		}
	}
	f := searched(t, d.with(t, "masterIdentifier", `"language":"en"`, ""), http.NotFound)
	_, err := f.Resolve(t.Context(), pointer.Query{Subject: patient, Identifier: newIdentifier})
	assert.ErrorIs(t, err, pointer.ErrNotFound, "a whole pointer without one")
}

// A cache that does not do as it is told says so by the age of its answer.
func TestAnAnswerOfACacheIsRefused(t *testing.T) {
	t.Parallel()
	d := load(t, "supersede-both", "stu3", "json")
	for age, fresh := range map[string]bool{"": true, "0": true, "1": false, "x": false} {
		f := remote(t, func(w http.ResponseWriter, r *http.Request) {
			if age != "" {
				w.Header().Set("Age", age)
			}
			if r.URL.Path == collection {
				reply(w, d.contentType(), "", searchsetOf("json", d.text))
				return
			}
			reply(w, d.contentType(), "", d.text)
		})
		for _, q := range []pointer.Query{{ID: newID}, {Subject: patient, Identifier: newIdentifier}} {
			if _, err := f.Resolve(t.Context(), q); fresh {
				assert.NoError(t, err)
			} else if assert.Error(t, err, age) {
				assert.NotErrorIs(t, err, pointer.ErrNotFound)
			}
		}
	}
}

// That a pointer is not there may be a cache's word, too: caches keep 404 and 410 as well.
func TestThatNothingIsThereIsNoCachesToSay(t *testing.T) {
	t.Parallel()
	for age, fresh := range map[string]bool{"0": true, "600": false} {
		for _, c := range []struct {
			status int
			code   string
			q      pointer.Query
		}{
			{http.StatusNotFound, "NO_RECORD_FOUND", pointer.Query{Subject: patient, Identifier: newIdentifier}},
			{http.StatusBadRequest, "INVALID_NHS_NUMBER", pointer.Query{Subject: patient, Identifier: newIdentifier}},
			{http.StatusNotFound, "", pointer.Query{ID: newID}},
			{http.StatusGone, "", pointer.Query{ID: newID}},
		} {
			f := remote(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Age", age)
				w.Header().Set("Content-Type", "application/fhir+json")
				w.WriteHeader(c.status)
				io.WriteString(w, refusalOf("error", spineCodes, c.code, "x"))
			})
			_, err := f.Resolve(t.Context(), c.q)
			require.Error(t, err)
			assert.Equal(t, fresh, errors.Is(err, pointer.ErrNotFound), "%d of age %s: %v", c.status, age, err)
		}
	}
}

// An nrlFunc is an NRL of one function.
type nrlFunc func(*http.Request) *http.Response

func (f nrlFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r), nil }

// A server writes a patient of its own as a relative reference, and one that is known by
// an NHS number by whatever URL it likes. A create goes by what the search finds of them.
func TestAPatientInAnotherSpellingIsNotAnotherPatient(t *testing.T) {
	t.Parallel()
	as := func(subject string) document {
		return load(t, "supersede-both", "stu3", "json").with(t, "subject", `"subject":{"reference":"`+subject+`"}`, "")
	}
	const own = "Patient/1"
	f := searched(t, as(own), http.NotFound)
	q := pointer.Query{Subject: f.Base.JoinPath(own).String(), Identifier: newIdentifier}
	p, err := f.Resolve(t.Context(), q)
	require.NoError(t, err)
	assert.Equal(t, q.Subject, p.Subject)

	assertCannotTell(t, f) // the patient's URL on the PDS
	f = searched(t, as("https://fhir.example/Patient/1"), http.NotFound)
	_, err = f.Resolve(t.Context(), pointer.Query{Subject: patient, Identifier: newIdentifier})
	assert.ErrorIs(t, err, pointer.ErrNotFound, "a server that does not know the parameter")
	f.SubjectByIdentifier = true
	assertCannotTell(t, f)
}

// A request for the next page has the credentials of the one before.
func TestNoRequestGoesToANextPageElsewhere(t *testing.T) {
	t.Parallel()
	for _, next := range []string{
		"http://nrl.test/STU3/?page=1", "https://nrl.test:8443/STU3/?page=1", "https://u:p@nrl.test/STU3/?page=1", "//elsewhere.test/STU3/",
		"https://nrl.test/STU3x/?page=1", "https://nrl.test/STU3/../x", "https://nrl.test/STU3/a%2F..%2F..%2Fx", "https://nrl.test/STU3/%2e%2e/x",
	} {
		asked := 0
		f := &pointer.FHIR{Base: &url.URL{Scheme: "https", Host: "nrl.test", Path: "/STU3"}, Client: &http.Client{
			Transport: nrlFunc(func(*http.Request) *http.Response {
				asked++
				w := httptest.NewRecorder()
				reply(w, "application/fhir+json", "", `{"resourceType":"Bundle","type":"searchset","link":[{"relation":"next","url":"`+next+`"}]}`)
				return w.Result()
			})}}
		_, err := f.Resolve(t.Context(), pointer.Query{Subject: patient, Identifier: newIdentifier})
		assert.Error(t, err, next)
		assert.Equal(t, 1, asked, next)
	}
}
