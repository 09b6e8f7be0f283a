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

// wait keeps a list whose signer is not known. s.mu is held.
func (s *Lists) wait(l *List) Change {
	again := func(other *List) bool { return other.Digest() == l.Digest() && slices.Equal(other.Places, l.Places) }
	wait := s.waitBrought
	if l.Origin == Added {
		wait = s.waitAdded
	}
	if !wait(l, again) {
		return Change{Full: true}
	}
	s.offered.Add(1)
	return Change{New: true}
}

// waitAdded keeps what the operator added, in place of the same one. If there are too
// many of its scope, the oldest goes that another of the same authorityKeyIdentifier
// supersedes. It does not keep it if there is none, if there are too many of all scopes,
// or too many octets: no list goes that may say what the others do not.
func (s *Lists) waitAdded(l *List, again func(*List) bool) (ok bool) {
	issuer := l.Issuer()
	s.added.remove(issuer, again)
	var alike []*List
	for _, other := range s.added.groups[issuer] {
		if other.IsDelta() == l.IsDelta() && other.ScopeKey() == l.ScopeKey() && other.SameAuthority(l.List) {
			alike = append(alike, other)
		}
	}
	if len(alike) >= maxAdded {
		superseded := slices.DeleteFunc(slices.Clone(alike), func(x *List) bool {
			return !slices.ContainsFunc(append(alike, l), func(y *List) bool {
				o, order := x.Orders()[0], y.Orders()[0]
				return order.Supersedes(&o)
			})
		})
		if len(superseded) == 0 {
			return false
		}
		oldest := slices.MinFunc(superseded, func(a, b *List) int { return a.ThisUpdate().Compare(b.ThisUpdate()) })
		s.added.remove(issuer, func(other *List) bool { return other == oldest })
	} else if len(s.added.groups[issuer]) >= maxUnverified {
		return false
	}
	if s.added.octets > 0 && s.added.octets+l.Octets() > s.mostOctets() {
		return false
	}
	s.added.add(issuer, l)
	return true
}

// waitBrought keeps what came from a URL or an entry of the Cache, and reports whether
// it did. An origin that brings too much loses of its own; of all of them it is the one
// that has most. What is left depends on the lists, not on the order in which they came.
func (s *Lists) waitBrought(l *List, again func(*List) bool) (ok bool) {
	s.brought.remove(l.Origin, again)
	s.brought.add(l.Origin, l)
	ok = true
	drop := func(origin Place) {
		first := slices.MinFunc(s.brought.groups[origin], dispensable)
		s.brought.remove(origin, func(other *List) bool { return other == first })
		ok = ok && first != l
	}
	if len(s.brought.groups[l.Origin]) > maxUnverified {
		drop(l.Origin)
	}
	for s.brought.octets > max(s.mostOctets(), l.Octets()) {
		drop(s.largest())
	}
	return ok
}

// dispensable sorts lists in the order in which they are dropped: those that list
// nothing come first, then the oldest.
func dispensable(a, b *List) int {
	x, y := a.Digest(), b.Digest()
	return cmp.Or(btoi(a.Len() > 0)-btoi(b.Len() > 0), a.ThisUpdate().Compare(b.ThisUpdate()), bytes.Compare(x[:], y[:]))
}

// largest returns the origin of which most octets wait.
func (s *Lists) largest() (largest Place) {
	most := -1
	for origin, lists := range s.brought.groups {
		octets := 0
		for _, l := range lists {
			octets += l.Octets()
		}
		if octets > most || octets == most && bytes.Compare(origin[:], largest[:]) < 0 {
			largest, most = origin, octets
		}
	}
	return largest
}

func (s *Lists) mostOctets() int { return cmp.Or(s.most, maxUnverifiedOctets) }

// Replace drops what an origin brought before and whose signer is not known: the
// server behind a URL may put any name and scope on what it does not sign, so that
// there is room for one document of each.
func (s *Lists) Replace(origin Place) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.brought.remove(origin, func(*List) bool { return true })
}
