// SPDX-License-Identifier: Apache-2.0

package revocationtest

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"slices"
	"sync"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation"
)

// An Authority is one CA's revocation service on loopback. It publishes CRLs the
// way the Spine does, one for each batch of certificates, told apart by a
// critical issuingDistributionPoint, and an authority revocation list for
// certificates of CAs; and it answers OCSP for all of them, signed by the CA
// itself. A list stays the same until something changes, or half of Lifetime has
// passed; the next one has a higher number. Its methods are safe for concurrent use.
type Authority struct {
	URL string // base URL, no trailing slash

	// Time is the clock that the documents are made by; nil: time.Now. It must
	// not change after the first request.
	Time func() time.Time

	// Lifetime is the time between thisUpdate and nextUpdate, of lists and of
	// answers; zero: a day. It must not change after the first request.
	Lifetime time.Duration

	// Deltas: the CA publishes delta CRLs (RFC 5280 section 5.2.4). What changes is
	// then on the batch's delta CRL, which its complete list names (freshestCRL) and
	// which is about changes since that list; the complete list stays the same until
	// half of Lifetime has passed, or Publish. The authority revocation list has no
	// deltas. It must not change after the first request.
	Deltas bool

	origin  *Mirror       // the server under URL
	closing chan struct{} // lets requests that hang end
	close   func()

	mu       sync.Mutex
	signers  []signer // the last one signs lists
	servers  []*Mirror
	revoked  []revoked
	number   int64
	changes  int // in all that is published
	issues   int // of complete lists
	requests int
	lists    map[edition][]publication // oldest first; the last alone, as long as there is no Mirror
}

// A signer is a certificate of the CA with its key.
type signer struct {
	cert *x509.Certificate
	key  crypto.Signer
}

type revoked struct {
	cert   *x509.Certificate
	reason revocation.Reason
	at     time.Time
}

// NewAuthority starts an Authority for the CA; the caller should Close it. The
// CA's key signs everything.
func NewAuthority(ca *x509.Certificate, key crypto.Signer) *Authority {
	a := &Authority{signers: []signer{{ca, key}}, closing: make(chan struct{}), lists: make(map[edition][]publication)}
	a.origin = newMirror(a)
	a.URL, a.servers = a.origin.URL, []*Mirror{a.origin}
	a.close = sync.OnceFunc(func() {
		close(a.closing)
		a.mu.Lock()
		servers := slices.Clone(a.servers)
		a.mu.Unlock()
		for _, m := range servers {
			m.server.CloseClientConnections()
			m.server.Close()
		}
	})
	return a
}

// Close ends the service and its mirrors, requests in flight included.
func (a *Authority) Close() { a.close() }

// NewMirror starts a further server that has the Authority's lists, until Close. Its
// lists are the Authority's own, so that a certificate must name the URLs of both.
func (a *Authority) NewMirror() *Mirror {
	m := newMirror(a)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.servers = append(a.servers, m)
	return m
}

// CRLURL returns the distribution point of a batch of certificates: one URL,
// such as http://127.0.0.1:40001/crlc7.crl, for whichever number.
func (a *Authority) CRLURL(batch int) string { return a.origin.CRLURL(batch) }

// DeltaURL returns where the delta CRLs of a batch are, if there are [Authority.Deltas]:
// complete lists say so, and certificates may ([FreshestCRL]).
func (a *Authority) DeltaURL(batch int) string { return a.origin.DeltaURL(batch) }

// ARLURL returns the distribution point of certificates of CAs.
func (a *Authority) ARLURL() string { return a.URL + arlPath }

// OCSPURL returns the address of the responder, for authorityInfoAccess.
func (a *Authority) OCSPURL() string { return a.URL + "/ocsp" }

// Revoke revokes the certificate in all that is published from now on: in OCSP
// answers, and in the CRL that its distribution point names. One that names no
// distribution point is on the lists of all batches. With ReasonCertificateHold it
// can be released. A zero time stands for now.
func (a *Authority) Revoke(cert *x509.Certificate, reason revocation.Reason, at time.Time) {
	a.change(cert, false, func() {
		if at.IsZero() {
			at = a.now()
		}
		a.forget(cert)
		a.revoked = append(a.revoked, revoked{cert, reason, at})
	})
}

// Release removes a revocation from all that is published from now on, as a CA does
// when a hold ends (certificateHold). Where the complete list has it, the delta CRL
// lists the certificate with removeFromCRL.
func (a *Authority) Release(cert *x509.Certificate) {
	a.change(cert, false, func() { a.forget(cert) })
}

func (a *Authority) forget(cert *x509.Certificate) {
	a.revoked = slices.DeleteFunc(slices.Clone(a.revoked), func(r revoked) bool { return r.cert.SerialNumber.Cmp(cert.SerialNumber) == 0 })
}

// Publish makes all lists anew, also complete ones that delta CRLs bring up to date.
func (a *Authority) Publish() { a.change(nil, true, func() {}) }

// RollOver has a new key of the CA sign all lists from now on; ca is the certificate
// for it, in the same name. An OCSP answer is signed by the key that issued the
// certificate in question. A CA that goes on with a list for each of its keys is two
// Authorities.
func (a *Authority) RollOver(ca *x509.Certificate, key crypto.Signer) {
	a.change(nil, true, func() {
		if !bytes.Equal(ca.RawSubject, a.signers[0].cert.RawSubject) {
			panic("revocationtest: RollOver to a certificate in another name")
		}
		a.signers = append(a.signers, signer{ca, key})
	})
}

// RestartNumbers makes all lists anew and numbers them from 1 again, as CAs do that
// were set up again. In all else nothing changes.
func (a *Authority) RestartNumbers() { a.change(nil, true, func() { a.number = 0 }) }

// Fail makes all answers from now on wrong in one way, until Fail(None). Those of
// mirrors stay as they are. The lists are made anew.
func (a *Authority) Fail(f Fault) { a.origin.Fail(f) }

// Delay has each answer from now on take so much longer; zero: no longer than it
// takes. Answers of mirrors are not delayed.
func (a *Authority) Delay(d time.Duration) { a.origin.Delay(d) }

// Requests returns how many requests have come in so far, those of Fetcher
// and those to mirrors included.
func (a *Authority) Requests() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.requests
}

// CRL returns the list of a batch as it is published now (DER), for programs that are
// given lists instead of fetching them.
func (a *Authority) CRL(batch int) []byte { return a.origin.list(crlPath(batch)) }

// Delta returns the delta CRL of a batch as it is published now (DER). It panics if
// there are no [Authority.Deltas].
func (a *Authority) Delta(batch int) []byte {
	if !a.Deltas {
		panic("revocationtest: the Authority publishes no delta CRLs")
	}
	return a.origin.list(deltaPath(batch))
}

// ARL returns the authority revocation list as it is published now (DER).
func (a *Authority) ARL() []byte { return a.origin.list(arlPath) }

func (a *Authority) now() time.Time {
	if a.Time != nil {
		return a.Time()
	}
	return time.Now()
}

func (a *Authority) lifetime() time.Duration {
	if a.Lifetime > 0 {
		return a.Lifetime
	}
	return lifetime
}
