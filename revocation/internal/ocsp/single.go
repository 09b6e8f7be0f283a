// SPDX-License-Identifier: Apache-2.0

package ocsp

import (
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/der"
)

// A Status is a CertStatus (RFC 6960 section 4.2.1). Its zero value is none.
type Status int

// The statuses of a certificate.
const (
	Good Status = iota + 1
	Revoked
	Unknown
)

// A single is a SingleResponse.
type single struct {
	id         certID
	status     Status
	revokedAt  time.Time
	reason     der.Reason
	thisUpdate time.Time
	nextUpdate time.Time // zero: none named
}

// A certID is a CertID.
type certID struct {
	hash   int    // index into hashes; -1: another algorithm
	name   []byte // hash of the issuer's subject
	key    []byte // hash of the issuer's public key
	serial []byte // big-endian, no leading zeros
}

func (s *single) read(list *cryptobyte.String) error {
	malformed := der.Malformed("SingleResponse")
	var content, status, wrapped cryptobyte.String
	var tag asn1.Tag
	var has bool
	if !list.ReadASN1(&content, asn1.SEQUENCE) || !s.id.read(&content) || !content.ReadAnyASN1(&status, &tag) {
		return malformed
	}
	switch tag {
	case asn1.Tag(0).ContextSpecific():
		s.status = Good
	case asn1.Tag(1).ContextSpecific().Constructed():
		s.status = Revoked
		var reason int
		if !readTime(&status, &s.revokedAt) ||
			!status.ReadOptionalASN1(&wrapped, &has, asn1.Tag(0).ContextSpecific().Constructed()) ||
			has && (!wrapped.ReadASN1Enum(&reason) || !wrapped.Empty()) {
			return malformed
		}
		// A reason that is not defined does not make it less revoked.
		s.reason = der.Reason(reason)
	case asn1.Tag(2).ContextSpecific():
		s.status = Unknown
	default:
		return malformed
	}
	if !status.Empty() ||
		!readTime(&content, &s.thisUpdate) ||
		!content.ReadOptionalASN1(&wrapped, &has, asn1.Tag(0).ContextSpecific().Constructed()) ||
		has && (!readTime(&wrapped, &s.nextUpdate) || !wrapped.Empty() || s.nextUpdate.Before(s.thisUpdate)) {
		return malformed
	}
	if err := readExtensions(&content, func(string, cryptobyte.String) bool { return false }); err != nil {
		return err
	}
	if !content.Empty() {
		return malformed
	}
	return nil
}

// read reads a CertID.
func (id *certID) read(input *cryptobyte.String) bool {
	var content, algorithm, oid, name, key cryptobyte.String
	if !input.ReadASN1(&content, asn1.SEQUENCE) ||
		!content.ReadASN1(&algorithm, asn1.SEQUENCE) ||
		!algorithm.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) ||
		!readNull(&algorithm) || !algorithm.Empty() ||
		!content.ReadASN1(&name, asn1.OCTET_STRING) ||
		!content.ReadASN1(&key, asn1.OCTET_STRING) ||
		!content.ReadASN1Integer(&id.serial) || !content.Empty() {
		return false
	}
	id.hash, id.name, id.key = hashOf(oid), name, key
	return true
}

// readNull reads the parameters of an algorithm that has none: absent or NULL.
func readNull(input *cryptobyte.String) bool {
	var null cryptobyte.String
	var has bool
	return input.ReadOptionalASN1(&null, &has, asn1.NULL) && null.Empty()
}
