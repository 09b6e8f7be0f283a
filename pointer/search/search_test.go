// SPDX-License-Identifier: Apache-2.0

package search_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/samply/golang-fhir-models/fhir-models/fhir"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/pointer/search"
)

const patient = "9434765919"

// roundTripper is an NRL of one function.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// client returns a client of an NRL that answers with pages of these bodies, the
// first for a request without page.
func client(base string, status int, pages ...string) (*search.Client, *[]string) {
	var asked []string
	u, err := url.Parse(base)
	if err != nil {
		panic(err)
	}
	return &search.Client{Base: u, HTTP: &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		asked = append(asked, r.URL.String())
		n := 0
		if page := r.URL.Query().Get("page"); page != "" {
			fmt.Sscan(page, &n)
		}
		w := httptest.NewRecorder()
		w.Header().Set("Content-Type", "application/fhir+json; charset=utf-8")
		w.WriteHeader(status)
		io.WriteString(w, pages[n])
		return w.Result(), nil
	})}}, &asked
}

func resource(t *testing.T, version string) string {
	text, err := os.ReadFile("../testdata/create-" + version + ".json")
	require.NoError(t, err)
	return strings.Replace(string(text), "9000000009", patient, 1)
}

func page(next string, entries ...string) string {
	link := ""
	if next != "" {
		link = `"link":[{"relation":"self","url":"x"},{"relation":"next","url":"` + next + `"}],`
	}
	return `{"resourceType":"Bundle","type":"searchset",` + link + `"entry":[` + strings.Join(entries, ",") + `]}`
}

func entry(resource, mode string) string {
	return `{"resource":` + resource + `,"search":{"mode":"` + mode + `"}}`
}

// trouble is an OperationOutcome with an issue of each severity.
func trouble(severities ...string) string {
	return `{"resourceType":"OperationOutcome","issue":[{"severity":"` + strings.Join(severities, `"},{"severity":"`) + `"}]}`
}

func TestAllPagesAreReadAndWhatIsNotAPointerIsLeftOut(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"STU3", "R4"} {
		found := entry(resource(t, strings.ToLower(version)), "match")
		warned := entry(trouble("information", "warning"), "outcome")
		c, asked := client("https://nrl.test/"+version, 200,
			page("https://nrl.test/"+version+"/DocumentReference?page=1", found, entry(`{"resourceType":"OperationOutcome"}`, "outcome")),
			page("?page=2", found, warned, found), page(""))
		custodian, err := asid.ParseODSCode("RR8")
		require.NoError(t, err)
		pointers, err := c.Pointers(t.Context(), search.Query{NHSNumber: patient, Custodian: custodian, Type: "http://snomed.info/sct|736253002"})
		require.NoError(t, err)
		require.Len(t, pointers, 3)
		p := pointers[0]
		assert.Equal(t, "current", p.Status)
		assert.False(t, p.Custodian.IsZero())
		assert.NotEmpty(t, p.Type)
		require.NotEmpty(t, p.Contents)
		assert.NotEmpty(t, p.Contents[0].URL)
		assert.NotEmpty(t, p.Contents[0].Format)
		assert.Contains(t, string(p.Resource), "DocumentReference")
		assert.Contains(t, (*asked)[0], patient)
		assert.Contains(t, (*asked)[0], "RR8")
		assert.Len(t, *asked, 3)
	}
}

func TestAPartIsNeverTakenForTheWhole(t *testing.T) {
	t.Parallel()
	good := entry(resource(t, "stu3"), "match")
	named := strings.Replace(good, `"resourceType"`, `"id":"1","resourceType"`, 1)
	for name, pages := range map[string][]string{
		"another host":        {page("https://evil.test/STU3/DocumentReference?page=1", good), page("")},
		"another port":        {page("https://nrl.test:8443/STU3/DocumentReference?page=1", good), page("")},
		"without TLS":         {page("http://nrl.test/STU3/DocumentReference?page=1", good), page("")},
		"another path":        {page("https://nrl.test/STU3/Patient?page=1", good), page("")},
		"user information":    {page("https://u@nrl.test/STU3/DocumentReference?page=1", good), page("")},
		"dot segments":        {page("https://nrl.test/STU3/DocumentReference/../x?page=1", good), page("")},
		"a loop":              {page("?page=1", good), page("?page=1")},
		"two next pages":      {strings.Replace(page("?page=1", good), `"relation":"self"`, `"relation":"next"`, 1), page("")},
		"next in capitals":    {strings.Replace(page("https://evil.test/x", good), `"next"`, `"NEXT"`, 1)},
		"an unknown mode":     {page("", good, entry(resource(t, "stu3"), "Match"))},
		"a broken page":       {page("?page=1", good), `{"resourceType":"Bundle"`},
		"no Bundle":           {`{"resourceType":"Patient"}`},
		"another type":        {strings.Replace(page(""), "searchset", "history", 1)},
		"a pointer unread":    {page("", good, entry(`{"resourceType":"DocumentReference","custodian":1}`, "match"))},
		"something else":      {page("", entry(`{"resourceType":"Patient"}`, "match"))},
		"more pages than are": {page("?page=1", good), page("?page=2"), page("?page=3"), page("?page=4"), page("")},
		"an error reported":   {page("", good, entry(trouble("error"), "outcome"))},
		"a fatal one":         {page("", good, entry(trouble("warning", "fatal"), "outcome"))},
		"one as a match":      {page("", good, entry(trouble("error"), "match"))},
		"one as included":     {page("", good, entry(trouble("error"), "include"))},
		"no severity":         {page("", good, entry(trouble(""), "outcome"))},
		"a severity unknown":  {page("", good, entry(trouble("Warning"), "outcome"))},
		"an outcome unread":   {page("", good, entry(`{"resourceType":"OperationOutcome","issue":{}}`, "outcome"))},
		"no outcome in one":   {page("", good, entry(resource(t, "stu3"), "outcome"))},
		"another patient's":   {page("", good, entry(strings.Replace(resource(t, "stu3"), patient, "9000000009", 1), "match"))},
		"another's of R4":     {page("", entry(strings.Replace(resource(t, "r4"), patient, "9000000009", 1), "match"))},
		"one of no patient":   {page("", entry(strings.Replace(resource(t, "stu3"), `"subject"`, `"was"`, 1), "match"))},
		"more were found":     {strings.Replace(page("", good), `"type"`, `"total":2,"type"`, 1)},
		"one was found":       {strings.Replace(page(""), `"type"`, `"total":1,"type"`, 1)},
		"one comes twice":     {strings.Replace(page("", good, good), `"type"`, `"total":2,"type"`, 1)},
		"twice with an id":    {strings.Replace(page("", named, named), `"type"`, `"total":2,"type"`, 1)},
		"on two pages":        {strings.Replace(page("?page=1", named), `"type"`, `"total":2,"type"`, 1), page("", named)},
		"too large a page":    {page("") + strings.Repeat(" ", 1<<20)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, _ := client("https://nrl.test/STU3", 200, pages...)
			c.MaxPages, c.MaxBytes = 4, 1<<20
			found, err := c.Pointers(t.Context(), search.Query{NHSNumber: patient})
			var refused *search.AnswerError
			require.ErrorAs(t, err, &refused)
			assert.Empty(t, found)
			assert.NotContains(t, err.Error(), patient)
		})
	}
}

// Pages that are each within their bound are together, too.
func TestAllPagesTogetherAreBounded(t *testing.T) {
	t.Parallel()
	full := func(next string) string {
		text := page(next)
		return text + strings.Repeat(" ", 4096-len(text))
	}
	pages := []string{full("?page=1"), full("?page=2"), full("?page=3"), full("?page=4"), full("?page=5"), full("?page=6"), full("?page=7"), full("")}
	c, _ := client("https://nrl.test/STU3", 200, pages...)
	c.MaxBytes = 4096
	_, err := c.Pointers(t.Context(), search.Query{NHSNumber: patient})
	require.NoError(t, err)
	pages[7] = full("?page=8")
	c, asked := client("https://nrl.test/STU3", 200, append(pages, page(""))...)
	c.MaxBytes = 4096
	_, err = c.Pointers(t.Context(), search.Query{NHSNumber: patient})
	var refused *search.AnswerError
	require.ErrorAs(t, err, &refused)
	assert.Contains(t, refused.Detail, "32768")
	assert.Len(t, *asked, 9)
}

// What is stored was taken once: a pointer that names what it replaced in a way
// that the NRL does not, as those of its R4 successor do, does not keep the
// patient's other pointers from those who read. Its custodian is read strictly.
func TestStoredPointersAreReadTolerantly(t *testing.T) {
	t.Parallel()
	r4 := resource(t, "r4")
	with := func(member string) string { return strings.Replace(r4, "{", "{"+member+",", 1) }
	for name, stored := range map[string]string{
		"the successor's relatesTo": with(`"relatesTo":[{"code":"replaces","target":{"type":"DocumentReference","identifier":{"value":"A81001-1"}}}]`),
		"two of them":               with(`"relatesTo":[{"code":"appends","target":{"display":"x"}},{"code":"signs","target":{"display":"y"}}]`),
		"an element not known":      with(`"modality":{"text":"x"}`),
	} {
		c, _ := client("https://nrl.test/R4", 200, page("", entry(r4, "match"), entry(stored, "match")))
		found, err := c.Pointers(t.Context(), search.Query{NHSNumber: patient})
		require.NoError(t, err, name)
		require.Len(t, found, 2, name)
		assert.Equal(t, found[0].Pointer, found[1].Pointer, name)
	}
	for name, stored := range map[string]string{
		"two custodians":         with(`"Custodian":{"reference":"https://directory.spineservices.nhs.uk/STU3/Organization/RX1"}`),
		"what changes the rest":  with(`"modifierExtension":[{"url":"urn:x","valueBoolean":true}]`),
		"a custodian in another": strings.Replace(r4, `"custodian": {`, `"custodian": {"modality":"x",`, 1),
	} {
		require.NotEqual(t, r4, stored, name)
		c, _ := client("https://nrl.test/R4", 200, page("", entry(stored, "match")))
		_, err := c.Pointers(t.Context(), search.Query{NHSNumber: patient})
		assert.Error(t, err, name)
	}
}

func TestWhatTheNRLRefusesIsTold(t *testing.T) {
	t.Parallel()
	c, _ := client("https://nrl.test/STU3", 404, `{"resourceType":"OperationOutcome","issue":[{"details":{"coding":[{"code":"NO_RECORD_FOUND"}]},
		"diagnostics":"The given NHS number could not be found"}]}`)
	_, err := c.Pointers(t.Context(), search.Query{NHSNumber: patient})
	var refused *search.OutcomeError
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, search.OutcomeError{Status: 404, Code: "NO_RECORD_FOUND", Diagnostics: "The given NHS number could not be found"}, *refused)

	c, _ = client("https://nrl.test/STU3", 502, "<html>")
	_, err = c.Pointers(t.Context(), search.Query{NHSNumber: patient})
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, search.OutcomeError{Status: 502}, *refused)

	var config *asid.ConfigError
	_, err = c.Pointers(t.Context(), search.Query{NHSNumber: "9434765918"})
	assert.ErrorAs(t, err, &config)
	_, err = (&search.Client{}).Pointers(t.Context(), search.Query{NHSNumber: patient})
	assert.ErrorAs(t, err, &config)
}

// Errors are logged, and the URL of a search names the patient.
func TestErrorsNameNoPatient(t *testing.T) {
	t.Parallel()
	down := errors.New("the connection was refused")
	c := &search.Client{Base: &url.URL{Scheme: "https", Host: "nrl.test", Path: "/STU3"}, HTTP: &http.Client{
		Transport: roundTripper(func(*http.Request) (*http.Response, error) { return nil, down })}}
	_, err := c.Pointers(t.Context(), search.Query{NHSNumber: patient})
	require.ErrorIs(t, err, down)
	assert.NotContains(t, err.Error(), patient)

	c, _ = client("https://nrl.test/STU3", 200, page("https://nrl.test:x/DocumentReference?subject="+patient))
	_, err = c.Pointers(t.Context(), search.Query{NHSNumber: patient})
	var refused *search.AnswerError
	require.ErrorAs(t, err, &refused)
	assert.NotContains(t, err.Error(), patient)

	c, _ = client("https://nrl.test/STU3", 404, `{"resourceType":"OperationOutcome","issue":[{"details":{"coding":[{"code":"NO_RECORD_FOUND"}]},
		"diagnostics":"The given NHS number could not be found [`+patient+`]."}]}`)
	_, err = c.Pointers(t.Context(), search.Query{NHSNumber: patient})
	require.Error(t, err)
	assert.Contains(t, err.Error(), "NO_RECORD_FOUND")
	assert.NotContains(t, err.Error(), patient)
}

// A consumer that wants FHIR's types makes them of a pointer's Resource. golang-fhir-models has
// those of R4, whose names of what a consumer needs are STU3's, too.
func TestAPointerIsReadIntoTheTypesOfGolangFHIRModels(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"STU3", "R4"} {
		c, _ := client("https://nrl.test/"+version, 200, page("", entry(resource(t, strings.ToLower(version)), "match")))
		pointers, err := c.Pointers(t.Context(), search.Query{NHSNumber: patient})
		require.NoError(t, err, version)
		require.Len(t, pointers, 1)
		p := pointers[0]
		d, err := fhir.UnmarshalDocumentReference(p.Resource)
		require.NoError(t, err, version)
		assert.Equal(t, fhir.DocumentReferenceStatusCurrent, d.Status)
		require.Len(t, d.Content, len(p.Contents))
		for i, content := range d.Content {
			require.NotNil(t, content.Attachment.Url)
			assert.Equal(t, p.Contents[i].URL, *content.Attachment.Url)
			assert.Equal(t, p.Contents[i].ContentType, *content.Attachment.ContentType)
		}
		require.NotEmpty(t, d.Type.Coding)
		assert.Contains(t, []string{*d.Type.Coding[0].Code, *d.Type.Coding[0].Display}, p.Type)
	}
}
