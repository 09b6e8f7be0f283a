// SPDX-License-Identifier: Apache-2.0

package pointer_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/pointer"
)

const byNumber = `"identifier":{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"9000000009"}`

// storedOf is a resolver over a server that answers every search, and every read, with a
// pointer of that subject. BASE in it is the server's URL.
func storedOf(t *testing.T, subject string) *pointer.FHIR {
	t.Helper()
	d := load(t, "supersede-both", "stu3", "json").with(t, "subject", `"subject":{`+subject+`}`, "")
	return remote(t, func(w http.ResponseWriter, r *http.Request) {
		text := strings.ReplaceAll(d.text, "BASE", "http://"+r.Host+"/STU3")
		if r.URL.Path == collection {
			text = searchsetOf("json", text)
		}
		reply(w, d.contentType(), `W/"1"`, text)
	})
}

// ofPatient is a new pointer of A81001 about that patient of the server's.
func ofPatient(t *testing.T, f *pointer.FHIR, subject string) *pointer.Pointer {
	t.Helper()
	return &pointer.Pointer{Custodian: ods(t, "A81001"), Status: "current", MasterIdentifier: newIdentifier,
		Subject: strings.ReplaceAll(subject, "BASE", f.Base.String())}
}

// A create goes by what the search finds of the patient. What is found may name the same
// patient in another spelling than the create does.
func TestAMasterIdentifierIsTakenWhateverThePatientIsCalled(t *testing.T) {
	t.Parallel()
	const another = "another patient"
	for _, c := range []struct{ stored, subject, want string }{ // want: the rule
		{`"reference":"Patient/1",` + byNumber, "BASE/Patient/1", "duplicate"},
		{`"reference":"Patient/1",` + byNumber, patient, "duplicate"},
		{`"reference":"BASE/Patient/1",` + byNumber, "BASE/Patient/1", "duplicate"},
		{`"reference":"BASE/Patient/1",` + byNumber, patient, "duplicate"},
		{`"reference":"Patient/1/_history/2"`, "BASE/Patient/1", "duplicate"},
		{`"reference":"BASE/Patient/1/_history/2"`, "BASE/Patient/1", "duplicate"},
		{`"reference":"https://DEMOGRAPHICS.spineservices.nhs.uk:443/STU3/Patient/9000000009/"`, patient, "duplicate"},
		{byNumber, patient, "duplicate"},
		{`"reference":"` + otherPatient + `",` + byNumber, otherPatient, "duplicate"},

		{`"reference":"Patient/1",` + byNumber, "https://another.name/fhir/Patient/1", "resolver"},
		{`"reference":"Patient/1"`, "https://another.name/fhir/Patient/1", "resolver"},
		{`"reference":"https://another.name/fhir/Patient/1"`, "BASE/Patient/1", "resolver"},
		{`"reference":"Patient/1"`, patient, "resolver"},
		{`"reference":"#p"`, "BASE/Patient/1", "resolver"},
		{`"reference":"` + otherPatient + `",` + byNumber, patient, "resolver"},

		{`"reference":"Patient/1",` + byNumber, otherPatient, another},
		{`"reference":"Patient/1",` + byNumber, "BASE/Patient/2", another},
		{`"reference":"Patient/1"`, "BASE/Patient/2", another},
		{`"reference":"` + otherPatient + `"`, patient, another},
		{`"reference":"https://another.name/fhir/Patient/2"`, "BASE/Patient/1", another},
		{`"display":"x"`, patient, another},
	} {
		f := storedOf(t, c.stored)
		_, err := (&pointer.Guard{Resolver: f}).Authorize(t.Context(), callerOf(t, "A81001"), pointer.Change{Action: pointer.Create, New: ofPatient(t, f, c.subject)})
		if c.want == another {
			assert.NoError(t, err, "%s and %s", c.stored, c.subject)
		} else if assert.Error(t, err, "%s and %s", c.stored, c.subject) {
			assertRule(t, err, pointer.Rule(c.want))
		}
	}
}

// FHIR has a relative subject, too, but the NRL names patients by URLs, which alone can be compared.
func TestARelativeSubjectIsTheClientsFault(t *testing.T) {
	t.Parallel()
	for _, subject := range []string{"Patient/1", "Patient/2", "9000000009", "#p"} {
		r := request("DELETE", collection+queryString("subject", subject, "identifier", newIdentifier.System+"|"+newIdentifier.Value), "", "")
		assertRule(t, refusal(t, &pointer.Guard{Resolver: storedOf(t, `"reference":"Patient/1"`)}, r), pointer.RuleRequest)
	}
	f := storedOf(t, `"reference":"Patient/1"`) // which the server's own URL, of http here, names too
	r := request("DELETE", collection+queryString("subject", f.Base.JoinPath("Patient/1").String(), "identifier", newIdentifier.System+"|"+newIdentifier.Value), "", "")
	w, h := send(t, &pointer.Guard{Resolver: f}, r)
	assert.True(t, h.called, w.Body)
}

// With searches by NHS number, what names a patient in another way only may be of that number.
func TestASearchByNHSNumberGoesByNumbers(t *testing.T) {
	t.Parallel()
	for stored, found := range map[string]bool{
		`"reference":"Patient/1",` + byNumber:                         true,
		`"reference":"https://another.name/Patient/1",` + byNumber:    true,
		`"reference":"https://another.name/Patient/1"`:                false,
		`"reference":"` + otherPatient + `",` + byNumber:              false,
		`"reference":"Patient/1","identifier":{"value":"9000000009"}`: false,
	} {
		f := storedOf(t, stored)
		f.SubjectByIdentifier = true
		if !found {
			assertCannotTell(t, f)
			continue
		}
		p, err := f.Resolve(t.Context(), pointer.Query{Subject: patient, Identifier: newIdentifier})
		require.NoError(t, err, stored)
		assert.Equal(t, patient, p.Subject, stored)
	}
}

// The pointer that is superseded is found by its id, so that the server has not compared
// the patients.
func TestASupersedeIsOfTheSamePatientWhateverItIsCalled(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		stored, subject string
		same            bool
	}{
		{`"reference":"Patient/1",` + byNumber, "BASE/Patient/1", true},
		{`"reference":"Patient/1",` + byNumber, patient, true},
		{`"reference":"BASE/Patient/1/_history/3"`, "BASE/Patient/1", true},
		{`"reference":"Patient/1",` + byNumber, "BASE/Patient/2", false},
		{`"reference":"Patient/1",` + byNumber, otherPatient, false},
		{`"reference":"` + otherPatient + `",` + byNumber, patient, false},
		{`"reference":"Patient/1"`, patient, false},
		{`"display":"x"`, patient, false},
	} {
		f := storedOf(t, c.stored)
		fresh := ofPatient(t, f, c.subject)
		fresh.MasterIdentifier = pointer.Identifier{}
		fresh.RelatesTo = []pointer.Relation{{Code: "replaces", Target: pointer.Query{ID: newID}}}
		_, err := (&pointer.Guard{Resolver: f}).Authorize(t.Context(), callerOf(t, "A81001"), pointer.Change{Action: pointer.Supersede, New: fresh})
		if c.same {
			assert.NoError(t, err, "%s and %s", c.stored, c.subject)
		} else if assert.Error(t, err, "%s and %s", c.stored, c.subject) {
			assertRule(t, err, pointer.RuleRelatesTo)
		}
	}
}
