// SPDX-License-Identifier: Apache-2.0

package sds_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/asid/asidtest"
	"github.com/nrlsecurity/nrlsecurity/asid/sds"
)

var aHash = strings.Repeat("0a", 32)

// overlay returns one of registry whose file is text, loaded.
func overlay(t *testing.T, registry asid.Registry, text string) *sds.Overlay {
	t.Helper()
	o := &sds.Overlay{Registry: registry, Name: filepath.Join(t.TempDir(), "bindings.json")}
	replace(t, o.Name, text)
	require.NoError(t, o.Load())
	return o
}

// replace writes a file as an operator should: by renaming.
func replace(t *testing.T, name, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(name+".new", []byte(text), 0o600))
	require.NoError(t, os.Rename(name+".new", name))
}

// A registry that gives another system than was asked for gives it no binding of that.
func TestOverlayBindsNoOtherSystem(t *testing.T) {
	t.Parallel()
	o := overlay(t, wrong{}, `{"bindings": [{"asid": "200000000205", "fqdns": ["own.nhs.uk"]}]}`)
	sys, err := o.Lookup(t.Context(), rr8ID)
	require.NoError(t, err)
	assert.Equal(t, rxaID, sys.ASID)
	assert.NotContains(t, sys.FQDNs, "own.nhs.uk")
}

// wrong gives one system whatever is asked for.
type wrong struct{}

func (wrong) Lookup(context.Context, asid.ID) (*asid.System, error) {
	sys := rxa()
	return &sys, nil
}

func TestOverlayAddsBindings(t *testing.T) {
	t.Parallel()
	unbound := rr8()
	unbound.FQDNs, unbound.Unbound = nil, true
	shared := rxa()
	shared.SharedFQDNs = shared.FQDNs
	memory, err := asid.NewMemory(unbound, shared)
	require.NoError(t, err)
	o := overlay(t, memory, `{"bindings": [
		{"asid": "200000000205", "fqdns": ["Own.nhs.uk"], "leaves": ["`+aHash+`"], "keys": ["`+aHash+`"]},
		{"asid": "200000000206", "fqdns": ["`+sharedFQDN+`"]},
		{"asid": "299999999999", "fqdns": ["own.nhs.uk"]}]}`)
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
	_, err = (&sds.Overlay{Registry: memory}).Lookup(t.Context(), rr8ID)
	assertCannotTell(t, err)
	assert.NoError(t, asidtest.TestRegistry(o, *sys))
}

const oneBinding = `{"bindings": [{"asid": "200000000205", "fqdns": ["own.nhs.uk"]}]}`

// registryFunc is a registry of one function.
type registryFunc func() *asid.System

func (f registryFunc) Lookup(context.Context, asid.ID) (*asid.System, error) { return f(), nil }

func TestOverlayFollowsItsRegistry(t *testing.T) {
	t.Parallel()
	sys := rr8()
	found := &sys
	o := overlay(t, registryFunc(func() *asid.System { return found }), oneBinding)
	assert.Len(t, lookup(t, o, rr8ID).Interactions, 3)
	reduced := rr8()
	reduced.Interactions, reduced.FQDNs, reduced.Unbound = reduced.Interactions[:1], nil, true
	found = &reduced
	joined := lookup(t, o, rr8ID)
	assert.Len(t, joined.Interactions, 1, "what was joined before is of another system")
	assert.Equal(t, []string{"own.nhs.uk"}, joined.FQDNs)
	assert.False(t, joined.Unbound)
}

// Bindings of two files: the registry of an Overlay may be another one.
func TestOverlaysAddUp(t *testing.T) {
	t.Parallel()
	memory, err := asid.NewMemory(rr8(), rxa())
	require.NoError(t, err)
	inner := overlay(t, memory, oneBinding)
	outer := overlay(t, inner, `{"bindings": [
		{"asid": "200000000205", "fqdns": ["outer.nhs.uk"]}, {"asid": "200000000206", "keys": ["`+aHash+`"]}, {"asid": "299999999999", "keys": ["`+aHash+`"]}]}`)
	for range 3 {
		assert.Equal(t, []string{sharedFQDN, "own.nhs.uk", "outer.nhs.uk"}, lookup(t, outer, rr8ID).FQDNs)
		assert.Len(t, lookup(t, outer, rxaID).Keys, 1)
		_, err = outer.Lookup(t.Context(), unknownID)
		assert.ErrorIs(t, err, asid.ErrNotFound)
		runtime.GC() // what was joined is made again
	}
	assert.Equal(t, []string{sharedFQDN, "own.nhs.uk"}, lookup(t, inner, rr8ID).FQDNs)
}

// A Snapshot that was replaced is as large as the directory, and an ASID may not be
// asked about again for weeks.
func TestOverlayKeepsNothingOfARegistryThatWasReplaced(t *testing.T) {
	t.Parallel()
	memory, err := asid.NewMemory(rr8(), rxa())
	require.NoError(t, err)
	var found *asid.System
	o := overlay(t, registryFunc(func() *asid.System { return found }), oneBinding)
	found, err = memory.Lookup(t.Context(), rr8ID)
	require.NoError(t, err)
	lookup(t, o, rr8ID)
	before := weak.Make(found)
	found, memory = nil, nil
	assert.Eventually(t, func() bool {
		runtime.GC()
		return before.Value() == nil
	}, time.Minute, time.Millisecond)
	runtime.KeepAlive(o)
}

func TestOverlayAsksForTheSender(t *testing.T) {
	t.Parallel()
	_, service := startFHIR(t, directory())
	o := overlay(t, service, oneBinding)
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
	o := overlay(t, memory, oneBinding)
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
		replace(t, o.Name, text)
		assertCannotTell(t, o.Load())
		assertCannotTell(t, o.Load())
		assertCannotTell(t, o.Err())
		assert.Contains(t, lookup(t, o, rr8ID).FQDNs, "own.nhs.uk", name)
		_, err := (&sds.Overlay{Registry: memory, Name: o.Name}).Lookup(t.Context(), rr8ID)
		assertCannotTell(t, err)
	}
}

func TestAFileThatIsNotNamedSaysSo(t *testing.T) {
	t.Parallel()
	err := (&sds.Overlay{Registry: new(asid.Memory)}).Load()
	assert.ErrorIs(t, err, sds.ErrConfiguration)
	assert.ErrorContains(t, err, "Overlay.Name is missing")
	_, err = sds.LDIF("")(t.Context())
	assert.ErrorIs(t, err, sds.ErrConfiguration)
	assert.ErrorContains(t, err, "the export's name is missing")
}

func TestAnOverlayReadsItsFileWhenItChanges(t *testing.T) {
	t.Parallel()
	memory, err := asid.NewMemory(rr8())
	require.NoError(t, err)
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		o := &sds.Overlay{
			Registry: memory, Name: filepath.Join(t.TempDir(), "bindings.json"), Interval: time.Minute,
			Logger: slog.New(slog.NewTextHandler(&log, nil)),
		}
		assertCannotTell(t, o.Run(t.Context()))
		assertCannotTell(t, o.Err())
		_, err := o.Lookup(t.Context(), rr8ID)
		assertCannotTell(t, err)
		replace(t, o.Name, oneBinding)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- o.Run(ctx) }()
		synctest.Wait()
		for _, c := range []struct {
			text  string
			fqdns []string
			good  bool
		}{
			{oneBinding, []string{sharedFQDN, "own.nhs.uk"}, true},
			{`{"bindings": [{"asid": "200000000205", "fqdns": ["other.nhs.uk"]}]}`, []string{sharedFQDN, "other.nhs.uk"}, true},
			{`{"bindings": [`, []string{sharedFQDN, "other.nhs.uk"}, false},
			{`{"bindings": []}`, []string{sharedFQDN}, true},
		} {
			before := lookup(t, o, rr8ID)
			replace(t, o.Name, c.text)
			assert.Equal(t, before, lookup(t, o, rr8ID), "a look-up reads no file")
			time.Sleep(time.Minute)
			synctest.Wait()
			assert.Equal(t, c.fqdns, lookup(t, o, rr8ID).FQDNs, c.text)
			assert.Equal(t, c.good, o.Err() == nil)
		}
		require.NoError(t, os.Remove(o.Name))
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		assertCannotTell(t, o.Err())
		assert.Equal(t, []string{sharedFQDN}, lookup(t, o, rr8ID).FQDNs)
		cancel()
		assert.ErrorIs(t, <-ended, context.Canceled)
		assert.Equal(t, 6, strings.Count(log.String(), "\n"), "one record for each change:\n%s", &log)
		assert.Equal(t, 1, strings.Count(log.String(), "level=WARN"), "one of them has fewer systems than before:\n%s", &log)
	})
}
