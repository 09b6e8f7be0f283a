// SPDX-License-Identifier: Apache-2.0

// Package crl reads certificate revocation lists and answers what RFC 5280
// section 6.3.3 asks of one list: is it authoritative for a certificate, who may
// have signed it, does it list the certificate, which lists does it supersede,
// can a delta CRL be combined with it. It knows no network, no clock and no log.
//
// Where a step of section 6.3.3 is found:
//
//	(b)(1), (b)(2), (d)  Covers, in covers.go
//	(c)                  Combines, in order.go
//	(f)                  MaySign, in signer.go
//	(g)                  VerifiedBy, in signer.go
//	(i), (j)             Find, in find.go
package crl

import (
	"math/big"
	"sync"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/der"
)

// A List is what is kept of a CertificateList (RFC 5280 section 5.1): all that
// decides, and nothing of its DER unless ParseInPlace read it. It is immutable but for the memory of which
// keys verify it, and safe for concurrent use.
type List struct {
	source     string
	octets     int      // of its DER
	identity   [32]byte // differs for lists whose DER differs
	issuer     string   // normal form
	thisUpdate time.Time
	nextUpdate time.Time
	number     *big.Int // cRLNumber; nil: none
	base       *big.Int // BaseCRLNumber of a delta CRL
	delta      bool
	authority  string // value of authorityKeyIdentifier
	keyID      []byte // keyIdentifier in it
	scope      scope
	scopeKey   string
	fresh      []Point      // of its freshestCRL extension
	entries    *index       // nil: none are revoked
	groups     issuerGroups // of an indirect CRL
	unclear    issuerGroups // those of them whose names are not plain

	algorithm *der.Algorithm
	digest    []byte // of tbsCertList
	signature []byte
	keys      verifiedKeys
}

// Source returns where the list came from.
func (l *List) Source() string { return l.source }

// Octets returns how many octets of DER the list has; what is kept of it takes about as
// many.
func (l *List) Octets() int { return l.octets }

// Digest returns what identifies the list: it is the same for the same DER, and
// for no other.
func (l *List) Digest() [32]byte { return l.identity }

// Issuer returns the normal form of the CRL issuer's name.
func (l *List) Issuer() string { return l.issuer }

// ThisUpdate returns thisUpdate.
func (l *List) ThisUpdate() time.Time { return l.thisUpdate }

// NextUpdate returns nextUpdate, the zero time if there is none.
func (l *List) NextUpdate() time.Time { return l.nextUpdate }

// Number returns the cRLNumber, nil if there is none. It must not be changed.
func (l *List) Number() *big.Int { return l.number }

// Base returns the BaseCRLNumber of a delta CRL, nil for a complete one. It must
// not be changed.
func (l *List) Base() *big.Int { return l.base }

// IsDelta reports whether the list is a delta CRL.
func (l *List) IsDelta() bool { return l.delta }

// Fresh returns the points of the freshestCRL extension.
func (l *List) Fresh() []Point { return l.fresh }

// Len returns how many entries the list has.
func (l *List) Len() int {
	if l.entries == nil {
		return 0
	}
	return l.entries.count
}

// ScopeKey returns what identifies the scope of the list beside its issuer, the
// same for scopes whose names are equal; "" for a list without
// issuingDistributionPoint.
func (l *List) ScopeKey() string { return l.scopeKey }

// Scoped reports whether the list has an issuingDistributionPoint.
func (l *List) Scoped() bool { return l.scope.present }

// Indirect reports whether the list may speak of other issuers' certificates.
func (l *List) Indirect() bool { return l.scope.indirect }

// SomeReasons reports whether the list is for some reasons only.
func (l *List) SomeReasons() bool { return l.scope.someReasons }

// Only reports which kind of certificates alone the list is about, if any.
func (l *List) Only() (users, cas, attributes bool) {
	return l.scope.userCerts, l.scope.caCerts, l.scope.attributeCerts
}

// Overlaps reports whether both lists, of one issuer, may be about one certificate.
func (l *List) Overlaps(other *List) bool {
	a, b := &l.scope, &other.scope
	if a.userCerts && (b.caCerts || b.attributeCerts) || a.caCerts && (b.userCerts || b.attributeCerts) ||
		a.attributeCerts && (b.userCerts || b.caCerts) || a.someReasons && b.someReasons && a.reasons&b.reasons == 0 {
		return false
	}
	return !a.name.present || !b.name.present || der.Share(a.name.names(l.issuer), b.name.names(other.issuer))
}

// PointURLs returns the URIs among the names of the list's distribution point.
func (l *List) PointURLs() (urls []string) {
	for _, name := range l.scope.name.names(l.issuer) {
		if name.Tag == der.TagURI {
			urls = append(urls, name.Value)
		}
	}
	return urls
}

// PointKeys returns what identifies the names of the list's distribution point,
// as Point.Keys does; nil if it names none.
func (l *List) PointKeys() (keys []string) {
	for _, name := range l.scope.name.names(l.issuer) {
		keys = append(keys, name.Key())
	}
	return keys
}

// ScopeText describes the scope for an operator.
func (l *List) ScopeText() string {
	s := &l.scope
	if !s.present {
		return "all certificates of the issuer"
	}
	text := describe(s.name.names(l.issuer))
	for _, only := range []struct {
		set  bool
		text string
	}{{s.userCerts, "onlyContainsUserCerts"}, {s.caCerts, "onlyContainsCACerts"}, {s.attributeCerts, "onlyContainsAttributeCerts"},
		{s.someReasons, "onlySomeReasons"}, {s.indirect, "indirectCRL"}} {
		if only.set {
			text += " " + only.text
		}
	}
	return text
}

// verifiedKeys remembers which keys were tried on a list's signature. The list
// and the key are all that the outcome depends on, so it never changes.
type verifiedKeys struct {
	mu    sync.Mutex
	tried map[[32]byte]bool // by SHA-256 of the SubjectPublicKeyInfo
}
