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
	size    int // how many systems it has
}

// NewMemory returns a registry of copies of the systems. It refuses, with a
// [*RegistryError], a repeated ASID and what [NewSystem] refuses.
func NewMemory(systems ...System) (*Memory, error) {
	m := &Memory{newTable(systems), len(systems)}
	var sets interactionSets
	for i := range systems {
		s := m.systems.add(systems[i].ASID)
		if s == nil {
			return nil, &RegistryError{ASID: systems[i].ASID, Detail: "the ASID is there twice"}
		}
		if err := s.copyFrom(&systems[i], &sets); err != nil {
			return nil, err
		}
	}
	sets.finish()
	return m, nil
}

// Lookup implements [Registry].
func (m *Memory) Lookup(_ context.Context, id ID) (*System, error) {
	if s := m.systems.find(id); s != nil {
		return s, nil
	}
	return nil, ErrNotFound
}
