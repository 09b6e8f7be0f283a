// SPDX-License-Identifier: Apache-2.0

package known

import (
	"slices"
	"time"
)

// A Standing is how one list of the set stands.
type Standing struct {
	*List
	Decides    bool // on what is good, within its series
	Superseded bool // it says nothing any more
}

// Standings returns how each list stands at a time, of lists without
// issuingDistributionPoint among those of one URL; and how many lists wait for
// their signer.
func (s *Lists) Standings(at time.Time) (standings []Standing, unverified int) {
	type seriesID struct {
		key           Key
		issuer, scope string
		place         Place
	}
	d := &decision{at: at}
	groups := map[seriesID]*series{}
	var order []seriesID
	all := s.All()
	for _, l := range all {
		for _, place := range l.Places {
			id := seriesID{l.Key, l.Issuer(), l.ScopeKey(), place}
			g := groups[id]
			if g == nil {
				g = &series{key: l.Key}
				groups[id] = g
				order = append(order, id)
			}
			if l.IsDelta() {
				g.deltas = append(g.deltas, l)
			} else {
				g.completes = append(g.completes, l)
			}
		}
	}
	decides, stands := map[*List]bool{}, map[*List]bool{}
	for _, id := range order {
		d.standings(groups[id], decides, stands)
	}
	standings = make([]Standing, 0, len(all))
	for _, l := range all {
		standings = append(standings, Standing{List: l, Decides: decides[l], Superseded: !stands[l]})
	}
	return standings, s.Unverified()
}

// standings notes which lists of a series decide, and which stand.
func (d *decision) standings(s *series, decides, stands map[*List]bool) {
	consulted := slices.DeleteFunc(slices.Clone(s.completes), func(l *List) bool { return d.superseded(s, l) })
	deltas := slices.DeleteFunc(slices.Clone(s.deltas), func(l *List) bool { return d.deltaSuperseded(s, l) })
	for _, l := range consulted {
		stands[l] = true
	}
	for _, l := range deltas {
		stands[l] = true
	}
	for _, l := range d.deciders(consulted) {
		decides[l] = true
		if delta := d.latestDelta(l, deltas); delta != nil {
			decides[delta] = true
		}
	}
}

// All returns every answer of the set.
func (s *Answers) All() (all []*Reply) {
	s.buckets.each(func(_ string, replies []*Reply) bool {
		all = append(all, replies...)
		return true
	})
	return all
}
