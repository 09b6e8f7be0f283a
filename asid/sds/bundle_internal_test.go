// SPDX-License-Identifier: Apache-2.0

package sds

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestOnlyAWholeSearchsetIsRead(t *testing.T) {
	t.Parallel()
	const device = `{"fullUrl":"urn:uuid:1","resource":{"resourceType":"Device"}}`
	for name, c := range map[string]struct {
		text    string
		records int
		bad     bool
		partial bool
	}{
		"one record":           {`{"resourceType":"Bundle","type":"searchset","total":1,"link":[{"relation":"self"}],"entry":[` + device + `]}`, 1, false, false},
		"without a total":      {`{"resourceType":"Bundle","type":"searchset","entry":[` + device + `]}`, 1, false, false},
		"none":                 {`{"resourceType":"Bundle","type":"searchset","total":0}`, 0, false, false},
		"a total that is more": {`{"resourceType":"Bundle","type":"searchset","total":2,"entry":[` + device + `]}`, 0, true, true},
		"a total that is less": {`{"resourceType":"Bundle","type":"searchset","total":0,"entry":[` + device + `]}`, 0, true, true},
		"a total and nothing":  {`{"resourceType":"Bundle","type":"searchset","total":1}`, 0, true, true},
		"another page":         {`{"resourceType":"Bundle","type":"searchset","total":1,"link":[{"relation":"self"},{"relation":"next"}],"entry":[` + device + `]}`, 0, true, true},
		"another kind":         {`{"resourceType":"Bundle","type":"searchset","entry":[{"resource":{"resourceType":"Endpoint"}}]}`, 0, true, false},
		"an entry of nothing":  {`{"resourceType":"Bundle","type":"searchset","entry":[{}]}`, 0, true, false},
		"another type":         {`{"resourceType":"Bundle","type":"collection","entry":[]}`, 0, true, false},
		"another resource":     {`{"resourceType":"OperationOutcome","type":"searchset"}`, 0, true, false},
		"a name twice":         {`{"resourceType":"Bundle","type":"searchset","total":0,"total":0}`, 0, true, false},
		"half of it":           {`{"resourceType":"Bundle","type":"searchset"`, 0, true, false},
		"nothing":              {``, 0, true, false},
	} {
		resources, err := readBundle([]byte(c.text), "Device")
		assert.Equal(t, c.bad, err != nil, name)
		assert.Len(t, resources, c.records, name)
		if c.partial {
			assert.ErrorIs(t, err, ErrPartial, name)
		} else {
			assert.NotErrorIs(t, err, ErrPartial, name)
		}
	}
}

func TestASystemHasOneIdentifierOfAKind(t *testing.T) {
	t.Parallel()
	id := func(value string) identifier { return identifier{System: asidSystem, Value: value} }
	other := identifier{System: partyKeySystem, Value: "x"}
	for name, c := range map[string]struct {
		identifiers []identifier
		want        string
		ambiguous   bool
	}{
		"none":           {nil, "", false},
		"of another":     {[]identifier{other}, "", false},
		"one":            {[]identifier{other, id("1")}, "1", false},
		"the same twice": {[]identifier{id("1"), other, id("1")}, "1", false},
		"two":            {[]identifier{id("1"), id("2")}, "", true},
		"two of three":   {[]identifier{id("1"), id("1"), id("2")}, "", true},
		"one is empty":   {[]identifier{id(""), id("1")}, "", true},
	} {
		r := &resource{Identifier: c.identifiers}
		got, err := r.single(asidSystem)
		assert.Equal(t, c.want, got, name)
		if c.ambiguous {
			assert.ErrorIs(t, err, ErrAmbiguous, name)
			_, _, err = readDevices([]resource{*r}, "", "")
			assert.ErrorIs(t, err, ErrAmbiguous, name)
		} else {
			require.NoError(t, err, name)
		}
	}
}
