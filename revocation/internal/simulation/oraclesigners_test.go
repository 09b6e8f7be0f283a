// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"golang.org/x/crypto/ocsp"

	"github.com/nrlsecurity/nrlsecurity/revocation"
)

// answers returns the findings of each responder.
func (o *oracle) answers(s subject) []finding {
	latest := make(map[string]*document) // by key, those that say good or revoked
	unknown := make(map[string]*document)
	var keys []string
	for _, k := range o.known {
		d := k.document
		if d.kind != answer || d.serial != s.serial || d.generation != s.generation || s.authority ||
			d.status != ocsp.Revoked && (!o.begun(d) || d.late() && d.status == ocsp.Good) {
			continue
		}
		into := latest
		if d.status == ocsp.Unknown && o.broken != unknownTakesBack {
			into = unknown
		}
		if latest[d.key] == nil && unknown[d.key] == nil {
			keys = append(keys, d.key)
		}
		if old := into[d.key]; old == nil || d.thisUpdate.After(old.thisUpdate) ||
			d.thisUpdate.Equal(old.thisUpdate) && (d.status == ocsp.Revoked) != (o.broken == goodWinsTie) {
			into[d.key] = d
		}
	}
	var findings []finding
	for _, key := range keys {
		f := finding{key: key, byAnswer: true}
		d := latest[key]
		if d != nil && d.status == ocsp.Revoked {
			f.revocations = []revocationBy{{d, d.reason}}
		}
		if d != nil && d.status == ocsp.Good && !o.expired(d) && !o.revokedSigner(key) &&
			(unknown[key] == nil || !unknown[key].thisUpdate.After(d.thisUpdate)) &&
			(d.responder == nil || !o.at.After(d.responder.NotAfter)) {
			f.clears, f.thisUpdate = true, d.thisUpdate
		}
		findings = append(findings, f)
	}
	return findings
}

// late reports whether an answer is from after its responder's certificate expired:
// then it may only revoke.
func (d *document) late() bool {
	return d.responder != nil && d.thisUpdate.After(d.responder.NotAfter)
}

// strength orders answers by what they remove: an answer replaces earlier ones that
// are as strong at most. One that says unknown, or good after its responder's
// certificate expired, removes nothing.
func (d *document) strength() int {
	if d.status == ocsp.Unknown || d.status == ocsp.Good && d.late() {
		return 0
	}
	return 1
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
			switch r {
			case revocation.ReasonUnspecified, revocation.ReasonKeyCompromise, revocation.ReasonCACompromise, revocation.ReasonAACompromise:
				return true
			}
			return o.broken == everyReasonTaints && r != revocation.ReasonCertificateHold
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
