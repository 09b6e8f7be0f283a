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
	var inR4 [][2][]byte
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
			}
		}
		t.Logf("%s: %d of 6000 taken", format, taken)
		assert.Greater(t, taken, 100)
	}
	t.Run("by another's validator", func(t *testing.T) { validated(t, inR4) })
}

// validated has npm's fhir validate answers of R4 in JSON and XML, and read the
// one as the other. It has the definitions of R4 alone.
func validated(t *testing.T, answers [][2][]byte) {
	node := testenv.Need(t, "node", "nodejs")
	folder := filepath.Join("testdata", "validator")
	if _, err := os.Stat(filepath.Join(folder, "node_modules", "fhir")); err != nil {
		testenv.Missing(t, "the validator is missing: run npm install --no-package-lock in pointer/"+folder)
	}
	var in bytes.Buffer
	for _, a := range answers {
		fmt.Fprintln(&in, base64.StdEncoding.EncodeToString(a[0]), base64.StdEncoding.EncodeToString(a[1]))
	}
	cmd := exec.CommandContext(t.Context(), node, "validate.js")
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
