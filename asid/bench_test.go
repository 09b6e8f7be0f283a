// SPDX-License-Identifier: Apache-2.0

package asid_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/nrlsecurity/nrlsecurity/asid"
)

// The decision is measured on 10,000 systems with the NRL's interactions and a
// few more, and 16,384 queries in random order, so that the registry misses the
// caches as it would in use. What a request brings along, its headers and the
// names of its connection, lies in the order of the queries, as it would just
// have been read. mapOfMaps is the least that a program of its own would do with
// the same: a map of systems, for each a map of interactions and one of FQDNs.

const (
	benchSystems = 10_000
	benchQueries = 1 << 14
)

type query struct {
	from, interaction string
	claim             asid.Access
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
	systems := make([]asid.System, benchSystems)
	naive := make(mapOfMaps, benchSystems)
	for i := range systems {
		fqdn := fmt.Sprintf("nrl-%05d.supplier.thirdparty.nhs.uk", i)
		id := fmt.Sprintf("%012d", 200_000_000_000+int64(i)*17)
		systems[i] = asid.System{ASID: asid.MustParseID(id), FQDNs: []string{fqdn}, Interactions: interactions}
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
		names, err := asid.NamesOf(certificate(strings.Clone(systems[n].FQDNs[0])))
		if err != nil {
			b.Fatal(err)
		}
		queries[i] = query{
			from: systems[n].ASID.String(), interaction: strings.Clone(string(interaction)),
			claim: asid.Access{From: systems[n].ASID, Observed: interaction, Names: names},
		}
	}
	return registry, naive, queries
}

// BenchmarkDecision runs the three turn by turn, so that what else the machine
// does hits them alike. It reports the median time of each and the median ratio
// of two headers to the map of maps.
func BenchmarkDecision(b *testing.B) {
	registry, naive, queries := benchRegistry(b)
	a := &asid.Authorizer{Registry: registry}
	ctx := context.Background()
	mapOfMaps := func() {
		for i := range queries {
			q := &queries[i]
			if !naive.authorize(q.from, q.interaction, q.claim.Names.String()) {
				b.Fatal("refused")
			}
		}
	}
	headers := func() {
		for i := range queries {
			q := &queries[i]
			claim := q.claim
			var err error
			if claim.From, err = asid.ParseID(q.from); err != nil {
				b.Fatal(err)
			}
			claim.Claimed = asid.InteractionID(q.interaction)
			if _, err := a.Authorize(ctx, claim); err != nil {
				b.Fatal(err)
			}
		}
	}
	parsed := func() {
		for i := range queries {
			if _, err := a.Authorize(ctx, queries[i].claim); err != nil {
				b.Fatal(err)
			}
		}
	}
	took := func(f func()) float64 {
		f() // leaves in the caches what f itself needs, not what the last one did
		start := time.Now()
		f()
		return float64(time.Since(start)) / benchQueries
	}
	var maps, fromHeaders, fromParsed, ratios []float64
	for b.Loop() {
		m, h, p := took(mapOfMaps), took(headers), took(parsed)
		maps, fromHeaders, fromParsed, ratios = append(maps, m), append(fromHeaders, h), append(fromParsed, p), append(ratios, h/m)
	}
	median := func(v []float64) float64 { slices.Sort(v); return v[len(v)/2] }
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(maps), "maps-ns")
	b.ReportMetric(median(fromHeaders), "headers-ns")
	b.ReportMetric(median(fromParsed), "parsed-ns")
	b.ReportMetric(median(ratios), "headers/maps")
}

// A decision allocates nothing; BenchmarkDecision's own slices would blur that.
// It is not parallel: what other tests allocate would count.
func TestADecisionAllocatesNothing(t *testing.T) {
	a := &asid.Authorizer{Registry: registry(t)}
	claim := asid.Access{Observed: asid.DocumentReferenceCreate, Names: names(t, certificate(provider.FQDNs[0]))}
	from, interaction := provider.ASID.String(), strings.Clone(string(asid.DocumentReferenceCreate))
	var refused error
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		var err error
		if claim.From, err = asid.ParseID(from); err != nil {
			refused = err
		}
		claim.Claimed = asid.InteractionID(interaction)
		if _, err := a.Authorize(t.Context(), claim); err != nil {
			refused = err
		}
	}))
	assert.NoError(t, refused)
}
