// SPDX-License-Identifier: Apache-2.0

package pointer_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/samply/golang-fhir-models/fhir-models/fhir"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
	"github.com/nrlsecurity/nrlsecurity/pointer"
	"github.com/nrlsecurity/nrlsecurity/pointer/nrl"
)

// Whatever body the test NRL takes, it answers in JSON that a library for FHIR
// reads, and in both formats with the owner that was judged.
func TestWhatTheTestNRLAnswersIsFHIR(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes seconds: 12,000 bodies")
	}
	caller := callerOf(t, "A81001", "RX1")
	var inSTU3, inR4 [][2][]byte
	for _, format := range []string{"json", "xml"} {
		taken := 0
		for _, body := range mutants(t, format, 6000) {
			store := new(nrl.Store)
			h := (&pointer.Guard{Resolver: store}).Middleware(store)
			send := func(method, target, format, body string) *httptest.ResponseRecorder {
				r := request(method, target, "application/fhir+"+format, body)
				r.Header.Set("Accept", "application/fhir+"+format)
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r.WithContext(asid.NewContext(r.Context(), caller)))
				return w
			}
			w := send("POST", collection, format, body)
			require.Less(t, w.Code, 500, "%s\n%s", w.Body, body)
			if w.Code != http.StatusCreated {
				continue
			}
			taken++
			at := collection + w.Header().Get("Location")[strings.LastIndexByte(w.Header().Get("Location"), '/'):]
			inJSON, inXML := send("GET", at, "json", "").Body.Bytes(), send("GET", at, "xml", "").Body.Bytes()
			_, err := fhir.UnmarshalDocumentReference(inJSON)
			require.NoError(t, err, "%s\nsent as %s", inJSON, body)
			first, err := pointer.Parse("application/fhir+json", inJSON)
			require.NoError(t, err, "%s", inJSON)
			second, err := pointer.Parse("application/fhir+xml", inXML)
			require.NoError(t, err, "%s", inXML)
			assert.Equal(t, first, second)
			assert.NoError(t, pointer.Owns(caller, first))
			if !bytes.Contains(inJSON, []byte(`"class"`)) {
				inR4 = append(inR4, [2][]byte{inJSON, inXML})
			} else {
				inSTU3 = append(inSTU3, [2][]byte{inJSON, inXML})
			}
		}
		t.Logf("%s: %d of 6000 taken", format, taken)
		assert.Greater(t, taken, 100)
	}
	t.Run("R4 by another's validator", func(t *testing.T) { validated(t, "validate.js", inR4) })
	t.Run("STU3 by another's definitions", func(t *testing.T) { validated(t, "stu3.js", inSTU3) })
}

// everythingElse is what the example of STU3 has not: each element that the store
// keeps, in no order, and of the types that differ between JSON and XML each one.
const everythingElse = `"description":"a < b & \"c\"","_description":{"id":"d","extension":[{"valueBoolean":true,"url":"urn:x"},{"url":"urn:y","valueInteger":7}]},
	"relatesTo":[{"target":{"display":"t","reference":"DocumentReference/OLD"},"code":"replaces"}],"docStatus":"final","created":"2026-02-03",
	"text":{"div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">a <b class='x'>b</b> &lt;<br/></div>","status":"generated"},"language":"en",
	"identifier":[{"value":"1","use":"usual","period":{"end":"2027","start":"2026-01"},"system":"urn:i","type":{"text":"t"},"assigner":{"display":"a"}},{"value":"2"}],
	"securityLabel":[{"text":"x","coding":[{"userSelected":false,"code":"c","system":"urn:s","version":"1","display":"d"}]}],
	"authenticator":{"reference":"https://directory.spineservices.nhs.uk/STU3/Organization/RX1"},"extension":[{"url":"urn:z","_valueString":{"extension":[{"url":"urn:e","valueCode":"unknown"}]}}],`

// elsewhere are the elements of its parts.
var elsewhere = strings.NewReplacer(
	`"profile": [`, `"tag":[{"code":"t"}],"security":[{"code":"s"}],"_profile":[null,{"id":"p"}],"profile": ["urn:p",`,
	`"contentType": "application/pdf"`, `"title":"t","hash":"aGk=","size":12,"language":"en","contentType": "application/pdf"`,
	`"context": {`, `"context": {"related":[{"ref":{"reference":"DocumentReference/x"},"identifier":{"value":"r"}}],"sourcePatientInfo":{"display":"p"},
		"facilityType":{"text":"f"},"event":[{"text":"e"}],"encounter":{"display":"e"},`)

func TestEverythingOfSTU3IsAnsweredAsFHIR(t *testing.T) {
	t.Parallel()
	store := new(nrl.Store)
	h := (&pointer.Guard{Resolver: store}).Middleware(store)
	send := func(method, target, accept, body string) *httptest.ResponseRecorder {
		r := request(method, target, "application/fhir+json", body)
		r.Header.Set("Accept", accept)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r.WithContext(asid.NewContext(r.Context(), callerOf(t, "A81001"))))
		return w
	}
	example := load(t, "create", "stu3", "json").text
	old := send("POST", collection, "application/fhir+json", strings.Replace(example, "6a1d7c52", "7a1d7c52", 1))
	require.Equal(t, http.StatusCreated, old.Code, old.Body)
	idOf := func(w *httptest.ResponseRecorder) string {
		return w.Header().Get("Location")[strings.LastIndexByte(w.Header().Get("Location"), '/'):]
	}
	body := elsewhere.Replace(strings.Replace(example, "{", "{"+strings.Replace(everythingElse, "/OLD", idOf(old), 1), 1))
	w := send("POST", collection, "application/fhir+json", body)
	require.Equal(t, http.StatusCreated, w.Code, w.Body)
	at := collection + idOf(w)
	validated(t, "stu3.js", [][2][]byte{{send("GET", at, "application/fhir+json", "").Body.Bytes(), send("GET", at, "application/fhir+xml", "").Body.Bytes()}})
}

// validated has a program validate answers in JSON and XML, and read the one as
// the other: npm's fhir, which has the definitions of R4 alone, or one that goes by
// those of STU3 in npm's fhir-stu3.
func validated(t *testing.T, program string, answers [][2][]byte) {
	node := testenv.Need(t, "node", "nodejs")
	folder := filepath.Join("testdata", "validator")
	if _, err := os.Stat(filepath.Join(folder, "node_modules", "fhir-stu3")); err != nil {
		testenv.Missing(t, "the validator is missing: run npm install --no-package-lock in pointer/"+folder)
	}
	var in bytes.Buffer
	for _, a := range answers {
		fmt.Fprintln(&in, base64.StdEncoding.EncodeToString(a[0]), base64.StdEncoding.EncodeToString(a[1]))
	}
	cmd := exec.CommandContext(t.Context(), node, program)
	cmd.Dir, cmd.Stdin, cmd.Stderr = folder, &in, os.Stderr
	out, err := cmd.Output()
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	require.Len(t, lines, len(answers))
	for i, line := range lines {
		var fault string
		require.NoError(t, json.Unmarshal([]byte(line), &fault))
		require.Empty(t, fault, "%s\n%s", answers[i][0], answers[i][1])
	}
	t.Logf("%d answers are valid", len(lines))
}
