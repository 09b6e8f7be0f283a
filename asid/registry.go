package asid

import (
	"context"
	"slices"

	"github.com/nrlsecurity/nrlsecurity/internal/fqdn"
)

// A System is what the directory holds about one ASID. Treat it as read-only: a
// registry hands the same System to everyone who asks.
type System struct {
	ASID         ID
	ODS          []ODSCode       // the organisations that the system acts for
	FQDNs        []string        // the names of which its certificate must speak for one
	Interactions []InteractionID // what it has been assured for
}

// A Registry looks ASIDs up. It must be safe for concurrent use. For an ASID
// that it does not know it returns an error that wraps [ErrNotFound]; any other
// error means that it could not tell, and the request is refused with 500.
type Registry interface {
	Lookup(ctx context.Context, id ID) (*System, error)
}

// A Memory is a Registry that never changes. The zero Memory knows no system.
type Memory struct {
	systems map[ID]*System
}

// NewMemory returns a registry of copies of the systems. It refuses, with a
// [*RegistryError], a zero or repeated ASID, a system without an FQDN, an FQDN
// that is not a plain host name, an interaction ID that is not a URN, and
// whatever a system lists twice.
func NewMemory(systems ...System) (*Memory, error) {
	m := &Memory{systems: make(map[ID]*System, len(systems))}
	// Systems share their interactions, so each is kept once.
	interactions := make(map[InteractionID]InteractionID)
	for i := range systems {
		s, err := canonical(&systems[i], interactions)
		if err != nil {
			return nil, err
		}
		if m.systems[s.ASID] != nil {
			return nil, &RegistryError{ASID: s.ASID, Detail: "the ASID is there twice"}
		}
		m.systems[s.ASID] = s
	}
	return m, nil
}

// Lookup implements [Registry].
func (m *Memory) Lookup(_ context.Context, id ID) (*System, error) {
	if s := m.systems[id]; s != nil {
		return s, nil
	}
	return nil, ErrNotFound
}

// canonical returns a checked copy of s.
func canonical(s *System, known map[InteractionID]InteractionID) (*System, error) {
	if s.ASID.IsZero() {
		return nil, &RegistryError{Detail: "a system has no ASID"}
	}
	fail := func(detail string, err error) (*System, error) {
		return nil, &RegistryError{ASID: s.ASID, Detail: detail, Err: err}
	}
	c := &System{ASID: s.ASID, ODS: slices.Clone(s.ODS)}
	if len(s.FQDNs) == 0 {
		return fail("the system has no FQDN, so no certificate could be its own", nil)
	}
	for _, name := range s.FQDNs {
		parsed, err := fqdn.Parse(name)
		if err != nil {
			return fail("bad FQDN", err)
		}
		c.FQDNs = append(c.FQDNs, parsed)
	}
	for _, id := range s.Interactions {
		if known[id] == "" {
			parsed, err := ParseInteractionID(string(id))
			if err != nil {
				return fail("bad interaction", err)
			}
			known[id] = parsed
		}
		c.Interactions = append(c.Interactions, known[id])
	}
	if slices.Contains(c.ODS, ODSCode{}) {
		return fail("an ODS code is empty", nil)
	}
	switch {
	case repeats(c.ODS):
		return fail("an ODS code is there twice", nil)
	case repeats(c.FQDNs):
		return fail("an FQDN is there twice", nil)
	case repeats(c.Interactions):
		return fail("an interaction is there twice", nil)
	}
	return c, nil
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
