// SPDX-License-Identifier: Apache-2.0

package sds

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/nrlsecurity/nrlsecurity/asid"
)

// The bounds of a directory: one that gives a page again and again would never end.
const (
	maxRecords = 1 << 24 // of any class
	maxOctets  = 4 << 30 // of what is kept of them
	perSystem  = 512     // octets, beside its interactions and organisations
	perODSCode = 48      // octets
)

// A collector joins the records of a whole directory.
type collector struct {
	read    int   // records
	octets  int64 // of interactions, FQDNs and organisations
	clients bool  // as LDAP.Clients
	records map[asid.ID]*collected
	fqdns   map[string]map[string]bool // party key to FQDNs
	strings map[string]string          // each interaction once
	sets    map[string][]asid.InteractionID
	dropped int
}

// collected is what was read of one ASID.
type collected struct {
	asRecord
	ambiguous bool // its records differ
}

func newCollector(clients bool) *collector {
	return &collector{
		clients: clients,
		records: make(map[asid.ID]*collected), fqdns: make(map[string]map[string]bool),
		strings: make(map[string]string), sets: make(map[string][]asid.InteractionID),
	}
}

// add adds a record, unless it is too much.
func (c *collector) add(r record) error {
	if c.read++; c.read > maxRecords {
		return fmt.Errorf("the directory has more than %d records: %w", maxRecords, ErrPartial)
	}
	if c.octets+int64(len(c.records))*perSystem > maxOctets {
		return fmt.Errorf("the directory has more than %d bytes: %w", int64(maxOctets), ErrPartial)
	}
	switch {
	case r.is("nhsAs"):
		c.addAS(r)
	case r.is("nhsMhs"):
		key, err := r.atMostOne("nhsMHSPartyKey")
		if err != nil || !isPartyKey(key) {
			c.dropped++
			return nil
		}
		names, dropped, err := readFQDNs([]record{r}, key)
		if err != nil {
			return err
		}
		c.dropped += len(dropped)
		if len(names) > 0 && c.fqdns[key] == nil {
			c.fqdns[key] = make(map[string]bool)
		}
		for _, name := range names {
			if !c.fqdns[key][name] {
				c.fqdns[key][name] = true
				c.octets += int64(len(key) + len(name))
			}
		}
	}
	return nil
}

// addAS adds a system. One whose record cannot be used is remembered as such, if its
// ASID can be read.
func (c *collector) addAS(r record) {
	ids := r.all("uniqueIdentifier")
	var id asid.ID
	for _, digits := range ids {
		if err := id.UnmarshalText([]byte(digits)); err != nil {
			c.dropped++
			continue
		}
		read, err := readAS(r, id, c.clients)
		if err != nil {
			c.records[id] = &collected{ambiguous: true}
			continue
		}
		c.dropped += len(read.dropped)
		c.share(read.system)
		known := c.records[id]
		switch {
		case known == nil:
			c.records[id] = &collected{asRecord: *read}
			c.octets += int64(perODSCode * len(read.system.ODS))
		case known.ambiguous || known.partyKey != read.partyKey || !sameSystem(known.system, read.system):
			*known = collected{ambiguous: true}
		}
	}
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
			c.octets += int64(len(known))
		}
		sys.Interactions[i] = asid.InteractionID(known)
		key.WriteString(known)
		key.WriteByte('\n') // no interaction has one
	}
	set, found := c.sets[key.String()]
	if !found {
		set = slices.Clone(sys.Interactions)
		c.sets[key.String()] = set
		c.octets += int64(key.Len())
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
