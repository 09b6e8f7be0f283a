// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/nrlsecurity/nrlsecurity/internal/fqdn"
)

// A System is what the directory holds about one ASID. Treat it as read-only: a
// registry hands the same System to everyone who asks.
type System struct {
	ASID         ID
	FQDNs        []string        // the names of which its certificate must speak for one
	Interactions []InteractionID // what it has been assured for

	index map[InteractionID]int // where in Interactions each is, if NewMemory found them many

	// A decision reads what is above, which fits a line of the processor's caches.

	ODS         []ODSCode     // the organisations that the system acts for
	SharedFQDNs []string      // those of FQDNs that other systems may share; see BoundByPartyKey
	Leaves      []Fingerprint // certificates that are its own, whatever their names
	Keys        []Fingerprint // keys whose certificates are its own, whatever their names
	Unbound     bool          // there is no FQDN and no fingerprint, and that is no mistake; no certificate is its own
}

// manyInteractions is from when on an index is faster than a look at each. Some
// systems of the Spine have several hundred.
const manyInteractions = 16

// A Registry looks ASIDs up. It must be safe for concurrent use. For an ASID
// that it does not know it returns an error that wraps [ErrNotFound]; any other
// error means that it could not tell, and the request is refused with 500.
type Registry interface {
	Lookup(ctx context.Context, id ID) (*System, error)
}

// A Memory is a Registry that never changes. The zero Memory knows no system.
type Memory struct {
	systems table
}

// NewMemory returns a registry of copies of the systems. It refuses, with a
// [*RegistryError], a zero or repeated ASID, a system that has neither an FQDN nor
// a fingerprint and is not Unbound, an FQDN that is not a plain host name, an interaction ID that is
// not a URN, and whatever a system lists twice.
func NewMemory(systems ...System) (*Memory, error) {
	m := &Memory{systems: newTable(len(systems))}
	// A look-up misses the processor's caches at every pointer that it follows, so
	// what a decision reads of a system lies together, and sets of interactions,
	// which most systems share with others, are kept once.
	entries := make([]struct {
		fqdn [1]string
		System
	}, len(systems))
	assured := make(map[string]*interactionSet)
	for i := range systems {
		s := &entries[i].System
		s.FQDNs = entries[i].fqdn[:0]
		if err := s.copyFrom(&systems[i], assured); err != nil {
			return nil, err
		}
		if !m.systems.add(s) {
			return nil, &RegistryError{ASID: s.ASID, Detail: "the ASID is there twice"}
		}
	}
	return m, nil
}

// Lookup implements [Registry].
func (m *Memory) Lookup(_ context.Context, id ID) (*System, error) {
	if s := m.systems.find(id); s != nil {
		return s, nil
	}
	return nil, ErrNotFound
}

// copyFrom makes s a checked copy of what the user gave. Sets of interactions
// that are in assured are shared, others are added to it.
func (s *System) copyFrom(given *System, assured map[string]*interactionSet) error {
	if given.ASID.IsZero() {
		return &RegistryError{Detail: "a system has no ASID"}
	}
	fail := func(detail string, err error) error {
		return &RegistryError{ASID: given.ASID, Detail: detail, Err: err}
	}
	s.ASID, s.ODS = given.ASID, slices.Clone(given.ODS)
	s.SharedFQDNs, s.Leaves, s.Keys = slices.Clone(given.SharedFQDNs), slices.Clone(given.Leaves), slices.Clone(given.Keys)
	s.Unbound = given.Unbound
	if slices.Contains(s.ODS, ODSCode{}) {
		return fail("an ODS code is empty", nil)
	}
	if repeats(s.ODS) {
		return fail("an ODS code is there twice", nil)
	}
	if len(given.FQDNs) == 0 && len(given.Leaves) == 0 && len(given.Keys) == 0 && !given.Unbound {
		return fail("the system has neither an FQDN nor a fingerprint, so no certificate could be its own", nil)
	}
	for _, name := range given.FQDNs {
		parsed, err := fqdn.Parse(name)
		if err != nil {
			return fail("bad FQDN", err)
		}
		s.FQDNs = append(s.FQDNs, parsed)
	}
	if repeats(s.FQDNs) {
		return fail("an FQDN is there twice", nil)
	}
	var key strings.Builder
	for _, id := range given.Interactions {
		// With its length, for what has not been checked may contain anything.
		key.WriteString(strconv.Itoa(len(id)) + ":" + string(id))
	}
	set := assured[key.String()]
	if set == nil {
		var err error
		if set, err = newInteractionSet(given.Interactions); err != nil {
			return fail("bad interaction", err)
		}
		assured[key.String()] = set
	}
	s.Interactions, s.index = set.list, set.index
	return nil
}

// An interactionSet is what a system, or many, have been assured for.
type interactionSet struct {
	list  []InteractionID
	index map[InteractionID]int
}

func newInteractionSet(ids []InteractionID) (*interactionSet, error) {
	for _, id := range ids {
		if _, err := ParseInteractionID(string(id)); err != nil {
			return nil, err
		}
	}
	if repeats(ids) {
		return nil, errors.New("an interaction is there twice")
	}
	set := &interactionSet{list: slices.Clone(ids)}
	if len(ids) >= manyInteractions {
		set.index = make(map[InteractionID]int, len(ids))
		for i, id := range ids {
			set.index[id] = i
		}
	}
	return set, nil
}

func repeats[T comparable](list []T) bool {
	seen := make(map[T]bool, len(list))
	for _, v := range list {
		if seen[v] {
			return true
		}
		seen[v] = true
	}
	return false
}
