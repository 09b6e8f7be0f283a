// SPDX-License-Identifier: Apache-2.0

package asid_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nrlsecurity/nrlsecurity/asid"
)

// The registry of these benchmarks is as large as a national directory: 50,000
// systems with 300 interactions each, those of one of twenty products.
const (
	directorySystems      = 50_000
	directoryProducts     = 20
	directoryInteractions = 300
)

// directory returns the systems, each with slices and strings of its own, as they
// come from a file.
func directory(own bool) []asid.System {
	products := make([][]asid.InteractionID, directoryProducts)
	for p := range products {
		for i := range directoryInteractions {
			products[p] = append(products[p], asid.InteractionID(fmt.Sprintf("urn:nhs:names:services:product-%02d:fhir:rest:read:resource-%03d", p, i)))
		}
	}
	systems := make([]asid.System, directorySystems)
	for i := range systems {
		interactions := products[i%directoryProducts]
		if own {
			interactions = slices.Clone(interactions)
		}
		systems[i] = asid.System{
			ASID:         asid.MustParseID(fmt.Sprintf("%012d", 200_000_000_000+int64(i)*17)),
			ODS:          []asid.ODSCode{ods(fmt.Sprintf("A%05d", i))},
			FQDNs:        []string{fmt.Sprintf("nrl-%05d.supplier.thirdparty.nhs.uk", i)},
			Interactions: interactions,
		}
	}
	return systems
}

func BenchmarkNewMemoryOfADirectory(b *testing.B) {
	systems := directory(true)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := asid.NewMemory(systems...); err != nil {
			b.Fatal(err)
		}
	}
}

// ownRegistry is what a user would write with NewSystem.
type ownRegistry map[asid.ID]*asid.System

func (r ownRegistry) Lookup(_ context.Context, id asid.ID) (*asid.System, error) {
	if s := r[id]; s != nil {
		return s, nil
	}
	return nil, asid.ErrNotFound
}

// BenchmarkDecisionOfADirectory compares a Memory and a registry made with
// NewSystem with a map of maps, for requests that are allowed and for those whose
// interaction is refused, turn by turn. It reports the least that each took for each
// stretch of the queries: while nothing else ran.
func BenchmarkDecisionOfADirectory(b *testing.B) {
	systems := directory(false)
	memory, err := asid.NewMemory(systems...)
	if err != nil {
		b.Fatal(err)
	}
	own, naive := make(ownRegistry), make(mapOfMaps)
	for i := range systems {
		s := &systems[i]
		if own[s.ASID], err = asid.NewSystem(*s); err != nil {
			b.Fatal(err)
		}
		entry := naive[s.ASID.String()]
		entry.fqdns, entry.interactions = map[string]struct{}{s.FQDNs[0]: {}}, make(map[string]struct{}, directoryInteractions)
		for _, interaction := range s.Interactions {
			entry.interactions[string(interaction)] = struct{}{}
		}
		naive[s.ASID.String()] = entry
	}
	allowed, refused := directoryQueriesOf(b, systems, ""), directoryQueriesOf(b, systems, "x")
	decide := func(registry asid.Registry, want bool) func([]query) {
		a := &asid.Authorizer{Registry: registry}
		return func(queries []query) {
			for i := range queries {
				access := queries[i].claim
				if access.From, err = asid.ParseID(queries[i].from); err != nil {
					b.Fatal(err)
				}
				if _, err := a.Authorize(b.Context(), access); (err == nil) != want {
					b.Fatal(err)
				}
			}
		}
	}
	ask := func(want bool) func([]query) {
		return func(queries []query) {
			for i := range queries {
				q := &queries[i]
				if naive.authorize(q.from, q.interaction, q.claim.Names.String()) != want {
					b.Fatal("another answer")
				}
			}
		}
	}
	runs := []struct {
		name    string
		queries []query
		run     func([]query)
		took    leastTimes
	}{
		{"maps-allowed-ns", allowed, ask(true), nil},
		{"memory-allowed-ns", allowed, decide(memory, true), nil},
		{"own-allowed-ns", allowed, decide(own, true), nil},
		{"maps-refused-ns", refused, ask(false), nil},
		{"memory-refused-ns", refused, decide(memory, false), nil},
		{"own-refused-ns", refused, decide(own, false), nil},
	}
	// A collection would walk the map of maps, whatever makes it necessary.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	for b.Loop() {
		runtime.GC()
		for i := range runs {
			r := &runs[i]
			r.run(r.queries) // leaves in the caches what it needs itself
			r.took.measure(r.queries, r.run)
		}
	}
	b.ReportMetric(0, "ns/op")
	for _, r := range runs {
		b.ReportMetric(r.took.perQuery(), r.name)
	}
}

// directoryQueriesOf returns queries about systems and interactions that they have,
// with a suffix, in random order.
func directoryQueriesOf(b *testing.B, systems []asid.System, suffix string) []query {
	list := make([]query, benchQueries)
	for i := range list {
		s := &systems[rand.IntN(len(systems))]
		interaction := asid.InteractionID(strings.Clone(string(s.Interactions[rand.IntN(len(s.Interactions))]) + suffix))
		names, err := asid.NamesOf(certificate(strings.Clone(s.FQDNs[0])))
		if err != nil {
			b.Fatal(err)
		}
		list[i] = query{s.ASID.String(), string(interaction), asid.Access{From: s.ASID, Observed: interaction, Names: names}}
	}
	return list
}

// leastTimes are the least that each stretch of benchQueries took.
type leastTimes []time.Duration

const benchStretch = 1 << 9

// measure times a pass of run over all queries.
func (l *leastTimes) measure(queries []query, run func([]query)) {
	first := *l == nil
	for i := 0; i < len(queries); i += benchStretch {
		start := time.Now()
		run(queries[i : i+benchStretch])
		took := time.Since(start)
		if first {
			*l = append(*l, took)
		} else if at := &(*l)[i/benchStretch]; took < *at {
			*at = took
		}
	}
}

// perQuery returns the nanoseconds of one query.
func (l leastTimes) perQuery() float64 {
	var sum time.Duration
	for _, took := range l {
		sum += took
	}
	return float64(sum) / float64(len(l)*benchStretch)
}
