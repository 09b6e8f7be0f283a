// SPDX-License-Identifier: Apache-2.0

package revocationtest

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"time"

	"golang.org/x/crypto/ocsp"

	"github.com/nrlsecurity/nrlsecurity/revocation"
)

// An Authority is one CA's revocation service on loopback. It publishes CRLs the
// way the Spine does, one for each batch of certificates, told apart by a
// critical issuingDistributionPoint, and an authority revocation list for
// certificates of CAs; and it answers OCSP for all of them, signed by the CA
// itself. Its methods are safe for concurrent use.
type Authority struct {
	URL string // base URL, no trailing slash

	// Time is the clock that the documents are made by; nil: time.Now. It must
	// not change after the first request.
	Time func() time.Time

	ca      *x509.Certificate
	key     crypto.Signer
	server  *httptest.Server
	closing chan struct{} // lets requests that hang end
	close   func()

	mu       sync.Mutex
	revoked  []revoked
	fault    Fault
	number   int64
	requests int
	lists    map[string]publication // by URL, for as long as they hold
}

type revoked struct {
	cert   *x509.Certificate
	reason revocation.Reason
	at     time.Time
}

// A publication is a list that stays the same until something changes, so that
// its validators can be used.
type publication struct {
	der  []byte
	made time.Time
}

// NewAuthority starts an Authority for the CA; the caller should Close it. The
// CA's key signs everything.
func NewAuthority(ca *x509.Certificate, key crypto.Signer) *Authority {
	a := &Authority{ca: ca, key: key, closing: make(chan struct{}), lists: make(map[string]publication)}
	a.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { a.serve(w, r, a.closing) }))
	a.URL = a.server.URL
	a.close = sync.OnceFunc(func() {
		close(a.closing)
		a.server.CloseClientConnections()
		a.server.Close()
	})
	return a
}

// Close ends the service, requests in flight included.
func (a *Authority) Close() { a.close() }

// CRLURL returns the distribution point of a batch of certificates: one URL,
// such as http://127.0.0.1:40001/crlc7.crl, for whichever number.
func (a *Authority) CRLURL(batch int) string { return fmt.Sprintf("%s/crlc%d.crl", a.URL, batch) }

// ARLURL returns the distribution point of certificates of CAs.
func (a *Authority) ARLURL() string { return a.URL + "/arlc3.crl" }

// OCSPURL returns the address of the responder, for authorityInfoAccess.
func (a *Authority) OCSPURL() string { return a.URL + "/ocsp" }

// Revoke revokes the certificate in all that is published from now on: in OCSP
// answers, and in the CRL that its distribution point names. One that names no
// distribution point is on the lists of all batches. A zero time stands for now.
func (a *Authority) Revoke(cert *x509.Certificate, reason revocation.Reason, at time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if at.IsZero() {
		at = a.now()
	}
	a.revoked = slices.DeleteFunc(a.revoked, func(r revoked) bool { return r.cert.SerialNumber.Cmp(cert.SerialNumber) == 0 })
	a.revoked = append(a.revoked, revoked{cert, reason, at})
	clear(a.lists)
}

// Release takes a revocation back in all that is published from now on, as a CA
// does when a hold ends (certificateHold).
func (a *Authority) Release(cert *x509.Certificate) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.revoked = slices.DeleteFunc(a.revoked, func(r revoked) bool { return r.cert.SerialNumber.Cmp(cert.SerialNumber) == 0 })
	clear(a.lists)
}

// Fail makes all answers from now on wrong in one way, until Fail(None).
func (a *Authority) Fail(f Fault) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.fault = f
	clear(a.lists)
}

// Requests returns how many requests have come in so far, those of Fetcher
// included.
func (a *Authority) Requests() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.requests
}

// CRL returns the list of a batch as it is published now (DER), for programs that are
// given lists instead of fetching them.
func (a *Authority) CRL(batch int) []byte { return a.list(a.CRLURL(batch), false) }

// ARL returns the authority revocation list as it is published now (DER).
func (a *Authority) ARL() []byte { return a.list(a.ARLURL(), true) }

// OCSP returns the response about the certificate as it is given now (DER), for
// stapling.
func (a *Authority) OCSP(cert *x509.Certificate) []byte {
	return a.answer(&ocsp.Request{
		HashAlgorithm:  crypto.SHA1,
		IssuerNameHash: hashOf(crypto.SHA1, a.ca.RawSubject),
		IssuerKeyHash:  hashOf(crypto.SHA1, publicKeyBits(a.ca)),
		SerialNumber:   cert.SerialNumber,
	}, nil)
}

// list returns the list that is published under the URL.
func (a *Authority) list(url string, authorities bool) []byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	if p, ok := a.lists[url]; ok && !now.Before(p.made) && now.Before(p.made.Add(lifetime/2)) {
		return p.der
	}
	a.number++
	crl := CRL{
		Issuer: a.ca, Key: a.key, ThisUpdate: a.fault.thisUpdate(now), Number: a.number,
		Scope: &Scope{PointName: PointName{URLs: []string{url}}, OnlyUserCerts: !authorities, OnlyCACerts: authorities},
	}
	for _, r := range a.revoked {
		points := r.cert.CRLDistributionPoints
		if r.cert.IsCA == authorities && (len(points) == 0 || slices.Contains(points, url)) {
			crl.Entries = append(crl.Entries, Entry{Serial: r.cert.SerialNumber, Date: r.at, Reason: r.reason})
		}
	}
	switch a.fault {
	case WrongSignature:
		crl.BrokenSignature = true
	case Unsigned:
		crl.NoSignature = true
	case WrongIssuer:
		other := stranger()
		crl.Issuer, crl.Key = other.cert, other.key
	case WrongScope:
		crl.Scope.URLs = []string{a.URL + "/another.crl"}
	}
	p := publication{crl.DER(), now}
	a.lists[url] = p
	return p.der
}

// answer returns the responder's answer to the question.
func (a *Authority) answer(question *ocsp.Request, nonce []byte) []byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !bytes.Equal(question.IssuerNameHash, hashOf(question.HashAlgorithm, a.ca.RawSubject)) ||
		!bytes.Equal(question.IssuerKeyHash, hashOf(question.HashAlgorithm, publicKeyBits(a.ca))) {
		return ocsp.UnauthorizedErrorResponse
	}
	single := SingleResponse{Serial: question.SerialNumber, Hash: question.HashAlgorithm}
	for _, r := range a.revoked {
		if r.cert.SerialNumber.Cmp(question.SerialNumber) == 0 {
			single.Status, single.Reason, single.RevokedAt = ocsp.Revoked, r.reason, r.at
		}
	}
	response := OCSPResponse{Issuer: a.ca, Key: a.key, ProducedAt: a.now(), Nonce: nonce}
	single.ThisUpdate = a.fault.thisUpdate(response.ProducedAt)
	switch a.fault {
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

func (a *Authority) now() time.Time {
	if a.Time != nil {
		return a.Time()
	}
	return time.Now()
}
