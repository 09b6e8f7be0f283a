// SPDX-License-Identifier: Apache-2.0

package asid_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
)

func TestODSCodesAreComparedWithoutCase(t *testing.T) {
	t.Parallel()
	upper, err := asid.ParseODSCode("RR8")
	require.NoError(t, err)
	lower, err := asid.ParseODSCode("rr8")
	require.NoError(t, err)
	assert.Equal(t, upper, lower)
	assert.Equal(t, "RR8", lower.String())
	var back asid.ODSCode
	text, err := lower.MarshalText()
	require.NoError(t, err)
	require.NoError(t, back.UnmarshalText(text))
	assert.Equal(t, upper, back)
	assert.True(t, asid.ODSCode{}.IsZero())
	assert.False(t, upper.IsZero())
}

func TestAnODSCodeHasLettersAndDigitsOnly(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", " RR8", "RR8 ", "RR-8", "RR8|", "RR8/..", "ЯЯ8", "ſ1", "\u212a1", "RR8\x00", strings.Repeat("A", 21)} {
		code, err := asid.ParseODSCode(s)
		assert.Error(t, err, "%q", s)
		assert.True(t, code.IsZero())
		assert.Error(t, code.UnmarshalText([]byte(s)), "%q", s)
	}
}
