// SPDX-License-Identifier: Apache-2.0

package ocsp

import (
	"crypto/fips140"
	"crypto/x509"
	"encoding/base64"
	"net/url"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
	xocsp "golang.org/x/crypto/ocsp"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/der"
)

// NonceBytes is the length of a nonce (RFC 9654 section 2.1).
const NonceBytes = 32

// maxGetBytes bounds the whole URL of a request by GET (RFC 5019 section 5).
const maxGetBytes = 255

// NewRequest returns an OCSPRequest about a certificate, without a nonce. CertIDs
// are made with SHA-1, the one hash that every responder has to know (RFC 5019
// section 2.1.1); nothing is signed with it. The error is a *der.Error.
func NewRequest(cert, issuer *x509.Certificate) (request []byte, err error) {
	fips140.WithoutEnforcement(func() { request, err = xocsp.CreateRequest(cert, issuer, nil) })
	if err != nil {
		return nil, der.Malformed(err.Error())
	}
	return request, nil
}

// GetURL returns the URL of a request by GET (RFC 6960 appendix A.1); it is not ok
// if that would be too long for caches, or if the responder's URL has a query.
func GetURL(responder string, request []byte) (get string, ok bool) {
	if strings.ContainsAny(responder, "?#") {
		return "", false
	}
	path := url.QueryEscape(base64.StdEncoding.EncodeToString(request)) // escapes "/" and "+"
	get = strings.TrimSuffix(responder, "/") + "/" + path
	return get, len(get) <= maxGetBytes
}

// WithNonce adds the nonce extension to an OCSPRequest of NewRequest, and returns
// the extension's value, which the response has to repeat, as well. x/crypto/ocsp
// makes requests, but none with extensions.
func WithNonce(request, nonce []byte) (with, value []byte, err error) {
	input := cryptobyte.String(request)
	var outer, tbs cryptobyte.String
	if !input.ReadASN1(&outer, asn1.SEQUENCE) || !outer.ReadASN1(&tbs, asn1.SEQUENCE) {
		return nil, nil, der.Malformed("not an OCSPRequest")
	}
	var b cryptobyte.Builder
	b.AddASN1OctetString(nonce)
	if value, err = b.Bytes(); err != nil {
		return nil, nil, der.Malformed(err.Error())
	}
	b = cryptobyte.Builder{}
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddBytes(tbs)
			b.AddASN1(asn1.Tag(2).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) {
				b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
						b.AddASN1(asn1.OBJECT_IDENTIFIER, func(b *cryptobyte.Builder) { b.AddBytes([]byte(oidNonce)) })
						b.AddASN1OctetString(value)
					})
				})
			})
		})
	})
	if with, err = b.Bytes(); err != nil {
		return nil, nil, der.Malformed(err.Error())
	}
	return with, value, nil
}
