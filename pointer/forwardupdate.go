// SPDX-License-Identifier: Apache-2.0

package pointer

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/nrlsecurity/nrlsecurity/internal/fhirpath"
	"github.com/nrlsecurity/nrlsecurity/internal/spine"
	"github.com/nrlsecurity/nrlsecurity/pointer/internal/fhir"
)

// theUpdate is the one that the NRL takes.
const theUpdate = `{"resourceType":"Parameters","parameter":[{"name":"operation","part":[` +
	`{"name":"type","valueCode":"replace"},{"name":"path","valueString":"DocumentReference.status"},` +
	`{"name":"value","valueString":"` + fhir.EnteredInError + `"}]}]}`

// update sends the one update in the form that the server takes. The client's
// bytes are not in it.
func (f *Forward) update(r *http.Request, d *Decision) (*storeAnswer, error) {
	switch f.Update {
	case UpdateParameters:
		if err := f.conditional(f.IfMatch.Patch, d); err != nil {
			return nil, err
		}
		return f.one(r, http.MethodPatch, d, jsonType, []byte(theUpdate))
	case UpdateJSONPatch: // its tests are the condition
		patch, err := f.jsonPatch(r, d)
		if err != nil {
			return nil, err
		}
		return f.one(r, http.MethodPatch, d, "application/json-patch+json", patch)
	case UpdatePut:
		if err := f.conditional(f.IfMatch.Put, d); err != nil {
			return nil, err
		}
		body, err := f.withStatus(r, d, jsonType, fhir.EnteredInError)
		if err != nil {
			return nil, err
		}
		return f.one(r, http.MethodPut, d, jsonType, body)
	default:
		return nil, &ChangeError{Rule: RuleRequest, Action: Update, Target: d.target(), Detail: "is an update, and the store takes none"}
	}
}

// jsonPatch tests, before it replaces the status, that the pointer is the one
// that was judged: servers do JSON Patch with any If-Match.
func (f *Forward) jsonPatch(r *http.Request, d *Decision) ([]byte, error) {
	a, err := f.stored(r.Context(), d, jsonType)
	if err != nil {
		return nil, err
	}
	if _, err := f.unchanged(a, d); err != nil {
		return nil, err
	}
	var resource struct {
		Custodian jsontext.Value `json:"custodian"`
	}
	if err := json.Unmarshal(a.body, &resource); err != nil {
		return nil, &ChangeError{Rule: RuleStore, Action: Update, Target: d.target(), Detail: "gave a pointer that cannot be read", Err: err}
	}
	type operation struct {
		Op    string `json:"op"`
		Path  string `json:"path"`
		Value any    `json:"value"`
	}
	return json.Marshal([]operation{
		{"test", "/meta/versionId", d.Stored.Version},
		{"test", "/custodian", resource.Custodian},
		{"replace", "/status", fhir.EnteredInError},
	})
}

// unchanged reads what is stored, if it is still what was judged.
func (f *Forward) unchanged(a *answerRead, d *Decision) (*fhir.DocumentReference, error) {
	reader := fhir.Reader{Relative: f.RelativeReferences, Stored: true}
	p, err := reader.DocumentReference(a.contentType, a.body)
	if err != nil {
		return nil, &ChangeError{Rule: RuleStore, Action: d.Change.Action, Target: d.target(), Detail: "gave a pointer that cannot be read", Err: err}
	}
	if p.ID != d.Stored.ID || p.Custodian != d.Stored.Custodian {
		return nil, &ChangeError{Rule: RuleStore, Action: d.Change.Action, Target: d.target(), Detail: "gave another pointer than asked for"}
	}
	if p.Version != "" && p.Version != d.Stored.Version || a.version != "" && a.version != d.Stored.Version || p.Version == "" && a.version == "" {
		return nil, errChanged
	}
	return p, nil
}

// withStatus is what is stored, with another status.
func (f *Forward) withStatus(r *http.Request, d *Decision, accept, status string) ([]byte, error) {
	a, err := f.stored(r.Context(), d, accept)
	if err != nil {
		return nil, err
	}
	p, err := f.unchanged(a, d)
	if err != nil {
		return nil, err
	}
	if p.IsPart(a.contentType, a.body) {
		return nil, &ChangeError{Rule: RuleStore, Action: d.Change.Action, Target: d.target(), Detail: "gave a part of the pointer, whose other elements would be lost"}
	}
	body, err := fhir.Reader{Relative: f.RelativeReferences, Stored: true}.WithStatus(a.contentType, a.body, p, status)
	if err != nil {
		return nil, &ChangeError{Rule: RuleStore, Action: d.Change.Action, Target: d.target(), Detail: "gave a pointer that cannot be changed", Err: err}
	}
	return body, nil
}

// transaction sends one Bundle with the new pointer and, if it still has the
// judged version, the old one with its new status. It is in the format of the
// new one.
func (f *Forward) transaction(r *http.Request, d *Decision, body []byte) (*storeAnswer, error) {
	if err := f.conditional(f.IfMatch.Transaction, d); err != nil {
		return nil, err
	}
	format, err := fhir.FormatOf(r.Header.Get("Content-Type"))
	if err != nil {
		return nil, bodyError(Supersede, err)
	}
	contentType, bundle := jsonType, bundleJSON
	if format == fhir.XML {
		contentType, bundle = "application/fhir+xml", bundleXML
	}
	old, err := f.withStatus(r, d, contentType, statusSuperseded)
	if err != nil {
		return nil, err
	}
	out, err := f.request(r, http.MethodPost, f.Backend, contentType, bundle(body, old, d.Stored))
	if err != nil {
		return nil, err
	}
	out.Header.Set("Accept", jsonType)
	a, err := f.send(out)
	if err != nil || a.status/100 != 2 {
		return a, err
	}
	return a.ofTransaction(d.Stored.ID)
}

// bundleJSON has a random fullUrl: a server puts the new id in the place of every
// reference that equals it.
func bundleJSON(fresh, old []byte, stored *Pointer) []byte {
	var b bytes.Buffer
	b.WriteString(`{"resourceType":"Bundle","type":"transaction","entry":[{"fullUrl":"urn:uuid:` + spine.NewUUID() + `","resource":`)
	b.Write(fresh)
	b.WriteString(`,"request":{"method":"POST","url":"` + fhirpath.DocumentReference + `"}},{"resource":`)
	b.Write(old)
	b.WriteString(`,"request":{"method":"PUT","url":"` + fhirpath.DocumentReference + "/" + stored.ID + `","ifMatch":"W/\"` + stored.Version + `\""}}]}`)
	return b.Bytes()
}

func bundleXML(fresh, old []byte, stored *Pointer) []byte {
	var b bytes.Buffer
	b.WriteString(`<Bundle xmlns="http://hl7.org/fhir"><type value="transaction"/><entry><fullUrl value="urn:uuid:` + spine.NewUUID() + `"/><resource>`)
	b.Write(fhir.Root(fresh))
	b.WriteString(`</resource><request><method value="POST"/><url value="` + fhirpath.DocumentReference + `"/></request></entry><entry><resource>`)
	b.Write(fhir.Root(old))
	b.WriteString(`</resource><request><method value="PUT"/><url value="` + fhirpath.DocumentReference + "/" + stored.ID +
		`"/><ifMatch value="W/&quot;` + stored.Version + `&quot;"/></request></entry></Bundle>`)
	return b.Bytes()
}

// ofTransaction makes of the answer to a transaction what a create is answered with, if
// it says of both entries that what was asked for was done. A transaction is made whole or
// not at all, but not by every server.
func (a *storeAnswer) ofTransaction(old string) (*storeAnswer, error) {
	type response struct {
		Status   string `json:"status"`
		Location string `json:"location"`
		Etag     string `json:"etag"`
	}
	var b struct {
		Type  string `json:"type"`
		Entry []struct {
			Response response `json:"response"`
		} `json:"entry"`
	}
	fault := func(detail string) (*storeAnswer, error) {
		return nil, &ChangeError{Rule: RuleStore, Action: Supersede, Target: Query{ID: old}, Detail: detail}
	}
	if err := json.Unmarshal(a.body, &b); err != nil || b.Type != "transaction-response" || len(b.Entry) != 2 {
		return fault("gave no answer to a transaction" + unknownOutcome)
	}
	made, changed := b.Entry[0].Response, b.Entry[1].Response
	switch {
	case !Create.done(statusOf(made.Status)):
		return fault("gave an answer to a transaction by which the new pointer was not made")
	case !Update.done(statusOf(changed.Status)):
		return fault("gave an answer to a transaction by which the old pointer was not changed")
	case idIn(made.Location) == old, idIn(changed.Location) != old && idIn(changed.Location) != "":
		return fault("gave an answer to a transaction by which another pointer was changed")
	}
	header := http.Header{}
	header.Set("Location", made.Location)
	if made.Etag != "" {
		header.Set("ETag", made.Etag)
	}
	return &storeAnswer{status: http.StatusCreated, header: header}, nil
}

// statusOf returns the number in the status of an entry, which a text may follow, or 0.
func statusOf(text string) int {
	number, _, _ := strings.Cut(text, " ")
	status, err := strconv.Atoi(number)
	if err != nil {
		return 0
	}
	return status
}
