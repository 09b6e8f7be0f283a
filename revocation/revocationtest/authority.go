// SPDX-License-Identifier: Apache-2.0

package revocationtest

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"maps"
	"slices"
	"strings"
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

	origin  *server       // under URL
	closing chan struct{} // lets requests that hang end
	close   func()

	mu       sync.Mutex
	signers  []signer  // the last one signs lists
	servers  []*server // that of URL, and those of Mirrors
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

// NewAuthority starts an Authority for the CA; the caller should Close it. The
// CA's key signs everything.
func NewAuthority(ca *x509.Certificate, key crypto.Signer) *Authority {
	a := &Authority{signers: []signer{{ca, key}}, closing: make(chan struct{}), lists: make(map[edition][]publication)}
	a.origin = a.newServer()
	a.URL, a.servers = a.origin.url, []*server{a.origin}
	a.close = sync.OnceFunc(func() {
		close(a.closing)
		a.mu.Lock()
		servers := slices.Clone(a.servers)
		a.mu.Unlock()
		for _, s := range servers {
			s.http.CloseClientConnections()
			s.http.Close()
		}
	})
	return a
}

// Close ends the service and its mirrors, requests in flight included.
func (a *Authority) Close() { a.close() }

// NewMirror starts a further server that has the Authority's lists, until Close. Its
// lists are the Authority's own, so that a certificate must name the URLs of both.
func (a *Authority) NewMirror() *Mirror {
	s := a.newServer()
	a.locked(func() { a.servers = append(a.servers, s) })
	return &Mirror{URL: s.url, at: s, by: a}
}

// CRLURL returns the distribution point of a batch of certificates: one URL,
// such as http://127.0.0.1:40001/crlc7.crl, for whichever number.
func (a *Authority) CRLURL(batch int) string { return a.URL + crlPath(batch) }

// DeltaURL returns where the delta CRLs of a batch are, if there are [Authority.Deltas]:
// complete lists say so, and certificates may ([FreshestCRL]).
func (a *Authority) DeltaURL(batch int) string { return a.URL + deltaPath(batch) }

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
func (a *Authority) Fail(f Fault) { a.change(nil, true, func() { a.origin.fault = f }) }

// Delay has each answer from now on take so much longer; zero: no longer than it
// takes. Answers of mirrors are not delayed.
func (a *Authority) Delay(d time.Duration) { a.locked(func() { a.origin.delay = d }) }

// Requests returns how many requests have come in so far, those of Fetcher
// and those to mirrors included.
func (a *Authority) Requests() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.requests
}

// CRL returns the list of a batch as it is published now (DER), for programs that are
// given lists instead of fetching them.
func (a *Authority) CRL(batch int) []byte { return a.list(a.origin, crlPath(batch)) }

// Delta returns the delta CRL of a batch as it is published now (DER). It panics if
// there are no [Authority.Deltas].
func (a *Authority) Delta(batch int) []byte {
	if !a.Deltas {
		panic("revocationtest: the Authority publishes no delta CRLs")
	}
	return a.list(a.origin, deltaPath(batch))
}

// ARL returns the authority revocation list as it is published now (DER).
func (a *Authority) ARL() []byte { return a.list(a.origin, arlPath) }

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

// locked does something under the lock.
func (a *Authority) locked(do func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	do()
}

// change publishes what is about to change, so that mirrors can lag behind, changes
// it, and publishes the result. Complete: complete lists are made anew although there
// are deltas. A nil certificate is none in particular.
func (a *Authority) change(cert *x509.Certificate, complete bool, change func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.publishAll(cert)
	change()
	if a.changes++; complete {
		a.issues++
	}
	a.publishAll(cert)
}

// publishAll publishes the lists that anything was asked of before, and those that
// can list the certificate, if there are mirrors.
func (a *Authority) publishAll(cert *x509.Certificate) {
	if len(a.servers) == 1 {
		return
	}
	paths := map[string]bool{}
	for e := range a.lists {
		paths[completePath(e.path)] = true
	}
	for _, s := range a.servers {
		for _, point := range pointsOf(cert) {
			if path, ok := strings.CutPrefix(point, s.url); ok && listPaths.MatchString(path) {
				paths[completePath(path)] = true
			}
		}
	}
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		for _, s := range a.servers {
			a.publish(edition{path, s.fault}, a.now())
			if a.Deltas && path != arlPath {
				a.publish(edition{deltaOf(path), s.fault}, a.now())
			}
		}
	}
}

// publish returns the list that is published at a time which is not before any
// other of its publications. The caller holds the lock.
func (a *Authority) publish(e edition, at time.Time) publication {
	p := publication{made: at, changes: a.changes, issues: a.issues, revoked: a.revoked}
	var base publication
	if isDelta(e.path) {
		base = a.publish(edition{completePath(e.path), e.fault}, at)
		p.base = base.number
	}
	past := a.lists[e]
	if len(past) > 0 {
		last := past[len(past)-1]
		stays := a.Deltas && !isDelta(e.path) && e.path != arlPath // whatever changes
		same := last.issues == p.issues && last.base == p.base && (stays || last.changes == p.changes)
		if same && !at.Before(last.made) && at.Before(last.made.Add(a.lifetime()/2)) {
			return last
		}
	}
	a.number++
	p.number = a.number
	p.der = a.crl(completePath(e.path), p, base, e.fault).DER()
	if len(a.servers) == 1 {
		past = nil
	}
	a.lists[e] = append(past, p)
	return p
}

// crl describes the list that p is to be.
func (a *Authority) crl(path string, p, base publication, fault Fault) CRL {
	signer := a.signers[len(a.signers)-1]
	url, authorities := a.URL+path, path == arlPath
	crl := CRL{
		Issuer: signer.cert, Key: signer.key, Number: p.number, BaseNumber: p.base, ThisUpdate: fault.thisUpdate(p.made, a.lifetime()),
		Scope:   &Scope{PointName: PointName{URLs: []string{url}}, OnlyUserCerts: !authorities, OnlyCACerts: authorities},
		Entries: entriesOf(p.revoked, url, authorities),
	}
	crl.NextUpdate = crl.ThisUpdate.Add(a.lifetime())
	switch {
	case p.base != 0:
		crl.Entries = difference(entriesOf(base.revoked, url, authorities), crl.Entries)
	case a.Deltas && !authorities:
		crl.FreshestCRL = []DistributionPoint{{PointName: PointName{URLs: []string{a.URL + deltaOf(path)}}}}
	}
	switch fault {
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
	return crl
}
