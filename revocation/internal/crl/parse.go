// SPDX-License-Identifier: Apache-2.0

package crl

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/der"
)

// Parse reads a CRL in DER; source is where it came from, for errors and logs.
// It refuses what is not strict DER and what RFC 5280 does not allow, and with
// der.ErrUnhandledCritical a CRL with critical extensions that are not processed:
// such a CRL must not be used to determine the status of any certificate
// (sections 5.2 and 5.3). Nothing of raw stays in memory. The error is a *der.Error.
func Parse(raw []byte, source string) (*List, error) { return parse(raw, source, false) }

// ParseInPlace is Parse for octets that stay in memory for as long as the list and never
// change: the list looks its entries up in them.
func ParseInPlace(raw []byte, source string) (*List, error) { return parse(raw, source, true) }

func parse(raw []byte, source string, inPlace bool) (*List, error) {
	r := reader{list: &List{source: source, octets: len(raw)}, inPlace: inPlace}
	if err := r.read(raw); err != nil {
		return nil, err
	}
	r.list.scopeKey = r.list.scope.key(r.list.issuer)
	return r.list, nil
}

// maxName bounds the work on the name of an issuer whose signature is not verified yet.
const maxName = 16 << 10

// A reader reads one CRL, part by part.
type reader struct {
	list    *List
	v2      bool
	inPlace bool
}

func (r *reader) read(raw []byte) *der.Error {
	input := cryptobyte.String(raw)
	var list, signed, tbs, algorithm, inner cryptobyte.String
	var signature []byte
	if !input.ReadASN1(&list, asn1.SEQUENCE) || !input.Empty() {
		return der.Malformed("not one sequence")
	}
	if !list.ReadASN1Element(&signed, asn1.SEQUENCE) || !list.ReadASN1Element(&algorithm, asn1.SEQUENCE) ||
		!list.ReadASN1BitStringAsBytes(&signature) || !list.Empty() {
		return der.Malformed("not a CertificateList")
	}
	tbs = signed
	if !tbs.ReadASN1(&tbs, asn1.SEQUENCE) {
		return der.Malformed("tbsCertList is not a sequence")
	}
	if err := r.version(&tbs); err != nil {
		return err
	}
	if !tbs.ReadASN1Element(&inner, asn1.SEQUENCE) {
		return der.Malformed("no signature algorithm in tbsCertList")
	}
	if !bytes.Equal(inner, algorithm) {
		return der.Malformed("the two signature algorithms are not the same")
	}
	r.list.algorithm = der.SignatureAlgorithm(algorithm)
	if r.list.algorithm == nil {
		return &der.Error{Kind: der.ErrSignature, Detail: "its algorithm " + algorithmName(algorithm) + " is not accepted"}
	}
	r.list.signature = bytes.Clone(signature)
	digest := der.DigestBeside(r.list.algorithm.Hash, signed)
	err := r.content(tbs)
	r.list.digest = digest()
	// In DER the rest follows from these, and what is signed is hashed anyway.
	r.list.identity = sha256.Sum256(slices.Concat(algorithm, r.list.digest, signature))
	return err
}

// algorithmName returns the object identifier of an AlgorithmIdentifier.
func algorithmName(identifier cryptobyte.String) string {
	var fields, oid cryptobyte.String
	if !identifier.ReadASN1(&fields, asn1.SEQUENCE) || !fields.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) {
		return "(malformed)"
	}
	return der.OIDString(string(oid))
}

// version reads the optional version, which must be 2 if it is there.
func (r *reader) version(tbs *cryptobyte.String) *der.Error {
	if !tbs.PeekASN1Tag(asn1.INTEGER) {
		return nil
	}
	var version int64
	if !tbs.ReadASN1Integer(&version) || version != 1 {
		return der.Malformed("the version is not 2")
	}
	r.v2 = true
	return nil
}

// content reads what follows the signature algorithm in tbsCertList. The
// extensions come last but say how the entries are to be read, so they are read
// before them.
func (r *reader) content(tbs cryptobyte.String) *der.Error {
	var issuer, revoked, extensions cryptobyte.String
	var ok, hasRevoked, hasExtensions bool
	if !tbs.ReadASN1Element(&issuer, asn1.SEQUENCE) {
		return der.Malformed("the issuer is not a name")
	}
	if len(issuer) > maxName {
		return &der.Error{Kind: der.ErrTooLarge, Detail: fmt.Sprintf("the issuer's name has %d octets, more than %d", len(issuer), maxName)}
	}
	if r.list.issuer, ok = der.NormalName(issuer); !ok || r.list.issuer == "" {
		return der.Malformed("the issuer is not a name with at least one part")
	}
	if err := r.times(&tbs); err != nil {
		return err
	}
	if !tbs.ReadOptionalASN1(&revoked, &hasRevoked, asn1.SEQUENCE) ||
		!tbs.ReadOptionalASN1(&extensions, &hasExtensions, asn1.Tag(0).ContextSpecific().Constructed()) || !tbs.Empty() {
		return der.Malformed("tbsCertList has parts that do not belong there")
	}
	if hasExtensions {
		if !r.v2 {
			return der.Malformed("a version 1 CRL has extensions")
		}
		if err := r.extensions(extensions); err != nil {
			return err
		}
	}
	if !hasRevoked || len(revoked) == 0 {
		return nil
	}
	entries := entryReader{v2: r.v2, delta: r.list.delta, indirect: r.list.scope.indirect, inPlace: r.inPlace}
	if entries.indirect {
		entries.groups = issuerGroups{r.list.issuer: 0}
	}
	if r.list.entries = entries.read(revoked); r.list.entries == nil {
		kind := der.ErrMalformed
		if entries.foreign {
			kind = der.ErrUnhandledCritical
		}
		return &der.Error{Kind: kind, Detail: entries.fault}
	}
	r.list.groups = entries.groups
	r.list.unclear = maps.Clone(entries.groups)
	maps.DeleteFunc(r.list.unclear, func(name string, _ uint32) bool { return der.IsPlain(name) })
	return nil
}

// times reads thisUpdate and nextUpdate. The syntax has nextUpdate optional, and
// RFC 5280 section 5.1.2.5 requires it: without it nothing bounds how long a CRL
// counts, so that one clears no certificate.
func (r *reader) times(tbs *cryptobyte.String) *der.Error {
	from, ok := der.ReadTime(tbs)
	if !ok {
		return der.Malformed("thisUpdate is not a strict time")
	}
	r.list.thisUpdate = der.Time(from)
	if !tbs.PeekASN1Tag(asn1.UTCTime) && !tbs.PeekASN1Tag(asn1.GeneralizedTime) {
		return nil
	}
	until, ok := der.ReadTime(tbs)
	if !ok {
		return der.Malformed("nextUpdate is not a strict time")
	}
	if until < from {
		return der.Malformed("nextUpdate is before thisUpdate")
	}
	r.list.nextUpdate = der.Time(until)
	return nil
}

// extensions reads crlExtensions (RFC 5280 section 5.2).
func (r *reader) extensions(content cryptobyte.String) *der.Error {
	c, kind := r.list, der.ErrMalformed
	fault := der.ReadExtensions(content, func(oid string, critical bool, value cryptobyte.String) (fault string) {
		var ok bool
		switch oid {
		case der.OIDAuthorityKeyIdentifier:
			c.authority = string(value)
			if c.keyID, ok = readKeyID(value); !ok {
				return "the authorityKeyIdentifier is not well formed"
			}
		case der.OIDCRLNumber:
			if c.number, ok = der.ReadNumber(value); !ok {
				return "the cRLNumber is not a number of at most 20 octets"
			}
		case der.OIDDeltaCRLIndicator:
			c.delta = true
			if c.base, ok = der.ReadNumber(value); !ok {
				return "the deltaCRLIndicator is not a number of at most 20 octets"
			}
		case der.OIDIssuingDistributionPoint:
			c.scope, fault = readScope(value)
			return fault
		case der.OIDFreshestCRL:
			if c.fresh, ok = readPoints(value); !ok {
				return "the freshestCRL is not well formed"
			}
		default:
			if critical {
				kind = der.ErrUnhandledCritical
				return "extension " + der.OIDString(oid)
			}
		}
		return ""
	})
	switch {
	case fault != "":
		return &der.Error{Kind: kind, Detail: fault}
	case c.delta && c.number == nil:
		return der.Malformed("a delta CRL has no cRLNumber")
	case c.delta && c.fresh != nil:
		return der.Malformed("a delta CRL has a freshestCRL")
	}
	return nil
}

// readKeyID reads an AuthorityKeyIdentifier (RFC 5280 section 4.2.1.1).
func readKeyID(content cryptobyte.String) (keyID []byte, ok bool) {
	var fields, id, issuer, serial cryptobyte.String
	var hasIssuer, hasSerial bool
	if !content.ReadASN1(&fields, asn1.SEQUENCE) || !content.Empty() ||
		!fields.ReadOptionalASN1(&id, nil, asn1.Tag(0).ContextSpecific()) ||
		!fields.ReadOptionalASN1(&issuer, &hasIssuer, asn1.Tag(1).ContextSpecific().Constructed()) ||
		!fields.ReadOptionalASN1(&serial, &hasSerial, asn1.Tag(2).ContextSpecific()) ||
		!fields.Empty() || hasIssuer != hasSerial {
		return nil, false
	}
	return bytes.Clone(id), true
}
