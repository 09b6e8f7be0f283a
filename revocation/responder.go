// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"bytes"
	"context"
	"crypto"
	_ "crypto/sha1" // names issuers and responders in OCSP; no signature rests on it
	_ "crypto/sha256"
	_ "crypto/sha512"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
	"golang.org/x/crypto/ocsp"
)

// certIDHashes are the hash algorithms by which a CertID may name an issuer,
// with the content octets of their object identifiers.
var certIDHashes = [...]struct {
	hash crypto.Hash
	oid  string
}{
	{crypto.SHA1, "\x2b\x0e\x03\x02\x1a"},
	{crypto.SHA256, "\x60\x86\x48\x01\x65\x03\x04\x02\x01"},
	{crypto.SHA384, "\x60\x86\x48\x01\x65\x03\x04\x02\x02"},
	{crypto.SHA512, "\x60\x86\x48\x01\x65\x03\x04\x02\x03"},
}

// certIDHash returns the index of the algorithm in certIDHashes, -1 for another.
func certIDHash(oid []byte) int {
	for i := range certIDHashes {
		if string(oid) == certIDHashes[i].oid {
			return i
		}
	}
	return -1
}

// An ocspIssuer is a CA as CertIDs and ResponderIDs name it.
type ocspIssuer struct {
	cert  *x509.Certificate
	names [len(certIDHashes)][]byte
	keys  [len(certIDHashes)][]byte
}

func newOCSPIssuer(cert *x509.Certificate) (*ocspIssuer, bool) {
	key, ok := publicKeyBits(cert)
	if !ok {
		return nil, false
	}
	issuer := &ocspIssuer{cert: cert}
	for i, algorithm := range certIDHashes {
		h := algorithm.hash.New()
		h.Write(cert.RawSubject)
		issuer.names[i] = h.Sum(nil)
		h.Reset()
		h.Write(key)
		issuer.keys[i] = h.Sum(nil)
	}
	return issuer, true
}

// publicKeyBits returns the subjectPublicKey, the BIT STRING without its count
// of unused bits, which is what key hashes are made of.
func publicKeyBits(cert *x509.Certificate) (key []byte, ok bool) {
	input := cryptobyte.String(cert.RawSubjectPublicKeyInfo)
	var info cryptobyte.String
	ok = input.ReadASN1(&info, cbasn1.SEQUENCE) &&
		info.SkipASN1(cbasn1.SEQUENCE) &&
		info.ReadASN1BitStringAsBytes(&key)
	return key, ok
}

// matches compares all of a CertID: hash algorithm, issuer's name, issuer's
// key and serial number (big-endian, no leading zeros).
func (i *ocspIssuer) matches(id *ocspCertID, serial []byte) bool {
	return id.hash >= 0 &&
		bytes.Equal(id.name, i.names[id.hash]) &&
		bytes.Equal(id.key, i.keys[id.hash]) &&
		bytes.Equal(id.serial, serial)
}

// An ocspVerdict is what a response that is believed says about one certificate.
type ocspVerdict struct {
	ocspSingle
	source     string
	producedAt time.Time
	responder  *x509.Certificate // nil: the CA itself
	nocheck    bool              // the responder's own status need not be asked for
}

// judge believes the response or says why not, and then sets its verdict. What
// depends on the time of asking is left to ocspVerdict.current.
func (r *ocspResponse) judge(issuer *ocspIssuer, serial []byte) error {
	single, err := r.find(issuer, serial)
	if err != nil {
		return err
	}
	responder, err := r.signer(issuer)
	if err != nil {
		return err
	}
	r.verdict = ocspVerdict{ocspSingle: *single, source: r.source, producedAt: r.producedAt, responder: responder}
	r.verdict.nocheck = responder == nil || hasNoCheck(responder)
	if single.status == ocsp.Unknown {
		return &ocspUnknown{r.error(ErrResponder, "it does not know the certificate"), r.verdict}
	}
	return nil
}

// An ocspUnknown is a signed answer of "unknown". It is never kept, but it ends
// what Policy.MaxStale would still allow.
type ocspUnknown struct {
	error
	verdict ocspVerdict
}

// Unwrap returns the *OCSPError.
func (e *ocspUnknown) Unwrap() error { return e.error }

// find returns the one answer about the certificate. Of several that disagree,
// revoked stands; several that do not are one too many all the same: which
// times would count?
func (r *ocspResponse) find(issuer *ocspIssuer, serial []byte) (*ocspSingle, error) {
	var found *ocspSingle
	several := false
	for i := range r.singles {
		single := &r.singles[i]
		if !issuer.matches(&single.id, serial) {
			continue
		}
		several = several || found != nil
		if found == nil || single.status == ocsp.Revoked {
			found = single
		}
	}
	switch {
	case found == nil:
		return nil, r.error(ErrScope, "it does not speak of the certificate")
	case several && found.status != ocsp.Revoked:
		return nil, r.error(ErrMalformed, "several answers about the certificate")
	}
	return found, nil
}

// signer verifies the signature and returns the certificate of the delegated
// responder that made it, nil if it was the CA itself (RFC 6960 section
// 4.2.2.2). There is no third way: a responder that is trusted for other
// reasons, or authorised by another CA, is refused.
func (r *ocspResponse) signer(issuer *ocspIssuer) (*x509.Certificate, error) {
	ca := r.byName != nil && bytes.Equal(r.byName, issuer.cert.RawSubject) ||
		r.byKey != nil && bytes.Equal(r.byKey, issuer.keys[0])
	digest := r.digest()
	if ca && r.algorithm.verify(issuer.cert.PublicKey, r.algorithm.hash, digest, r.signature) == nil {
		return nil, nil
	}
	err := r.error(ErrSignature, "not signed by the CA, and no certificate of the responder comes with it")
	if ca {
		err = r.error(ErrSignature, "it names the CA as its signer, whose key does not verify it")
	}
	for _, der := range r.certificates {
		cert, parseErr := parseEmbedded(der)
		if parseErr != nil {
			return nil, r.error(ErrMalformed, "certs: "+parseErr.Error())
		}
		if !r.names(cert) || bytes.Equal(cert.RawSubjectPublicKeyInfo, issuer.cert.RawSubjectPublicKeyInfo) {
			continue
		}
		if err = r.delegated(cert, issuer); err != nil {
			continue
		}
		if err = r.algorithm.verify(cert.PublicKey, r.algorithm.hash, digest, r.signature); err == nil {
			return cert, nil
		}
		err = r.error(ErrSignature, err.Error())
	}
	return nil, err
}

// parseEmbedded parses a certificate that nobody has looked at yet.
// x509.ParseCertificate passes over whatever follows the signature inside it,
// which no signature covers.
func parseEmbedded(der []byte) (*x509.Certificate, error) {
	input := cryptobyte.String(der)
	var cert cryptobyte.String
	if !input.ReadASN1(&cert, cbasn1.SEQUENCE) || !input.Empty() ||
		!cert.SkipASN1(cbasn1.SEQUENCE) || !cert.SkipASN1(cbasn1.SEQUENCE) || !cert.SkipASN1(cbasn1.BIT_STRING) || !cert.Empty() {
		return nil, errors.New("not a Certificate")
	}
	return x509.ParseCertificate(der)
}

// names says whether the responderID is that of the certificate.
func (r *ocspResponse) names(cert *x509.Certificate) bool {
	if r.byName != nil {
		return bytes.Equal(r.byName, cert.RawSubject)
	}
	key, ok := publicKeyBits(cert)
	if !ok {
		return false
	}
	h := crypto.SHA1.New()
	h.Write(key)
	return bytes.Equal(r.byKey, h.Sum(nil))
}

// delegated returns nil if the CA has authorised the certificate to sign
// responses, directly and by name of the purpose.
func (r *ocspResponse) delegated(cert *x509.Certificate, issuer *ocspIssuer) error {
	if !slices.Contains(cert.ExtKeyUsage, x509.ExtKeyUsageOCSPSigning) {
		return r.error(ErrResponder, "its certificate is not for OCSP signing")
	}
	if cert.KeyUsage != 0 && cert.KeyUsage&x509.KeyUsageDigitalSignature == 0 {
		return r.error(ErrResponder, "the key of its certificate is not for digital signatures")
	}
	for _, oid := range cert.UnhandledCriticalExtensions {
		if !oid.Equal(oidNoCheck) {
			return r.error(ErrUnhandledCritical, "the responder's certificate: "+oid.String())
		}
	}
	// CheckSignatureFrom takes no SHA-1 and no issuer that is not a CA.
	if !bytes.Equal(cert.RawIssuer, issuer.cert.RawSubject) || cert.CheckSignatureFrom(issuer.cert) != nil {
		return r.error(ErrResponder, "its certificate was not issued by the CA that issued the certificate in question")
	}
	return nil
}

// digest hashes what is signed.
func (r *ocspResponse) digest() []byte {
	h := r.algorithm.hash.New()
	h.Write(r.tbs)
	return h.Sum(nil)
}

// oidNoCheck is id-pkix-ocsp-nocheck (RFC 6960 section 4.2.2.2.1).
var oidNoCheck = []int{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}

// hasNoCheck says whether the CA waives the question after the responder's own
// status. The extension's value is NULL.
func hasNoCheck(cert *x509.Certificate) bool {
	for _, extension := range cert.Extensions {
		if extension.Id.Equal(oidNoCheck) {
			return bytes.Equal(extension.Value, []byte{0x05, 0x00})
		}
	}
	return false
}

// newer says whether v outdoes o: it is later, or as late and says revoked.
func (v *ocspVerdict) newer(o *ocspVerdict) bool {
	return o == nil || v.thisUpdate.After(o.thisUpdate) ||
		v.thisUpdate.Equal(o.thisUpdate) && v.status == ocsp.Revoked
}

// current returns nil if the verdict holds at the given time, and an error of
// the kind ErrExpired if the only thing wrong is that its time is over.
func (v *ocspVerdict) current(at time.Time) error {
	late := at.Add(clockTolerance)
	switch {
	case v.thisUpdate.After(late):
		return &OCSPError{Source: v.source, Err: ErrNotYetValid, Detail: "thisUpdate is " + stamp(v.thisUpdate)}
	case v.producedAt.After(late):
		return &OCSPError{Source: v.source, Err: ErrNotYetValid, Detail: "producedAt is " + stamp(v.producedAt)}
	}
	if v.responder != nil && (at.Before(v.responder.NotBefore) || at.After(v.responder.NotAfter)) {
		return &OCSPError{Source: v.source, Err: ErrResponder, Detail: fmt.Sprintf("its certificate is valid from %s to %s only",
			stamp(v.responder.NotBefore), stamp(v.responder.NotAfter))}
	}
	if end := expiry(v.thisUpdate, v.nextUpdate); at.After(end) {
		return &OCSPError{Source: v.source, Err: ErrExpired, Detail: "at " + stamp(end)}
	}
	return nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// A key in the context of the question after a responder's own status.
type ownStatusKey struct{}

// authorised asks after the responder's own status, where it needs asking.
func (s *OCSP) authorised(ctx context.Context, v *ocspVerdict, q Query) error {
	if v.nocheck {
		return nil
	}
	refuse := func(detail string) error {
		return &OCSPError{Source: v.source, Err: ErrResponder, Detail: detail}
	}
	if s.ResponderStatus == nil {
		return refuse("its certificate lacks id-pkix-ocsp-nocheck, and there is no source to ask about it")
	}
	// The answer about a responder may come by OCSP, but not from one that is
	// itself in question: it would vouch for itself, or two for each other.
	if ctx.Value(ownStatusKey{}) != nil {
		return refuse("it answers for a responder, and its own certificate lacks id-pkix-ocsp-nocheck")
	}
	path := append([]*x509.Certificate{v.responder}, q.Path[1:]...)
	a, err := s.ResponderStatus.Status(context.WithValue(ctx, ownStatusKey{}, true), Query{Path: path, At: q.At})
	if value, err := weigh(&Policy{}, q.At, &a, err); value != worthGood {
		if value == worthRevoked {
			err = revokedError(v.responder, &a)
		}
		return refuse("its own certificate: " + err.Error())
	}
	return nil
}
