// SPDX-License-Identifier: Apache-2.0

// Package known is what a process knows about revocation: a set of verified
// documents that only grows, and the decisions that follow from it. A decision is
// a function of the set, the certificate's path and the time; it does not matter
// in which order or by which way the documents came. There is no network, no log
// and no clock here.
package known

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/crl"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/der"
)

// ClockTolerance is how far the clock of a CA or responder may be ahead.
const ClockTolerance = 5 * time.Minute

// A Key identifies a public key: the SHA-256 of its SubjectPublicKeyInfo.
type Key [32]byte

// KeyOf returns the Key of a certificate.
func KeyOf(cert *x509.Certificate) Key { return sha256.Sum256(cert.RawSubjectPublicKeyInfo) }

// A Place is where a list without issuingDistributionPoint came from: a URL, or
// the operator.
type Place [32]byte

// Added is the Place of what the operator added.
var Added Place

// PlaceOf returns the Place of a URL, the same for URLs that are equal as names
// (RFC 5280 section 7.4).
func PlaceOf(url string) Place { return sha256.Sum256([]byte(der.NormalURI(url))) }

// A List is a CRL in the set. It does not change.
type List struct {
	*crl.List
	Raw    []byte  // DER; nil: not needed again
	Places []Place // where it came from, sorted; of a list with issuingDistributionPoint it does not matter
	Origin Place   // which place handed it over; Added: the operator
	URLs   []Place // that handed it over, sorted, if it has an issuingDistributionPoint without a name
	Key    Key     // that signed it, once it is in the set
	Name   string  // of its issuer, for an operator; likewise
}

// NewList returns a list that an origin handed over, from places.
func NewList(l *crl.List, raw []byte, origin Place, places ...Place) *List {
	if l.Scoped() {
		places = []Place{Added}
	}
	list := &List{List: l, Raw: raw, Places: places, Origin: origin}
	if l.Scoped() && len(l.PointKeys()) == 0 && origin != Added {
		list.URLs = []Place{origin}
	}
	return list
}

// Keys returns the keys under which the set has the list.
func (l *List) Keys() (keys []string) {
	for _, name := range l.PointKeys() {
		keys = append(keys, l.Issuer()+"\x00"+name)
	}
	if keys == nil {
		keys = []string{l.Issuer() + "\x00"}
	}
	return keys
}

// KeysOf returns the keys of the lists that may be about a certificate.
func KeysOf(s *crl.Subject) (keys []string) {
	add := func(key string) {
		if !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	for _, p := range append(slices.Clip(s.Points), crl.OwnPoint(s.Issuer)) {
		for _, issuer := range p.CRLIssuers(s.Issuer) {
			add(issuer + "\x00")
			names := p.Keys(s.Issuer)
			if len(names) == 0 { // the point has the names of its cRLIssuer
				for _, name := range p.CRLIssuers(s.Issuer) {
					names = append(names, der.DirectoryName(name).Key())
				}
			}
			for _, name := range names {
				add(issuer + "\x00" + name)
			}
		}
	}
	return keys
}

// Orders returns the orders of the list's Members, one for each place.
func (l *List) Orders() []Order {
	o := Order{Kind: Complete, ThisUpdate: l.ThisUpdate(), Number: l.Number()}
	if l.IsDelta() {
		o.Kind, o.Base = Delta, l.Base()
	}
	h := sha256.New()
	h.Write(l.Key[:])
	h.Write([]byte(l.Issuer() + "\x00" + l.ScopeKey()))
	h.Sum(o.Series[:0])
	orders := make([]Order, len(l.Places))
	for i, place := range l.Places {
		orders[i] = o
		orders[i].Place = place
	}
	return orders
}

// Lists is the set of CRLs. The zero value is empty. It is safe for concurrent
// use; readers take no lock.
type Lists struct {
	mu         sync.Mutex // held to change what follows
	buckets    buckets[*List]
	unverified map[string][]*List // added, whose signer is not known yet, by the name of the issuer
	brought    map[Place][]*List  // the same of each other origin, as its last document had them
	offered    atomic.Uint64      // changes with these two, because any path may verify them
	changed    chan struct{}      // closed at the next change; nil: no caller waits
}

const (
	maxSeries     = 1000 // under one key
	maxUnverified = 1000 // of one issuer, and of one origin
	maxAdded      = 16   // of one issuer and scope, whose signer is not known
)

// under returns the lists under some keys, and notes that a decision depends on
// them.
func (s *Lists) under(keys []string, rests *Rests) (lists []*List) {
	for _, key := range keys {
		for _, l := range s.buckets.read(key, rests) {
			if !slices.ContainsFunc(lists, l.same) {
				lists = append(lists, l)
			}
		}
	}
	return lists
}

// same reports whether two lists are the same octets signed with the same key.
func (l *List) same(other *List) bool { return l.Digest() == other.Digest() && l.Key == other.Key }

// A Change is what a list that was offered changed.
type Change struct {
	Verified   bool // it is in the set
	Stored     bool // the set has changed
	Full       bool // it is not kept, because too many added ones of its issuer wait for their signer
	New        bool // it was not before
	Supersedes bool // another list of its series
	Superseded bool // by another list of its series
	Against    bool // its number and thisUpdate run against those of another list of its series
}

// Offer puts a list into the set if its signature verifies with the key of one
// of the certificates that may have signed it, and otherwise keeps it, to be
// tried with others. What was superseded a day before horizon is forgotten.
func (s *Lists) Offer(l *List, signers []*x509.Certificate, horizon time.Time) Change {
	s.mu.Lock()
	defer s.mu.Unlock()
	if cert := s.signerOf(l, signers); cert != nil {
		return s.insert(l, cert, horizon)
	}
	s.tell() // who waits may know its signer
	alike := func(other *List) bool { return other.Digest() == l.Digest() && slices.Equal(other.Places, l.Places) }
	if l.Origin != Added {
		if s.brought == nil {
			s.brought = map[Place][]*List{}
		}
		waiting := slices.DeleteFunc(s.brought[l.Origin], alike)
		if len(waiting) == maxUnverified {
			waiting = slices.Delete(waiting, 0, 1)
		}
		s.brought[l.Origin] = append(waiting, l)
		s.offered.Add(1)
		return Change{New: true}
	}
	if s.unverified == nil {
		s.unverified = map[string][]*List{}
	}
	waiting, ok := makeRoom(slices.DeleteFunc(s.unverified[l.Issuer()], alike), l)
	if !ok {
		return Change{Full: true}
	}
	s.unverified[l.Issuer()] = append(waiting, l)
	s.offered.Add(1)
	return Change{New: true}
}

// Replace drops what an origin brought before and whose signer is not known: who
// answers for a URL may put any name and scope on what no CA has signed, so that
// there is room for one document of each.
func (s *Lists) Replace(origin Place) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.brought, origin)
}

// makeRoom drops the oldest of what was added of the scope of a list, if there are
// too many. It is not ok if there are too many of all scopes, none of which may go
// for another's sake.
func makeRoom(waiting []*List, l *List) (left []*List, ok bool) {
	alike := func(other *List) bool { return other.IsDelta() == l.IsDelta() && other.ScopeKey() == l.ScopeKey() }
	n := 0
	for _, other := range waiting {
		if alike(other) {
			n++
		}
	}
	if n >= maxAdded {
		oldest := -1
		for i, other := range waiting {
			if alike(other) && (oldest < 0 || other.ThisUpdate().Before(waiting[oldest].ThisUpdate())) {
				oldest = i
			}
		}
		return slices.Delete(waiting, oldest, oldest+1), true
	}
	return waiting, len(waiting) < maxUnverified
}

// Try tries the lists whose signer is not known yet with further certificates, and
// returns those that are in the set now.
func (s *Lists) Try(signers []*x509.Certificate, horizon time.Time) (verified []*List) {
	s.mu.Lock()
	defer s.mu.Unlock()
	insert := func(l *List) bool {
		cert := s.signerOf(l, signers)
		if cert != nil {
			s.insert(l, cert, horizon)
			verified = append(verified, l)
		}
		return cert != nil
	}
	tryAll(s.unverified, insert)
	tryAll(s.brought, insert)
	return verified
}

// tryAll drops from groups of lists those that are inserted.
func tryAll[K comparable](groups map[K][]*List, inserted func(*List) bool) {
	for key, waiting := range groups {
		if waiting = slices.DeleteFunc(waiting, inserted); len(waiting) == 0 {
			delete(groups, key)
		} else {
			groups[key] = waiting
		}
	}
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
		c.Against = c.Against || l.ThisUpdate().Compare(other.ThisUpdate())*compareNumbers(l.Number(), other.Number()) < 0
	}
}

func union(a, b []Place) []Place {
	all := slices.Concat(a, b)
	slices.SortFunc(all, func(x, y Place) int { return bytes.Compare(x[:], y[:]) })
	return slices.Compact(all)
}

// remember returns the lists without what another supersedes that began a day
// before horizon.
func remember(lists []*List, horizon time.Time) (kept []*List) {
	old := horizon.Add(-forgetAfter)
	var heads []Order // that began a day ago
	orders := make([][]Order, len(lists))
	for i, l := range lists {
		orders[i] = l.Orders()
		if !horizon.IsZero() && !l.ThisUpdate().After(old) {
			heads = append(heads, orders[i]...)
		}
	}
	for i, l := range lists {
		var places []Place
		for _, o := range orders[i] {
			if !slices.ContainsFunc(heads, func(y Order) bool { return y.Supersedes(&o) }) {
				places = append(places, o.Place)
			}
		}
		switch {
		case len(places) == len(l.Places):
			kept = append(kept, l)
		case len(places) > 0:
			less := *l
			less.Places = places
			kept = append(kept, &less)
		}
	}
	return kept
}

// bounded returns the lists without those of the series that are too many: first
// of those that list nothing, so that what is left depends on the lists alone.
func bounded(lists []*List) []*List {
	if len(lists) <= maxSeries {
		return lists
	}
	revokes := map[[32]byte]bool{}
	for _, l := range lists {
		id := l.Orders()[0].Series
		revokes[id] = revokes[id] || l.Len() > 0
	}
	if len(revokes) <= maxSeries {
		return lists
	}
	ids := make([][32]byte, 0, len(revokes))
	for id := range revokes {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b [32]byte) int {
		if revokes[a] != revokes[b] {
			if revokes[a] {
				return -1
			}
			return 1
		}
		return bytes.Compare(a[:], b[:])
	})
	kept := ids[:maxSeries]
	return slices.DeleteFunc(lists, func(l *List) bool { return !slices.Contains(kept, l.Orders()[0].Series) })
}

// All returns every list of the set once.
func (s *Lists) All() (all []*List) {
	seen := map[*List]bool{}
	digests := map[[32]byte]bool{}
	s.buckets.each(func(_ string, lists []*List) bool {
		for _, l := range lists {
			if !seen[l] && !digests[l.Digest()] {
				seen[l], digests[l.Digest()] = true, true
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
	for _, waiting := range s.brought {
		for _, l := range waiting {
			if l.Issuer() == issuer {
				unverified = append(unverified, l)
			}
		}
	}
	slices.SortStableFunc(unverified, func(a, b *List) int { return strings.Compare(a.Source(), b.Source()) })
	unverified = append(unverified, s.unverified[issuer]...)
	return verified, unverified, any || len(s.unverified)+len(s.brought) > 0
}

// Count returns how many lists are in the set, and how many whose signer is not
// known.
func (s *Lists) Count() (verified, unverified int) {
	verified = len(s.All())
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, waiting := range s.unverified {
		unverified += len(waiting)
	}
	for _, waiting := range s.brought {
		unverified += len(waiting)
	}
	return verified, unverified
}

// Under returns the lists under one key.
func (s *Lists) Under(key string) []*List { return s.buckets.load(key) }
