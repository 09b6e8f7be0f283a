// SPDX-License-Identifier: Apache-2.0

package outcome_test

import (
	"encoding/json"
	"encoding/xml"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/outcome"
)

func answer(r *http.Request, o outcome.Outcome) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	outcome.Write(w, r, o)
	return w
}

var uuid = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`)

// withoutID is the answer with an empty text for the one UUID that is in it.
func withoutID(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	require.Len(t, uuid.FindAllString(w.Body.String(), -1), 1, "the id of the OperationOutcome")
	return uuid.ReplaceAllString(w.Body.String(), "")
}

func get(query, accept string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/"+query, nil)
	if accept != "" {
		r.Header.Set("Accept", accept)
	}
	return r
}

func TestBothFormatsAreThoseOfTheSpecification(t *testing.T) {
	t.Parallel()
	o := outcome.InvalidHeader.With("fromASID HTTP Header is missing")
	w := answer(get("?_format=json", ""), o)
	assert.Equal(t, http.StatusBadRequest, w.Code)
	assert.Equal(t, "application/fhir+json; charset=utf-8", w.Header().Get("Content-Type"))
	assert.JSONEq(t, `{
		"id": "",
		"resourceType": "OperationOutcome",
		"meta": {"profile": ["https://fhir.nhs.uk/STU3/StructureDefinition/Spine-OperationOutcome-1"]},
		"issue": [{
			"severity": "error",
			"code": "invalid",
			"details": {"coding": [{
				"system": "https://fhir.nhs.uk/STU3/CodeSystem/Spine-ErrorOrWarningCode-1",
				"code": "MISSING_OR_INVALID_HEADER",
				"display": "There is a required header missing or invalid"
			}]},
			"diagnostics": "fromASID HTTP Header is missing"
		}]
	}`, withoutID(t, w))

	w = answer(get("", ""), o)
	assert.Equal(t, "application/fhir+xml; charset=utf-8", w.Header().Get("Content-Type"))
	assert.Equal(t, xml.Header+`<OperationOutcome xmlns="http://hl7.org/fhir"><id value=""></id>`+
		`<meta><profile value="https://fhir.nhs.uk/STU3/StructureDefinition/Spine-OperationOutcome-1"></profile></meta>`+
		`<issue><severity value="error"></severity><code value="invalid"></code>`+
		`<details><coding><system value="https://fhir.nhs.uk/STU3/CodeSystem/Spine-ErrorOrWarningCode-1"></system>`+
		`<code value="MISSING_OR_INVALID_HEADER"></code><display value="There is a required header missing or invalid"></display></coding></details>`+
		`<diagnostics value="fromASID HTTP Header is missing"></diagnostics></issue></OperationOutcome>`, withoutID(t, w))
}

func TestTheErrorTable(t *testing.T) {
	t.Parallel()
	for c, want := range map[outcome.Case]outcome.Outcome{
		outcome.InvalidHeader:      {Status: 400, Issue: "invalid", Code: "MISSING_OR_INVALID_HEADER", Display: "There is a required header missing or invalid"},
		outcome.InvalidToken:       {Status: 400, Issue: "structure", Code: "MISSING_OR_INVALID_HEADER", Display: "There is a required header missing or invalid"},
		outcome.ASIDCheckFailed:    {Status: 403, Issue: "forbidden", Code: "ASID_CHECK_FAILED", Display: "The sender or receiver's ASID is not authorised for this interaction"},
		outcome.AccessDenied:       {Status: 403, Issue: "forbidden", Code: "ACCESS_DENIED", Display: "Access has been denied to process this request"},
		outcome.AccessDeniedSSL:    {Status: 403, Issue: "forbidden", Code: "ACCESS_DENIED_SSL", Display: "SSL Protocol or Cipher requirements not met"},
		outcome.WrongCustodian:     {Status: 400, Issue: "invalid", Code: "INVALID_RESOURCE", Display: "Resource is invalid : custodian"},
		outcome.WrongRelatesTo:     {Status: 400, Issue: "invalid", Code: "INVALID_RESOURCE", Display: "Resource is invalid : relatesTo"},
		outcome.NoRecordFound:      {Status: 404, Issue: "not-found", Code: "NO_RECORD_FOUND", Display: "No record found"},
		outcome.NotCurrent:         {Status: 400, Issue: "invalid", Code: "BAD_REQUEST", Display: "Bad request"},
		outcome.BadRequest:         {Status: 400, Issue: "invalid", Code: "BAD_REQUEST", Display: "Bad request"},
		outcome.InvalidMessage:     {Status: 400, Issue: "value", Code: "INVALID_REQUEST_MESSAGE", Display: "Invalid Request Message"},
		outcome.UnsupportedType:    {Status: 415, Issue: "invalid", Code: "UNSUPPORTED_MEDIA_TYPE", Display: "Unsupported Media Type"},
		outcome.Duplicate:          {Status: 400, Issue: "duplicate", Code: "DUPLICATE_REJECTED", Display: "Create would lead to creation of a duplicate resource"},
		outcome.PreconditionFailed: {Status: 412, Issue: "conflict", Code: "BAD_REQUEST", Display: "Bad request"},
		outcome.Conflict:           {Status: 409, Issue: "conflict", Code: "BAD_REQUEST", Display: "Bad request"},
		outcome.BadGateway:         {Status: 502, Issue: "exception", Code: "INTERNAL_SERVER_ERROR", Display: "Unexpected internal server error"},
		outcome.Unavailable:        {Status: 503, Issue: "transient", Code: "INTERNAL_SERVER_ERROR", Display: "Unexpected internal server error"},
		outcome.InternalError:      {Status: 500, Issue: "exception", Code: "INTERNAL_SERVER_ERROR", Display: "Unexpected internal server error"},
		outcome.Case(0):            {Status: 500, Issue: "exception", Code: "INTERNAL_SERVER_ERROR", Display: "Unexpected internal server error"},
	} {
		assert.Equal(t, want, c.With(""))
	}
}

func TestTheFormatIsTheOneAskedFor(t *testing.T) {
	t.Parallel()
	const fhirXML, fhirJSON = "application/fhir+xml", "application/fhir+json"
	for name, c := range map[string]struct{ query, accept, want string }{
		"nothing asked":              {"", "", fhirXML},
		"anything":                   {"", "*/*", fhirXML},
		"any application":            {"", "application/*", fhirXML},
		"FHIR's JSON":                {"", "application/fhir+json", fhirJSON},
		"FHIR's older JSON":          {"", "application/json+fhir", "application/json+fhir"},
		"plain JSON":                 {"", "application/json", "application/json"},
		"JSON as text":               {"", "text/json", "text/json"},
		"any text":                   {"", "text/*", "text/json"},
		"FHIR's XML":                 {"", "application/fhir+xml", fhirXML},
		"FHIR's older XML":           {"", "application/xml+fhir", "application/xml+fhir"},
		"plain XML":                  {"", "application/xml", "application/xml"},
		"capitals":                   {"", "Application/FHIR+JSON", fhirJSON},
		"with parameters":            {"", "application/fhir+json; charset=utf-8; fhirVersion=3.0", fhirJSON},
		"blanks":                     {"", " text/html ,\tapplication/fhir+json ; q=0.5", fhirJSON},
		"both alike":                 {"", "application/fhir+json, application/fhir+xml", fhirJSON},
		"the more specific range":    {"", "*/*, application/json", "application/json"},
		"a client of a script":       {"", "application/json, text/plain, */*", "application/json"},
		"the first named":            {"", "application/xml, application/json", "application/xml"},
		"JSON rather than XML":       {"", "application/fhir+xml;q=0.8, application/fhir+json;q=0.9", fhirJSON},
		"XML rather than JSON":       {"", "application/fhir+json;q=0.899, application/fhir+xml;q=0.9", fhirXML},
		"JSON rather than the rest":  {"", "application/fhir+json, */*;q=0.1", fhirJSON},
		"anything but FHIR's XML":    {"", "*/*, application/fhir+xml;q=0", "application/xml"},
		"JSON is not wanted":         {"", "application/fhir+json;q=0, */*;q=0.1", fhirXML},
		"the weight first":           {"", "application/fhir+json;q=1.000, application/fhir+xml;q=0.999", fhirJSON},
		"a malformed weight":         {"", "application/fhir+json;q=2, application/xml;q=0.1", "application/xml"},
		"a longer weight":            {"", "application/fhir+json;q=0.9999, application/xml;q=0.1", "application/xml"},
		"a weight above one":         {"", "application/fhir+json;q=1.001, application/xml;q=0.1", "application/xml"},
		"a weight that is no number": {"", "application/fhir+json;q=0.x, application/xml;q=0.1", "application/xml"},
		"a comma in quotes":          {"", `text/html;a="x, application/fhir+json;q=1", application/xml;q=0.1`, "application/xml"},
		"a quote in quotes":          {"", `text/html;a="x\", application/fhir+json", application/xml;q=0.1`, "application/xml"},
		"a quote without end":        {"", `text/html;a="x, application/fhir+json`, fhirXML},
		"a browser":                  {"", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "application/xml"},
		"nothing that we have":       {"", "text/html, image/png", fhirXML},
		"nothing at all":             {"", "*/*;q=0", fhirXML},

		"_format in short":               {"?_format=json", "", fhirJSON},
		"_format XML in short":           {"?_format=xml", "application/fhir+json", fhirXML},
		"_format XML as text":            {"?_format=text/xml", "application/fhir+json", fhirXML},
		"_format beats Accept":           {"?_format=json", "application/fhir+xml", fhirJSON},
		"_format in capitals":            {"?_format=JSON", "", fhirJSON},
		"_format in full":                {"?_format=application%2Ffhir%2Bjson", "", fhirJSON},
		"_format with a bare plus":       {"?_format=application/fhir+json", "", fhirJSON},
		"_format plain":                  {"?_format=application/json", "", "application/json"},
		"_format with a charset":         {"?_format=application/json%3B%20charset=utf-8", "", "application/json"},
		"_format that we do not know":    {"?_format=turtle", "application/fhir+json", fhirXML},
		"_format that is empty":          {"?_format=", "application/fhir+json", fhirXML},
		"_format twice":                  {"?_format=json&_format=xml", "application/fhir+json", fhirXML},
		"the same _format twice":         {"?_format=json&_format=json", "", fhirJSON},
		"_format among others":           {"?subject=x&_format=json&_id=1", "", fhirJSON},
		"_format in a query with faults": {"?a=%zz&_format=json", "", fhirJSON},
		"_FORMAT is another parameter":   {"?_FORMAT=json", "", fhirXML},
	} {
		t.Run(name, func(t *testing.T) {
			w := answer(get(c.query, c.accept), outcome.BadRequest.With("x"))
			assert.Equal(t, c.want+"; charset=utf-8", w.Header().Get("Content-Type"))
			if strings.Contains(c.want, "json") {
				assert.True(t, json.Valid(w.Body.Bytes()))
			} else {
				assert.True(t, strings.HasPrefix(w.Body.String(), "<?xml"))
			}
		})
	}
}

func TestWhatIsNotServedIsNotAcceptable(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		query, accept string
		want          bool
	}{
		{"", "", true}, {"", "*/*", true}, {"", "text/html, application/json;q=0.1", true}, {"?_format=json", "text/html", true},
		{"?_format=json&_format=json", "", true},
		{"", "text/html", false}, {"", "application/fhir+json;q=0", false}, {"?_format=turtle", "", false},
		{"?_format=", "application/fhir+json", false}, {"?_format=json&_format=xml", "", false},
	} {
		assert.Equal(t, c.want, outcome.Acceptable(get(c.query, c.accept)), "%s %s", c.query, c.accept)
	}
}

func TestSeveralAcceptHeadersAreOneList(t *testing.T) {
	t.Parallel()
	r := get("", "text/html")
	r.Header.Add("Accept", "application/fhir+json")
	assert.Contains(t, answer(r, outcome.BadRequest.With("")).Header().Get("Content-Type"), "json")
}

func TestAnEndlessAcceptIsReadAsFarAsIsSensible(t *testing.T) {
	t.Parallel()
	for others, want := range map[int]bool{0: true, 63: true, 64: false, 100_000: false} {
		accept := strings.Repeat("text/html,", others) + "application/fhir+json"
		assert.Equal(t, want, outcome.Acceptable(get("", accept)), "%d others", others)
	}
}

func TestAHeadRequestGetsTheHeaderAlone(t *testing.T) {
	t.Parallel()
	o := outcome.NoRecordFound.With("x")
	r := get("", "")
	want := answer(r, o)
	r.Method = http.MethodHead
	w := answer(r, o)
	assert.Equal(t, want.Code, w.Code)
	assert.Equal(t, want.Header(), w.Header())
	assert.Equal(t, strconv.Itoa(want.Body.Len()), w.Header().Get("Content-Length"))
	assert.Zero(t, w.Body.Len())
}

func TestWhatTheHandlerMeantForAnotherAnswerIsLeftOut(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	for _, name := range []string{"Etag", "Last-Modified", "Location", "Content-Encoding", "Cache-Control"} {
		w.Header().Set(name, "public")
	}
	w.Header().Set("X-Request-Id", "1")
	outcome.Write(w, get("", ""), outcome.BadRequest.With(""))
	for _, name := range []string{"Etag", "Last-Modified", "Location", "Content-Encoding"} {
		assert.Empty(t, w.Header().Get(name), name)
	}
	assert.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	assert.Equal(t, "1", w.Header().Get("X-Request-Id"))
	assert.NotContains(t, w.Body.String(), "diagnostics", "FHIR knows no empty strings")
}

func TestDiagnosticsCannotBreakOut(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"markup":         {`<a href="x">&'`, `<a href="x">&'`},
		"line breaks":    {"a\r\nb\tc", "a\ufffd\ufffdb\ufffdc"},
		"control":        {"a\x00b\x1b[31mc\x7f", "a\ufffdb\ufffd[31mc\ufffd"},
		"invalid UTF-8":  {"a\xffb", "a\ufffdb"},
		"no character":   {"a\ufffeb\uffffc", "a\ufffdb\ufffdc"},
		"direction":      {"a\u202eb", "a\ufffdb"},
		"letters":        {"Ærøskøbing 𝔸", "Ærøskøbing 𝔸"},
		"too many bytes": {strings.Repeat("é", 600), strings.Repeat("é", 500) + "..."},
		"cut in a rune":  {"a" + strings.Repeat("é", 600), "a" + strings.Repeat("é", 499) + "..."},
	} {
		t.Run(name, func(t *testing.T) {
			inJSON, inXML := diagnostics(t, c.text)
			assert.Equal(t, c.want, inJSON)
			assert.Equal(t, c.want, inXML)
		})
	}
}

// diagnostics returns what readers of both formats find.
func diagnostics(t *testing.T, text string) (inJSON, inXML string) {
	t.Helper()
	var j struct {
		Issue []struct{ Diagnostics string }
	}
	require.NoError(t, json.Unmarshal(answer(get("?_format=json", ""), outcome.BadRequest.With(text)).Body.Bytes(), &j))
	require.Len(t, j.Issue, 1)
	var x struct {
		Issue struct {
			Diagnostics struct {
				Value string `xml:"value,attr"`
			} `xml:"diagnostics"`
		} `xml:"issue"`
	}
	require.NoError(t, xml.Unmarshal(answer(get("", ""), outcome.BadRequest.With(text)).Body.Bytes(), &x))
	return j.Issue[0].Diagnostics, x.Issue.Diagnostics.Value
}

func FuzzNegotiation(f *testing.F) {
	f.Add("_format=json", "text/html")
	f.Add("", `application/fhir+json;q=0.5, */*;q="a\"`)
	f.Add("_format=a&_format=b", ",,;;q=,")
	f.Fuzz(func(t *testing.T, query, accept string) {
		r := &http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/", RawQuery: query}, Header: http.Header{"Accept": {accept}}}
		w := answer(r, outcome.BadRequest.With(accept))
		mediaType, _, _ := strings.Cut(w.Header().Get("Content-Type"), ";")
		switch mediaType {
		case "application/fhir+json", "application/json+fhir", "application/json", "text/json":
			assert.True(t, json.Valid(w.Body.Bytes()))
		case "application/fhir+xml", "application/xml+fhir", "application/xml":
			assert.NoError(t, xml.Unmarshal(w.Body.Bytes(), new(struct{})))
		default:
			t.Errorf("%q is not one of FHIR's", mediaType)
		}
		assert.True(t, utf8.Valid(w.Body.Bytes()))
		inJSON, inXML := diagnostics(t, accept)
		assert.Equal(t, inJSON, inXML)
	})
}
