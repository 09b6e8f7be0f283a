// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"bytes"
	"cmp"
	"crypto/x509"
	"math/big"
	"slices"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/crl"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/der"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/known"
)

// A List is one CRL that is known and bears the signature of one of the CAs that
// were asked about, for programs that read CRLs for themselves.
type List struct {
	ListState
	DER    []byte            // nil: the CRLs has neither a Cache nor KeepDER; must not be changed, serial numbers are looked up in it
	Signer *x509.Certificate // the CA whose key signed

	// What the list is not about, and most other programs do not understand.
	Indirect    bool // it may speak of other issuers' certificates
	SomeReasons bool // onlySomeReasons
	OnlyUsers   bool // onlyContainsUserCerts
	OnlyCAs     bool // onlyContainsCACerts
	OnlyAttrs   bool // onlyContainsAttributeCerts

	// Points are the URLs by which its issuingDistributionPoint names itself;
	// Named says that it has names at all. A list without any is for whatever
	// certificate of the CA.
	Points []string
	Named  bool

	list *known.List
}

// Lists returns the CRLs that are known and that one of the CAs signed with its own
// key, sorted by issuer and scope, the latest first. All are verified; those that are
// Superseded, Delta or expired are marked or dated as such, and what is good goes by
// those that Decide. CRLs whose signer was not known are tried with the CAs, and the
// Cache is read for them from now on, as fast as Run does it. It costs as much as
// there is to tell.
func (s *CRLs) Lists(cas ...*x509.Certificate) []List {
	s.setUp()
	cas = slices.DeleteFunc(slices.Clone(cas), func(c *x509.Certificate) bool { return c == nil })
	s.rememberCAs(cas)
	s.share(s.lists.Try(slices.Concat(cas, s.Issuers), s.horizon()))
	keys := make([]known.Key, len(cas))
	for i, c := range cas {
		keys[i] = known.KeyOf(c)
	}
	standings, _ := s.lists.Standings(s.now())
	lists := make([]List, 0, len(standings))
	for _, l := range standings {
		i := 0
		for i < len(cas) && !(keys[i] == l.Key && l.MaySign(cas[i])) {
			i++
		}
		if i == len(cas) {
			continue
		}
		out := List{ListState: listState(l), DER: l.Raw, Signer: cas[i], Indirect: l.Indirect(), SomeReasons: l.SomeReasons(),
			Points: l.PointURLs(), Named: len(l.PointKeys()) > 0, list: l.List}
		out.OnlyUsers, out.OnlyCAs, out.OnlyAttrs = l.Only()
		lists = append(lists, out)
	}
	slices.SortFunc(lists, func(a, b List) int {
		x, y := a.list.Digest(), b.list.Digest()
		return cmp.Or(cmp.Compare(a.Issuer, b.Issuer), bytes.Compare(a.list.Key[:], b.list.Key[:]),
			cmp.Compare(a.list.ScopeKey(), b.list.ScopeKey()), b.ThisUpdate.Compare(a.ThisUpdate), bytes.Compare(x[:], y[:]))
	})
	s.readCacheOf(cas, lists)
	return lists
}

// Changed returns a channel that is closed when another list has become known, so
// that Lists may return more than before. What a list that is known says at a later
// time is no change.
func (s *CRLs) Changed() <-chan struct{} { return s.lists.Changed() }

// readCacheOf has the entries of the Cache looked after that may hold the lists of
// CAs: those of the names in URLs, and those of lists that are known.
func (s *CRLs) readCacheOf(cas []*x509.Certificate, lists []List) {
	if s.Cache == nil {
		return
	}
	for _, ca := range cas {
		issuer, ok := der.NormalName(ca.RawSubject)
		if !ok {
			continue
		}
		keys := []string{issuer + "\x00"}
		for _, url := range s.URLs {
			keys = append(keys, issuer+"\x00"+der.URI(url).Key())
		}
		for i := range lists {
			if lists[i].Signer == ca {
				keys = append(keys, lists[i].list.Keys()...)
			}
		}
		for _, key := range keys {
			s.shared.entry(key, []*x509.Certificate{ca})
		}
	}
}

// Of reports whether the list is the one of a distribution point's URL: its
// issuingDistributionPoint names it or, if that names none, the list came from there.
func (l *List) Of(url string) bool {
	if l.Named {
		name := der.URI(url)
		return slices.ContainsFunc(l.Points, func(point string) bool { return der.URI(point).Equal(name) })
	}
	place := known.PlaceOf(url)
	return slices.Contains(l.list.Places, place) || slices.Contains(l.list.URLs, place) || l.list.Origin == place
}

// Covers returns nil if the list is authoritative for the certificate (RFC 5280
// section 6.3.3 (b) and (d)), and otherwise a *CRLError of the kind ErrScope. Whether
// it is current and complete is not looked at.
func (l *List) Covers(cert *x509.Certificate) error {
	subject, err := crl.NewSubject(cert)
	if err != nil {
		return crlError(l.Source, err)
	}
	if _, why := known.Covers(l.list.List, subject); why != "" {
		return &CRLError{Source: l.Source, Err: ErrScope, Detail: why}
	}
	return nil
}

// Beyond returns the serial numbers that the list revokes and none of the others, of
// the same issuer, does: at most so many, in ascending order.
func (l *List) Beyond(most int, others ...*List) []*big.Int {
	lists := make([]*crl.List, len(others))
	for i, other := range others {
		lists[i] = other.list.List
	}
	return l.list.Beyond(most, lists...)
}

// Overlaps reports whether the list and another may be about one certificate.
func (l *List) Overlaps(other *List) bool {
	return l.list.Key == other.list.Key && l.list.Issuer() == other.list.Issuer() && l.list.List.Overlaps(other.list.List)
}

// SameScope reports whether another list has the same issuer, key and scope, so that
// one of the two is the other's successor.
func (l *List) SameScope(other *List) bool {
	return l.list.Key == other.list.Key && l.list.Issuer() == other.list.Issuer() && l.list.ScopeKey() == other.list.ScopeKey()
}

// PassesFor reports whether a program that goes by names, scopes and key identifiers
// alone, as OpenSSL does, may look up a certificate of the other list's Signer in this
// list: their CAs have one name, and neither the authorityKeyIdentifier (RFC 5280
// section 5.2.1) nor the scope tells them apart.
func (l *List) PassesFor(other *List) bool {
	return l.list.Key != other.list.Key && l.list.Issuer() == other.list.Issuer() && l.list.List.Overlaps(other.list.List) && !l.list.NamesOther(other.Signer)
}

// Supersedes reports whether the list takes the place of another of the same scope:
// neither thisUpdate nor number is lower, and one is higher.
func (l *List) Supersedes(other *List) bool {
	return l.SameScope(other) && l.list.Supersedes(other.list.List)
}

// Digest returns what identifies the list: it differs for lists whose DER differs.
func (l *List) Digest() [32]byte { return l.list.Digest() }
