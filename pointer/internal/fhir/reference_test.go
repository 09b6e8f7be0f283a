// SPDX-License-Identifier: Apache-2.0

package fhir_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/nrlsecurity/nrlsecurity/pointer/internal/fhir"
)

const (
	directory = `"reference":"https://directory.spineservices.nhs.uk/STU3/Organization/`
	odsCode   = `"identifier":{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"`
	onPDS     = "https://demographics.spineservices.nhs.uk/STU3/Patient/"
	nhsNumber = `"identifier":{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"`
)

func read(t *testing.T, r fhir.Reader, members string) (*fhir.DocumentReference, fhir.Kind) {
	body := `{"resourceType":"DocumentReference",` + members + `}`
	kind, _ := kindOf(t, r, inJSON, body)
	p, _ := r.DocumentReference(inJSON, []byte(body))
	return p, kind
}

func TestWhoseACustodianIs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		custodian string
		relative  bool
		want      string // empty: refused
	}{
		{directory + `A81001"`, false, "A81001"},
		{directory + `A81001"`, true, "A81001"},
		{directory + `a81001"`, false, "A81001"},
		{`"reference":"Organization/A81001"`, true, "A81001"},
		{`"reference":"Organization/A81001"`, false, ""},
		{`"reference":"Organization/"`, true, ""},
		{`"reference":"A81001"`, true, ""},
		{directory + `"`, false, ""},
		{directory + `A8.001"`, false, ""},
		{directory + `A81001/_history/1"`, false, ""},
		{`"reference":"https://directory.example/STU3/Organization/A81001"`, false, ""},
		{odsCode + `A81001"}`, false, "A81001"},
		{odsCode + `A8.001"}`, false, ""},
		{`"identifier":{"system":"urn:x","value":"A81001"}`, false, ""},
		{`"display":"A81001"`, false, ""},
		// What one of the two says is not made good by the other.
		{directory + `A81001",` + odsCode + `a81001"}`, false, "A81001"},
		{directory + `A81001",` + odsCode + `RX1"}`, false, ""},
		{directory + `A81001",` + odsCode + `A8.001"}`, false, ""},
		{directory + `A81001","identifier":{"system":"urn:x","value":"A81001"}`, false, ""},
		{directory + `A8.001",` + odsCode + `A81001"}`, false, ""},
		{`"reference":"https://directory.example/A81001",` + odsCode + `A81001"}`, false, ""},
		{`"reference":"#x",` + odsCode + `A81001"}`, true, ""},
	} {
		for _, stored := range []bool{false, true} {
			p, kind := read(t, fhir.Reader{Relative: c.relative, Stored: stored}, `"custodian":{`+c.custodian+`}`)
			if c.want == "" {
				assert.Equal(t, fhir.Invalid, kind, c.custodian)
				continue
			}
			if assert.Zero(t, kind, c.custodian) {
				assert.Equal(t, c.want, p.Custodian.String())
			}
		}
	}
	_, kind := read(t, fhir.Reader{Stored: true}, `"custodian":{"identifier":{"value":"A81001"}}`)
	assert.Equal(t, fhir.Refused, kind, "the owner is read strictly whatever else is")
}

func TestWhoseRecordASubjectIs(t *testing.T) {
	t.Parallel()
	const refused = "refused"
	for _, c := range []struct{ subject, strict, stored string }{
		{`"reference":"https://pds.example/Patient/1"`, "https://pds.example/Patient/1", "https://pds.example/Patient/1"},
		{nhsNumber + `9000000009"}`, onPDS + "9000000009", onPDS + "9000000009"},
		{nhsNumber + `900 000"}`, refused, ""},
		{`"identifier":{"system":"urn:x","value":"9000000009"}`, refused, ""},
		{`"display":"x"`, refused, ""},
		{`"reference":"Patient/1"`, refused, "Patient/1"},
		{`"reference":"Patient/1",` + nhsNumber + `9000000009"}`, refused, onPDS + "9000000009"},
		{`"reference":"` + onPDS + `9000000009",` + nhsNumber + `9000000009"}`, onPDS + "9000000009", onPDS + "9000000009"},
		{`"reference":"` + onPDS + `9000000017",` + nhsNumber + `9000000009"}`, refused, onPDS + "9000000017"},
		{`"reference":"` + onPDS + `9000000009","identifier":{"system":"urn:x","value":"1"}`, refused, onPDS + "9000000009"},
		{`"reference":"` + onPDS + `9000000009","identifier":{"value":"1"}`, refused, onPDS + "9000000009"},

		{`"reference":"https://a-b.example.uk:8443/x_y~z/1"`, "https://a-b.example.uk:8443/x_y~z/1", "https://a-b.example.uk:8443/x_y~z/1"},
		{`"reference":"` + onPDS + `9000000009/"`, refused, onPDS + "9000000009/"},
		{`"reference":"` + onPDS + `9000000009/_history/1"`, refused, onPDS + "9000000009/_history/1"},
		{`"reference":"https://PDS.example/Patient/1"`, refused, "https://PDS.example/Patient/1"},
		{`"reference":"https://pds.example:443/Patient/1"`, refused, "https://pds.example:443/Patient/1"},
		{`"reference":"https://pds.example:/Patient/1"`, refused, "https://pds.example:/Patient/1"},
		{`"reference":"https://pds.example./Patient/1"`, refused, "https://pds.example./Patient/1"},
		{`"reference":"https://pds.example"`, refused, "https://pds.example"},
		{`"reference":"http://pds.example/Patient/1"`, refused, "http://pds.example/Patient/1"},
		{`"reference":"https:///Patient/1"`, refused, "https:///Patient/1"},
		{`"reference":"https://:443/Patient/1"`, refused, "https://:443/Patient/1"},
		{`"reference":"https://pds.example//Patient/1"`, refused, "https://pds.example//Patient/1"},
		{`"reference":"https://pds.example/../Patient/1"`, refused, "https://pds.example/../Patient/1"},
		{`"reference":"https://u@pds.example/Patient/1"`, refused, "https://u@pds.example/Patient/1"},
		{`"reference":"https://pds.example/Patient/1?x"`, refused, "https://pds.example/Patient/1?x"},
		{`"reference":"https://pds.example/Patient/%31"`, refused, "https://pds.example/Patient/%31"},
		{`"reference":"https://pds.example/Patient/1#x"`, refused, "https://pds.example/Patient/1#x"},
	} {
		for _, stored := range []bool{false, true} {
			want := c.strict
			if stored {
				want = c.stored
			}
			p, kind := read(t, fhir.Reader{Stored: stored}, `"subject":{`+c.subject+`}`)
			if want == refused {
				assert.NotZero(t, kind, c.subject)
			} else if assert.Zero(t, kind, c.subject) {
				assert.Equal(t, want, p.Subject, "%s, stored: %v", c.subject, stored)
			}
		}
	}
}

// A store may name the patient in two ways, and either may be asked for.
func TestASubjectThatIsStoredMayHaveTwoNames(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ reference, subject, other string }{
		{"Patient/1", onPDS + "9000000009", "Patient/1"},
		{"https://fhir.example/Patient/1", onPDS + "9000000009", "https://fhir.example/Patient/1"},
		{onPDS + "9000000009", onPDS + "9000000009", ""},
		{onPDS + "9000000017", onPDS + "9000000017", onPDS + "9000000009"},
	} {
		p, kind := read(t, fhir.Reader{Stored: true}, `"subject":{"reference":"`+c.reference+`",`+nhsNumber+`9000000009"}}`)
		assert.Zero(t, kind)
		assert.Equal(t, c.subject, p.Subject, c.reference)
		assert.Equal(t, c.other, p.OtherSubject, c.reference)
	}
}

func TestURLsHaveOneSpelling(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"https://a.example/Patient/1", "https://A.example/Patient/1", "https://a.example:443/Patient/1", "https://a.example:/Patient/1", "https://a.example./Patient/1",
		"https://A.Example.:443/Patient/1/", "https://a.example/Patient/1/_history/2",
	} {
		assert.Equal(t, "https://a.example/Patient/1", fhir.NormalURL(url), url)
	}
	assert.Equal(t, "http://a.example/Patient/1", fhir.NormalURL("http://A.example:80/Patient/1/"))
	for _, url := range []string{"https://a.example:8443/Patient/1", "https://a.example/patient/1", "http://a.example:443/Patient/1", "Patient/1", "urn:uuid:A", ""} {
		assert.Equal(t, url, fhir.NormalURL(url), "another one")
	}
}

func TestWhichPointerARelationMeans(t *testing.T) {
	t.Parallel()
	named := fhir.Identifier{System: "urn:s", Value: "v"}
	const byName = `"identifier":{"system":"urn:s","value":"v"}`
	for _, c := range []struct {
		target     string
		targetIsID bool
		want       fhir.Relation // zero: refused
	}{
		{`"reference":"abc"`, false, fhir.Relation{ID: "abc"}},
		{`"reference":"DocumentReference/abc"`, false, fhir.Relation{ID: "abc"}},
		{`"reference":"https://nrl.example/STU3/DocumentReference/abc"`, false, fhir.Relation{ID: "abc"}},
		{byName, false, fhir.Relation{Identifier: named}},
		{`"reference":"abc",` + byName, false, fhir.Relation{ID: "abc", Identifier: named}},
		{`"display":"abc"`, false, fhir.Relation{}},
		{`"reference":"/abc"`, false, fhir.Relation{}},
		{`"reference":"/DocumentReference/abc"`, false, fhir.Relation{}},
		{`"reference":"x/DocumentReference/abc"`, false, fhir.Relation{}},
		{`"reference":"http://nrl.example/STU3/DocumentReference/abc"`, false, fhir.Relation{}},
		{`"reference":"https://nrl.example/STU3/Binary/abc"`, false, fhir.Relation{}},
		{`"reference":"https://nrl.example/STU3/DocumentReference/"`, false, fhir.Relation{}},
		{`"reference":"https://nrl.example/STU3/XDocumentReference/abc"`, false, fhir.Relation{}},
		{`"reference":"https://nrl.example/STU3/DocumentReference/abc/_history/1"`, false, fhir.Relation{}},
		{`"reference":"https://nrl.example/STU3/DocumentReference/a_b"`, false, fhir.Relation{}},
		{`"reference":"Binary/abc"`, false, fhir.Relation{}},
		{`"reference":"a_b"`, false, fhir.Relation{}},
		{`"identifier":{"value":"abc"}`, false, fhir.Relation{}},

		{`"identifier":{"value":"abc"}`, true, fhir.Relation{ID: "abc"}},
		{odsCode + `abc"}`, true, fhir.Relation{ID: "abc"}},
		{byName, true, fhir.Relation{}},
		{`"identifier":{"value":"a/b"}`, true, fhir.Relation{}},
		{`"identifier":{"system":"https://fhir.nhs.uk/Id/ods-organization-code"}`, true, fhir.Relation{}},
		{`"reference":"abc","identifier":{"value":"abc"}`, true, fhir.Relation{}},
		{`"reference":"abc"`, true, fhir.Relation{}},
		{`"display":"abc"`, true, fhir.Relation{}},
	} {
		p, kind := read(t, fhir.Reader{TargetIsID: c.targetIsID}, `"relatesTo":[{"code":"replaces","target":{`+c.target+`}}]`)
		if c.want == (fhir.Relation{}) {
			assert.NotZero(t, kind, c.target)
			continue
		}
		c.want.Code = "replaces"
		if assert.Zero(t, kind, c.target) {
			assert.Equal(t, []fhir.Relation{c.want}, p.RelatesTo, c.target)
		}
	}
}
