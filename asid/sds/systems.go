// SPDX-License-Identifier: Apache-2.0

package sds

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nrlsecurity/nrlsecurity/asid"
)

// Systems are all that a directory has.
type Systems struct {
	// Systems are those that can be used. One that has no FQDN is Unbound.
	Systems []asid.System

	// Ambiguous are the ASIDs whose records differ or cannot be used; of them it
	// cannot be told what they may do.
	Ambiguous []asid.ID

	// Dropped counts values and records that were left out.
	Dropped int

	// Since is when the directory was as it is here; zero, or later than that: when it
	// began to be read.
	Since time.Time
}

// checked returns the system as a registry gives it, with what it has been assured
// for as fast to find as in memory.
func checked(sys *asid.System) (*asid.System, error) {
	sys.Unbound = len(sys.FQDNs) == 0
	made, err := asid.NewSystem(*sys)
	if err != nil {
		return nil, &Error{Subject: subject(sys.ASID), Detail: "its record cannot be used", Err: err}
	}
	return made, nil
}

// is reports whether the record is of a class.
func (r record) is(class string) bool {
	return slices.ContainsFunc(r.all("objectClass"), func(s string) bool { return strings.EqualFold(s, class) })
}

// sameSystem reports whether two records of an ASID say the same.
func sameSystem(a, b *asid.System) bool {
	return slices.Equal(a.ODS, b.ODS) && slices.Equal(slices.Sorted(slices.Values(a.Interactions)), slices.Sorted(slices.Values(b.Interactions)))
}

// share has a system use the set of interactions that another has, if it is the same:
// most systems are one of a few products.
func (c *collector) share(sys *asid.System) {
	var key strings.Builder
	for i, id := range sys.Interactions {
		known, found := c.strings[string(id)]
		if !found {
			known = strings.Clone(string(id))
			c.strings[known] = known
		}
		sys.Interactions[i] = asid.InteractionID(known)
		key.WriteString(known)
		key.WriteByte('\n') // no interaction has one
	}
	set, found := c.sets[key.String()]
	if !found {
		set = slices.Clone(sys.Interactions)
		c.sets[key.String()] = set
	}
	sys.Interactions = set
}

// systems returns what was collected, in the order of the ASIDs.
func (c *collector) systems() (Systems, error) {
	all := Systems{Dropped: c.dropped, Systems: make([]asid.System, 0, len(c.records))}
	names := make(map[string][]string, len(c.fqdns)) // shared by the systems of a party key
	for key, set := range c.fqdns {
		names[key] = slices.Sorted(maps.Keys(set))
	}
	ids := slices.SortedFunc(maps.Keys(c.records), func(a, b asid.ID) int { return strings.Compare(a.String(), b.String()) })
	for _, id := range ids {
		r := c.records[id]
		if r.ambiguous {
			all.Ambiguous = append(all.Ambiguous, id)
			continue
		}
		sys := *r.system
		sys.FQDNs = names[r.partyKey]
		sys.SharedFQDNs = sys.FQDNs
		sys.Unbound = len(sys.FQDNs) == 0
		all.Systems = append(all.Systems, sys)
	}
	return all, nil
}
