// SPDX-License-Identifier: Apache-2.0

package pointer_test

import (
	"bufio"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
	"github.com/nrlsecurity/nrlsecurity/pointer"
)

// medplum starts a FHIR server of other people's and returns its URL. It takes
// the id of a POST for that of the resource to write over, deletes by
// masterIdentifier or identifier, and does DELETE and PATCH with any If-Match.
func medplum(t *testing.T) *url.URL {
	t.Helper()
	node := testenv.Need(t, "node", "nodejs")
	folder := filepath.Join("testdata", "medplum")
	if _, err := os.Stat(filepath.Join(folder, "node_modules", "@medplum")); err != nil {
		testenv.Missing(t, "medplum is missing: run npm install --no-package-lock in pointer/testdata/medplum")
	}
	server := exec.CommandContext(t.Context(), node, "server.js")
	server.Dir = folder
	server.Stderr = os.Stderr
	out, err := server.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, server.Start())
	t.Cleanup(func() { _ = server.Wait() }) // the context has ended it
	port, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	return &url.URL{Scheme: "http", Host: "127.0.0.1:" + strings.TrimSpace(port), Path: "/fhir"}
}

func TestOwnersAreKeptApartOnMedplum(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes seconds: node loads the definitions of R4")
	}
	backend := medplum(t)
	base, err := url.Parse("https://nrl.example/R4")
	require.NoError(t, err)
	resolver := &pointer.FHIR{Client: http.DefaultClient, Base: backend}
	h := (&pointer.Guard{Resolver: resolver, Disclose: true}).Middleware(&pointer.Forward{Client: http.DefaultClient, Backend: backend, Base: base,
		AllowUnconditional: true, Update: pointer.UpdateJSONPatch, Supersede: pointer.SupersedeTransaction})
	const path = "/R4/DocumentReference"
	send := func(ods, method, target, body string) *httptest.ResponseRecorder {
		r := request(method, target, "application/fhir+json", body)
		r.Header.Set("Accept", "application/fhir+json")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r.WithContext(asid.NewContext(r.Context(), callerOf(t, ods))))
		return w
	}
	resource := func(ods, further string) string {
		return `{"resourceType":"DocumentReference","status":"current",` + further +
			`"subject":{"reference":"` + patient + `"},"custodian":{"identifier":{"system":"https://fhir.nhs.uk/Id/ods-organization-code","value":"` + ods + `"}},` +
			`"content":[{"attachment":{"contentType":"application/pdf","url":"https://records.example.nhs.uk/1.pdf"}}]}`
	}
	create := func(ods, further string) string {
		w := send(ods, "POST", path, resource(ods, further))
		require.Equal(t, 201, w.Code, w.Body.String())
		id, found := strings.CutPrefix(w.Header().Get("Location"), "https://nrl.example/R4/DocumentReference/")
		require.True(t, found)
		return id
	}
	stored := func(id string) *pointer.Pointer {
		p, err := resolver.Resolve(t.Context(), pointer.Query{ID: id})
		require.NoError(t, err)
		return p
	}
	const v = `{"system":"urn:s","value":"V"}`
	theirs := create("RR8", `"identifier":[`+v+`],`)
	before := stored(theirs)
	mine := create("RX1", `"masterIdentifier":`+v+`,`)

	fresh := create("RX1", `"id":"`+theirs+`",`)
	assert.NotEqual(t, theirs, fresh)
	assert.Equal(t, 400, send("RX1", "DELETE", path+"/"+theirs, "").Code)
	assert.Equal(t, 400, send("RX1", "PATCH", path+"/"+theirs, updates[false]).Code)
	assert.Equal(t, 400, send("RX1", "POST", path, resource("RX1", `"relatesTo":[{"code":"replaces","target":{"reference":"DocumentReference/`+theirs+`"}}],`)).Code)
	assert.Equal(t, 400, send("RX1", "POST", path, resource("RX1", `"masterIdentifier":`+v+`,`)).Code, "a duplicate")
	w := send("RX1", "DELETE", path+queryString("subject", patient, "identifier", "urn:s|V"), "")
	assert.Less(t, w.Code, 300, w.Body.String())
	_, err = resolver.Resolve(t.Context(), pointer.Query{ID: mine})
	assert.ErrorIs(t, err, pointer.ErrNotFound)
	assert.Equal(t, before, stored(theirs), "all that was not its owner's")

	w = send("RX1", "PATCH", path+"/"+fresh, updates[false])
	assert.Equal(t, 200, w.Code, w.Body.String())
	assert.Equal(t, "entered-in-error", stored(fresh).Status)
	w = send("RR8", "POST", path, resource("RR8", `"relatesTo":[{"code":"replaces","target":{"reference":"DocumentReference/`+theirs+`"}}],`))
	assert.Equal(t, 201, w.Code, w.Body.String())
	assert.Equal(t, "superseded", stored(theirs).Status)
	found := send("RR8", "GET", path+queryString("subject", patient), "")
	assert.Equal(t, 200, found.Code)
	assert.NotContains(t, found.Body.String(), backend.Host)
}
