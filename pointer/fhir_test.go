// SPDX-License-Identifier: Apache-2.0

package pointer_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/pointer"
	"github.com/nrlsecurity/nrlsecurity/pointer/pointertest"
)

// remote is a resolver over an NRL that answers as h does.
func remote(t *testing.T, h http.HandlerFunc) *pointer.FHIR {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	base, err := url.Parse(srv.URL + "/STU3")
	require.NoError(t, err)
	return &pointer.FHIR{Client: srv.Client(), Base: base}
}

func reply(w http.ResponseWriter, contentType, etag, body string) {
	w.Header().Set("Content-Type", contentType)
	if etag != "" {
		w.Header().Set("ETag", etag)
	}
	w.Write([]byte(body))
}

func TestPointersAreFoundOnAnotherNRL(t *testing.T) {
	t.Parallel()
	everyForm(t, "supersede-both", func(t *testing.T, d document) {
		if d.format == "xml" {
			return // not what was asked for
		}
		want, err := d.parse()
		require.NoError(t, err)
		want.RelatesTo = nil // of what is stored they are not read
		neighbour := strings.ReplaceAll(strings.ReplaceAll(d.text, newID, "neighbour"), newIdentifier.Value, "urn:uuid:neighbour")
		var twins []string
		f := remote(t, func(w http.ResponseWriter, r *http.Request) {
			assert.Equal(t, "application/fhir+json", r.Header.Get("Accept"))
			assert.Equal(t, "identity", r.Header.Get("Accept-Encoding"))
			switch {
			case r.URL.Path == collection+"/"+newID:
				reply(w, d.contentType(), `W/"1"`, d.text)
			case r.URL.Path == collection+"/twin":
				reply(w, d.contentType(), `W/"1"`, twins[0])
			case r.URL.Path == collection && r.URL.Query().Get("subject") == patient:
				// A server that does not know the parameter identifier.
				reply(w, d.contentType(), "", searchsetOf(d.format, append([]string{neighbour, d.text}, twins...)...))
			case r.URL.Path == collection:
				reply(w, d.contentType(), "", searchsetOf(d.format))
			default:
				w.WriteHeader(http.StatusNotFound)
			}
		})
		require.NoError(t, pointertest.TestResolver(f, want))

		got, err := f.Resolve(t.Context(), pointer.Query{Subject: patient, Identifier: newIdentifier})
		require.NoError(t, err)
		assert.Equal(t, want, got)

		second := *want
		second.ID = "twin"
		twins = []string{strings.ReplaceAll(d.text, newID, second.ID)}
		require.NoError(t, pointertest.TestResolver(f, want, &second))
	})
}

// An R4 server whose pointers name the patient by NHS number does not know them by URL.
func TestAnR4ServerIsSearchedByTheNHSNumber(t *testing.T) {
	t.Parallel()
	d := load(t, "supersede-both", "r4", "json")
	want, err := d.parse()
	require.NoError(t, err)
	want.RelatesTo = nil
	var asked url.Values
	f := remote(t, func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.Query()
		if asked.Get("subject:identifier") != "https://fhir.nhs.uk/Id/nhs-number|9000000009" {
			reply(w, d.contentType(), "", searchsetOf("json"))
			return
		}
		reply(w, d.contentType(), "", searchsetOf("json", d.text))
	})
	q := pointer.Query{Subject: patient, Identifier: newIdentifier}
	_, err = f.Resolve(t.Context(), q)
	require.ErrorIs(t, err, pointer.ErrNotFound)
	assert.Equal(t, patient, asked.Get("subject"))

	f.SubjectByIdentifier = true
	got, err := f.Resolve(t.Context(), q)
	require.NoError(t, err)
	assert.Equal(t, want, got)
	assert.False(t, asked.Has("subject"))
	assert.Equal(t, newIdentifier.System+"|"+newIdentifier.Value, asked.Get("identifier"))

	asked = nil
	q.Subject = "https://fhir.example/Patient/1" // of which no NHS number is known
	_, err = f.Resolve(t.Context(), q)
	assertRule(t, err, pointer.RuleResource) // a pointer that is there would not be found
	assert.Nil(t, asked)

	// Its masterIdentifier may be there already, so nothing is created.
	created := strings.Replace(load(t, "create", "stu3", "json").text, patient, q.Subject, 1)
	w, h := send(t, &pointer.Guard{Resolver: f}, request("POST", collection, "application/fhir+json", created))
	assert.False(t, h.called)
	assert.Equal(t, http.StatusBadRequest, w.Code)
	assert.Contains(t, w.Body.String(), "Resource is invalid : subject")
	assert.Nil(t, asked)
}

func TestTheVersionMayComeInTheETagAlone(t *testing.T) {
	t.Parallel()
	d := load(t, "supersede-both", "stu3", "json")
	d = d.with(t, "meta", `"meta":{"profile":["x"]}`, "")
	f := remote(t, func(w http.ResponseWriter, _ *http.Request) { reply(w, d.contentType(), `W/"7"`, d.text) })
	p, err := f.Resolve(t.Context(), pointer.Query{ID: newID})
	require.NoError(t, err)
	assert.Equal(t, "7", p.Version)
}

func TestAnswersOfAnotherNRLAreChecked(t *testing.T) {
	t.Parallel()
	d := load(t, "supersede-both", "stu3", "json")
	fhir, search := d.contentType(), searchsetOf("json", d.text)
	byID, byName := pointer.Query{ID: newID}, pointer.Query{Subject: patient, Identifier: newIdentifier}
	for _, c := range []struct {
		name string
		q    pointer.Query
		h    http.HandlerFunc
		kind error
	}{
		{"another pointer", byID, func(w http.ResponseWriter, _ *http.Request) {
			reply(w, fhir, "", strings.ReplaceAll(d.text, newID, "another"))
		}, nil},
		{"another version in the ETag", byID, func(w http.ResponseWriter, _ *http.Request) { reply(w, fhir, `W/"2"`, d.text) }, nil},
		{"an ETag that is no version", byID, func(w http.ResponseWriter, _ *http.Request) { reply(w, fhir, `1`, d.text) }, nil},
		{"an ambiguous body", byID, func(w http.ResponseWriter, _ *http.Request) { reply(w, fhir, "", d.twice(t, "custodian").text) }, nil},
		{"a body of another media type", byID, func(w http.ResponseWriter, _ *http.Request) { reply(w, "text/plain", "", d.text) }, nil},
		{"a body without end", byID, func(w http.ResponseWriter, _ *http.Request) {
			reply(w, fhir, "", d.text+strings.Repeat(" ", 8<<20))
		}, nil},
		{"a compressed body", byID, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			reply(w, fhir, "", d.text)
		}, nil},
		{"a redirect", byID, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/elsewhere" {
				http.Redirect(w, r, "/elsewhere", http.StatusFound)
				return
			}
			reply(w, fhir, "", d.text)
		}, nil},
		{"a failure", byID, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }, nil},
		{"gone", byID, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGone) }, pointer.ErrNotFound},
		{"two that match", byName, func(w http.ResponseWriter, _ *http.Request) {
			reply(w, fhir, "", searchsetOf("json", d.text, strings.ReplaceAll(d.text, newID, "another")))
		}, pointer.ErrAmbiguous},
		{"none that matches", byName, func(w http.ResponseWriter, _ *http.Request) {
			reply(w, fhir, "", strings.ReplaceAll(search, newIdentifier.Value, "x"))
		}, pointer.ErrNotFound},
		{"pages without end", byName, func(w http.ResponseWriter, _ *http.Request) {
			reply(w, fhir, "", strings.Replace(search, `"self","url":"x"`, `"next","url":"?page=1"`, 1))
		}, nil},
		{"a next page on another server", byName, func(w http.ResponseWriter, _ *http.Request) {
			reply(w, fhir, "", strings.Replace(search, `"self","url":"x"`, `"next","url":"https://elsewhere.example/STU3/?page=1"`, 1))
		}, nil},
		{"a body in XML, which was not asked for", byName, func(w http.ResponseWriter, _ *http.Request) {
			reply(w, "application/fhir+xml", "", `<Bundle xmlns="http://hl7.org/fhir"><type value="searchset"/></Bundle>`)
		}, nil},
		{"a transaction", byName, func(w http.ResponseWriter, _ *http.Request) {
			reply(w, fhir, "", strings.Replace(search, `"searchset"`, `"transaction"`, 1))
		}, nil},
		{"an entry without a resource", byName, func(w http.ResponseWriter, _ *http.Request) {
			reply(w, fhir, "", `{"resourceType":"Bundle","type":"searchset","entry":[{"fullUrl":"x"}]}`)
		}, nil},
		{"an error beside what was found", byName, func(w http.ResponseWriter, _ *http.Request) {
			reply(w, fhir, "", searchsetOf("json", d.text, refusalOf("error", spineCodes, "x", "x")))
		}, nil},
		{"an error in place of what was found", byName, func(w http.ResponseWriter, _ *http.Request) {
			reply(w, fhir, "", strings.Replace(searchsetOf("json", refusalOf("fatal", spineCodes, "x", "x")), `"match"`, `"outcome"`, 1))
		}, nil},
		{"an entry that cannot be read, of that masterIdentifier", byName, func(w http.ResponseWriter, _ *http.Request) {
			reply(w, fhir, "", searchsetOf("json", d.twice(t, "custodian").text))
		}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := remote(t, c.h)
			p, err := f.Resolve(t.Context(), c.q)
			require.Error(t, err)
			assert.Nil(t, p)
			for _, kind := range []error{pointer.ErrNotFound, pointer.ErrAmbiguous} {
				assert.Equal(t, c.kind == kind, assert.ObjectsAreEqual(kind, err), "%v", err)
			}
			if c.kind == nil {
				// It is the server's own fault, whatever the error wraps.
				change := pointer.Change{Action: pointer.Delete, Target: c.q}
				assert.Equal(t, 500, answer(t, &pointer.Guard{Resolver: f}, callerOf(t, "A81001"), change).Code)
			}
		})
	}
}

// A store adds to what it takes and escapes more of it, as encoding/json does brackets. What
// a guard lets be created has to be read again, or its owner could never withdraw it.
func TestAPointerOfAnySizeThatIsTakenCanBeWithdrawn(t *testing.T) {
	t.Parallel()
	described := func(text, description string) string {
		return strings.Replace(text, `"status"`, `"description":"`+description+`","status"`, 1)
	}
	longest := 1<<20 - len(described(load(t, "create", "stu3", "json").text, ""))
	fresh := described(load(t, "create", "stu3", "json").text, strings.Repeat("<", longest))
	_, h := send(t, &pointer.Guard{Resolver: stored(t)}, request("POST", collection, "application/fhir+json", fresh))
	require.True(t, h.called, "%d bytes", len(fresh))

	answered := described(storedAs(t, "3", "A81001"), strings.Repeat(`\u003c`, longest))
	s := &script{t: t, answer: func(r *http.Request, _ string) *http.Response {
		if r.Method != http.MethodGet {
			return says(http.StatusOK, "")
		}
		return says(http.StatusOK, answered)
	}}
	for _, r := range []*http.Request{
		request("PATCH", collection+"/"+oldID, "application/fhir+json", updates[false]), request("DELETE", collection+"/"+oldID, "", ""),
	} {
		w := through(t, s.facade(s.resolver(), func(f *pointer.Forward) { f.Update = pointer.UpdatePut }), r)
		assert.Equal(t, http.StatusOK, w.Code, "%s: %s", r.Method, w.Body)
	}
}

func TestQueriesThatCouldMeanMoreAreNotSent(t *testing.T) {
	t.Parallel()
	f := remote(t, func(http.ResponseWriter, *http.Request) { t.Error("a request") })
	for _, q := range []pointer.Query{
		{}, {ID: "../x"}, {ID: ".."}, {Subject: patient}, {Identifier: newIdentifier},
		{Subject: patient + "," + otherPatient, Identifier: newIdentifier},
		{Subject: patient, Identifier: pointer.Identifier{System: "a|b", Value: "c"}},
		{Subject: patient, Identifier: pointer.Identifier{System: "a", Value: `b\,c`}},
	} {
		_, err := f.Resolve(t.Context(), q)
		assert.ErrorIs(t, err, pointer.ErrNotFound, "%+v", q)
	}
	_, err := (&pointer.FHIR{}).Resolve(t.Context(), pointer.Query{ID: newID})
	assert.Error(t, err)
}

func TestErrorsDoNotNameThePatient(t *testing.T) {
	t.Parallel()
	f := remote(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	_, err := f.Resolve(t.Context(), pointer.Query{Subject: patient, Identifier: newIdentifier})
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "9000000009")
}

// nrl.Store, as the NRL, answers 400 to a read of what is not current.
func TestAnotherOrganisationLearnsNothingOverFHIR(t *testing.T) {
	t.Parallel()
	f := remote(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != collection+"/theirs-superseded" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "application/fhir+json; charset=utf-8")
		w.WriteHeader(http.StatusBadRequest)
		w.Write([]byte(refusalOf("error", spineCodes, "BAD_REQUEST", "DocumentReference status is not 'current'")))
	})
	remove := func(id string) int {
		change := pointer.Change{Action: pointer.Delete, Target: pointer.Query{ID: id}}
		return answer(t, &pointer.Guard{Resolver: f}, callerOf(t, "A81001"), change).Code
	}
	assert.Equal(t, remove("none"), remove("theirs-superseded"), "another organisation learns that it is there")
}

func TestRelativeReferencesOverFHIR(t *testing.T) {
	t.Parallel()
	d := load(t, "supersede-both", "stu3", "json").custodian(t, `{"reference":"Organization/A81001"}`, "")
	f := remote(t, func(w http.ResponseWriter, r *http.Request) { reply(w, d.contentType(), "", d.text) })
	f.RelativeReferences = true
	g := &pointer.Guard{Resolver: f, RelativeReferences: true}
	_, err := g.Authorize(t.Context(), callerOf(t, "A81001"), pointer.Change{Action: pointer.Delete, Target: pointer.Query{ID: newID}})
	assert.NoError(t, err)
}
