// SPDX-License-Identifier: Apache-2.0

package asid

import (
	"crypto/sha256"
	"slices"

	"github.com/nrlsecurity/nrlsecurity/internal/fqdn"
)

// A Binding is why a certificate counts as a system's own. Its text is what the
// audit record says. The zero Binding is none.
type Binding string

// The bindings, in the order in which they are tried.
const (
	BoundByFQDN     Binding = "fqdn"      // one of its names is registered for the system
	BoundByPartyKey Binding = "party-key" // one of its names is that of a message handling system, which other systems may share
	BoundByLeaf     Binding = "leaf"      // its SHA-256 is registered for the system
	BoundByKey      Binding = "key"       // the SHA-256 of its SubjectPublicKeyInfo is
)

// owns reports whether the certificate of these names is the system's.
func (s *System) owns(n *Names) bool { return s.ownName(n) != "" || s.ownFingerprint(n) != "" }

// bind says why it is, or "".
func (s *System) bind(n *Names) Binding {
	if name := s.ownName(n); name != "" {
		if slices.ContainsFunc(s.SharedFQDNs, func(shared string) bool { return fqdn.Equal(shared, name) }) {
			return BoundByPartyKey
		}
		return BoundByFQDN
	}
	return s.ownFingerprint(n)
}

// ownName returns the name of the certificate's that is registered, or "".
func (s *System) ownName(n *Names) string {
	for _, name := range n.fqdns {
		for _, registered := range s.FQDNs {
			// Registries that were checked when made have them in lower case too.
			if name == registered || fqdn.Equal(name, registered) {
				return registered
			}
		}
	}
	return ""
}

// ownFingerprint says which of the certificate's fingerprints is registered.
func (s *System) ownFingerprint(n *Names) Binding {
	switch {
	case n.cert == nil:
	case len(s.Leaves) > 0 && slices.Contains(s.Leaves, Fingerprint(sha256.Sum256(n.cert.Raw))):
		return BoundByLeaf
	case len(s.Keys) > 0 && slices.Contains(s.Keys, keyFingerprint(n.cert)):
		return BoundByKey
	}
	return ""
}
