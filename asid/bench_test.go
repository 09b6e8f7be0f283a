package asid_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/nrlsecurity/nrlsecurity/asid"
)

// The decision is measured on 10,000 systems with the NRL's interactions and a
// few more, and 16,384 queries in random order, so that it misses the caches as
// it would in use. mapOfMaps is the least that a program of its own would do
// with the same headers: one map of systems, one of interactions, one of FQDNs.

const (
	benchSystems = 10_000
	benchQueries = 1 << 14
)

type query struct {
	from, interaction string
	claim             asid.Claim
}

type mapOfMaps map[string]struct {
	interactions, fqdns map[string]struct{}
}

func (m mapOfMaps) authorize(from, interaction, fqdn string) bool {
	sys, ok := m[from]
	if !ok {
		return false
	}
	if _, ok := sys.fqdns[fqdn]; !ok {
		return false
	}
	_, ok = sys.interactions[interaction]
	return ok
}

func benchRegistry(b *testing.B) (*asid.Memory, mapOfMaps, []query) {
	interactions := []asid.InteractionID{
		asid.DocumentReferenceRead, asid.DocumentReferenceSearch, asid.DocumentReferenceCreate, asid.DocumentReferenceUpdate,
		asid.DocumentReferenceDelete, asid.DocumentReferenceContentRead,
		"urn:nhs:names:services:gpconnect:fhir:rest:read:patient-1", "urn:nhs:names:services:gpconnect:fhir:rest:search:patient-1",
	}
	names := make([]asid.Names, benchSystems)
	systems := make([]asid.System, benchSystems)
	naive := make(mapOfMaps, benchSystems)
	for i := range systems {
		fqdn := fmt.Sprintf("nrl-%05d.supplier.thirdparty.nhs.uk", i)
		var err error
		if names[i], err = asid.NamesOf(certificate(fqdn)); err != nil {
			b.Fatal(err)
		}
		id := fmt.Sprintf("%012d", 200_000_000_000+i*17)
		systems[i] = asid.System{ASID: asid.MustParse(id), FQDNs: []string{fqdn}, Interactions: interactions}
		entry := naive[id]
		entry.fqdns, entry.interactions = map[string]struct{}{fqdn: {}}, map[string]struct{}{}
		for _, interaction := range interactions {
			entry.interactions[string(interaction)] = struct{}{}
		}
		naive[id] = entry
	}
	registry, err := asid.NewMemory(systems...)
	if err != nil {
		b.Fatal(err)
	}
	queries := make([]query, benchQueries)
	for i := range queries {
		n := rand.IntN(benchSystems)
		interaction := interactions[rand.IntN(len(interactions))]
		queries[i] = query{
			// A header's value is a string of its own.
			from: systems[n].ASID.String(), interaction: string([]byte(interaction)),
			claim: asid.Claim{From: systems[n].ASID, Observed: interaction, Names: names[n]},
		}
	}
	return registry, naive, queries
}

func BenchmarkDecision(b *testing.B) {
	registry, naive, queries := benchRegistry(b)
	a := &asid.Authorizer{Registry: registry}
	ctx := context.Background()
	b.Run("map of maps", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			q := &queries[i%benchQueries]
			if !naive.authorize(q.from, q.interaction, q.claim.Names.String()) {
				b.Fatal("refused")
			}
		}
	})
	b.Run("parsed", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if _, err := a.Authorize(ctx, queries[i%benchQueries].claim); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("two headers", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			q := &queries[i%benchQueries]
			claim := q.claim
			var err error
			if claim.From, err = asid.Parse(q.from); err != nil {
				b.Fatal(err)
			}
			claim.Claimed = asid.InteractionID(q.interaction)
			if _, err := a.Authorize(ctx, claim); err != nil {
				b.Fatal(err)
			}
		}
	})
}
