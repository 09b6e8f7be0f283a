// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation"
)

// The oracle decides from a set of verified documents, a path and a time, and from
// nothing else. Its rules:
//
//   - A list supersedes another of its series if neither its thisUpdate nor its
//     number is lower and one of them is higher. All that no begun list supersedes
//     are consulted; the latest that has begun decides what is good.
//   - The entries of the others stand: a hold until nextUpdate, any other until
//     superseded. A list, or an answer, that has not begun revokes.
//   - A delta CRL that is not spent revokes, combined or not; the latest that can
//     be combined, if it is current, removes, and keeps an expired list current.
//   - Across series only a hold is removed, by a later current document, once the
//     document with the hold has expired. What another series may remove, the delta
//     CRL's own may, too.
//   - Only a key that issued the certificate, or a further issuer of the operator's,
//     clears by lists. A key that is tainted clears nothing, by lists or by answers, and
//     what it revoked stands until a later current document of an untainted key clears it.
//   - OCSP: by thisUpdate within a responder's key, where a later answer takes the place
//     of a revocation; unknown takes back nothing, and neither does an answer that was
//     signed before its thisUpdate, nor any of a key that is tainted.

type verdict int

const (
	undecided verdict = iota
	good
	revoked
)

func (v verdict) String() string { return []string{"undecided", "good", "revoked"}[v] }

// A subject is a certificate that is asked about.
type subject struct {
	serial     int64
	generation int
	issuer     string
	issuerKey  string
	place      string
	authority  bool
}

// subjects returns the certificates of the leaf's path, from the root down.
func (l leafID) subjects() []subject { return subjectsOf(l) }

var subjectsOf = memo(func(l leafID) []subject {
	return []subject{
		{serial: int64(2 + l.generation), issuer: "Root", issuerKey: "R", place: "arl", authority: true},
		{serial: l.serial(), generation: l.generation, issuer: "Sub CA", issuerKey: caKey(l.generation),
			place: l.shape.place(l.partition(), l.generation)},
	}
})

type oracle struct {
	issuers map[string]bool // keys of further CRL issuers that the operator named
	renewed bool            // these have two certificates each
	at      time.Time
	known   []knownDocument
	broken  rule // of a process that is wrong on purpose; zero: none

	// apart: of lists without a scope, those from places that the certificate does not
	// name supersede none. Only another certificate says which URLs are one place, and a
	// process need not remember certificates.
	apart bool

	taints map[string]bool
}

// A knownDocument is a document and, for a list that names no distribution point,
// the place that it came from.
type knownDocument struct {
	*document
	place string
}

// from returns the document as it is known by what came from a place. An answer, and
// a list that names its distribution point, is the same wherever it came from.
func (d *document) from(place string) knownDocument {
	if d.kind == answer || d.places != nil {
		place = ""
	}
	return knownDocument{d, place}
}

// path decides about a leaf and its CA.
func (o *oracle) path(l leafID) verdict {
	for _, s := range l.subjects() {
		if v := o.certificate(s); v != good {
			return v
		}
	}
	return good
}

// allows reports whether a process may answer so. From the CA down, the first
// certificate that is not good decides; where that is a CA of which nothing is known,
// it is a refusal in any case, and what is known of the leaf may be named for it.
func (o *oracle) allows(l leafID, got verdict) bool {
	v := o.path(l)
	if v == undecided && got == revoked {
		return o.certificate(l.subjects()[0]) == undecided
	}
	return v == got
}

// A finding is what one series says of a certificate.
type finding struct {
	revocations []revocationBy
	clears      bool
	byAnswer    bool      // of OCSP, else by lists
	thisUpdate  time.Time // of what clears
	key         string
}

type revocationBy struct {
	doc    *document
	reason revocation.Reason
}

func (o *oracle) certificate(s subject) verdict {
	findings := append(o.lists(s), o.answers(s)...)
	var clears []finding
	for _, f := range findings {
		if f.clears && !o.tainted(f.key) {
			clears = append(clears, f)
		}
	}
	later := func(d *document) bool {
		for _, f := range clears {
			if f.byAnswer != (d.kind == answer) {
				continue // what one source knows to be revoked is revoked, whatever another says
			}
			if f.thisUpdate.After(d.thisUpdate) || o.broken == olderClears {
				return true
			}
		}
		return false
	}
	for _, f := range findings {
		for _, r := range f.revocations {
			switch {
			case o.tainted(f.key):
				if !later(r.doc) && o.broken != taintedForgotten {
					return revoked
				}
			case r.reason == revocation.ReasonCertificateHold || o.broken == acrossSeries:
				if o.broken == holdsForEver || !(o.expired(r.doc) || o.broken == holdsEndEarly) || !later(r.doc) {
					return revoked
				}
			default:
				return revoked
			}
		}
	}
	if len(clears) > 0 {
		return good
	}
	return undecided
}

func (o *oracle) begun(d *document) bool {
	return !d.thisUpdate.After(o.at.Add(5*time.Minute)) && !d.producedAt.After(o.at.Add(5*time.Minute))
}
func (o *oracle) expired(d *document) bool {
	if d.kind == answer && d.nextUpdate.IsZero() {
		return o.at.After(d.thisUpdate.Add(time.Hour))
	}
	return d.nextUpdate.IsZero() || o.at.After(d.nextUpdate)
}

// supersedes compares two lists of a series.
func (o *oracle) supersedes(y, x *document) bool {
	switch o.broken {
	case timeAlone:
		return y.thisUpdate.After(x.thisUpdate)
	case numberAlone:
		return y.number > x.number
	}
	return !y.thisUpdate.Before(x.thisUpdate) && y.number >= x.number && (y.thisUpdate.After(x.thisUpdate) || y.number > x.number)
}

// lists returns the findings of each series of lists.
func (o *oracle) lists(s subject) []finding {
	type series struct {
		key, scope, place string
	}
	var order []series
	members := make(map[series][]*document)
	for _, k := range o.known {
		if k.kind == answer || k.issuer != s.issuer || !o.speaks(s, k.key) {
			continue
		}
		id := series{k.key, k.scope(), k.place}
		if len(members[id]) == 0 {
			order = append(order, id)
		}
		members[id] = append(members[id], k.document)
	}
	var findings []finding
	for _, id := range order {
		findings = append(findings, o.series(s, id.place, members[id]))
	}
	return findings
}

func (o *oracle) series(s subject, place string, members []*document) finding {
	f := finding{key: members[0].key}
	var lists, deltas, deciding []*document
	for _, d := range members {
		if d.kind == delta {
			deltas = append(deltas, d)
		} else {
			lists = append(lists, d)
		}
	}
	var consulted []*document
	for _, x := range lists {
		elsewhere := o.apart && x.places == nil && place != "" && place != s.place
		if elsewhere || !o.any(lists, func(y *document) bool { return o.begun(y) && o.supersedes(y, x) }) {
			consulted = append(consulted, x)
		}
	}
	for _, x := range consulted {
		if !o.begun(x) {
			continue
		}
		switch {
		case len(deciding) == 0 || later(x, deciding[0]):
			deciding = []*document{x}
		case !later(deciding[0], x):
			deciding = append(deciding, x)
		}
	}
	unspent, combined := o.deltas(lists, deltas, deciding)
	decided := false // that it is revoked, by the lists that decide
	for _, x := range consulted {
		reason, listed := x.entries[s.serial]
		if !listed {
			continue
		}
		if contains(deciding, x) {
			if combined == nil || combined.entries[s.serial] != revocation.ReasonRemoveFromCRL {
				f.revocations, decided = append(f.revocations, revocationBy{x, reason}), true
			}
			continue
		}
		if o.broken == onlyLatest || o.broken == futureIgnored && !o.begun(x) {
			continue
		}
		if reason != revocation.ReasonCertificateHold || !o.expired(x) || o.broken == staleHolds {
			f.revocations = append(f.revocations, revocationBy{x, reason})
		}
	}
	for _, d := range unspent {
		reason, listed := d.entries[s.serial]
		if !listed || reason == revocation.ReasonRemoveFromCRL || o.broken == uncombinedIgnored && d != combined {
			continue
		}
		f.revocations = append(f.revocations, revocationBy{d, reason})
	}
	if len(deciding) == 0 || decided || !o.mayClear(s, f.key) || !covers(deciding[0], s, place) {
		return f
	}
	f.thisUpdate = deciding[0].thisUpdate
	f.clears = !o.expired(deciding[0])
	for _, d := range deciding[1:] {
		f.clears = f.clears && !o.expired(d)
	}
	if combined != nil && o.broken != deltaDoesNotExtend {
		f.clears, f.thisUpdate = true, combined.thisUpdate
	}
	return f
}

// replaced reports whether a document that has begun, among those of which some may
// be of its series, has made d superfluous. Where lists without a scope came from is
// passed over.
func (o *oracle) replaced(d *document, by []*document) bool {
	return o.any(by, func(y *document) bool {
		if y == d || y.issuer != d.issuer || y.key != d.key || o.at.Before(y.thisUpdate) || o.at.Before(y.producedAt) || (y.kind == answer) != (d.kind == answer) {
			return false
		}
		switch {
		case y.kind == answer:
			return y.serial == d.serial && y.generation == d.generation && y.thisUpdate.After(d.thisUpdate) && y.saysAsMuch(d)
		case y.scope() != d.scope():
			return false
		case y.kind == d.kind:
			return o.supersedes(y, d) && y.base <= d.base
		}
		return d.kind == delta && y.number >= d.number && !y.thisUpdate.Before(d.thisUpdate)
	})
}

// later orders the lists that are consulted by thisUpdate, then by number.
func later(x, y *document) bool {
	if !x.thisUpdate.Equal(y.thisUpdate) {
		return x.thisUpdate.After(y.thisUpdate)
	}
	return x.number > y.number
}

// deltas returns those that are not spent, and the one that is combined.
func (o *oracle) deltas(lists, deltas, deciding []*document) (unspent []*document, combined *document) {
	for _, d := range deltas {
		spent := o.any(lists, func(c *document) bool {
			return o.begun(c) && c.number >= d.number && (!c.thisUpdate.Before(d.thisUpdate) || o.broken == spentByNumber)
		}) || o.any(deltas, func(e *document) bool {
			return o.begun(e) && o.supersedes(e, d) && (e.base <= d.base || o.broken == spentByLaterBase)
		})
		if spent {
			continue
		}
		unspent = append(unspent, d)
		if len(deciding) == 0 || !o.begun(d) {
			continue
		}
		for _, c := range deciding {
			if !(d.base <= c.number || o.broken == anyBase) || c.number >= d.number || d.thisUpdate.Before(c.thisUpdate) {
				continue
			}
			if combined == nil || later(d, combined) {
				combined = d
			}
		}
	}
	if combined != nil && o.expired(combined) && o.broken != expiredDeltaRemoves {
		combined = nil // an earlier one does not remove what it may have been published for
	}
	return unspent, combined
}

// speaks reports whether the path of a certificate, or the further issuers, have a
// certificate of a key: no other may sign for it, not even to revoke.
func (o *oracle) speaks(s subject, key string) bool {
	return key == "R" || key == s.issuerKey || o.issuers[key]
}

// mayClear reports whether a list signed by the key clears the certificate.
func (o *oracle) mayClear(s subject, key string) bool {
	if key == s.issuerKey || o.broken == anyKeyClears {
		return true
	}
	return o.issuers[key] && !o.revokedSigner(key)
}

// covers reports whether a list is authoritative for the certificate.
func covers(d *document, s subject, place string) bool {
	if d.places == nil {
		return place == s.place || place == ""
	}
	if d.authority != s.authority {
		return false
	}
	for _, p := range d.places {
		if placeOf(p) == s.place {
			return true
		}
	}
	return false
}

func (o *oracle) any(documents []*document, is func(*document) bool) bool {
	for _, d := range documents {
		if is(d) {
			return true
		}
	}
	return false
}

func contains(documents []*document, d *document) bool {
	for _, x := range documents {
		if x == d {
			return true
		}
	}
	return false
}
