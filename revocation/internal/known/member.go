// SPDX-License-Identifier: Apache-2.0

package known

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"time"
)

// A Member is one document as a Cache keeps it.
type Member struct {
	Order  string   // what it supersedes, see Order
	Digest [32]byte // which document it is, see crl.List.Digest and ocsp.Response.Digest
	Bytes  []byte   // DER
}

// Same reports whether two members are the same document of the same place.
func (m Member) Same(other Member) bool { return m.Order == other.Order && m.Digest == other.Digest }

// Join returns the union of two lists of members, but for those that a member
// supersedes which began a day before the given time. It is commutative,
// associative and idempotent, also where two have one Digest but other octets, which is
// for the source to see. The result is sorted.
func Join(at time.Time, a, b []Member) []Member {
	all := slices.Concat(a, b)
	slices.SortFunc(all, func(x, y Member) int { return cmp.Or(compareMembers(x, y), bytes.Compare(x.Bytes, y.Bytes)) })
	all = slices.CompactFunc(all, func(x, y Member) bool { return compareMembers(x, y) == 0 })
	orders := make([]Order, len(all))
	series := make(map[[32]byte][]*Order, 1)
	for i := range all {
		var ok bool
		if orders[i], ok = ParseOrder(all[i].Order); ok && !orders[i].Begins.After(at.Add(-forgetAfter)) {
			series[orders[i].Series] = append(series[orders[i].Series], &orders[i])
		}
	}
	kept := all[:0]
	for i := range all {
		o := &orders[i]
		if o.Kind == 0 || !slices.ContainsFunc(series[o.Series], func(y *Order) bool { return y.Supersedes(o) }) {
			kept = append(kept, all[i])
		}
	}
	return slices.Clip(kept)
}

func compareMembers(x, y Member) int {
	return cmp.Or(strings.Compare(x.Order, y.Order), bytes.Compare(x.Digest[:], y.Digest[:]))
}
