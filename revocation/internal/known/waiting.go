// SPDX-License-Identifier: Apache-2.0

package known

import (
	"bytes"
	"cmp"
	"slices"
)

const (
	maxUnverified       = 1000      // of one issuer, and of one origin
	maxAdded            = 16        // of one issuer, authorityKeyIdentifier and scope
	maxUnverifiedOctets = 256 << 20 // of DER, of all that were added, and of all others
)

// An unverified is lists whose signer is not known yet, grouped by where they came
// from. Anything may be written in them.
type unverified[K comparable] struct {
	groups map[K][]*List
	octets int // of their DER
}

func (u *unverified[K]) add(key K, l *List) {
	if u.groups == nil {
		u.groups = map[K][]*List{}
	}
	u.groups[key] = append(u.groups[key], l)
	u.octets += l.Octets()
}

// remove removes lists of one group.
func (u *unverified[K]) remove(key K, which func(*List) bool) {
	left := slices.DeleteFunc(u.groups[key], func(l *List) bool {
		if !which(l) {
			return false
		}
		u.octets -= l.Octets()
		return true
	})
	if len(left) == 0 {
		delete(u.groups, key)
	} else {
		u.groups[key] = left
	}
}

// removeAll removes lists of every group.
func (u *unverified[K]) removeAll(which func(*List) bool) {
	for key := range u.groups {
		u.remove(key, which)
	}
}

func (u *unverified[K]) count() (n int) {
	for _, lists := range u.groups {
		n += len(lists)
	}
	return n
}

// dispensable sorts lists in the order in which they are dropped: those that list
// nothing come first, then the oldest.
func dispensable(a, b *List) int {
	x, y := a.Digest(), b.Digest()
	return cmp.Or(btoi(a.Len() > 0)-btoi(b.Len() > 0), a.ThisUpdate().Compare(b.ThisUpdate()), bytes.Compare(x[:], y[:]))
}
