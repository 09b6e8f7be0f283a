// SPDX-License-Identifier: Apache-2.0

package known

import (
	"crypto/sha256"
	"crypto/x509"
	"math/big"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/der"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/ocsp"
)

// A Reply is an OCSP answer in the set. It does not change.
type Reply struct {
	*ocsp.Answer
	Raw      []byte    // the response, DER
	Issuer   string    // name of the CA, for an operator
	Serial   *big.Int  // of the certificate
	NotAfter time.Time // of the certificate; zero: not known
}

// same reports whether two replies are one statement of one responder: what differs
// are at most certificates around it, which anyone on the way can change.
func (r *Reply) same(other *Reply) bool {
	if r.Key != other.Key {
		return false
	}
	return r.Digest == other.Digest || r.Signed == other.Signed && sameCert(r.Responder, other.Responder)
}

func sameCert(a, b *x509.Certificate) bool {
	return a == nil && b == nil || a != nil && b != nil && a.Equal(b)
}

// Order returns the order of the reply's Member. A good answer that removes no
// revocation is of the Kind Unknown.
func (r *Reply) Order() Order {
	o := Order{Kind: Unknown, Series: r.Key, ThisUpdate: r.ThisUpdate, Begins: r.ThisUpdate}
	if r.ProducedAt.After(r.ThisUpdate) {
		o.Begins = r.ProducedAt
	}
	switch {
	case r.Status == ocsp.Revoked && r.Reason == der.ReasonCertificateHold:
		o.Kind = Held
	case r.Status == ocsp.Revoked && Distrusts(r.Reason):
		o.Kind = Distrusted
	case r.Status == ocsp.Revoked:
		o.Kind = Revoked
	case r.Status == ocsp.Good && r.removes():
		o.Kind = Good
	}
	return o
}

// removes reports whether an answer, if it is not unknown, removes revocations of its
// responder from before its thisUpdate: its certificate was valid then, and it did not
// sign the answer in advance. What is said of a time to come says nothing of a revocation that was
// not known when it was said (RFC 6960 section 4.2.2.1 has thisUpdate be a time at which
// the status is known to be correct).
func (r *Reply) removes() bool { return r.wasValid() && !r.ThisUpdate.After(r.ProducedAt) }

// wasValid reports whether the responder's certificate was valid when it
// answered.
func (r *Reply) wasValid() bool {
	return r.Responder == nil || !r.ThisUpdate.Before(r.Responder.NotBefore) && !r.ThisUpdate.After(r.Responder.NotAfter)
}

// AnswerKey is the key of the answers about path[0], which path[1] issued,
// whatever the CertIDs by which they name it.
func AnswerKey(path []*x509.Certificate) string { return answerKey(path[1], path[0].SerialNumber) }

func answerKey(issuer *x509.Certificate, serial *big.Int) string {
	h := sha256.New()
	h.Write(issuer.RawSubjectPublicKeyInfo)
	h.Write(issuer.RawSubject)
	h.Write(serial.Bytes())
	if serial.Sign() < 0 {
		h.Write([]byte("-"))
	}
	return string(h.Sum(nil))
}
