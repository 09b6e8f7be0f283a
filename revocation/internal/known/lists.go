// SPDX-License-Identifier: Apache-2.0

// Package known is what a process knows about revocation: a set of verified
// documents that only grows, and the decisions that follow from it. A decision is
// a function of the set, the certificate's path and the time; it does not matter
// in which order or by which way the documents came. There is no network, no log
// and no clock here.
//
// Where a step of RFC 5280 section 6.3.3 is found that is about several lists (package
// crl has those about one):
//
//	(b), (d)  which lists are authoritative: authoritative, in scope.go
//	(c), (h)  which delta CRLs are combined with a list: latestDelta, in series.go
//	(e), (l)  whether all reasons are covered: conclude, in verdict.go
//	(f)       who may sign: maySpeak, in signer.go; clear: mayClear, in decide.go
//	(i) - (k) what a list with its delta CRLs says: consult, in series.go
package known

import (
	"bytes"
	"cmp"
	"crypto/x509"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/crl"
)

// Lists is the set of CRLs. The zero value is empty. It is safe for concurrent
// use; readers take no lock.
type Lists struct {
	mu      sync.Mutex // held to change what follows
	buckets buckets[*List]
	added   unverified[string] // by the operator, by the name of the issuer
	brought unverified[Place]  // of each other origin, as its last document had them
	offered atomic.Uint64      // changes with these two, because any path may verify them
	changed chan struct{}      // closed at the next change; nil: no caller waits for it
	most    int                // octets of each of the two; zero: maxUnverifiedOctets
}

// under returns the lists under some keys, and notes that a decision depends on
// them.
func (s *Lists) under(keys []string, dependencies *Dependencies) (lists []*List) {
	for _, key := range keys {
		for _, l := range s.buckets.read(key, dependencies) {
			if !slices.ContainsFunc(lists, l.same) {
				lists = append(lists, l)
			}
		}
	}
	return lists
}

// Under returns the lists under one key.
func (s *Lists) Under(key string) []*List { return s.buckets.load(key) }

// Offer puts a list into the set if its signature verifies with the key of one
// of the certificates that may have signed it, and otherwise keeps it, to be
// tried with others. What was superseded a day before horizon is forgotten.
func (s *Lists) Offer(l *List, signers []*x509.Certificate, horizon time.Time) Change {
	s.mu.Lock()
	defer s.mu.Unlock()
	if cert := s.signerOf(l, signers); cert != nil {
		return s.insert(l, cert, horizon)
	}
	s.tell() // a caller who waits may know its signer
	return s.wait(l)
}

// Try tries the lists whose signer is not known yet with further certificates, and
// returns those that are in the set now.
func (s *Lists) Try(signers []*x509.Certificate, horizon time.Time) (verified []*List) {
	s.mu.Lock()
	defer s.mu.Unlock()
	inserted := func(l *List) bool {
		cert := s.signerOf(l, signers)
		if cert != nil {
			s.insert(l, cert, horizon)
			verified = append(verified, l)
		}
		return cert != nil
	}
	s.added.removeAll(inserted)
	s.brought.removeAll(inserted)
	return verified
}

// signerOf returns the certificate, among those that may sign the list, with whose
// key it verifies; nil if there is none. What is fetched is most often what is in
// the set already: the same octets are not verified with the same key twice.
func (s *Lists) signerOf(l *List, signers []*x509.Certificate) *x509.Certificate {
	there := s.buckets.load(l.Keys()[0])
	for _, cert := range signers {
		if !l.MaySign(cert) {
			continue
		}
		verified := *l
		verified.Key = KeyOf(cert)
		if slices.ContainsFunc(there, verified.same) || l.VerifiedBy(cert) {
			return cert
		}
	}
	return nil
}

// insert adds a list under each of its keys, or what is new about where it came
// from.
func (s *Lists) insert(l *List, signer *x509.Certificate, horizon time.Time) Change {
	change := Change{Verified: true}
	own := *l
	own.Key, own.Name = KeyOf(signer), signer.Subject.String()
	for _, name := range own.Keys() {
		before := s.buckets.load(name)
		lists := slices.Clone(before)
		if i := slices.IndexFunc(lists, own.same); i >= 0 {
			merged := *lists[i]
			merged.Places = union(merged.Places, own.Places)
			merged.URLs = union(merged.URLs, own.URLs)
			if merged.Raw == nil {
				merged.Raw = own.Raw
			}
			if len(merged.Places) == len(lists[i].Places) && len(merged.URLs) == len(lists[i].URLs) && (merged.Raw == nil) == (lists[i].Raw == nil) {
				continue
			}
			lists[i] = &merged
		} else {
			change.compare(&own, lists)
			lists = append(lists, &own)
		}
		if lists = bounded(remember(lists, horizon)); slices.Equal(lists, before) {
			continue // it is superseded
		}
		change.Stored = true
		s.buckets.store(name, lists)
	}
	if change.New {
		s.tell()
	}
	return change
}

// compare compares a list that is new with those that are not.
func (c *Change) compare(l *List, lists []*List) {
	c.New = true
	mine := l.Orders()[0]
	for _, other := range lists {
		o := other.Orders()[0]
		if o.Series != mine.Series || o.Kind != mine.Kind || o.Place != mine.Place {
			continue
		}
		c.Supersedes = c.Supersedes || mine.Supersedes(&o)
		c.Superseded = c.Superseded || o.Supersedes(&mine)
		c.Against = c.Against || l.ThisUpdate().Compare(other.ThisUpdate())*crl.CompareNumbers(l.Number(), other.Number()) < 0
	}
}

// Changed returns a channel that is closed when a list is added that was not known.
func (s *Lists) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changed == nil {
		s.changed = make(chan struct{})
	}
	return s.changed
}

// tell ends the wait for a change. s.mu is held.
func (s *Lists) tell() {
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}

// All returns every list of the set once.
func (s *Lists) All() (all []*List) {
	seen := map[[32]byte]bool{}
	s.buckets.each(func(_ string, lists []*List) bool {
		for _, l := range lists {
			if digest := l.Digest(); !seen[digest] {
				seen[digest] = true
				all = append(all, l)
			}
		}
		return true
	})
	slices.SortFunc(all, func(a, b *List) int {
		x, y := a.Digest(), b.Digest()
		return bytes.Compare(x[:], y[:])
	})
	return all
}

// OfIssuer returns the lists of an issuer, under whatever key, and those whose
// signer is not known; any says whether there are lists at all.
func (s *Lists) OfIssuer(issuer string) (verified, unverified []*List, any bool) {
	for _, l := range s.All() {
		any = true
		if l.Issuer() == issuer {
			verified = append(verified, l)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, lists := range s.brought.groups {
		for _, l := range lists {
			if l.Issuer() == issuer {
				unverified = append(unverified, l)
			}
		}
	}
	slices.SortStableFunc(unverified, func(a, b *List) int { return strings.Compare(a.Source(), b.Source()) })
	unverified = append(unverified, s.added.groups[issuer]...)
	return verified, unverified, any || len(s.added.groups)+len(s.brought.groups) > 0
}

// Unverified returns how many lists there are whose signer is not known.
func (s *Lists) Unverified() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.added.count() + s.brought.count()
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
