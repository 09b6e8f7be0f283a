// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"slices"

	"github.com/nrlsecurity/nrlsecurity/internal/fqdn"
)

// A System is what the directory holds about one ASID. Treat it as read-only: a
// registry hands the same System to everyone who asks.
type System struct {
	ASID         ID
	FQDNs        []string        // the names of which its certificate must speak for one
	Interactions []InteractionID // what it has been assured for

	assurances *interactionSet // that Interactions is the list of; nil: NewSystem did not make the System

	name [1]string // what FQDNs is a slice of if there is one, as most systems have

	// A decision reads what is above, from two lines of the processor's caches.

	ODS         []ODSCode     // the organisations that the system acts for
	SharedFQDNs []string      // those of FQDNs that other systems may share; see BoundByPartyKey
	Leaves      []Fingerprint // certificates that are its own, whatever their names
	Keys        []Fingerprint // keys whose certificates are its own, whatever their names
	Unbound     bool          // there is no FQDN and no fingerprint, and that is no mistake; no certificate is its own
}

// NewSystem returns a checked copy of given, for a [Registry] of one's own: what it
// has been assured for is found as fast as in a [Memory], and equal sets of
// interactions share their memory. It refuses, with a [*RegistryError], a zero
// ASID, a system that has neither an FQDN nor a fingerprint and is not Unbound, an
// FQDN that is not a plain host name, an interaction ID that is not a URN, more than
// 1,048,576 interactions, and an ODS code, an FQDN or an interaction that is there
// twice.
func NewSystem(given System) (*System, error) {
	s := new(System)
	if err := s.copyFrom(&given, &systemSets); err != nil {
		return nil, err
	}
	return s, nil
}

// copyFrom makes s a checked copy of what the user gave. Its set of interactions
// is shared with equal ones in sets.
func (s *System) copyFrom(given *System, sets setSource) error {
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
	s.FQDNs = s.name[:0]
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
	set, err := sets.of(given.Interactions)
	if err != nil {
		return fail("bad interaction", err)
	}
	s.Interactions, s.assurances = set.list, set
	return nil
}

// Assured reports whether the system may perform the interaction.
// DocumentReferencePatch counts as DocumentReferenceUpdate.
func (s *System) Assured(id InteractionID) bool {
	return s.assured(id) || id == DocumentReferenceUpdate && s.assured(DocumentReferencePatch)
}

// assured is Assured without the exception.
func (s *System) assured(id InteractionID) bool {
	// A copy of a System keeps the set, whatever became of its Interactions.
	if set := s.assurances; set != nil && len(set.list) > 0 && len(s.Interactions) == len(set.list) && &s.Interactions[0] == &set.list[0] {
		return set.has(id)
	}
	return slices.Contains(s.Interactions, id)
}
