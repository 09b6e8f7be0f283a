// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"context"
	"fmt"
)

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
	if len(systems) > maxNumber {
		return nil, &RegistryError{Detail: fmt.Sprintf("more than %d systems", maxNumber)}
	}
	m := &Memory{systems: newTable(len(systems))}
	var sets interactionSets
	// The names of systems that have one, as most do, lie close to each other.
	names := make([]string, len(systems))
	for i := range systems {
		s := m.systems.add(systems[i].ASID)
		if s == nil {
			return nil, &RegistryError{ASID: systems[i].ASID, Detail: "the ASID is there twice"}
		}
		s.FQDNs = names[i : i : i+1]
		if err := s.copyFrom(&systems[i], &sets); err != nil {
			return nil, err
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

// size returns how many systems it has.
func (m *Memory) size() int { return len(m.systems.rows) }
