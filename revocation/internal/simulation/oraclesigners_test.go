// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"golang.org/x/crypto/ocsp"

	"github.com/nrlsecurity/nrlsecurity/revocation"
)

// said is what one responder says of a certificate: of each kind the latest.
type said struct {
	good    *document
	removes *document // takes back what the responder revoked before
	revoked *document
	unknown *document

	revocations []*document
}

// answers returns the findings of each responder.
func (o *oracle) answers(s subject) []finding {
	by := make(map[string]*said)
	var keys []string
	latest := func(old **document, d *document) {
		if *old == nil || d.thisUpdate.After((*old).thisUpdate) ||
			d.status == ocsp.Good && d.thisUpdate.Equal((*old).thisUpdate) && o.expired(*old) { // of two, one that is current clears
			*old = d
		}
	}
	for _, k := range o.known {
		d := k.document
		if d.kind != answer || d.serial != s.serial || d.generation != s.generation || s.authority ||
			d.status != ocsp.Revoked && (!o.begun(d) || d.late() && d.status == ocsp.Good) {
			continue
		}
		a := by[d.key]
		if a == nil {
			a = &said{}
			by[d.key], keys = a, append(keys, d.key)
		}
		if d.status != ocsp.Unknown && o.begun(d) && !d.late() && (!d.ahead() || o.broken == aheadTakesBack) {
			latest(&a.removes, d)
		}
		switch {
		case d.status == ocsp.Revoked:
			latest(&a.revoked, d)
			a.revocations = append(a.revocations, d)
		case d.status == ocsp.Good:
			latest(&a.good, d)
		case o.broken == unknownTakesBack:
			latest(&a.removes, d)
		default:
			latest(&a.unknown, d)
		}
	}
	var findings []finding
	for _, key := range keys {
		a, f := by[key], finding{key: key, byAnswer: true}
		after := func(d, revoked *document) bool {
			return d != nil && (revoked == nil || d.thisUpdate.After(revoked.thisUpdate) ||
				o.broken == goodWinsTie && d.status != ocsp.Revoked && d.thisUpdate.Equal(revoked.thisUpdate))
		}
		for _, d := range a.revocations {
			if !after(a.removes, d) || o.broken != taintedTakesBack && o.tainted(key) {
				f.revocations = append(f.revocations, revocationBy{d, d.reason})
			}
		}
		if d := a.good; after(d, a.revoked) && !o.expired(d) && !o.revokedSigner(key) &&
			(a.unknown == nil || !a.unknown.thisUpdate.After(d.thisUpdate)) &&
			(d.responder == nil || !o.at.After(d.responder.NotAfter)) {
			f.clears, f.thisUpdate = true, d.thisUpdate
		}
		findings = append(findings, f)
	}
	return findings
}

// ahead reports whether an answer was signed before its thisUpdate. Then it takes
// nothing back.
func (d *document) ahead() bool { return !d.producedAt.IsZero() && d.producedAt.Before(d.thisUpdate) }

// late reports whether an answer is from after its responder's certificate expired:
// then it may only revoke.
func (d *document) late() bool {
	return d.responder != nil && d.thisUpdate.After(d.responder.NotAfter)
}

// saysAsMuch reports whether an answer, later than another of its responder, makes that
// superfluous, whatever is found out about the key: a revocation is so by one that is no
// less severe, and a good answer that takes back revocations by another one that does.
func (d *document) saysAsMuch(earlier *document) bool {
	switch {
	case earlier.status == ocsp.Revoked:
		return d.status == ocsp.Revoked && severity(d.reason) >= severity(earlier.reason)
	case earlier.status == ocsp.Good && !earlier.late() && !earlier.ahead():
		return d.status == ocsp.Good && !d.late() && !d.ahead()
	}
	return true
}

// severity orders the reasons of revocations by what they say of the key.
func severity(r revocation.Reason) int {
	switch {
	case r == revocation.ReasonCertificateHold:
		return 0
	case taints(r):
		return 2
	}
	return 1
}

// taints reports whether a revocation for a reason says that a key is in other hands.
func taints(r revocation.Reason) bool {
	switch r {
	case revocation.ReasonUnspecified, revocation.ReasonKeyCompromise, revocation.ReasonCACompromise, revocation.ReasonAACompromise:
		return true
	}
	return false
}

// keyCertificates returns the certificates of a key that signs, as far as the path
// and the further issuers have them.
func (o *oracle) keyCertificates(key string) []subject {
	generation := int(key[len(key)-1] - '0')
	switch key[0] {
	case 'A':
		certs := []subject{{serial: int64(2 + generation), issuer: "Root", issuerKey: "R", authority: true}}
		if o.renewed {
			certs = append(certs, subject{serial: renewedSerial(generation), issuer: "Root", issuerKey: "R", authority: true})
		}
		return certs
	case 'D':
		return []subject{{serial: responderSerial(generation), generation: generation, issuer: "Sub CA", issuerKey: caKey(generation)}}
	}
	return nil
}

// revokedSigner reports whether documents by other keys list all the certificates
// of a key, for whatever reason, holds included.
func (o *oracle) revokedSigner(key string) bool {
	certs := o.keyCertificates(key)
	for _, s := range certs {
		if !o.listed(key, s, func(revocation.Reason) bool { return true }) {
			return false
		}
	}
	return len(certs) > 0 && o.broken != revokedSignerClears
}

// tainted reports whether the key is known to be in other hands.
func (o *oracle) tainted(key string) bool {
	if t, ok := o.taints[key]; ok {
		return t
	}
	t := false
	for _, s := range o.keyCertificates(key) {
		t = t || o.broken != taintIgnored && o.listed(key, s, func(r revocation.Reason) bool {
			return taints(r) || o.broken == everyReasonTaints && r != revocation.ReasonCertificateHold
		})
	}
	if o.taints == nil {
		o.taints = make(map[string]bool)
	}
	o.taints[key] = t
	return t
}

func (o *oracle) listed(key string, s subject, counts func(revocation.Reason) bool) bool {
	for _, f := range o.lists(s) {
		for _, r := range f.revocations {
			if r.doc.key != key && counts(r.reason) {
				return true
			}
		}
	}
	return false
}
