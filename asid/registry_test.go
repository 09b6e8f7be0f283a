// SPDX-License-Identifier: Apache-2.0

package asid_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/asid/asidtest"
)

func TestAMemoryKnowsWhatItWasGiven(t *testing.T) {
	t.Parallel()
	many := consumer
	many.ASID = asid.MustParseID("000000000001")
	many.Interactions = nil
	for i := range 400 {
		many.Interactions = append(many.Interactions, asid.InteractionID(fmt.Sprintf("urn:nhs:names:services:test:%d", i)))
	}
	none := asid.System{ASID: asid.MustParseID("000000000002"), FQDNs: []string{"x.nhs.uk"}}
	m, err := asid.NewMemory(provider, consumer, many, none)
	require.NoError(t, err)
	assert.NoError(t, asidtest.TestRegistry(m, provider, consumer, many, none))

	for _, id := range many.Interactions {
		assert.NoError(t, authorize(t, m, many, id))
	}
	assert.ErrorIs(t, authorize(t, m, many, "urn:nhs:names:services:test:400"), asid.ErrNotAssociated)
	assert.ErrorIs(t, authorize(t, m, none, asid.DocumentReferenceRead), asid.ErrNotAssociated)
}

func authorize(t *testing.T, r asid.Registry, sys asid.System, id asid.InteractionID) error {
	t.Helper()
	_, err := (&asid.Authorizer{Registry: r}).Authorize(t.Context(), asid.Access{
		From: sys.ASID, Observed: id, Names: names(t, certificate(sys.FQDNs[0])),
	})
	return err
}

func TestAMemoryDoesNotChangeWithWhatItWasGiven(t *testing.T) {
	t.Parallel()
	given := asid.System{
		ASID: provider.ASID, ODS: []asid.ODSCode{ods("RR8")},
		FQDNs: []string{"A.nhs.uk"}, Interactions: []asid.InteractionID{asid.DocumentReferenceRead},
	}
	m, err := asid.NewMemory(given)
	require.NoError(t, err)
	given.ODS[0], given.FQDNs[0], given.Interactions[0] = ods("X"), "evil.example", "urn:x1:y"
	got, err := m.Lookup(t.Context(), provider.ASID)
	require.NoError(t, err)
	assert.Equal(t, []asid.ODSCode{ods("RR8")}, got.ODS)
	assert.Equal(t, []string{"a.nhs.uk"}, got.FQDNs)
	assert.Equal(t, []asid.InteractionID{asid.DocumentReferenceRead}, got.Interactions)
}

func TestTheZeroMemoryKnowsNoSystem(t *testing.T) {
	t.Parallel()
	assert.NoError(t, asidtest.TestRegistry(&asid.Memory{}))
}

func TestASystemThatCannotBeRightIsRefused(t *testing.T) {
	t.Parallel()
	with := func(change func(*asid.System)) asid.System {
		s := asid.System{ASID: provider.ASID, ODS: []asid.ODSCode{ods("RR8")}, FQDNs: []string{"a.nhs.uk"}, Interactions: []asid.InteractionID{asid.DocumentReferenceRead}}
		change(&s)
		return s
	}
	_, err := asid.NewMemory(with(func(*asid.System) {}))
	require.NoError(t, err)
	for name, systems := range map[string][]asid.System{
		"no ASID":                {with(func(s *asid.System) { s.ASID = asid.ID{} })},
		"an ASID twice":          {provider, consumer, with(func(*asid.System) {})},
		"no FQDN":                {with(func(s *asid.System) { s.FQDNs = nil })},
		"an empty FQDN":          {with(func(s *asid.System) { s.FQDNs = []string{""} })},
		"a wildcard":             {with(func(s *asid.System) { s.FQDNs = []string{"*.nhs.uk"} })},
		"a trailing dot":         {with(func(s *asid.System) { s.FQDNs = []string{"a.nhs.uk."} })},
		"an address":             {with(func(s *asid.System) { s.FQDNs = []string{"192.0.2.1"} })},
		"a URL":                  {with(func(s *asid.System) { s.FQDNs = []string{"https://a.nhs.uk"} })},
		"an FQDN twice":          {with(func(s *asid.System) { s.FQDNs = []string{"a.nhs.uk", "A.NHS.UK"} })},
		"an empty ODS code":      {with(func(s *asid.System) { s.ODS = []asid.ODSCode{{}} })},
		"an ODS code twice":      {with(func(s *asid.System) { s.ODS = []asid.ODSCode{ods("rr8"), ods("RR8")} })},
		"an interaction, no URN": {with(func(s *asid.System) { s.Interactions = []asid.InteractionID{"read"} })},
		"an interaction twice": {with(func(s *asid.System) {
			s.Interactions = []asid.InteractionID{asid.DocumentReferenceRead, asid.DocumentReferenceRead}
		})},
		"two interactions in one": {with(func(s *asid.System) {
			s.Interactions = []asid.InteractionID{asid.DocumentReferenceRead + "\n" + asid.DocumentReferenceCreate}
		})},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := asid.NewMemory(systems...)
			var refused *asid.RegistryError
			require.ErrorAs(t, err, &refused)
			assert.Nil(t, m)
		})
	}
}

func TestASystemMayDoWhatItsInteractionsSayWhereverItCameFrom(t *testing.T) {
	t.Parallel()
	many := provider
	many.Interactions = []asid.InteractionID{asid.DocumentReferenceCreate}
	for i := range 16 {
		many.Interactions = append(many.Interactions, asid.InteractionID(fmt.Sprintf("urn:nhs:names:services:test:%d", i)))
	}
	m, err := asid.NewMemory(many)
	require.NoError(t, err)
	r := lookup(func(id asid.ID) (*asid.System, error) {
		found, err := m.Lookup(t.Context(), id)
		if err != nil {
			return nil, err
		}
		s := *found // a registry of one's own that takes an interaction away
		s.Interactions = s.Interactions[1:]
		return &s, nil
	})
	assert.ErrorIs(t, authorize(t, r, many, asid.DocumentReferenceCreate), asid.ErrNotAssociated)
	assert.NoError(t, authorize(t, r, many, "urn:nhs:names:services:test:15"))
}

func TestTwoInteractionsInOneAreRefusedThoughTheSystemHasBoth(t *testing.T) {
	t.Parallel()
	both, one := provider, consumer
	both.Interactions = []asid.InteractionID{asid.DocumentReferenceRead, asid.DocumentReferenceCreate}
	one.Interactions = []asid.InteractionID{asid.DocumentReferenceRead + "\n" + asid.DocumentReferenceCreate}
	_, err := asid.NewMemory(both, one)
	assert.Error(t, err)
}

// Lists that differ in one place share neither their hash nor their set.
func TestListsThatDifferInOnePlaceAreTwoSets(t *testing.T) {
	t.Parallel()
	const each = 40
	interaction := func(kind string, i int) asid.InteractionID {
		return asid.InteractionID(fmt.Sprintf("urn:nhs:names:services:%s:%02d", kind, i))
	}
	var given []asid.System
	for differs := range each + 1 { // the last one differs nowhere
		s := asid.System{ASID: asid.MustParseID(fmt.Sprintf("%012d", 1+differs)), FQDNs: []string{"a.nhs.uk"}}
		for i := range each {
			s.Interactions = append(s.Interactions, interaction("same", i))
		}
		if differs < each {
			s.Interactions[differs] = interaction("other", differs)
		}
		given = append(given, s)
	}
	m, err := asid.NewMemory(append(given, asid.System{ASID: asid.MustParseID("200000000205"), FQDNs: []string{"a.nhs.uk"}, Interactions: given[0].Interactions})...)
	require.NoError(t, err)
	for differs := range given {
		s, err := m.Lookup(t.Context(), given[differs].ASID)
		require.NoError(t, err)
		assert.Equal(t, given[differs].Interactions, s.Interactions)
		for i := range each {
			assert.Equal(t, i == differs, s.Assured(interaction("other", i)))
			assert.Equal(t, i != differs, s.Assured(interaction("same", i)))
		}
	}
}

func TestTooManyInteractionsAreRefused(t *testing.T) {
	t.Parallel()
	many := provider
	many.Interactions = make([]asid.InteractionID, 1<<20+1)
	_, err := asid.NewMemory(many)
	assert.ErrorContains(t, err, "more than 1048576 interactions")
	_, err = asid.NewSystem(many)
	assert.ErrorContains(t, err, "more than 1048576 interactions")
}

// A perfect hash sends what it was not made for to the place of another; what is
// asked for is compared whole.
func TestAHashAloneMakesNothingKnown(t *testing.T) {
	t.Parallel()
	interaction := func(i int) asid.InteractionID {
		return asid.InteractionID(fmt.Sprintf("urn:nhs:names:services:test:%d", i))
	}
	id := func(i int) asid.ID { return asid.MustParseID(fmt.Sprintf("%012d", i*7919)) }
	given := make([]asid.System, 1_000)
	for i := range given {
		given[i] = asid.System{ASID: id(i), FQDNs: []string{"a.nhs.uk"}}
	}
	for i := range 300 {
		given[0].Interactions = append(given[0].Interactions, interaction(i))
	}
	m, err := asid.NewMemory(given...)
	require.NoError(t, err)
	s, err := m.Lookup(t.Context(), id(0))
	require.NoError(t, err)
	most := 200_000
	if testing.Short() {
		most = 20_000
	}
	for i := range most {
		if got := s.Assured(interaction(i)); got != (i < 300) {
			t.Fatal(i, got)
		}
		if found, _ := m.Lookup(t.Context(), id(i)); (found != nil) != (i < 1_000) {
			t.Fatal(i, found)
		}
	}
}

// Sets of few and of many interactions, and of more than share their bits.
func TestALargeMemoryKnowsEachSystemAndWhatItMayDo(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("makes a large registry")
	}
	const systems, each = 1_000, 40
	interaction := func(i int) asid.InteractionID {
		return asid.InteractionID(fmt.Sprintf("urn:nhs:names:services:test:%d", i))
	}
	id := func(i int) asid.ID { return asid.MustParseID(fmt.Sprintf("%012d", i*i+1)) }
	given := make([]asid.System, systems)
	for i := range given {
		given[i] = asid.System{ASID: id(i), FQDNs: []string{fmt.Sprintf("a%d.nhs.uk", i)}}
		if i%7 == 0 {
			given[i].FQDNs = append(given[i].FQDNs, "b.nhs.uk")
		}
		for n := range each * (i % 3) / 2 { // none, twenty, forty
			given[i].Interactions = append(given[i].Interactions, interaction(i*each/4+n))
		}
	}
	m, err := asid.NewMemory(given...)
	require.NoError(t, err)
	for i := range given {
		s, err := m.Lookup(t.Context(), id(i))
		require.NoError(t, err)
		require.Equal(t, id(i), s.ASID)
		require.Equal(t, given[i].FQDNs, s.FQDNs)
		own, err := asid.NewSystem(given[i])
		require.NoError(t, err)
		for n := i*each/4 - each; n < i*each/4+2*each; n++ {
			want := slices.Contains(given[i].Interactions, interaction(n))
			require.Equal(t, want, s.Assured(interaction(n)), "%d %d", i, n)
			require.Equal(t, want, own.Assured(interaction(n)), "%d %d", i, n)
		}
		_, err = m.Lookup(t.Context(), asid.MustParseID(fmt.Sprintf("%012d", i*i+2)))
		if i > 0 {
			require.ErrorIs(t, err, asid.ErrNotFound)
		}
	}
	first, err := m.Lookup(t.Context(), id(0))
	require.NoError(t, err)
	assert.Equal(t, 2, len(first.FQDNs))
	_ = append(first.FQDNs[:1], "evil.example") // a caller that appends to what it may only read
	second, err := m.Lookup(t.Context(), id(1))
	require.NoError(t, err)
	assert.Equal(t, given[1].FQDNs, second.FQDNs)
}
