// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"context"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/known"
)

// A Cache keeps what is known about revocation across restarts, and for several
// processes that share it. What is known under one key is one entry, a set of
// Members that only grows but for what Join drops; an entry may be lost, but only
// as a whole. It need not be trusted: what it returns is verified again, so that
// an attacker who can write to it can delete and replay, but not forge. Only from which
// URL a list without an issuingDistributionPoint came cannot be verified: of a CA that
// has several of these, though RFC 5280 section 5.2.5 wants lists of some certificates
// marked, an attacker can have one decide for another. It must be safe for concurrent
// use, and return when ctx ends.
//
// A map with a lock is a Cache in a few lines:
//
//	func (c *memory) Get(_ context.Context, key string) ([]revocation.Member, error) {
//		c.mu.Lock()
//		defer c.mu.Unlock()
//		return c.entries[key], nil
//	}
//
//	func (c *memory) Merge(_ context.Context, key string, members ...revocation.Member) error {
//		c.mu.Lock()
//		defer c.mu.Unlock()
//		c.entries[key] = revocation.Join(time.Now(), c.entries[key], members)
//		return nil
//	}
type Cache interface {
	// Get returns the members under key, none if there is no entry. They must
	// not be changed.
	Get(ctx context.Context, key string) ([]Member, error)

	// Merge joins members to those under key, by Join. When it returns nil, the
	// entry has all of them but what Join drops, whatever other processes merge
	// at the same time.
	Merge(ctx context.Context, key string, members ...Member) error
}

// A Member is a document in an entry of a Cache. Order and Digest identify it.
type Member struct {
	Order  string   // which others it supersedes, in a form of its own: at most 200 octets
	Digest [32]byte // which document it is, computed from Bytes by the source alone
	Bytes  []byte   // a CRL or an OCSP response in DER
}

// Join returns the union of two lists of members, but for those that a member
// supersedes which began at least a day before the given time, the time of the
// process. It is commutative, associative and idempotent, so that the members
// under a key are the same in whatever order, and however often, they are merged.
// The result is sorted by Order and Digest; neither list is changed.
func Join(at time.Time, a, b []Member) []Member {
	return fromMembers(known.Join(at, toMembers(a), toMembers(b)))
}

func toMembers(members []Member) []known.Member {
	converted := make([]known.Member, len(members))
	for i, m := range members {
		converted[i] = known.Member(m)
	}
	return converted
}

func fromMembers(members []known.Member) []Member {
	converted := make([]Member, len(members))
	for i, m := range members {
		converted[i] = Member(m)
	}
	return converted
}
