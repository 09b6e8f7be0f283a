// SPDX-License-Identifier: Apache-2.0

package known

import (
	"bytes"
	"slices"
	"time"
)

// forgetAfter is how long ago a document must have begun before what it
// supersedes may be forgotten: no process decides about a time further back.
const forgetAfter = 24 * time.Hour

// maxSeries bounds the series under one key.
const maxSeries = 1000

// remember returns the lists without what another supersedes that began a day
// before horizon.
func remember(lists []*List, horizon time.Time) (kept []*List) {
	old := horizon.Add(-forgetAfter)
	var heads []Order // that began a day ago
	orders := make([][]Order, len(lists))
	for i, l := range lists {
		orders[i] = l.Orders()
		if !horizon.IsZero() && !l.ThisUpdate().After(old) {
			heads = append(heads, orders[i]...)
		}
	}
	for i, l := range lists {
		var places []Place
		for _, o := range orders[i] {
			if !slices.ContainsFunc(heads, func(y Order) bool { return y.Supersedes(&o) }) {
				places = append(places, o.Place)
			}
		}
		switch {
		case len(places) == len(l.Places):
			kept = append(kept, l)
		case len(places) > 0:
			less := *l
			less.Places = places
			kept = append(kept, &less)
		}
	}
	return kept
}

// bounded returns the lists without those of the series that are too many: first
// of those that list nothing, so that what is left depends on the lists alone.
func bounded(lists []*List) []*List {
	if len(lists) <= maxSeries {
		return lists
	}
	revokes := map[[32]byte]bool{}
	for _, l := range lists {
		id := l.Orders()[0].Series
		revokes[id] = revokes[id] || l.Len() > 0
	}
	if len(revokes) <= maxSeries {
		return lists
	}
	ids := make([][32]byte, 0, len(revokes))
	for id := range revokes {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b [32]byte) int {
		if revokes[a] != revokes[b] {
			if revokes[a] {
				return -1
			}
			return 1
		}
		return bytes.Compare(a[:], b[:])
	})
	kept := ids[:maxSeries]
	return slices.DeleteFunc(lists, func(l *List) bool { return !slices.Contains(kept, l.Orders()[0].Series) })
}
