// SPDX-License-Identifier: Apache-2.0

package asid_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/asid/asidtest"
)

// A role is one of the NRL's audit page, with what MUST be in its records. Those of
// each have the times of the request and of the answer, and an id.
type role struct {
	want map[string]any
	none []string // what is not in them
}

// check looks at the one record of the log.
func (r role) check(t *testing.T, log *ledger) {
	t.Helper()
	record := log.one(t)
	for key, want := range r.want {
		assert.Equal(t, want, record[key], key)
	}
	for _, key := range []string{"time", "received", "id"} {
		assert.NotEmpty(t, record[key], key)
	}
	for _, key := range r.none {
		assert.NotContains(t, record, key)
	}
}

const (
	auditedPatient = "9434765919"
	auditedUser    = "https://fhir.nhs.uk/Id/sds-role-profile-id|" + asidtest.User
	auditedODS     = "https://fhir.nhs.uk/Id/ods-organization-code|"
)

// everything is a policy under which the records of all roles are complete.
func everything() *asid.Audit {
	return &asid.Audit{IncludeNHSNumbers: true, IncludeQueries: true, IncludeBodies: 1024}
}

// audited sends a request of sys by a transport whose server gives that answer.
func audited(t *testing.T, log *ledger, transport *asid.Transport, r *http.Request, answer *http.Response) {
	t.Helper()
	transport.Logger, transport.Audit = log.logger(), everything()
	transport.Base = roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.Body != nil {
			io.Copy(io.Discard, r.Body)
		}
		return answer, nil
	})
	resp, err := transport.RoundTrip(r)
	require.NoError(t, err)
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	assert.Equal(t, "the answer", string(text), "the body is the caller's, to its end")
	assert.NoError(t, resp.Body.Close())
}

func answerWith(status int, header http.Header) *http.Response {
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader("the answer"))}
}

func TestTheRecordOfAProviderThatMaintainsPointers(t *testing.T) {
	t.Parallel()
	const body = `{"resourceType":"DocumentReference"}`
	for method, path := range map[string]string{"POST": "", "PATCH": "/0c1f", "DELETE": "/0c1f"} {
		var log ledger
		r, err := http.NewRequestWithContext(asid.WithSubject(t.Context(), asid.Subject{NHSNumber: auditedPatient}), method,
			"https://nrl.test/STU3/DocumentReference"+path, strings.NewReader(body))
		require.NoError(t, err)
		header := http.Header{}
		if method == http.MethodPost {
			header.Set("Location", "https://nrl.test/STU3/DocumentReference/0c1f")
		}
		transport := &asid.Transport{From: provider.ASID, To: nrl, Claims: asid.Claims{Organization: ods("RR8"), User: asidtest.User}}
		audited(t, &log, transport, r, answerWith(201, header))
		role{want: map[string]any{
			"from": provider.ASID.String(), "to": nrl.String(), "request": body, "host": "nrl.test", "path": "/STU3/DocumentReference" + path,
			"method": method, "organization": auditedODS + "RR8", "patient": auditedPatient, "user": auditedUser,
			"response": "the answer", "status": 201.0, "pointer": "0c1f",
		}}.check(t, &log)
	}
}

func TestTheRecordOfAConsumerThatSearches(t *testing.T) {
	t.Parallel()
	const query = "subject=https://demographics.spineservices.nhs.uk/STU3/Patient/" + auditedPatient
	for _, status := range []int{200, 404} {
		var log ledger
		transport := &asid.Transport{From: consumer.ASID, To: nrl, Claims: asid.Claims{Organization: ods("AMS01"), User: asidtest.User}}
		audited(t, &log, transport, newRequest(t, "GET", "https://nrl.test/STU3/DocumentReference?"+query), answerWith(status, nil))
		role{want: map[string]any{
			"from": consumer.ASID.String(), "to": nrl.String(), "host": "nrl.test", "path": "/STU3/DocumentReference", "query": query,
			"method": "GET", "organization": auditedODS + "AMS01", "patient": auditedPatient, "user": auditedUser,
			"response": "the answer", "status": float64(status),
		}}.check(t, &log)
	}
}

func TestTheRecordOfAConsumerThatRetrieves(t *testing.T) {
	t.Parallel()
	for status, response := range map[int]any{200: nil, 302: nil, 502: "the answer"} {
		var log ledger
		transport := through(new(*http.Request))
		transport.Claims.User = asidtest.User
		r := newRequest(t, "GET", "https://p1.nhs.uk/STU3/DocumentReference/record-1")
		r = r.WithContext(asid.WithSubject(t.Context(), asid.Subject{Pointer: "0c1f", NHSNumber: auditedPatient}))
		audited(t, &log, transport, r, answerWith(status, http.Header{"Location": {"/STU3/DocumentReference/2"}}))
		want := role{want: map[string]any{
			"from": consumer.ASID.String(), "to": provider.ASID.String(), "host": "p1.nhs.uk", "path": "/STU3/DocumentReference/record-1",
			"organization": auditedODS + "AMS01", "patient": auditedPatient, "pointer": "0c1f", "user": auditedUser,
			"response": response, "status": float64(status),
		}}
		if response == nil {
			want.none = []string{"response"} // the record itself
		}
		assert.Regexp(t, `"trace":"[0-9a-f-]{36}"`, log.String())
		want.check(t, &log)
	}
}

func TestTheRecordOfAProviderOfRecords(t *testing.T) {
	t.Parallel()
	for _, header := range [][2]string{{"ETag", "3"}, {"Content-Location", "/records/1/_history/3"}} {
		var log ledger
		gate := &asid.Gate{Self: provider.ASID, Peers: asidtest.Peers{}, Logger: log.logger()}
		r := retrieval()
		serve(gate.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set(header[0], header[1])
			io.WriteString(w, "record")
		})), r)
		role{want: map[string]any{
			"from": consumer.ASID.String(), "to": provider.ASID.String(), "path": "/records/1", "status": 200.0, "version": "3",
			"organization": auditedODS + "AMS01", "user": auditedUser, "trace": r.Header.Get("Ssp-TraceID"),
		}, none: []string{"request", "response", "patient"}}.check(t, &log)
	}
}

// The other end of the first two roles.
func TestTheRecordOfAServerOfPointers(t *testing.T) {
	t.Parallel()
	var log ledger
	a := authorizer(t)
	a.Logger, a.Audit = log.logger(), everything()
	handler := a.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Location", "https://nrl.test/STU3/DocumentReference/0c1f?x")
		w.WriteHeader(http.StatusCreated)
		io.WriteString(w, "created")
	}))
	r := create()
	r.Body = io.NopCloser(strings.NewReader(`{"resourceType":"DocumentReference"}`))
	serve(handler, r)
	role{want: map[string]any{
		"from": provider.ASID.String(), "to": nrl.String(), "organization": auditedODS + "RR8",
		"method": "POST", "path": "/STU3/DocumentReference", "user": auditedUser, "status": 201.0, "pointer": "0c1f",
		"request": `{"resourceType":"DocumentReference"}`, "response": "created", "fqdn": provider.FQDNs[0], "bound": "fqdn",
		"interaction": string(asid.DocumentReferenceCreate), "remote": r.RemoteAddr,
	}}.check(t, &log)
}
