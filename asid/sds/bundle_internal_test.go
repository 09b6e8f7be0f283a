// SPDX-License-Identifier: Apache-2.0

package sds

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
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

// The directory takes party keys in other case, and interactions with blanks behind them,
// for the same.
func TestWhatTheDirectoryTakesForTheSameIsNotTaken(t *testing.T) {
	t.Parallel()
	const create = string(asid.DocumentReferenceCreate)
	of := func(partyKey, interaction string) resource {
		r := resource{
			Identifier: []identifier{{asidSystem, "200000000205"}, {partyKeySystem, partyKey}, {fqdnSystem, "a.nhs.uk"}},
			Extension:  []extension{{URL: interactionExtension}},
		}
		r.Extension[0].ValueReference.Identifier = identifier{interactionSystem, interaction}
		return r
	}
	for name, c := range map[string]struct {
		record            resource
		device, endpoint  bool // whether it is one of YGM24-820388 for create
		anyParty, anyWork bool // and whether it is an endpoint where only the other is asked for
	}{
		"the same":              {of("YGM24-820388", create), true, true, true, true},
		"another key":           {of("YGM24-820389", create), false, false, true, false},
		"a key in other case":   {of("ygm24-820388", create), false, false, true, false},
		"a key with a blank":    {of("YGM24-820388 ", create), false, false, false, false},
		"no key":                {of("", create), false, false, false, false},
		"another interaction":   {of("YGM24-820388", create+"d"), false, false, false, true},
		"one in other case":     {of("YGM24-820388", "URN"+create[3:]), false, false, false, true},
		"one with a blank":      {of("YGM24-820388", create+" "), false, false, false, true},
		"one that ends so":      {of("YGM24-820388", create+","), false, false, false, true},
		"one that is no URN":    {of("YGM24-820388", "*"), false, false, false, true},
		"no interaction at all": {of("YGM24-820388", ""), false, false, false, true},
	} {
		devices, _, err := readDevices([]resource{c.record}, asid.DocumentReferenceCreate, "YGM24-820388")
		require.NoError(t, err, name)
		assert.Equal(t, c.device, len(devices) == 1, name)
		for key, want := range map[[2]string]bool{
			{create, "YGM24-820388"}: c.endpoint, {create, ""}: c.anyParty, {"", "YGM24-820388"}: c.anyWork,
		} {
			endpoints, _, err := readEndpoints([]resource{c.record}, asid.InteractionID(key[0]), key[1])
			require.NoError(t, err, name)
			assert.Equal(t, want, len(endpoints) == 1, "%s: %v", name, key)
		}
	}
}
