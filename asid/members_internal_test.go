// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// FuzzMembers compares the members of an object with those that the library finds.
func FuzzMembers(f *testing.F) {
	for _, text := range []string{
		`{}`, ` { } `, `{"a":1}`, `{"a":-1.5e+3,"b":null , "c" :true}`, "{\n\t\"a\" :\r[1,[\"]\",{}],{\"b\":\"}\"}] }", `{"a":"\"","\u0062":"\\","":""}`,
		`{"a":{"b":{"c":[]}},"d":"[{"}`, `[]`, `"{"`, `1`, `{"a":"\\\\\"","b":"x"}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		m := members{text: string(text)}
		opened := m.open()
		if !jsontext.Value(text).IsValid() {
			for range len(text) + 1 { // it ends, whatever it finds
				if _, _, more := m.next(); !more {
					return
				}
			}
			t.Fatal("more members than characters")
		}
		var want map[string]jsontext.Value
		err := json.Unmarshal(text, &want)
		assert.Equal(t, jsontext.Value(text).Kind() == '{', opened)
		if !opened {
			return
		}
		require.NoError(t, err)
		got := make(map[string]jsontext.Value)
		for {
			name, value, more := m.next()
			if !more {
				break
			}
			name, err := unquoted(name)
			require.NoError(t, err)
			got[name] = jsontext.Value(value)
		}
		assert.Equal(t, want, got)
	})
}
