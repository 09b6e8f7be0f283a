// SPDX-License-Identifier: Apache-2.0

package fhir_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/pointer/internal/fhir"
)

// What is stored may have elements that are not known, but none that a lenient
// reader takes for one that decides.
func TestStoredResourcesHaveNoSecondNameOfWhatIsRead(t *testing.T) {
	t.Parallel()
	const base = `{"resourceType":"DocumentReference","id":"1","status":"current",` +
		`"custodian":{"reference":"https://directory.spineservices.nhs.uk/STU3/Organization/A81001"},"NAME":1}`
	read := func(name string) error {
		_, err := (fhir.Reader{Stored: true}).DocumentReference("application/fhir+json", []byte(strings.Replace(base, "NAME", name, 1)))
		return err
	}
	require.NoError(t, read("docstatus"))
	require.NoError(t, read(`\u0061nother`))
	for _, name := range []string{
		"Custodian", "cus-todian", "CUS_TODIAN", "cuſtodian", "ſubject", `\u0043ustodian`, `cu\u017ftodian`, "ſtatuſ",
		"modifierExtension", `modifier\u0045xtension`, "ModifierExtension", "implicitRules", "implicitruleſ", `\u0069mplicitRules`,
	} {
		var refused *fhir.Error
		if assert.ErrorAs(t, read(name), &refused, name) {
			assert.Equal(t, fhir.Refused, refused.Kind, name)
		}
	}
}
