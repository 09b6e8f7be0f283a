// SPDX-License-Identifier: Apache-2.0

package revocationtest

import (
	"bytes"
	"crypto"
	"crypto/x509"

	"golang.org/x/crypto/ocsp"
)

// OCSP returns the response about the certificate as it is given now (DER), for
// stapling.
func (a *Authority) OCSP(cert *x509.Certificate) []byte {
	ca := a.issuerOf(cert)
	return a.answer(&ocsp.Request{
		HashAlgorithm:  crypto.SHA1,
		IssuerNameHash: hashOf(crypto.SHA1, ca.RawSubject),
		IssuerKeyHash:  hashOf(crypto.SHA1, publicKeyBits(ca)),
		SerialNumber:   cert.SerialNumber,
	}, nil)
}

// issuerOf returns the CA's certificate for the key that issued cert; if there is
// none, that for the first.
func (a *Authority) issuerOf(cert *x509.Certificate) *x509.Certificate {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, s := range a.signers {
		if cert.CheckSignatureFrom(s.cert) == nil {
			return s.cert
		}
	}
	return a.signers[0].cert
}

// answer returns the responder's answer to the question.
func (a *Authority) answer(question *ocsp.Request, nonce []byte) []byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	signer, ok := a.asked(question)
	if !ok {
		return ocsp.UnauthorizedErrorResponse
	}
	single := SingleResponse{Serial: question.SerialNumber, Hash: question.HashAlgorithm}
	for _, r := range a.revoked {
		if r.cert.SerialNumber.Cmp(question.SerialNumber) == 0 {
			single.Status, single.Reason, single.RevokedAt = ocsp.Revoked, r.reason, r.at
		}
	}
	fault := a.origin.fault
	response := OCSPResponse{Issuer: signer.cert, Key: signer.key, ProducedAt: a.now(), Nonce: nonce}
	single.ThisUpdate = fault.thisUpdate(response.ProducedAt, a.lifetime())
	single.NextUpdate = single.ThisUpdate.Add(a.lifetime())
	switch fault {
	case WrongSignature:
		response.BrokenSignature = true
	case Unsigned:
		response.NoSignature = true
	case WrongIssuer:
		other := stranger()
		response.Responder, response.Key = other.cert, other.key
	case WrongScope:
		single.Serial = next(single.Serial)
	case UnknownSerial:
		single.Status = ocsp.Unknown
	case TryLater:
		response.Status = ocsp.TryLater
	}
	response.Answers = []SingleResponse{single}
	return response.DER()
}

// asked returns the CA's certificate that a question names, with its key.
func (a *Authority) asked(question *ocsp.Request) (s signer, ok bool) {
	for _, s := range a.signers {
		if bytes.Equal(question.IssuerNameHash, hashOf(question.HashAlgorithm, s.cert.RawSubject)) &&
			bytes.Equal(question.IssuerKeyHash, hashOf(question.HashAlgorithm, publicKeyBits(s.cert))) {
			return s, true
		}
	}
	return signer{}, false
}
