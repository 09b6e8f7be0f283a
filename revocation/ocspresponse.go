// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"crypto/x509"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
	"golang.org/x/crypto/ocsp"
)

// Bounds on what one response may hold. Responders answer with one
// certificate and a few answers; the bounds keep a hostile one from costing
// more than that many signature verifications.
const (
	maxOCSPBytes        = 64 << 10
	maxOCSPCertificates = 8
)

// An ocspResponse is a BasicOCSPResponse (RFC 6960 section 4.2.1) of the
// status successful, read but not believed yet. Its slices point into raw.
type ocspResponse struct {
	source       string
	raw          []byte
	tbs          []byte // tbsResponseData, what is signed
	algorithm    *signatureAlgorithm
	signature    []byte
	certificates [][]byte
	byName       []byte // the responder's Name; nil: byKey
	byKey        []byte // SHA-1 of the responder's public key
	producedAt   time.Time
	singles      []ocspSingle
	nonce        []byte // the extension's value; nil: none

	verdict ocspVerdict // set by judge, once the response is believed
}

// An ocspSingle is a SingleResponse.
type ocspSingle struct {
	id         ocspCertID
	status     int // ocsp.Good, ocsp.Revoked or ocsp.Unknown
	revokedAt  time.Time
	reason     Reason
	thisUpdate time.Time
	nextUpdate time.Time // zero: none named
}

// An ocspCertID is a CertID.
type ocspCertID struct {
	hash   int    // index into certIDHashes; -1: another algorithm
	name   []byte // hash of the issuer's subject
	key    []byte // hash of the issuer's public key
	serial []byte // big-endian, no leading zeros
}

// Content octets of the object identifiers that a response is made of.
const (
	oidOCSPBasic = "\x2b\x06\x01\x05\x05\x07\x30\x01\x01" // id-pkix-ocsp-basic
	oidOCSPNonce = "\x2b\x06\x01\x05\x05\x07\x30\x01\x02" // id-pkix-ocsp-nonce
)

// readOCSP reads an OCSPResponse in DER. It refuses whatever is not exactly
// that: bytes left over anywhere, defaults spelt out, critical extensions. An
// error status of the responder is an error of the kind ErrResponder.
//
// x/crypto/ocsp does not serve here: it stops at the first SingleResponse with
// the serial, leaves responseExtensions unread, and looks at one certificate.
func readOCSP(raw []byte, source string) (*ocspResponse, error) {
	r := &ocspResponse{source: source, raw: raw}
	if len(raw) > maxOCSPBytes {
		return nil, r.error(ErrTooLarge, "")
	}
	input := cryptobyte.String(raw)
	var response, wrapped, typed, oid, basic cryptobyte.String
	var status int
	var success bool
	if !input.ReadASN1(&response, cbasn1.SEQUENCE) || !input.Empty() ||
		!response.ReadASN1Enum(&status) ||
		!response.ReadOptionalASN1(&wrapped, &success, cbasn1.Tag(0).ContextSpecific().Constructed()) ||
		!response.Empty() {
		return nil, r.error(ErrMalformed, "not an OCSPResponse")
	}
	if status != int(ocsp.Success) {
		return nil, r.error(ErrResponder, "it answered \""+ocsp.ResponseStatus(status).String()+"\"")
	}
	if !success ||
		!wrapped.ReadASN1(&typed, cbasn1.SEQUENCE) || !wrapped.Empty() ||
		!typed.ReadASN1(&oid, cbasn1.OBJECT_IDENTIFIER) ||
		!typed.ReadASN1(&basic, cbasn1.OCTET_STRING) || !typed.Empty() {
		return nil, r.error(ErrMalformed, "responseBytes")
	}
	if string(oid) != oidOCSPBasic {
		return nil, r.error(ErrMalformed, "the response is not of the basic type")
	}
	if err := r.readBasic(basic); err != nil {
		return nil, err
	}
	return r, nil
}

func (r *ocspResponse) error(kind error, detail string) error {
	return &OCSPError{Source: r.source, Err: kind, Detail: detail}
}

// readBasic reads a BasicOCSPResponse.
func (r *ocspResponse) readBasic(input cryptobyte.String) error {
	var basic, tbs, algorithm, wrapped, list cryptobyte.String
	var has bool
	if !input.ReadASN1(&basic, cbasn1.SEQUENCE) || !input.Empty() ||
		!basic.ReadASN1Element(&tbs, cbasn1.SEQUENCE) ||
		!basic.ReadASN1Element(&algorithm, cbasn1.SEQUENCE) ||
		!basic.ReadASN1BitStringAsBytes(&r.signature) ||
		!basic.ReadOptionalASN1(&wrapped, &has, cbasn1.Tag(0).ContextSpecific().Constructed()) ||
		!basic.Empty() {
		return r.error(ErrMalformed, "BasicOCSPResponse")
	}
	if has {
		if !wrapped.ReadASN1(&list, cbasn1.SEQUENCE) || !wrapped.Empty() {
			return r.error(ErrMalformed, "certs")
		}
		for !list.Empty() {
			var cert cryptobyte.String
			if !list.ReadASN1Element(&cert, cbasn1.SEQUENCE) || len(r.certificates) == maxOCSPCertificates {
				return r.error(ErrMalformed, "certs")
			}
			r.certificates = append(r.certificates, cert)
		}
	}
	if r.algorithm = signatureAlgorithms[string(algorithm)]; r.algorithm == nil {
		return r.error(ErrSignature, "signed with an algorithm other than RSA or ECDSA with SHA-256, SHA-384 or SHA-512")
	}
	r.tbs = tbs
	return r.readData(tbs)
}

// readData reads a ResponseData, header included.
func (r *ocspResponse) readData(input cryptobyte.String) error {
	var data, id, list cryptobyte.String
	var tag cbasn1.Tag
	if !input.ReadASN1(&data, cbasn1.SEQUENCE) {
		return r.error(ErrMalformed, "ResponseData")
	}
	if data.PeekASN1Tag(cbasn1.Tag(0).ContextSpecific().Constructed()) {
		return r.error(ErrMalformed, "a version is given: v1 is the default and the only one")
	}
	if !data.ReadAnyASN1(&id, &tag) {
		return r.error(ErrMalformed, "responderID")
	}
	switch tag {
	case cbasn1.Tag(1).ContextSpecific().Constructed():
		var name cryptobyte.String
		if !id.ReadASN1Element(&name, cbasn1.SEQUENCE) || !id.Empty() {
			return r.error(ErrMalformed, "responderID")
		}
		r.byName = name
	case cbasn1.Tag(2).ContextSpecific().Constructed():
		var key cryptobyte.String
		if !id.ReadASN1(&key, cbasn1.OCTET_STRING) || !id.Empty() || len(key) != 20 {
			return r.error(ErrMalformed, "responderID")
		}
		r.byKey = key
	default:
		return r.error(ErrMalformed, "responderID")
	}
	if !readOCSPTime(&data, &r.producedAt) || !data.ReadASN1(&list, cbasn1.SEQUENCE) || list.Empty() {
		return r.error(ErrMalformed, "ResponseData")
	}
	r.singles = make([]ocspSingle, 0, 1)
	for !list.Empty() {
		var single ocspSingle
		if err := r.readSingle(&list, &single); err != nil {
			return err
		}
		r.singles = append(r.singles, single)
	}
	err := r.readExtensions(&data, func(oid string, value cryptobyte.String) bool {
		if oid != oidOCSPNonce {
			return false
		}
		r.nonce = value
		return true
	})
	if err == nil && !data.Empty() {
		err = r.error(ErrMalformed, "ResponseData")
	}
	return err
}

// readSingle reads a SingleResponse.
func (r *ocspResponse) readSingle(list *cryptobyte.String, s *ocspSingle) error {
	malformed := func() error { return r.error(ErrMalformed, "SingleResponse") }
	var single, status, wrapped cryptobyte.String
	var tag cbasn1.Tag
	var has bool
	if !list.ReadASN1(&single, cbasn1.SEQUENCE) || !readOCSPCertID(&single, &s.id) || !single.ReadAnyASN1(&status, &tag) {
		return malformed()
	}
	switch tag {
	case cbasn1.Tag(0).ContextSpecific():
		s.status = ocsp.Good
	case cbasn1.Tag(1).ContextSpecific().Constructed():
		s.status = ocsp.Revoked
		var reason int
		if !readOCSPTime(&status, &s.revokedAt) ||
			!status.ReadOptionalASN1(&wrapped, &has, cbasn1.Tag(0).ContextSpecific().Constructed()) ||
			has && (!wrapped.ReadASN1Enum(&reason) || !wrapped.Empty()) {
			return malformed()
		}
		// A reason that is not defined does not make it less revoked.
		s.reason = Reason(reason)
	case cbasn1.Tag(2).ContextSpecific():
		s.status = ocsp.Unknown
	default:
		return malformed()
	}
	if !status.Empty() ||
		!readOCSPTime(&single, &s.thisUpdate) ||
		!single.ReadOptionalASN1(&wrapped, &has, cbasn1.Tag(0).ContextSpecific().Constructed()) ||
		has && (!readOCSPTime(&wrapped, &s.nextUpdate) || !wrapped.Empty() || s.nextUpdate.Before(s.thisUpdate)) {
		return malformed()
	}
	if err := r.readExtensions(&single, func(string, cryptobyte.String) bool { return false }); err != nil {
		return err
	}
	if !single.Empty() {
		return malformed()
	}
	return nil
}

// readOCSPCertID reads a CertID.
func readOCSPCertID(input *cryptobyte.String, id *ocspCertID) bool {
	var certID, algorithm, oid, name, key cryptobyte.String
	if !input.ReadASN1(&certID, cbasn1.SEQUENCE) ||
		!certID.ReadASN1(&algorithm, cbasn1.SEQUENCE) ||
		!algorithm.ReadASN1(&oid, cbasn1.OBJECT_IDENTIFIER) ||
		!readOCSPNull(&algorithm) || !algorithm.Empty() ||
		!certID.ReadASN1(&name, cbasn1.OCTET_STRING) ||
		!certID.ReadASN1(&key, cbasn1.OCTET_STRING) ||
		!certID.ReadASN1Integer(&id.serial) || !certID.Empty() {
		return false
	}
	id.hash, id.name, id.key = certIDHash(oid), name, key
	return true
}

// readExtensions reads the Extensions under the tag [1], if there are any. It
// refuses a critical one that known does not take.
func (r *ocspResponse) readExtensions(input *cryptobyte.String, known func(oid string, value cryptobyte.String) bool) error {
	var list cryptobyte.String
	var has bool
	if !input.ReadOptionalASN1(&list, &has, cbasn1.Tag(1).ContextSpecific().Constructed()) {
		return r.error(ErrMalformed, "extensions")
	}
	if !has {
		return nil
	}
	kind := ErrMalformed
	fault := readExtensions(list, func(oid string, critical bool, value cryptobyte.String) string {
		if known(oid, value) || !critical {
			return ""
		}
		kind = ErrUnhandledCritical
		return ocspOID(oid)
	})
	if fault != "" {
		return r.error(kind, fault)
	}
	return nil
}

// readOCSPTime reads a GeneralizedTime in the only form that RFC 5280 section
// 4.1.2.5.2 allows, YYYYMMDDHHMMSSZ.
func readOCSPTime(input *cryptobyte.String, out *time.Time) bool {
	var text cryptobyte.String
	ahead := *input
	return ahead.ReadASN1(&text, cbasn1.GeneralizedTime) && len(text) == len("YYYYMMDDHHMMSSZ") && text[len(text)-1] == 'Z' &&
		input.ReadASN1GeneralizedTime(out)
}

// readOCSPNull reads the parameters of an algorithm that has none: absent or NULL.
func readOCSPNull(input *cryptobyte.String) bool {
	var null cryptobyte.String
	var has bool
	return input.ReadOptionalASN1(&null, &has, cbasn1.NULL) && null.Empty()
}

// ocspOID writes the contents of an OBJECT IDENTIFIER for an error text.
func ocspOID(contents string) string {
	var oid x509.OID
	if err := oid.UnmarshalBinary([]byte(contents)); err != nil {
		return "an extension without a name"
	}
	return oid.String()
}
