// SPDX-License-Identifier: Apache-2.0

package nrl_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/pointer"
	"github.com/nrlsecurity/nrlsecurity/pointer/nrl"
	"github.com/nrlsecurity/nrlsecurity/pointer/pointertest"
)

// seeded is a store with the pointer of one file, and the file.
func seeded(t *testing.T, file string) (*nrl.Store, *pointer.Pointer, []byte) {
	t.Helper()
	body, err := os.ReadFile("../testdata/" + file)
	require.NoError(t, err)
	store := new(nrl.Store)
	p, err := store.Seed("application/fhir+json", body)
	require.NoError(t, err)
	return store, p, body
}

// What a caller does with a pointer that it was given is not done to the store's.
func TestAStoreHandsOutCopies(t *testing.T) {
	t.Parallel()
	store, seeded, _ := seeded(t, "supersede-reference-stu3.json")
	want := *seeded
	want.RelatesTo = slices.Clone(seeded.RelatesTo)
	require.Len(t, want.RelatesTo, 1)

	resolve := func() *pointer.Pointer {
		p, err := store.Resolve(t.Context(), pointer.Query{ID: want.ID})
		require.NoError(t, err)
		return p
	}
	var callers sync.WaitGroup
	for _, p := range []*pointer.Pointer{seeded, resolve(), resolve()} {
		callers.Go(func() {
			p.Custodian, p.Version, p.RelatesTo[0].Code = asid.ODSCode{}, "7", "appends"
		})
	}
	callers.Wait()
	assert.Equal(t, &want, resolve())
}

func TestAStoreCanBeSeeded(t *testing.T) {
	t.Parallel()
	store, first, body := seeded(t, "create-stu3.json")
	assert.NotEmpty(t, first.ID)
	assert.Equal(t, "current", first.Status)

	_, err := store.Seed("application/fhir+json", body)
	e, ok := err.(*pointer.ChangeError)
	require.True(t, ok, "%v", err)
	assert.Equal(t, pointer.RuleDuplicate, e.Rule)

	other := strings.Replace(string(body), first.MasterIdentifier.Value, "urn:uuid:1d4fbcf7-5b9d-4a3f-9d5c-0a5f3b1e7c11", 1)
	other = strings.Replace(other, `"status": "current"`, `"id": "old-one", "status": "superseded"`, 1)
	second, err := store.Seed("application/fhir+json", []byte(other))
	require.NoError(t, err)
	assert.Equal(t, "old-one", second.ID)
	assert.Equal(t, "superseded", second.Status)
	_, err = store.Seed("application/fhir+json", []byte(strings.Replace(other, "1d4fbcf7", "2d4fbcf7", 1)))
	assert.ErrorContains(t, err, "there already")
	assert.NoError(t, pointertest.TestResolver(store, first, second))

	// What the store assigns itself is not kept, in whatever form: the NRL's own
	// examples have meta.version.
	for n, meta := range []string{`"version": "7"`, `"versionId": "7"`} {
		given := strings.Replace(string(body), `"versionId": "1"`, meta, 1)
		given = strings.Replace(given, first.MasterIdentifier.Value, fmt.Sprintf("urn:uuid:%d", n), 1)
		p, err := store.Seed("application/fhir+json", []byte(given))
		require.NoError(t, err, meta)
		assert.Equal(t, "1", p.Version, meta)
	}
	r4, err := os.ReadFile("../testdata/create-r4.json")
	require.NoError(t, err)
	_, err = new(nrl.Store).Seed("application/fhir+json", r4)
	assert.NoError(t, err, "nothing else in meta")

	// What a pointer replaced may be named by a master identifier alone, too. The form
	// of the R4 successor is taken behind a guard with TargetIsID only.
	for name, target := range map[string]string{
		"by reference": `{"reference":"DocumentReference/old"}`, "by identifier": `{"identifier":{"system":"urn:s","value":"old"}}`,
		"by both": `{"reference":"DocumentReference/old","identifier":{"system":"urn:s","value":"old"}}`, "by logical id": `{"identifier":{"value":"old"}}`,
	} {
		replacing := strings.Replace(string(body), "{", `{"relatesTo":[{"code":"replaces","target":`+target+`}],`, 1)
		_, err = new(nrl.Store).Seed("application/fhir+json", []byte(replacing))
		if name == "by logical id" {
			assert.Error(t, err, name)
		} else {
			assert.NoError(t, err, name)
		}
	}

	for _, wrong := range []string{
		strings.Replace(other, "superseded", "draft", 1), strings.Replace(other, "custodian", "authenticator", 1), "{}",
	} {
		_, err = store.Seed("application/fhir+json", []byte(wrong))
		assert.Error(t, err, wrong)
	}
}
