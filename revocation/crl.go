// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"bytes"
	"encoding/pem"
	"math/big"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// A crl is what is kept of a CertificateList (RFC 5280 section 5.1): all that
// decides, and nothing of its DER. It is immutable but for the memory of which
// keys verify it.
type crl struct {
	source     string
	issuer     string // normal form
	thisUpdate time.Time
	nextUpdate time.Time
	number     *big.Int // cRLNumber; nil: none
	base       *big.Int // BaseCRLNumber of a delta CRL
	delta      bool
	authority  string // value of authorityKeyIdentifier
	keyID      []byte // keyIdentifier in it
	scope      scope
	fresh      []distributionPoint // of its freshestCRL extension
	entries    *index              // nil: none are revoked
	groups     issuerGroups        // of an indirect CRL

	algorithm *signatureAlgorithm
	digest    []byte // of tbsCertList
	signature []byte
	keys      verifiedKeys
}

// lifetime implements document.
func (c *crl) lifetime() (thisUpdate, nextUpdate time.Time) { return c.thisUpdate, c.nextUpdate }

// parseCRL reads a CRL in DER, or in one PEM block of type X509 CRL. It refuses
// what is not strict DER and what RFC 5280 does not allow, and with
// ErrUnhandledCritical a CRL with critical extensions that are not processed:
// such a CRL must not be used to determine the status of any certificate
// (sections 5.2 and 5.3).
func parseCRL(raw []byte, source string) (*crl, error) {
	r := crlReader{crl: &crl{source: source}}
	if err := r.read(raw); err != nil {
		err.Source = source
		return nil, err
	}
	return r.crl, nil
}

// A crlReader reads one CRL, part by part.
type crlReader struct {
	crl *crl
	v2  bool
}

func malformed(detail string) *CRLError { return &CRLError{Err: ErrMalformed, Detail: detail} }

func (r *crlReader) read(raw []byte) *CRLError {
	der, err := fromPEM(raw)
	if err != nil {
		return err
	}
	var list, signed, tbs, algorithm, inner cryptobyte.String
	var signature []byte
	if !der.ReadASN1(&list, asn1.SEQUENCE) || !der.Empty() {
		return malformed("not one sequence")
	}
	if !list.ReadASN1Element(&signed, asn1.SEQUENCE) || !list.ReadASN1Element(&algorithm, asn1.SEQUENCE) ||
		!list.ReadASN1BitStringAsBytes(&signature) || !list.Empty() {
		return malformed("not a CertificateList")
	}
	tbs = signed
	if !tbs.ReadASN1(&tbs, asn1.SEQUENCE) {
		return malformed("tbsCertList is not a sequence")
	}
	if err := r.version(&tbs); err != nil {
		return err
	}
	if !tbs.ReadASN1Element(&inner, asn1.SEQUENCE) {
		return malformed("no signature algorithm in tbsCertList")
	}
	if !bytes.Equal(inner, algorithm) {
		return malformed("the two signature algorithms are not the same")
	}
	r.crl.algorithm = signatureAlgorithms[string(algorithm)]
	if r.crl.algorithm == nil {
		return &CRLError{Err: ErrSignature, Detail: "its algorithm is not accepted"}
	}
	r.crl.signature = bytes.Clone(signature)
	digest := digestBeside(r.crl.algorithm.hash, signed)
	err = r.content(tbs)
	r.crl.digest = digest()
	return err
}

// fromPEM returns the DER in a PEM block, or raw itself if it is not PEM.
func fromPEM(raw []byte) (cryptobyte.String, *CRLError) {
	const start = "-----BEGIN "
	text := bytes.TrimSpace(raw[:min(len(raw), 256)])
	if !bytes.HasPrefix(text, []byte(start)) {
		return raw, nil
	}
	block, rest := pem.Decode(raw)
	// pem.Decode passes over a block that it cannot read.
	if block == nil || bytes.Count(raw, []byte(start)) > 1 || block.Type != "X509 CRL" || len(block.Headers) > 0 || len(bytes.TrimSpace(rest)) > 0 {
		return nil, malformed("not one PEM block of type X509 CRL")
	}
	return block.Bytes, nil
}

// version reads the optional version, which must be 2 if it is there.
func (r *crlReader) version(tbs *cryptobyte.String) *CRLError {
	if !tbs.PeekASN1Tag(asn1.INTEGER) {
		return nil
	}
	var version int64
	if !tbs.ReadASN1Integer(&version) || version != 1 {
		return malformed("the version is not 2")
	}
	r.v2 = true
	return nil
}

// content reads what follows the signature algorithm in tbsCertList. The
// extensions come last but say how the entries are to be read, so they are read
// before them.
func (r *crlReader) content(tbs cryptobyte.String) *CRLError {
	var issuer, revoked, extensions cryptobyte.String
	var ok, hasRevoked, hasExtensions bool
	if !tbs.ReadASN1Element(&issuer, asn1.SEQUENCE) {
		return malformed("the issuer is not a name")
	}
	if r.crl.issuer, ok = normalName(issuer); !ok || r.crl.issuer == "" {
		return malformed("the issuer is not a name with at least one part")
	}
	if err := r.times(&tbs); err != nil {
		return err
	}
	if !tbs.ReadOptionalASN1(&revoked, &hasRevoked, asn1.SEQUENCE) ||
		!tbs.ReadOptionalASN1(&extensions, &hasExtensions, asn1.Tag(0).ContextSpecific().Constructed()) || !tbs.Empty() {
		return malformed("tbsCertList has parts that do not belong there")
	}
	if hasExtensions {
		if !r.v2 {
			return malformed("a version 1 CRL has extensions")
		}
		if err := r.extensions(extensions); err != nil {
			return err
		}
	}
	if !hasRevoked || len(revoked) == 0 {
		return nil
	}
	entries := entryReader{v2: r.v2, delta: r.crl.delta, indirect: r.crl.scope.indirect}
	if entries.indirect {
		entries.groups = issuerGroups{r.crl.issuer: 0}
	}
	if r.crl.entries = entries.read(revoked); r.crl.entries == nil {
		kind := ErrMalformed
		if entries.foreign {
			kind = ErrUnhandledCritical
		}
		return &CRLError{Err: kind, Detail: entries.fault}
	}
	r.crl.groups = entries.groups
	return nil
}

// times reads thisUpdate and nextUpdate. RFC 5280 section 5.1.2.5 requires
// nextUpdate, though the syntax has it optional: without it nothing bounds how
// long a CRL counts.
func (r *crlReader) times(tbs *cryptobyte.String) *CRLError {
	from, ok := readTime(tbs)
	if !ok {
		return malformed("thisUpdate is not a strict time")
	}
	if !tbs.PeekASN1Tag(asn1.UTCTime) && !tbs.PeekASN1Tag(asn1.GeneralizedTime) {
		return malformed("nextUpdate is missing")
	}
	until, ok := readTime(tbs)
	if !ok {
		return malformed("nextUpdate is not a strict time")
	}
	if until < from {
		return malformed("nextUpdate is before thisUpdate")
	}
	r.crl.thisUpdate, r.crl.nextUpdate = timeSince1950(from), timeSince1950(until)
	return nil
}

// extensions reads crlExtensions (RFC 5280 section 5.2).
func (r *crlReader) extensions(der cryptobyte.String) *CRLError {
	c, kind := r.crl, ErrMalformed
	fault := readExtensions(der, func(oid string, critical bool, value cryptobyte.String) (fault string) {
		var ok bool
		switch oid {
		case oidAuthorityKeyIdentifier:
			c.authority = string(value)
			if c.keyID, ok = readKeyID(value); !ok {
				return "the authorityKeyIdentifier is not well formed"
			}
		case oidCRLNumber:
			if c.number, ok = readNumber(value); !ok {
				return "the cRLNumber is not a number of at most 20 octets"
			}
		case oidDeltaCRLIndicator:
			c.delta = true
			if c.base, ok = readNumber(value); !ok {
				return "the deltaCRLIndicator is not a number of at most 20 octets"
			}
		case oidIssuingDistributionPoint:
			c.scope, fault = readScope(value)
			return fault
		case oidFreshestCRL:
			if c.fresh, ok = readDistributionPoints(value); !ok {
				return "the freshestCRL is not well formed"
			}
		default:
			if critical {
				kind = ErrUnhandledCritical
				return "extension " + objectIdentifier(oid)
			}
		}
		return ""
	})
	switch {
	case fault != "":
		return &CRLError{Err: kind, Detail: fault}
	case c.delta && c.number == nil:
		return malformed("a delta CRL has no cRLNumber")
	case c.delta && c.fresh != nil:
		return malformed("a delta CRL has a freshestCRL")
	}
	return nil
}

// readKeyID reads an AuthorityKeyIdentifier (RFC 5280 section 4.2.1.1).
func readKeyID(der cryptobyte.String) (keyID []byte, ok bool) {
	var fields, id, issuer, serial cryptobyte.String
	var hasIssuer, hasSerial bool
	if !der.ReadASN1(&fields, asn1.SEQUENCE) || !der.Empty() ||
		!fields.ReadOptionalASN1(&id, nil, asn1.Tag(0).ContextSpecific()) ||
		!fields.ReadOptionalASN1(&issuer, &hasIssuer, asn1.Tag(1).ContextSpecific().Constructed()) ||
		!fields.ReadOptionalASN1(&serial, &hasSerial, asn1.Tag(2).ContextSpecific()) ||
		!fields.Empty() || hasIssuer != hasSerial {
		return nil, false
	}
	return bytes.Clone(id), true
}
