// SPDX-License-Identifier: Apache-2.0

package asidtest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/asid/asidtest"
)

type lookup func(asid.ID) (*asid.System, error)

func (f lookup) Lookup(_ context.Context, id asid.ID) (*asid.System, error) { return f(id) }

func TestARegistryThatKnowsWhatItShouldPasses(t *testing.T) {
	t.Parallel()
	registry, err := asid.NewMemory(rr8)
	require.NoError(t, err)
	assert.NoError(t, asidtest.TestRegistry(registry, rr8))
}

func TestEachFaultOfARegistryIsFound(t *testing.T) {
	t.Parallel()
	right := func(id asid.ID) (*asid.System, error) {
		if id == rr8.ASID {
			s := rr8
			return &s, nil
		}
		return nil, fmt.Errorf("directory: %w", asid.ErrNotFound)
	}
	require.NoError(t, asidtest.TestRegistry(lookup(right), rr8))
	changed := func(change func(*asid.System)) lookup {
		return func(id asid.ID) (*asid.System, error) {
			s, err := right(id)
			if s != nil {
				change(s)
			}
			return s, err
		}
	}
	for name, c := range map[string]struct {
		registry lookup
		want     string
	}{
		"knows nothing":        {func(asid.ID) (*asid.System, error) { return nil, asid.ErrNotFound }, "look-up failed"},
		"gives nothing at all": {func(asid.ID) (*asid.System, error) { return nil, nil }, "neither a system nor an error"},
		"knows everything":     {func(asid.ID) (*asid.System, error) { return right(rr8.ASID) }, "look-up of an unknown ASID did not fail"},
		"hides the unknown": {func(id asid.ID) (*asid.System, error) {
			if s, _ := right(id); s != nil {
				return s, nil
			}
			return nil, errors.New("no such object")
		}, "not asid.ErrNotFound"},
		"gives a system with the error": {func(id asid.ID) (*asid.System, error) {
			s, err := right(id)
			if err != nil {
				s = &asid.System{}
			}
			return s, err
		}, "gave a system"},
		"another's system":   {changed(func(s *asid.System) { s.ASID = self }), "gave the system of ASID 999999999999"},
		"another ODS code":   {changed(func(s *asid.System) { s.ODS = []asid.ODSCode{ods("RR9")} }), "ODS codes"},
		"another FQDN":       {changed(func(s *asid.System) { s.FQDNs = []string{"other.nhs.uk"} }), "FQDNs"},
		"fewer interactions": {changed(func(s *asid.System) { s.Interactions = s.Interactions[:1] }), "interactions"},
	} {
		t.Run(name, func(t *testing.T) {
			assert.ErrorContains(t, asidtest.TestRegistry(c.registry, rr8), c.want)
		})
	}
}
