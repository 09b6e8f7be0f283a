// SPDX-License-Identifier: Apache-2.0

// Package ocsp reads OCSP responses and answers what RFC 6960 asks of one: is it
// about this certificate, and may its signer say so. It knows no network, no clock
// and no log: whether an answer is current is for the caller to judge.
package ocsp

import (
	"crypto/sha256"
	"strconv"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/der"
)

// Bounds on what one response may hold. Responders answer with one certificate
// and a few answers; the bounds keep a hostile one from costing more than that
// many signature verifications.
const (
	MaxBytes        = 64 << 10
	maxCertificates = 8
)

// A Response is a BasicOCSPResponse (RFC 6960 section 4.2.1) of the status
// successful, read but not verified. It must not be changed and is safe for
// concurrent use.
type Response struct {
	source       string
	digest       [32]byte // SHA-256 of the whole
	tbs          []byte   // tbsResponseData, what is signed
	algorithm    *der.Algorithm
	signature    []byte
	certificates [][]byte
	byName       []byte // the responder's Name; nil: byKey
	byKey        []byte // SHA-1 of the responder's public key
	producedAt   time.Time
	singles      []single
	nonce        []byte // the extension's value; nil: none
}

// Content octets of the object identifiers that a response is made of.
const (
	oidBasic = "\x2b\x06\x01\x05\x05\x07\x30\x01\x01" // id-pkix-ocsp-basic
	oidNonce = "\x2b\x06\x01\x05\x05\x07\x30\x01\x02" // id-pkix-ocsp-nonce
)

// The statuses of RFC 6960 section 4.2.1.
var statuses = map[int]string{1: "malformedRequest", 2: "internalError", 3: "tryLater", 5: "sigRequired", 6: "unauthorized"}

// A StatusError is a responder's error status, in a *der.Error of the kind
// der.ErrResponder.
type StatusError int

// MalformedRequest is the status of a responder that cannot read the request.
const MalformedRequest StatusError = 1

func (e StatusError) Error() string {
	if name := statuses[int(e)]; name != "" {
		return "the responder answered " + strconv.Quote(name)
	}
	return "the responder answered with status " + strconv.Itoa(int(e))
}

// Parse reads an OCSPResponse in DER; source is where it came from, for errors and
// logs. It refuses whatever is not exactly that: octets left over anywhere,
// critical extensions, defaults spelt out but for the version, which real
// responders write. raw must not be changed afterwards. The error is a *der.Error;
// an error status of the responder is of the kind der.ErrResponder, and a
// StatusError can be found in it.
//
// x/crypto/ocsp does not serve here: it stops at the first SingleResponse with the
// serial, leaves responseExtensions unread, and looks at one certificate.
func Parse(raw []byte, source string) (*Response, error) {
	if len(raw) > MaxBytes {
		return nil, &der.Error{Kind: der.ErrTooLarge, Detail: "the response has " + strconv.Itoa(len(raw)) + " octets, more than " + strconv.Itoa(MaxBytes)}
	}
	r := &Response{source: source, digest: sha256.Sum256(raw)}
	input := cryptobyte.String(raw)
	var response, wrapped, typed, oid, basic cryptobyte.String
	var status int
	var success bool
	if !input.ReadASN1(&response, asn1.SEQUENCE) || !input.Empty() ||
		!response.ReadASN1Enum(&status) ||
		!response.ReadOptionalASN1(&wrapped, &success, asn1.Tag(0).ContextSpecific().Constructed()) ||
		!response.Empty() {
		return nil, der.Malformed("not an OCSPResponse")
	}
	if status != 0 {
		return nil, &statusError{der.Error{Kind: der.ErrResponder, Detail: StatusError(status).Error()}, StatusError(status)}
	}
	if !success ||
		!wrapped.ReadASN1(&typed, asn1.SEQUENCE) || !wrapped.Empty() ||
		!typed.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) ||
		!typed.ReadASN1(&basic, asn1.OCTET_STRING) || !typed.Empty() {
		return nil, der.Malformed("responseBytes")
	}
	if string(oid) != oidBasic {
		return nil, der.Malformed("the response is not of the basic type")
	}
	if err := r.readBasic(basic); err != nil {
		return nil, err
	}
	return r, nil
}

// A statusError is a *der.Error in which the status can be found.
type statusError struct {
	kind   der.Error
	status StatusError
}

func (e *statusError) Error() string   { return e.kind.Error() }
func (e *statusError) Unwrap() []error { return []error{&e.kind, e.status} }

// Source returns where the response came from.
func (r *Response) Source() string { return r.source }

// Digest returns the SHA-256 of the response.
func (r *Response) Digest() [32]byte { return r.digest }

// Nonce returns the value of the nonce extension, nil if there is none.
func (r *Response) Nonce() []byte { return r.nonce }

// Serials returns the serial numbers that the response claims to be about,
// big-endian and without leading zeros.
func (r *Response) Serials() (serials []string) {
	for i := range r.singles {
		serials = append(serials, string(r.singles[i].id.serial))
	}
	return serials
}

// Revokes reports whether the response claims that a serial number is revoked.
func (r *Response) Revokes(serial string) bool {
	for i := range r.singles {
		if s := &r.singles[i]; s.status == Revoked && string(s.id.serial) == serial {
			return true
		}
	}
	return false
}

// Lasts reports whether what the response claims about a serial number has not
// run out, for which it has no more than an hour without nextUpdate.
func (r *Response) Lasts(serial string, at time.Time) bool {
	for i := range r.singles {
		s := &r.singles[i]
		end := s.nextUpdate
		if end.IsZero() {
			end = s.thisUpdate.Add(time.Hour)
		}
		if string(s.id.serial) == serial && !at.After(end) {
			return true
		}
	}
	return false
}

// Latest returns the latest thisUpdate that the response claims about a serial
// number.
func (r *Response) Latest(serial string) (latest time.Time) {
	for i := range r.singles {
		if s := &r.singles[i]; string(s.id.serial) == serial && s.thisUpdate.After(latest) {
			latest = s.thisUpdate
		}
	}
	return latest
}

// readBasic reads a BasicOCSPResponse.
func (r *Response) readBasic(input cryptobyte.String) error {
	var basic, tbs, algorithm, wrapped, list cryptobyte.String
	var has bool
	if !input.ReadASN1(&basic, asn1.SEQUENCE) || !input.Empty() ||
		!basic.ReadASN1Element(&tbs, asn1.SEQUENCE) ||
		!basic.ReadASN1Element(&algorithm, asn1.SEQUENCE) ||
		!basic.ReadASN1BitStringAsBytes(&r.signature) ||
		!basic.ReadOptionalASN1(&wrapped, &has, asn1.Tag(0).ContextSpecific().Constructed()) ||
		!basic.Empty() {
		return der.Malformed("BasicOCSPResponse")
	}
	if has {
		if !wrapped.ReadASN1(&list, asn1.SEQUENCE) || !wrapped.Empty() {
			return der.Malformed("certs")
		}
		for !list.Empty() {
			var cert cryptobyte.String
			if !list.ReadASN1Element(&cert, asn1.SEQUENCE) || len(r.certificates) == maxCertificates {
				return der.Malformed("certs")
			}
			r.certificates = append(r.certificates, cert)
		}
	}
	if r.algorithm = der.SignatureAlgorithm(algorithm); r.algorithm == nil {
		return &der.Error{Kind: der.ErrSignature, Detail: "signed with an algorithm other than RSA or ECDSA with SHA-256, SHA-384 or SHA-512"}
	}
	r.tbs = tbs
	return r.readData(tbs)
}

// readData reads a ResponseData, header included.
func (r *Response) readData(input cryptobyte.String) error {
	var data, id, list cryptobyte.String
	var tag asn1.Tag
	if !input.ReadASN1(&data, asn1.SEQUENCE) || !readVersion(&data) {
		return der.Malformed("ResponseData")
	}
	if !data.ReadAnyASN1(&id, &tag) {
		return der.Malformed("responderID")
	}
	switch tag {
	case asn1.Tag(1).ContextSpecific().Constructed():
		var name cryptobyte.String
		if !id.ReadASN1Element(&name, asn1.SEQUENCE) || !id.Empty() {
			return der.Malformed("responderID")
		}
		r.byName = name
	case asn1.Tag(2).ContextSpecific().Constructed():
		var key cryptobyte.String
		if !id.ReadASN1(&key, asn1.OCTET_STRING) || !id.Empty() || len(key) != 20 {
			return der.Malformed("responderID")
		}
		r.byKey = key
	default:
		return der.Malformed("responderID")
	}
	if !readTime(&data, &r.producedAt) || !data.ReadASN1(&list, asn1.SEQUENCE) || list.Empty() {
		return der.Malformed("ResponseData")
	}
	r.singles = make([]single, 0, 1)
	for !list.Empty() {
		var s single
		if err := s.read(&list); err != nil {
			return err
		}
		r.singles = append(r.singles, s)
	}
	err := readExtensions(&data, func(oid string, value cryptobyte.String) bool {
		if oid != oidNonce {
			return false
		}
		r.nonce = value
		return true
	})
	if err == nil && !data.Empty() {
		err = der.Malformed("ResponseData")
	}
	return err
}
