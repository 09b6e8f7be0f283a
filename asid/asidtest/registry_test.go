// SPDX-License-Identifier: Apache-2.0

package asidtest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
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
	byDigits := func(change func(string) string) lookup {
		return func(id asid.ID) (*asid.System, error) {
			if !id.IsZero() && id.String() != "999999999999" {
				id = asid.MustParseID(change(id.String()))
			}
			return right(id)
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
		"another's system": {changed(func(s *asid.System) { s.ASID = self }), "gave the system of ASID 999999999999"},
		"another ODS code": {changed(func(s *asid.System) { s.ODS = []asid.ODSCode{ods("RR9")} }), "ODS codes"},
		"another FQDN":     {changed(func(s *asid.System) { s.FQDNs = []string{"other.nhs.uk"} }), "FQDNs"},
		"another's for an ASID of other first digits": {byDigits(func(id string) string { return "2" + id[1:] }), "gave another's system"},
		"another's for an ASID of other last digits":  {byDigits(func(id string) string { return id[:11] + "5" }), "gave another's system"},
		"the zero ID for an ASID": {func(id asid.ID) (*asid.System, error) {
			if id.IsZero() {
				id = rr8.ASID
			}
			return right(id)
		}, "look-up of the zero ID did not fail"},
		"panics for the unknown": {func(id asid.ID) (*asid.System, error) {
			s, err := right(id)
			if s == nil {
				panic("no such system")
			}
			return s, err
		}, "look-up panicked"},
		"further ODS codes": {changed(func(s *asid.System) { s.ODS = append(slices.Clone(s.ODS), ods("RR9")) }), "ODS codes"},
		"no ODS code":       {changed(func(s *asid.System) { s.ODS = nil }), "ODS codes"},
		"further FQDNs":     {changed(func(s *asid.System) { s.FQDNs = append(slices.Clone(s.FQDNs), "other.nhs.uk") }), "FQDNs"},
		"no FQDN":           {changed(func(s *asid.System) { s.FQDNs = nil }), "FQDNs"},
		"further interactions": {changed(func(s *asid.System) {
			s.Interactions = append(slices.Clone(s.Interactions), asid.DocumentReferenceDelete)
		}), "interactions"},
		"interactions in capitals": {changed(func(s *asid.System) {
			s.Interactions = []asid.InteractionID{"URN:NHS:NAMES:SERVICES:NRL:DOCUMENTREFERENCE.READ"}
		}), "interactions"},
		"no interaction": {changed(func(s *asid.System) { s.Interactions = nil }), "interactions"},
		"the last one that was asked for": {func() lookup {
			var last atomic.Pointer[asid.System]
			return func(id asid.ID) (*asid.System, error) {
				s, err := right(id)
				if s == nil {
					if known := last.Load(); known != nil {
						return known, nil
					}
				}
				last.Store(s)
				return s, err
			}
		}(), "did not fail"},
		"fewer interactions": {changed(func(s *asid.System) { s.Interactions = s.Interactions[:1] }), "interactions"},
	} {
		t.Run(name, func(t *testing.T) {
			assert.ErrorContains(t, asidtest.TestRegistry(c.registry, rr8), c.want)
		})
	}
}

type cancellable func(context.Context, asid.ID) (*asid.System, error)

func (f cancellable) Lookup(ctx context.Context, id asid.ID) (*asid.System, error) { return f(ctx, id) }

func TestEachFaultOfARegistryWhoseCallerLeavesIsFound(t *testing.T) {
	t.Parallel()
	memory, err := asid.NewMemory(rr8)
	require.NoError(t, err)
	for name, f := range map[string]func(id asid.ID) (*asid.System, error){
		"tells that it is unknown":          func(asid.ID) (*asid.System, error) { return nil, asid.ErrNotFound },
		"gives another's system":            func(asid.ID) (*asid.System, error) { return &asid.System{ASID: self}, nil },
		"gives nothing at all":              func(asid.ID) (*asid.System, error) { return nil, nil },
		"gives the system beside the error": func(asid.ID) (*asid.System, error) { return &rr8, context.Canceled },
	} {
		assert.ErrorContains(t, asidtest.TestRegistry(cancellable(func(ctx context.Context, id asid.ID) (*asid.System, error) {
			if ctx.Err() != nil {
				return f(id)
			}
			return memory.Lookup(ctx, id)
		}), rr8), "with a cancelled context", name)
	}
	assert.NoError(t, asidtest.TestRegistry(cancellable(func(ctx context.Context, id asid.ID) (*asid.System, error) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		return memory.Lookup(ctx, id)
	}), rr8))
}
