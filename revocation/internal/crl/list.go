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
