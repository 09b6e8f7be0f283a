// SPDX-License-Identifier: Apache-2.0

package pointer_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/pointer"
)

func TestAnswersFollowTheErrorTable(t *testing.T) {
	t.Parallel()
	everyForm(t, "supersede-both", func(t *testing.T, d document) {
		post := func(d document) *http.Request { return request("POST", collection, d.contentType(), d.text) }
		theirs := d.custodian(t, `{"reference":"`+odsURL+`RX1"}`, `<reference value="`+odsURL+`RX1"/>`)
		stale := stored(t)
		stale[oldID].Status = "superseded"
		for _, c := range []struct {
			name             string
			r                *http.Request
			guard            *pointer.Guard
			status           int
			code, diagnostic string
		}{
			{"custodian", post(theirs), &pointer.Guard{Resolver: stored(t)}, 400, "INVALID_RESOURCE", "Resource is invalid : custodian"},
			{"relatesTo", post(d.replace(t, oldID, "none", oldID, "none")), &pointer.Guard{Resolver: stored(t)}, 400, "INVALID_RESOURCE", "Resource is invalid : relatesTo"},
			{"not current", post(d), &pointer.Guard{Resolver: stale}, 400, "BAD_REQUEST", "DocumentReference status is not 'current'"},
			{"not found", request("DELETE", collection+"/none", "", ""), &pointer.Guard{Resolver: stored(t)}, 404, "NO_RECORD_FOUND", "No record found for supplied DocumentReference identifier - none."},
			{"malformed", request("POST", collection, d.contentType(), d.text+"x"), &pointer.Guard{Resolver: stored(t)}, 400, "INVALID_REQUEST_MESSAGE", "Invalid Request Message"},
			{"an element that is not taken", post(d.rename(t, "type", "typ")), &pointer.Guard{Resolver: stored(t)}, 400, "INVALID_RESOURCE", "Resource is invalid : typ"},
			{"an answer that is not served", request("DELETE", collection+"/"+oldID+"?_format=turtle", "", ""), &pointer.Guard{Resolver: stored(t)}, 415, "UNSUPPORTED_MEDIA_TYPE", "Unsupported Media Type"},
			{"media type", request("POST", collection, "text/plain", d.text), &pointer.Guard{Resolver: stored(t)}, 415, "UNSUPPORTED_MEDIA_TYPE", "Unsupported Media Type"},
			{"another's, disclosed", request("DELETE", collection+"/theirs", "", ""), &pointer.Guard{Resolver: stored(t), Disclose: true}, 400, "INVALID_RESOURCE", "Resource is invalid : custodian"},
			{"another's, concealed", request("DELETE", collection+"/theirs", "", ""), &pointer.Guard{Resolver: stored(t)}, 404, "NO_RECORD_FOUND", "No record found"},
			{"no caller", post(d), &pointer.Guard{}, 500, "", ""},
		} {
			c.r.Header.Set("Accept", "application/fhir+"+d.format)
			w, h := send(t, c.guard, c.r)
			assert.False(t, h.called, c.name)
			assert.Equal(t, c.status, w.Code, c.name)
			answered := strings.ReplaceAll(w.Body.String(), "&#39;", "'")
			assert.Contains(t, answered, c.code, c.name)
			assert.Contains(t, answered, c.diagnostic, c.name)
			if !strings.Contains(c.r.URL.RawQuery, "_format") {
				assert.Contains(t, w.Header().Get("Content-Type"), d.format)
			}
		}
	})
}

func TestUpdatesAreTheOneThatTheNRLAllows(t *testing.T) {
	t.Parallel()
	body, res := bodyRules, []pointer.Rule{pointer.RuleResource}
	for _, c := range []struct {
		name                             string
		jsonOld, jsonNew, xmlOld, xmlNew string
		want                             []pointer.Rule
	}{
		{"another operation", `"replace"`, `"delete"`, `"replace"`, `"delete"`, res},
		{"another path", "DocumentReference.status", "DocumentReference.custodian", "DocumentReference.status", "DocumentReference.custodian", res},
		{"another value", "entered-in-error", "superseded", "entered-in-error", "superseded", res},
		{"another name", `"operation"`, `"Operation"`, `"operation"`, `"Operation"`, res},
		{"the type as a string", "valueCode", "valueString", "valueCode", "valueString", res},
		{"the path as a code", `"valueString": "DocumentReference.status"`, `"valueCode": "DocumentReference.status"`,
			`valueString value="DocumentReference.status"`, `valueCode value="DocumentReference.status"`, res},
		{"a part too few", `"name": "type"`, `"name": "path"`, `name value="type"`, `name value="path"`, body},
		{"a part too many", `"part": [`, `"part": [{"name":"index","valueString":"0"},`, "<part>", `<part><name value="index"/><valueString value="0"/></part><part>`, res},
		{"a part without a value", `"part": [`, `"part": [{"name":"index"},`, "<part>", `<part><name value="index"/></part><part>`, res},
		{"a part with two values", `"valueCode": "replace"`, `"valueCode": "replace","valueString":"add"`,
			`<valueCode value="replace"/>`, `<valueCode value="replace"/><valueString value="add"/>`, body},
		{"a part with a value of another type", `"valueCode": "replace"`, `"valueUri": "replace"`, "valueCode", "valueUri", body},
		{"a name in capitals", `"valueCode": "replace"`, `"valueCode": "replace","Name":"path"`, `<valueCode value="replace"/>`, `<valueCode value="replace"/><Name value="path"/>`, body},
		{"two operations", `"parameter": [`, `"parameter": [{"name":"operation","part":[{"name":"type","valueCode":"replace"},{"name":"path","valueString":"DocumentReference.status"},{"name":"value","valueString":"entered-in-error"}]},`,
			"<parameter>", `<parameter><name value="operation"/><part><name value="type"/><valueCode value="replace"/></part><part><name value="path"/><valueString value="DocumentReference.status"/></part><part><name value="value"/><valueString value="entered-in-error"/></part></parameter><parameter>`, res},
		{"another resource", "Parameters", "Parameter", "Parameters", "Parameter", body},
		{"something else in it", `"parameter"`, `"status":"x","parameter"`, "<parameter>", `<status value="x"/><parameter>`, body},
	} {
		t.Run(c.name, func(t *testing.T) {
			everyForm(t, "update", func(t *testing.T, d document) {
				d.text = strings.ReplaceAll(d.text, `"valueCode": "entered-in-error"`, `"valueString": "entered-in-error"`)
				d.text = strings.ReplaceAll(d.text, `valueCode value="entered-in-error"`, `valueString value="entered-in-error"`)
				old := d.pick(c.jsonOld, c.xmlOld)
				require.Contains(t, d.text, old)
				if old == "Parameters" || old == "valueCode" {
					d.text = strings.ReplaceAll(d.text, old, d.pick(c.jsonNew, c.xmlNew))
				} else {
					d = d.replace(t, c.jsonOld, c.jsonNew, c.xmlOld, c.xmlNew)
				}
				var got error
				guard := &pointer.Guard{Resolver: stored(t), ErrorHandler: func(_ http.ResponseWriter, _ *http.Request, err error) { got = err }}
				_, h := send(t, guard, request("PATCH", collection+"/"+oldID, d.contentType(), d.text))
				assert.False(t, h.called)
				assertRule(t, got, c.want...)
			})
		})
	}
	t.Run("no operation", func(t *testing.T) {
		for format, text := range map[string]string{"json": `{"resourceType":"Parameters"}`, "xml": `<Parameters xmlns="http://hl7.org/fhir"/>`} {
			_, h := send(t, &pointer.Guard{Resolver: stored(t)}, request("PATCH", collection+"/"+oldID, "application/fhir+"+format, text))
			assert.False(t, h.called)
		}
	})
}

func TestOneRecordForEachRequest(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	guard := &pointer.Guard{Resolver: stored(t), Logger: slog.New(slog.NewJSONHandler(&log, nil))}
	for _, c := range []struct {
		r    *http.Request
		rule string
	}{
		{request("DELETE", collection+"/"+oldID, "", ""), ""},
		{request("DELETE", collection+"/theirs", "", ""), "owner"},
		{request("PUT", collection+"/theirs", "", ""), "request"},
		{request("POST", collection, "application/fhir+json", "{"), "body"},
		{request("GET", collection+"?_method=DELETE", "", ""), "request"},
	} {
		log.Reset()
		send(t, guard, c.r)
		var record map[string]any
		require.NoError(t, json.Unmarshal(log.Bytes(), &record), "not one record: %s", log.String())
		if c.rule != "" {
			assert.Equal(t, c.rule, record["rule"])
		}
		assert.Equal(t, "200000000205", record["asid"])
	}
}
