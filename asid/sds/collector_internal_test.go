// SPDX-License-Identifier: Apache-2.0

package sds

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What a directory gives over and over is bounded, in number and in octets.
func TestADirectoryWithoutAnEndIsRefused(t *testing.T) {
	t.Parallel()
	as := func(i int) record {
		return record{map[string][]string{
			"objectclass": {"nhsAs"}, "uniqueidentifier": {fmt.Sprintf("%012d", i)}, "nhsassvcia": {fmt.Sprintf("urn:nhs:names:services:test:%d", i)},
		}}
	}
	mhs := func(i int) record {
		return record{map[string][]string{"objectclass": {"nhsMhs"}, "nhsmhspartykey": {"RR8-1"}, "nhsmhsfqdn": {fmt.Sprintf("a%d.nhs.uk", i)}}}
	}
	other := func(int) record { return record{map[string][]string{"objectclass": {"top"}}} }
	for name, next := range map[string]func(int) record{"systems": as, "message handling systems": mhs, "others": other} {
		c := newCollector(false)
		c.read = maxRecords - 10
		for i := range 10 {
			require.NoError(t, c.add(next(i)), name)
		}
		assert.ErrorIs(t, c.add(next(10)), ErrPartial, name)
	}
	for name, next := range map[string]func(int) record{"systems": as, "message handling systems": mhs} {
		c := newCollector(false)
		c.octets = maxOctets - 4_000
		n := 0
		for c.add(next(n)) == nil {
			n++
			require.Less(t, n, 1_000, name)
		}
		assert.ErrorIs(t, c.add(next(n)), ErrPartial, name)
		assert.Greater(t, n, 3, name)
	}
}

// Each organisation of a system counts: a record may have as many as a message holds.
func TestOrganisationsOfADirectoryAreBounded(t *testing.T) {
	t.Parallel()
	r := record{map[string][]string{"objectclass": {"nhsAs"}, "uniqueidentifier": {"200000000205"}}}
	for n := range 1_000 {
		r.values["nhsasclient"] = append(r.values["nhsasclient"], fmt.Sprintf("A%d", n))
	}
	c := newCollector(true)
	require.NoError(t, c.add(r))
	require.Len(t, c.records, 1)
	assert.Greater(t, c.octets, int64(20*1_000))
}
