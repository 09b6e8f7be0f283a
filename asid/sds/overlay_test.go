// SPDX-License-Identifier: Apache-2.0

package sds_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/asid/asidtest"
	"github.com/nrlsecurity/nrlsecurity/asid/sds"
)

var aHash = strings.Repeat("0a", 32)

func TestOverlayAddsBindings(t *testing.T) {
	t.Parallel()
	unbound := rr8()
	unbound.FQDNs, unbound.Unbound = nil, true
	shared := rxa()
	shared.SharedFQDNs = shared.FQDNs
	memory, err := asid.NewMemory(unbound, shared)
	require.NoError(t, err)
	o := &sds.Overlay{Registry: memory}
	assert.Empty(t, lookup(t, o, rr8ID).FQDNs)

	require.NoError(t, o.Load(strings.NewReader(`{"bindings": [
		{"asid": "200000000205", "fqdns": ["Own.nhs.uk"], "leaves": ["`+aHash+`"], "keys": ["`+aHash+`"]},
		{"asid": "200000000206", "fqdns": ["`+sharedFQDN+`"]},
		{"asid": "299999999999", "fqdns": ["own.nhs.uk"]}]}`)))
	sys := lookup(t, o, rr8ID)
	assert.Equal(t, []string{"own.nhs.uk"}, sys.FQDNs)
	assert.Equal(t, aHash, sys.Leaves[0].String())
	assert.Equal(t, aHash, sys.Keys[0].String())
	assert.Same(t, sys, lookup(t, o, rr8ID), "it is joined once")
	assert.Empty(t, lookup(t, o, rxaID).SharedFQDNs, "the operator says whose it is")
	assert.Empty(t, lookup(t, memory, rr8ID).FQDNs, "the registry's own system is as it was")
	_, err = o.Lookup(t.Context(), unknownID)
	assert.ErrorIs(t, err, asid.ErrNotFound, "a binding makes no ASID known")
	_, err = (&sds.Overlay{}).Lookup(t.Context(), rr8ID)
	assertCannotTell(t, err)
	assert.NoError(t, asidtest.TestRegistry(o, *sys))
}

// registryFunc is a registry of one function.
type registryFunc func() *asid.System

func (f registryFunc) Lookup(context.Context, asid.ID) (*asid.System, error) { return f(), nil }

func TestOverlayFollowsItsRegistry(t *testing.T) {
	t.Parallel()
	sys := rr8()
	o := &sds.Overlay{Registry: registryFunc(func() *asid.System { return &sys })}
	require.NoError(t, o.Load(strings.NewReader(`{"bindings": [{"asid": "200000000205", "fqdns": ["own.nhs.uk"]}]}`)))
	assert.Len(t, lookup(t, o, rr8ID).Interactions, 3)
	reduced := rr8()
	reduced.Interactions, reduced.FQDNs, reduced.Unbound = reduced.Interactions[:1], nil, true
	o.Registry = registryFunc(func() *asid.System { return &reduced })
	found := lookup(t, o, rr8ID)
	assert.Len(t, found.Interactions, 1, "what was joined before is of another system")
	assert.Equal(t, []string{"own.nhs.uk"}, found.FQDNs)
	assert.False(t, found.Unbound)
}

func TestOverlayAsksForTheSender(t *testing.T) {
	t.Parallel()
	_, service := startFHIR(t, directory())
	o := &sds.Overlay{Registry: service}
	require.NoError(t, o.Load(strings.NewReader(`{"bindings": [{"asid": "200000000205", "fqdns": ["own.nhs.uk"]}]}`)))
	sys, err := o.LookupSender(t.Context(), sender(rr8ID, "RR8"))
	require.NoError(t, err)
	assert.Equal(t, []string{sharedFQDN, "own.nhs.uk"}, sys.FQDNs)
	_, err = o.LookupSender(t.Context(), sender(rr8ID, "RXA"))
	assert.ErrorIs(t, err, asid.ErrNotFound)
}

func TestBindingsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	memory, err := asid.NewMemory(rr8())
	require.NoError(t, err)
	o := &sds.Overlay{Registry: memory}
	require.NoError(t, o.Load(strings.NewReader(`{"bindings": [{"asid": "200000000205", "fqdns": ["own.nhs.uk"]}]}`)))
	entry := `{"asid": "200000000205", "fqdns": ["b.nhs.uk"]}`
	for name, text := range map[string]string{
		"not JSON":             `bindings`,
		"nothing":              `{}`,
		"null":                 `{"bindings": null}`,
		"another key":          `{"bindings": [], "Bindings": []}`,
		"a key twice":          `{"bindings": [], "bindings": []}`,
		"an ASID twice":        `{"bindings": [` + entry + `,` + entry + `]}`,
		"no ASID":              `{"bindings": [{"fqdns": ["b.nhs.uk"]}]}`,
		"an ASID that is none": `{"bindings": [{"asid": "2000", "fqdns": ["b.nhs.uk"]}]}`,
		"nothing bound":        `{"bindings": [{"asid": "200000000205"}]}`,
		"a wildcard":           `{"bindings": [{"asid": "200000000205", "fqdns": ["*.nhs.uk"]}]}`,
		"half a hash":          `{"bindings": [{"asid": "200000000205", "keys": ["0a"]}]}`,
		"something behind it":  `{"bindings": []} {}`,
		"too much":             `{"bindings": [` + strings.Repeat(" ", 16<<20) + `]}`,
	} {
		assertCannotTell(t, o.Load(strings.NewReader(text)))
		assert.Contains(t, lookup(t, o, rr8ID).FQDNs, "own.nhs.uk", name)
	}
}
