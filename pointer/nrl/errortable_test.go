// SPDX-License-Identifier: Apache-2.0

package nrl_test

import (
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/asid/asidtest"
	"github.com/nrlsecurity/nrlsecurity/pointer"
)

// An issue is an OperationOutcome as another reader has it: its own tags, and
// nothing of the library's.
type issue struct {
	id, profile, severity, code, system, spine, display, diagnostics string
}

func issueOf(t *testing.T, format, body string) issue {
	t.Helper()
	if format == "json" {
		var o struct {
			ResourceType, ID string
			Meta             struct{ Profile []string }
			Issue            []struct {
				Severity, Code, Diagnostics string
				Details                     struct {
					Coding []struct{ System, Code, Display string }
				}
			}
		}
		require.NoError(t, json.Unmarshal([]byte(body), &o))
		require.Equal(t, "OperationOutcome", o.ResourceType)
		require.Len(t, o.Issue, 1)
		require.Len(t, o.Issue[0].Details.Coding, 1)
		require.Len(t, o.Meta.Profile, 1)
		i, c := o.Issue[0], o.Issue[0].Details.Coding[0]
		return issue{o.ID, o.Meta.Profile[0], i.Severity, i.Code, c.System, c.Code, c.Display, i.Diagnostics}
	}
	type value struct {
		V string `xml:"value,attr"`
	}
	var o struct {
		XMLName  xml.Name `xml:"http://hl7.org/fhir OperationOutcome"`
		ID       value    `xml:"id"`
		Profile  []value  `xml:"meta>profile"`
		Severity []value  `xml:"issue>severity"`
		Code     []value  `xml:"issue>code"`
		System   []value  `xml:"issue>details>coding>system"`
		Spine    []value  `xml:"issue>details>coding>code"`
		Display  []value  `xml:"issue>details>coding>display"`
		Words    []value  `xml:"issue>diagnostics"`
	}
	require.NoError(t, xml.Unmarshal([]byte(body), &o))
	only := func(list []value) string {
		require.Len(t, list, 1, body)
		return list[0].V
	}
	return issue{o.ID.V, only(o.Profile), only(o.Severity), only(o.Code), only(o.System), only(o.Spine), only(o.Display), only(o.Words)}
}

// The rows of the specification's error table, each by a request to a whole NRL,
// in both formats and field by field.
func TestTheErrorTableRowByRow(t *testing.T) {
	t.Parallel()
	const (
		header, custodian = "There is a required header missing or invalid", "Resource is invalid : custodian"
		relatesTo         = "Resource is invalid : relatesTo"
	)
	for _, format := range []string{"json", "xml"} {
		i := start(t)
		own := asid.System{ASID: asid.MustParseID("200000000205"), ODS: []asid.ODSCode{ods(t, "A81001")}, FQDNs: []string{"own.nhs.uk"}, Interactions: []asid.InteractionID{
			asid.DocumentReferenceCreate, asid.DocumentReferenceUpdate, asid.DocumentReferenceDelete, asid.DocumentReferenceRead, asid.DocumentReferenceSearch}}
		other, limited, unknown := own, own, own
		other.ASID, other.ODS, other.FQDNs = asid.MustParseID("200000000206"), []asid.ODSCode{ods(t, "RX1")}, []string{"other.nhs.uk"}
		limited.ASID, limited.FQDNs, limited.Interactions = asid.MustParseID("200000000207"), []string{"limited.nhs.uk"}, []asid.InteractionID{asid.DocumentReferenceRead}
		unknown.ASID = asid.MustParseID("200000000208")
		registry, err := asid.NewMemory(own, other, limited)
		require.NoError(t, err)
		through := func(peers asid.PeerSource) http.Handler {
			a := &asid.Authorizer{Registry: registry, Self: self, Peers: peers}
			return a.Middleware((&pointer.Guard{Resolver: i.store, Disclose: true}).Middleware(i.store))
		}
		send := func(h http.Handler, by asid.System, method, target, body string, change func(*http.Request)) *httptest.ResponseRecorder {
			r := asidtest.NewRequest(method, target, by, self)
			r.Header.Set("Accept", "application/fhir+"+format)
			if body != "" {
				r.Header.Set("Content-Type", "application/fhir+"+format)
				r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
			}
			if change != nil {
				change(r)
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			return w
		}
		whole := through(asidtest.Peers{})
		fresh := example(t, "create-stu3."+format)
		old := idOf(i.create(t, format, strings.ReplaceAll(fresh, newValue, oldValue)))
		stale := idOf(i.create(t, format, strings.ReplaceAll(fresh, newValue, "urn:stale")))
		require.Equal(t, 200, i.send(http.MethodPatch, collection+"/"+stale, format, example(t, "update-stu3."+format)).Code)
		supersede := func(id string) string {
			return strings.NewReplacer(idOf(oldURL), id).Replace(example(t, "supersede-reference-stu3."+format))
		}
		without := func(name string) func(*http.Request) {
			return func(r *http.Request) {
				for key := range r.Header {
					if strings.EqualFold(key, name) {
						delete(r.Header, key)
					}
				}
			}
		}
		swap := func(s, inJSON, jsonNew, inXML, xmlNew string) string {
			if format == "xml" {
				inJSON, jsonNew = inXML, xmlNew
			}
			require.Contains(t, s, inJSON)
			return strings.Replace(s, inJSON, jsonNew, 1)
		}
		for _, c := range []struct {
			name        string
			w           *httptest.ResponseRecorder
			status      int
			code, spine string
			display     string
			diagnostics string // the whole of it, or, with an ellipsis, how it begins
		}{
			{"fromASID missing", send(whole, own, "POST", collection, fresh, without("fromASID")), 400, "invalid", "MISSING_OR_INVALID_HEADER", header, "fromASID HTTP Header is missing"},
			{"toASID of another", send(whole, own, "POST", collection, fresh, func(r *http.Request) { without("toASID")(r); r.Header["Toasid"] = []string{"200000000205"} }), 400, "invalid", "MISSING_OR_INVALID_HEADER", header, "toASID HTTP Header …"},
			{"Authorization missing", send(whole, own, "POST", collection, fresh, without("Authorization")), 400, "structure", "MISSING_OR_INVALID_HEADER", header, "The Authorisation header must be supplied"},
			{"ASID unknown", send(whole, unknown, "POST", collection, fresh, nil), 403, "forbidden", "ASID_CHECK_FAILED", "The sender or receiver's ASID is not authorised for this interaction", `ASID 200000000208, interaction "urn:nhs:names:services:nrl:DocumentReference.create": the ASID is unknown`},
			{"the interaction lacking", send(whole, limited, "POST", collection, fresh, nil), 403, "forbidden", "ASID_CHECK_FAILED", "The sender or receiver's ASID is not authorised for this interaction", `ASID 200000000207, interaction "urn:nhs:names:services:nrl:DocumentReference.create": the ASID is not associated with the interaction`},
			{"another's certificate", send(whole, own, "POST", collection, fresh, func(r *http.Request) {
				r.TLS = asidtest.NewRequest("POST", collection, other, self).TLS
			}), 403, "forbidden", "ACCESS_DENIED", "Access has been denied to process this request", "…"},
			{"a suite outside the list", send(through(asidtest.Peers{Err: &asidtest.PeerError{Rule: "suite"}}), own, "POST", collection, fresh, nil), 403, "forbidden", "ACCESS_DENIED_SSL", "SSL Protocol or Cipher requirements not met", "…"},
			{"custodian on create", send(whole, other, "POST", collection, fresh, nil), 400, "invalid", "INVALID_RESOURCE", custodian, "the custodian A81001 is not an organisation of ASID 200000000206"},
			{"custodian on update", send(whole, other, "PATCH", collection+"/"+old, example(t, "update-stu3."+format), nil), 400, "invalid", "INVALID_RESOURCE", custodian, "the pointer " + old + " …"},
			{"custodian on delete", send(whole, other, "DELETE", collection+"/"+old, "", nil), 400, "invalid", "INVALID_RESOURCE", custodian, "the pointer " + old + " …"},
			{"relatesTo that leads nowhere", send(whole, own, "POST", collection, supersede("none"), nil), 400, "invalid", "INVALID_RESOURCE", relatesTo, "relatesTo …"},
			{"relatesTo of another patient", send(whole, own, "POST", collection, strings.ReplaceAll(supersede(old), "9000000009", "9000000017"), nil), 400, "invalid", "INVALID_RESOURCE", relatesTo, "relatesTo leads to a pointer of another patient"},
			{"not found by id", send(whole, own, "DELETE", collection+"/none", "", nil), 404, "not-found", "NO_RECORD_FOUND", "No record found", "No record found for supplied DocumentReference identifier - none."},
			{"not found by identifier", send(whole, own, "DELETE", query("subject", patient, "identifier", "urn:s|none"), "", nil), 404, "not-found", "NO_RECORD_FOUND", "No record found", "No record found for supplied DocumentReference identifier - none."},
			{"read of what is not there", send(whole, own, "GET", collection+"/none", "", nil), 404, "not-found", "NO_RECORD_FOUND", "No record found", "No record found for supplied DocumentReference identifier - none."},
			{"update of what is not current", send(whole, own, "PATCH", collection+"/"+stale, example(t, "update-stu3."+format), nil), 400, "invalid", "BAD_REQUEST", "Bad request", "DocumentReference status is not 'current'"},
			{"read of what is not current", send(whole, own, "GET", collection+"/"+stale, "", nil), 400, "invalid", "BAD_REQUEST", "Bad request", "DocumentReference status is not 'current'"},
			{"supersede of what is not current", send(whole, own, "POST", collection, supersede(stale), nil), 400, "invalid", "BAD_REQUEST", "Bad request", "DocumentReference status is not 'current'"},
			{"a syntax error", send(whole, own, "POST", collection, fresh+"<", nil), 400, "value", "INVALID_REQUEST_MESSAGE", "Invalid Request Message", "Invalid Request Message"},
			{"a mandatory element missing", send(whole, own, "POST", collection, strings.NewReplacer(`"author"`, `"securityLabel"`, "author>", "securityLabel>").Replace(fresh), nil), 400, "invalid", "INVALID_RESOURCE", "Resource is invalid : author", "author is missing"},
			{"a mandatory value missing", send(whole, own, "POST", collection, swap(fresh, `"contentType": "application/pdf",`, "", `<contentType value="application/pdf"/>`, ""), nil), 400, "invalid", "INVALID_RESOURCE", "Resource is invalid : content.attachment.contentType", "content.attachment.contentType is missing"},
			{"an element that is refused", send(whole, own, "POST", collection, swap(fresh, `"status"`, `"owner":"x","status"`, "<status", `<owner value="x"/><status`), nil), 400, "invalid", "INVALID_RESOURCE", "Resource is invalid : owner", "owner …"},
			{"an element twice", send(whole, own, "POST", collection, swap(fresh, `"status"`, `"status":"current","status"`, "<status", `<status value="current"/><status`), nil), 400, "invalid", "INVALID_RESOURCE", "Resource is invalid : status", "status is there twice"},
			{"a masterIdentifier that is there", send(whole, own, "POST", collection, strings.ReplaceAll(fresh, newValue, oldValue), nil), 400, "duplicate", "DUPLICATE_REJECTED", "Create would lead to creation of a duplicate resource", "Duplicate masterIdentifier value: " + oldValue + " system: urn:ietf:rfc:3986"},
			{"a body's media type", send(whole, own, "POST", collection, fresh, func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }), 415, "invalid", "UNSUPPORTED_MEDIA_TYPE", "Unsupported Media Type", "Unsupported Media Type"},
			{"a body that is encoded", send(whole, own, "POST", collection, fresh, func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") }), 415, "invalid", "UNSUPPORTED_MEDIA_TYPE", "Unsupported Media Type", "Unsupported Media Type"},
			{"If-Match of another version", send(whole, own, "DELETE", collection+"/"+old, "", func(r *http.Request) { r.Header.Set("If-Match", `W/"7"`) }), 412, "conflict", "BAD_REQUEST", "Bad request", "If-Match does not name the version of the DocumentReference"},
			{"no interaction", send(whole, own, "DELETE", collection+"/"+old+"?_cascade=delete", "", nil), 400, "invalid", "BAD_REQUEST", "Bad request", "…"},
		} {
			what := format + ": " + c.name
			require.Equal(t, c.status, c.w.Code, "%s: %s", what, c.w.Body)
			assert.Equal(t, "application/fhir+"+format+"; charset=utf-8", c.w.Header().Get("Content-Type"), what)
			got := issueOf(t, format, c.w.Body.String())
			assert.Regexp(t, `^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`, got.id, what)
			want := issue{got.id, "https://fhir.nhs.uk/STU3/StructureDefinition/Spine-OperationOutcome-1", "error", c.code,
				"https://fhir.nhs.uk/STU3/CodeSystem/Spine-ErrorOrWarningCode-1", c.spine, c.display, c.diagnostics}
			if start, cut := strings.CutSuffix(c.diagnostics, "…"); cut && strings.HasPrefix(got.diagnostics, start) && len(got.diagnostics) > len(start) {
				want.diagnostics = got.diagnostics
			}
			assert.Equal(t, want, got, what)
		}
		// Whatever the format of the answer, it is refused before anything changes.
		for name, change := range map[string]func(*http.Request){
			"an Accept that names nothing served": func(r *http.Request) { r.Header.Set("Accept", "text/turtle") },
			"a _format that is not served":        func(r *http.Request) { r.URL.RawQuery = "_format=turtle" },
		} {
			w := send(whole, own, "DELETE", collection+"/"+old, "", change)
			assert.Equal(t, 415, w.Code, name)
			assert.Equal(t, "UNSUPPORTED_MEDIA_TYPE", issueOf(t, "xml", w.Body.String()).spine, name)
			w = send(whole, own, "GET", collection+"/"+old, "", change)
			assert.Equal(t, 415, w.Code, name)
		}
	}
}
