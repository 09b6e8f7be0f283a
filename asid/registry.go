// SPDX-License-Identifier: Apache-2.0

package asid

import "context"

// A Registry looks ASIDs up. It must be safe for concurrent use. For an ASID
// that it does not know it returns an error that wraps [ErrNotFound]; any other
// error means that it could not tell, and the request is refused with 503.
type Registry interface {
	Lookup(ctx context.Context, id ID) (*System, error)
}

// A Memory is a Registry that never changes. The zero Memory knows no system.
type Memory struct {
	systems table
}

// NewMemory returns a registry of copies of the systems. It refuses, with a
// [*RegistryError], a repeated ASID and what [NewSystem] refuses.
func NewMemory(systems ...System) (*Memory, error) {
	m := &Memory{systems: newTable(len(systems))}
	// A look-up misses the processor's caches at every pointer that it follows, so
	// what a decision reads of a system lies together, and sets of interactions,
	// which most systems share with others, are kept once.
	entries := make([]struct {
		fqdn [1]string
		System
	}, len(systems))
	var sets interactionSets
	for i := range systems {
		s := &entries[i].System
		s.FQDNs = entries[i].fqdn[:0]
		if err := s.copyFrom(&systems[i], &sets); err != nil {
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
