// SPDX-License-Identifier: Apache-2.0

package asid_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/asid/asidtest"
)

func TestEachDecisionIsOneRecord(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	a := authorizer(t)
	a.Logger = slog.New(slog.NewJSONHandler(&log, nil))
	record := func(r *http.Request) map[string]any {
		log.Reset()
		judge(t, a, r)
		require.Equal(t, 1, strings.Count(log.String(), "\n"))
		var m map[string]any
		require.NoError(t, json.Unmarshal(log.Bytes(), &m))
		return m
	}
	r := asidtest.NewRequest(http.MethodDelete, "/STU3/DocumentReference?subject=9876543210", provider, nrl)
	m := record(r)
	assert.Equal(t, "INFO", m["level"])
	assert.Equal(t, "request authorised", m["msg"])
	assert.Equal(t, provider.ASID.String(), m["from"])
	assert.Equal(t, nrl.String(), m["to"])
	assert.Equal(t, provider.FQDNs[0], m["fqdn"])
	assert.Equal(t, string(asid.DocumentReferenceDelete), m["interaction"])
	assert.NotContains(t, m, "claimed")
	assert.NotContains(t, log.String(), "9876543210", "a query names patients")
	assert.NotContains(t, log.String(), strings.Fields(r.Header.Get("Authorization"))[1])

	r = create()
	r.Header.Set("InteractionID", string(asid.DocumentReferenceSearch))
	m = record(r)
	assert.Equal(t, "WARN", m["level"])
	assert.Equal(t, "request refused", m["msg"])
	assert.Equal(t, "header", m["rule"])
	assert.Equal(t, string(asid.DocumentReferenceSearch), m["claimed"])
	assert.Contains(t, m["error"], "not that of the request")

	for rule, change := range map[string]func(*http.Request){
		"peer":    func(r *http.Request) { r.TLS = nil },
		"asid":    func(r *http.Request) { r.Header.Set("fromASID", "000000000000") },
		"header":  func(r *http.Request) { r.Header.Del("toASID") },
		"token":   func(r *http.Request) { r.Header.Del("Authorization") },
		"request": func(r *http.Request) { r.Method = strings.Repeat("X", 10_000) },
		"binding": func(r *http.Request) { r.TLS.PeerCertificates[0] = certificate("x.nhs.uk") },
		"interaction": func(r *http.Request) {
			r.Method = http.MethodGet
			r.Header.Del("InteractionID")
			r.URL.Path = "/STU3/DocumentReference"
		},
	} {
		r := create()
		change(r)
		assert.Equal(t, rule, record(r)["rule"])
		assert.Less(t, log.Len(), 2000, "a request that is refused cannot fill the log")
	}
	a.Registry = nil
	m = record(create())
	assert.Equal(t, "ERROR", m["level"])
	assert.Equal(t, "config", m["rule"])
}

func TestACitizenInTheWrongPlaceIsNotLogged(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	gate := &asid.Gate{Self: provider.ASID, Peers: asidtest.Peers{}, Logger: slog.New(slog.NewJSONHandler(&log, nil))}
	for name, change := range map[string]func(*http.Request){
		"a user who is a patient":       withToken(`{"requesting_user":"https://fhir.nhs.net/Id/nhs-number|9876543210"}`),
		"a user of that number":         withToken(`{"requesting_user":"https://fhir.nhs.uk/Id/sds-role-profile-id|9876543210"}`),
		"an organisation of it":         withToken(`{"requesting_organization":"https://fhir.nhs.uk/Id/ods-organization-code|9876543210"}`),
		"a practitioner of it":          withToken(`{"requesting_practitioner":{"resourceType":"Practitioner","identifier":[{"system":"https://fhir.nhs.uk/Id/sds-user-id","value":"987 654 3210"}]}}`),
		"a method of it":                func(r *http.Request) { r.Method = "9876543210" },
		"a path with it as people do":   func(r *http.Request) { r.URL.Path = "/records/987 654 3210" },
		"an interaction that begins so": func(r *http.Request) { r.Header.Set("Ssp-InteractionID", "urn:nhs:9876543210") },
	} {
		log.Reset()
		r := retrieval()
		change(r)
		serve(gate.Middleware(http.NotFoundHandler()), r)
		assert.Equal(t, 1, strings.Count(log.String(), "\n"), name)
		assert.NotRegexp(t, "987.?654.?3210", log.String(), name)
	}
}

func withToken(payload string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+jwt(unsigned, payload)) }
}

// The answer has been sent when the record is written.
func TestALogThatFailsOrPanicsIsCountedAndChangesNoAnswer(t *testing.T) {
	t.Parallel()
	for name, handle := range map[string]handlerFunc{
		"fails":  func(context.Context, slog.Record) error { return errors.New("the disk is full") },
		"panics": func(context.Context, slog.Record) error { panic("a log") },
	} {
		t.Run(name, func(t *testing.T) {
			gate := &asid.Gate{Self: provider.ASID, Peers: asidtest.Peers{}, Logger: slog.New(handle), Audit: new(asid.Audit)}
			assert.Equal(t, http.StatusOK, serve(gate.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})), retrieval()).Code)
			assert.Equal(t, uint64(1), gate.Audit.Failures())
			assert.PanicsWithValue(t, "a handler", func() {
				serve(gate.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("a handler") })), retrieval())
			})
			assert.Equal(t, uint64(2), gate.Audit.Failures())

			var sent *http.Request
			transport := through(&sent)
			transport.Logger, transport.Audit = gate.Logger, gate.Audit
			resp, err := transport.RoundTrip(newRequest(t, http.MethodGet, "https://p1.nhs.uk/records/1"))
			require.NoError(t, err)
			assert.NoError(t, resp.Body.Close())
			assert.Equal(t, uint64(3), gate.Audit.Failures())
		})
	}
	gate := &asid.Gate{Self: provider.ASID, Peers: asidtest.Peers{}, Logger: slog.New(handlerFunc(func(context.Context, slog.Record) error { panic("a log") }))}
	assert.PanicsWithValue(t, "a log", func() { serve(gate.Middleware(http.NotFoundHandler()), retrieval()) }, "nothing counts it")
}
