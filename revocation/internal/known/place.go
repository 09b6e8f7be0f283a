// SPDX-License-Identifier: Apache-2.0

package known

import (
	"crypto/sha256"
	"crypto/x509"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/der"
)

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
