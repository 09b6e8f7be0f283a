// SPDX-License-Identifier: Apache-2.0

package fhir_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/nrlsecurity/nrlsecurity/pointer/internal/fhir"
)

// A page of which it cannot be told whether it is all that was found is refused: a
// create goes by what is not found.
func TestAPageSaysWhetherItIsTheWhole(t *testing.T) {
	t.Parallel()
	for rest, whole := range map[string]bool{
		`"total":0`: true,
		`"link":[{"relation":"self","url":"x"},{"relation":"next","url":"y"}]`:                                                       true,
		`"link":[{"relation":"next","url":"x"},{"relation":"next","url":"y"}]`:                                                       false,
		`"link":[{"relation":"next","url":"x"},{"relation":"NEXT","url":"y"}]`:                                                       false,
		`"link":[{"relation":"next"}]`:                                                                                               false,
		`"entry":[{"resource":{"resourceType":"OperationOutcome","issue":[{"severity":"warning"}]},"search":{"mode":"outcome"}}]`:    true,
		`"entry":[{"resource":{"resourceType":"OperationOutcome","issue":[{"severity":"error"}]},"search":{"mode":"outcome"}}]`:      false,
		`"entry":[{"resource":{"resourceType":"OperationOutcome","issue":[{"severity":"error"}]}}]`:                                  false,
		`"entry":[{"resource":{"resourceType":"OperationOutcome","issue":1},"search":{"mode":"outcome"}}]`:                           false,
		`"entry":[{"resource":{"resourceType":"Basic"},"search":{"mode":"outcome"}}]`:                                                false,
		`"entry":[{"resource":{"resourceType":"Basic","issue":1},"search":{"mode":"include"}}]`:                                      true,
		`"entry":[{"resource":{"resourceType":"Basic"},"search":{"mode":"x"}}]`:                                                      false,
		`"entry":[{"resource":{"resourceType":"DocumentReference","id":"1"},"search":{"mode":"match"}},{"search":{"mode":"match"}}]`: true, // what reads it refuses it
		`"total":1,"total":0`: false,
	} {
		_, err := fhir.ReadSearchset([]byte(`{"resourceType":"Bundle","type":"searchset",` + rest + `}`))
		assert.Equal(t, whole, err == nil, "%s: %v", rest, err)
	}
	for _, body := range []string{`{"resourceType":"Bundle","type":"history"}`, `{"resourceType":"Basic","type":"searchset"}`, `[]`, ``} {
		_, err := fhir.ReadSearchset([]byte(body))
		assert.Error(t, err, body)
	}
}
