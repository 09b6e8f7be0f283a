// SPDX-License-Identifier: Apache-2.0

package known

import (
	"bytes"
	"crypto/sha256"
	"slices"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/crl"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/der"
)

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
	o := Order{Kind: Complete, ThisUpdate: l.ThisUpdate(), Begins: l.ThisUpdate(), Number: l.Number()}
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

// same reports whether two lists are the same octets signed with the same key.
func (l *List) same(other *List) bool { return l.Digest() == other.Digest() && l.Key == other.Key }

func union(a, b []Place) []Place {
	all := slices.Concat(a, b)
	slices.SortFunc(all, func(x, y Place) int { return bytes.Compare(x[:], y[:]) })
	return slices.Compact(all)
}

// A ListError says why one list does not count.
type ListError struct {
	Source string
	Err    *der.Error
}

func (e *ListError) Error() string { return e.Source + ": " + e.Err.Error() }

// Unwrap returns the *der.Error.
func (e *ListError) Unwrap() error { return e.Err }

func listError(l *List, kind error, detail string) error {
	return &ListError{l.Source(), &der.Error{Kind: kind, Detail: detail}}
}
