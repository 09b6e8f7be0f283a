// SPDX-License-Identifier: Apache-2.0

package asid_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
)

func TestAnASIDHasTwelveDigits(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"200000000205", "928942012545", "000000000000", "000000000205", "999999999999"} {
		id, err := asid.ParseID(s)
		require.NoError(t, err, s)
		assert.Equal(t, s, id.String())
		assert.False(t, id.IsZero())
		text, err := json.Marshal(id)
		require.NoError(t, err)
		var back asid.ID
		require.NoError(t, json.Unmarshal(text, &back))
		assert.Equal(t, id, back)
	}
}

func TestAnythingElseIsNoASID(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]string{
		"empty":                 "",
		"11 digits":             "20000000020",
		"13 digits":             "2000000002050",
		"a letter":              "20000000020A",
		"hexadecimal":           "0x0000000205",
		"a sign":                "+20000000020",
		"a leading blank":       " 20000000020",
		"a trailing blank":      "20000000020 ",
		"a blank added":         "200000000205 ",
		"a tab":                 "20000000020\t",
		"a line break":          "200000000205\n",
		"a NUL":                 "20000000020\x00",
		"a list":                "200000000205,200000000205",
		"separators":            "200 000 0205",
		"full-width digits":     "２０００００００００２０５",
		"arabic-indic digits":   "٢٠٠٠٠٠",
		"the byte before zero":  "20000000020/",
		"the byte after nine":   "20000000020:",
		"a very long one":       "200000000205200000000205200000000205",
		"quotes":                `"2000000002"`,
		"a byte above all of 7": "20000000020\xff",
	} {
		t.Run(name, func(t *testing.T) {
			id, err := asid.ParseID(s)
			assert.Error(t, err)
			assert.True(t, id.IsZero())
			assert.Error(t, id.UnmarshalText([]byte(s)))
			assert.Panics(t, func() { asid.MustParseID(s) })
		})
	}
}

// The digits are read four at once: no octet may carry over into what another says.
func TestEachOctetOfAnASIDIsADigit(t *testing.T) {
	t.Parallel()
	for _, all := range []string{"000000000000", "999999999999", "012345678901"} {
		for at := range len(all) {
			for octet := range 1 << 8 {
				s := all[:at] + string([]byte{byte(octet)}) + all[at+1:]
				id, err := asid.ParseID(s)
				if octet < '0' || octet > '9' {
					assert.Error(t, err, "%q", s)
					continue
				}
				assert.NoError(t, err, "%q", s)
				assert.Equal(t, s, id.String())
			}
		}
	}
}

func TestTestEnvironmentsHaveShorterASIDs(t *testing.T) {
	t.Parallel()
	seen := make(map[asid.ID]string)
	for _, s := range []string{"0", "00", "5", "05", "205", "0205", "200000000205"} {
		id, err := asid.ParseTestID(s)
		require.NoError(t, err, s)
		assert.Equal(t, s, id.String())
		assert.False(t, id.IsZero())
		assert.NotContains(t, seen, id, "leading zeros count")
		seen[id] = s
	}
	for _, s := range []string{"", "2000000002050", "2O5", "-5", " 5"} {
		_, err := asid.ParseTestID(s)
		assert.Error(t, err, "%q", s)
	}
}

func TestTheZeroIDIsEmpty(t *testing.T) {
	t.Parallel()
	var id asid.ID
	assert.True(t, id.IsZero())
	assert.Empty(t, id.String())
}

func FuzzID(f *testing.F) {
	for _, s := range []string{"200000000205", "", "20000000020", "000000000000", "20000000020A"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, err := asid.ParseID(s)
		test, testErr := asid.ParseTestID(s)
		if err == nil {
			assert.Equal(t, s, id.String())
			assert.Len(t, s, 12)
			assert.NoError(t, testErr)
			assert.Equal(t, id, test)
		}
		if testErr == nil {
			assert.Equal(t, s, test.String())
			assert.Regexp(t, `\A[0-9]{1,12}\z`, s)
		} else {
			assert.NotRegexp(t, `\A[0-9]{1,12}\z`, s)
		}
	})
}
