// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
	"golang.org/x/crypto/ocsp"
)

const (
	ocspNonceBytes  = 32  // RFC 9654 section 2.1
	maxOCSPGetBytes = 255 // RFC 5019 section 5: of the whole URL
)

// ocspRequest returns the question about cert for the responder, without a
// nonce. CertIDs are made with SHA-1, the one hash that every responder has to
// know (RFC 5019 section 2.1.1); nothing is signed with it.
func ocspRequest(responder string, cert, issuer *x509.Certificate, get bool) (Request, error) {
	der, err := ocsp.CreateRequest(cert, issuer, nil)
	if err != nil {
		return Request{}, &OCSPError{Source: responder, Err: ErrMalformed, Detail: err.Error()}
	}
	if get && !strings.ContainsAny(responder, "?#") {
		path := url.QueryEscape(base64.StdEncoding.EncodeToString(der)) // escapes "/" and "+", RFC 6960 appendix A.1
		if u := strings.TrimSuffix(responder, "/") + "/" + path; len(u) <= maxOCSPGetBytes {
			return Request{URL: u, MaxBytes: maxOCSPBytes}, nil
		}
	}
	return Request{URL: responder, Body: der, ContentType: "application/ocsp-request", MaxBytes: maxOCSPBytes}, nil
}

// An ocspNonceFetcher puts a fresh nonce into each request, so that no two are
// alike, and takes no response that does not bring it back. That what came back
// is also signed is for the caller to verify, on the same bytes.
type ocspNonceFetcher struct{ fetcher Fetcher }

// Fetch implements Fetcher.
func (f ocspNonceFetcher) Fetch(ctx context.Context, r Request) (*Response, error) {
	nonce := make([]byte, ocspNonceBytes)
	rand.Read(nonce) // never fails
	body, value, err := withOCSPNonce(r.Body, nonce)
	if err != nil {
		return nil, &OCSPError{Source: r.URL, Err: ErrMalformed, Detail: err.Error()}
	}
	r.Body = body
	response, err := f.fetcher.Fetch(ctx, r)
	if err != nil {
		return nil, err
	}
	if response == nil || response.NotModified {
		return nil, &OCSPError{Source: r.URL, Err: ErrResponder, Detail: "no response to the nonce"}
	}
	read, err := readOCSP(response.Body, r.URL)
	if err != nil {
		return nil, err
	}
	switch {
	case read.nonce == nil:
		return nil, read.error(ErrResponder, "it does not repeat the nonce; a responder that signs in advance needs NoNonce")
	case !bytes.Equal(read.nonce, value):
		return nil, read.error(ErrResponder, "it brings back another nonce than was sent")
	}
	// Without validators, since no later request is answered by this response.
	return &Response{Body: response.Body}, nil
}

// withOCSPNonce adds the nonce extension to an OCSPRequest that has no
// extensions; x/crypto/ocsp makes requests, but not with any. It returns the
// extension's value as well.
func withOCSPNonce(der, nonce []byte) (request, value []byte, err error) {
	input := cryptobyte.String(der)
	var outer, tbs cryptobyte.String
	if !input.ReadASN1(&outer, cbasn1.SEQUENCE) || !outer.ReadASN1(&tbs, cbasn1.SEQUENCE) {
		return nil, nil, fmt.Errorf("not an OCSPRequest")
	}
	var b cryptobyte.Builder
	b.AddASN1OctetString(nonce)
	if value, err = b.Bytes(); err != nil {
		return nil, nil, err
	}
	b = cryptobyte.Builder{}
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddBytes(tbs)
			b.AddASN1(cbasn1.Tag(2).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) {
				b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
						b.AddASN1(cbasn1.OBJECT_IDENTIFIER, func(b *cryptobyte.Builder) { b.AddBytes([]byte(oidOCSPNonce)) })
						b.AddASN1OctetString(value)
					})
				})
			})
		})
	})
	request, err = b.Bytes()
	return request, value, err
}
