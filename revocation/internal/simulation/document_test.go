// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"crypto/x509"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ocsp"

	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
)

type kind int

const (
	complete kind = iota
	delta
	answer // of an OCSP responder, about one certificate
)

const none = -1 // no number, no base

// A document is what the oracle knows of a signed document: the facts in it.
type document struct {
	id   int // in the order of making, for the printed history
	kind kind
	key  string // that signed it
	der  []byte

	issuer     string   // "Root" or "Sub CA", whose subject it bears
	places     []string // of the distribution point that it names; nil: it names none
	authority  bool     // a list for certificates of CAs only
	thisUpdate time.Time
	nextUpdate time.Time // zero: none
	producedAt time.Time // of an answer; zero: thisUpdate
	number     int64
	base       int64
	entries    map[int64]revocation.Reason

	// An answer alone.
	responder  *x509.Certificate // nil: the CA itself signed
	generation int               // of the key that issued the certificate
	serial     int64
	status     int
	reason     revocation.Reason
}

// scope identifies what a list is about, among those of its issuer and key.
func (d *document) scope() string {
	return fmt.Sprint(d.authority, strings.Join(d.places, "+"))
}

func (d *document) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "#%d ", d.id)
	switch d.kind {
	case complete:
		fmt.Fprintf(&b, "CRL %d of %s by %s", d.number, strings.Join(d.places, "+"), d.key)
	case delta:
		fmt.Fprintf(&b, "delta CRL %d (base %d) of %s by %s", d.number, d.base, strings.Join(d.places, "+"), d.key)
	case answer:
		fmt.Fprintf(&b, "OCSP answer about %d by %s: %s", d.serial, d.key, []string{"good", "revoked", "unknown"}[d.status])
		if d.status == ocsp.Revoked {
			fmt.Fprintf(&b, " (%s)", d.reason)
		}
	}
	fmt.Fprintf(&b, ", %s to ", stamp(d.thisUpdate))
	if d.nextUpdate.IsZero() {
		b.WriteString("(none)")
	} else {
		b.WriteString(stamp(d.nextUpdate))
	}
	if !d.producedAt.IsZero() && !d.producedAt.Equal(d.thisUpdate) {
		fmt.Fprintf(&b, ", produced at %s", stamp(d.producedAt))
	}
	for _, serial := range slices.Sorted(maps.Keys(d.entries)) {
		fmt.Fprintf(&b, " %d:%s", serial, d.entries[serial])
	}
	return b.String()
}

// stamp writes a time as days and hours since the beginning.
func stamp(t time.Time) string {
	d := t.Sub(epoch)
	return fmt.Sprintf("d%d+%s", int(d.Hours())/24, (d % (24 * time.Hour)).Round(time.Second))
}

// sign encodes and signs the document. freshen: the list says where the deltas are.
func (d *document) sign(freshen bool) {
	if d.kind == answer {
		d.der = d.response(nil)
		return
	}
	issuer := rootCert()
	if d.issuer != "Root" {
		var generation int
		fmt.Sscanf(d.key, "A%d", &generation)
		issuer = caCert(generation)
	}
	crl := revocationtest.CRL{
		Issuer: issuer, Key: keyOf(d.key), ThisUpdate: d.thisUpdate, NextUpdate: d.nextUpdate,
		NoNextUpdate: d.nextUpdate.IsZero(), Number: d.number, NoNumber: d.number == none,
	}
	if d.kind == delta {
		crl.BaseNumber = d.base
	}
	for _, serial := range slices.Sorted(maps.Keys(d.entries)) {
		crl.Entries = append(crl.Entries, revocationtest.Entry{Serial: big.NewInt(serial), Date: d.thisUpdate.Add(-time.Minute), Reason: d.entries[serial]})
	}
	if d.places != nil {
		crl.Scope = &revocationtest.Scope{OnlyCACerts: d.authority, OnlyUserCerts: !d.authority}
		for _, place := range d.places {
			crl.Scope.URLs = append(crl.Scope.URLs, urlsOf(place)...)
		}
		if freshen && d.kind == complete {
			for _, place := range d.places {
				crl.FreshestCRL = append(crl.FreshestCRL, freshest(placeOf(place))...)
			}
		}
	}
	d.der = crl.DER()
}

// response encodes and signs an OCSP answer, with the nonce if there is one.
func (d *document) response(nonce []byte) []byte {
	r := revocationtest.OCSPResponse{
		Issuer: caCert(d.generation), Key: keyOf(d.key), ProducedAt: d.thisUpdate, Nonce: nonce,
		Answers: []revocationtest.SingleResponse{{
			Serial: big.NewInt(d.serial), Status: d.status, Reason: d.reason, RevokedAt: d.thisUpdate.Add(-time.Minute),
			ThisUpdate: d.thisUpdate, NextUpdate: d.nextUpdate, NoNextUpdate: d.nextUpdate.IsZero(),
		}},
	}
	if r.Responder = d.responder; !d.producedAt.IsZero() {
		r.ProducedAt = d.producedAt
	}
	return r.DER()
}

// A library is all documents that were ever made, by their octets.
type library struct {
	mu        sync.Mutex
	documents []*document
	byOctets  map[string]*document
}

func (l *library) add(d *document) *document {
	l.mu.Lock()
	defer l.mu.Unlock()
	if known, ok := l.byOctets[string(d.der)]; ok {
		return known
	}
	d.id = len(l.documents)
	l.documents = append(l.documents, d)
	l.byOctets[string(d.der)] = d
	return d
}

func (l *library) find(der []byte) *document {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.byOctets[string(der)]
}

// all returns the documents in the order in which they were made.
func (l *library) all() []*document {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.documents)
}
