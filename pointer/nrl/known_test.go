// SPDX-License-Identifier: Apache-2.0

package nrl_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/nrlsecurity/nrlsecurity/asid"
)

// What the NRL answers about patients and organisations that there are not.
func TestWhatTheSpineDoesNotKnow(t *testing.T) {
	t.Parallel()
	everyForm(t, func(t *testing.T, version, format string) {
		i := start(t, "A81001", "B82001")
		i.store.Patients = func(nhsNumber string) bool { return nhsNumber == "9000000009" }
		i.store.Organisations = func(code asid.ODSCode) bool { return code == ods(t, "A81001") || code == ods(t, "RX1") }
		good := example(t, "create-"+version+"."+format)
		refused := func(body string, status int, issue, code, display, diagnostics string) {
			t.Helper()
			w := i.send("POST", collection, format, body)
			assert.Equal(t, status, w.Code, w.Body.String())
			got := issueOf(t, format, w.Body.String())
			assert.Equal(t, []string{issue, code, display, diagnostics}, []string{got.code, got.spine, got.display, got.diagnostics})
		}
		refused(strings.ReplaceAll(good, "9000000009", "9000000017"), 404, "not-found", "NO_RECORD_FOUND", "No record found",
			"The given NHS number could not be found 9000000017.")
		refused(strings.ReplaceAll(good, "9000000009", "9000000008"), 400, "invalid", "INVALID_NHS_NUMBER", "Invalid NHS number",
			"The NHS number does not conform to the NHS Number format: 9000000008")
		const unresolved = "The ODS code in the custodian and/or author element is not resolvable - "
		refused(strings.ReplaceAll(good, "A81001", "B82001"), 400, "not-found", "ORGANISATION_NOT_FOUND", "Organisation not found", unresolved+"B82001")
		refused(strings.ReplaceAll(good, "RX1", "RX2"), 400, "not-found", "ORGANISATION_NOT_FOUND", "Organisation not found", unresolved+"RX2")
		refused(strings.ReplaceAll(good, "RX1", "R X"), 400, "not-found", "ORGANISATION_NOT_FOUND", "Organisation not found", unresolved+"R X")
		i.create(t, format, good)

		search := func(pairs ...string) issue {
			w := i.send("GET", query(pairs...), format, "")
			if w.Code == 200 {
				return issue{}
			}
			return issueOf(t, format, w.Body.String())
		}
		assert.Empty(t, search("subject", patient))
		assert.Equal(t, "NO_RECORD_FOUND", search("subject", strings.ReplaceAll(patient, "9000000009", "9000000017")).spine)
		const custodian = "https://directory.spineservices.nhs.uk/STU3/Organization/"
		assert.Empty(t, search("subject", patient, "custodian", custodian+"RX1"))
		assert.Equal(t, "INVALID_PARAMETER", search("subject", patient, "custodian", custodian+"RX2").spine)
	})
}
