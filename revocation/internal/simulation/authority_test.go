// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"fmt"
	"maps"
	"time"

	"golang.org/x/crypto/ocsp"

	"github.com/nrlsecurity/nrlsecurity/revocation"
)

// How CAs go on after a key roll-over.
const (
	oneList    = iota // the new key signs one list for all certificates
	bothKeys          // each key signs a list of all for a while, then the new one alone
	listPerKey        // each key signs a list of its own certificates, as AD CS does
)

// How the CA cuts its partitions.
const (
	byPartition = iota
	inOne       // one list for both partitions
	byMirror    // the list at each mirror names that mirror's URL alone
	cuts
)

// caState is what a CA restores from a backup.
type caState struct {
	revoked map[int64]revocation.Reason
	numbers map[string]int64     // by series
	bases   map[string]*document // latest complete list, by series
}

func (s caState) clone() caState {
	return caState{maps.Clone(s.revoked), maps.Clone(s.numbers), maps.Clone(s.bases)}
}

// A posting is a document at the CA's own site.
type posting struct {
	at  time.Time // when it appeared
	doc *document
}

// An authority is the CA with its root, and the site that the mirrors copy.
type authority struct {
	w          *world
	shape      shape
	way        int
	unscoped   bool // lists name no distribution point
	numberless bool // and no number
	life       time.Duration
	deltaLife  time.Duration

	generation int // newest key
	retired    int // keys below this one sign no more
	cut        int
	skew       time.Duration // how far the CA's clock is ahead
	state      caState
	backup     *caState
	past       []pastState           // of revoked, for a responder that lags
	last       [partitions]time.Time // when a complete list was last made
	lastDelta  [partitions]time.Time // when any list was
	lastOwn    time.Time             // when the root's was
	site       [mirrors]map[string][]posting
}

type pastState struct {
	at      time.Time
	revoked map[int64]revocation.Reason
}

func newAuthority(w *world, c config) *authority {
	a := &authority{w: w, shape: c.shape, way: c.way, unscoped: c.unscoped, numberless: c.numberless, life: c.life, deltaLife: c.life / 4,
		state: caState{map[int64]revocation.Reason{}, map[string]int64{}, map[string]*document{}}}
	for i := range a.site {
		a.site[i] = make(map[string][]posting)
	}
	a.remember()
	a.publishAuthorities()
	for p := range partitions {
		a.publish(p, publication{})
	}
	return a
}

func (a *authority) now() time.Time { return a.w.now().Add(a.skew).Truncate(time.Second) }

// set revokes a certificate, or releases it with ReasonRemoveFromCRL.
func (a *authority) set(serial int64, reason revocation.Reason) {
	if old, ok := a.state.revoked[serial]; ok && reason == revocation.ReasonCertificateHold && old != reason {
		return // a revocation does not become a hold
	}
	if reason == revocation.ReasonRemoveFromCRL {
		delete(a.state.revoked, serial)
	} else {
		a.state.revoked[serial] = reason
	}
	a.remember()
}

func (a *authority) remember() {
	a.past = append(a.past, pastState{a.w.now(), maps.Clone(a.state.revoked)})
}

// roll makes a new key sign; the old ones go on as the CA's way is.
func (a *authority) roll() {
	if a.generation+1 < generations {
		a.generation++
	}
}

// A publication is how one list differs from an ordinary one.
type publication struct {
	ahead        time.Duration // thisUpdate lies so far ahead of the CA's clock
	appears      time.Duration // when it is put on the site, from now
	delta        bool
	onOldBase    bool // of a delta: the base is an earlier list than the latest
	noNextUpdate bool
	life         time.Duration // zero: as the CA's lists have it
}

// publish makes the lists of a partition, one for each key that signs.
func (a *authority) publish(partition int, p publication) {
	if a.lastDelta[partition] = a.w.now(); !p.delta {
		a.last[partition] = a.w.now()
	}
	if a.cut == inOne {
		partition = 0
	}
	switch a.way {
	case oneList:
		a.publishFor(a.generation, partition, p)
	case bothKeys:
		for g := a.retired; g <= a.generation; g++ {
			a.publishFor(g, partition, p)
		}
	case listPerKey:
		for g := range a.generation + 1 {
			a.publishFor(g, partition, p)
		}
	}
}

// goOn publishes what a CA that is punctual has published by now.
func (a *authority) goOn() {
	if !a.w.config.punctual {
		return
	}
	for p := range partitions {
		if a.w.now().Sub(a.last[p]) > a.life/2 {
			a.publish(p, publication{})
		} else if a.w.config.deltas && a.w.now().Sub(a.lastDelta[p]) > a.deltaLife/2 {
			a.publish(p, publication{delta: true})
		}
	}
	if a.w.now().Sub(a.lastOwn) > a.life/2 {
		a.publishAuthorities()
	}
}

// publishFor makes the list that one key signs.
func (a *authority) publishFor(generation, partition int, p publication) {
	in := []int{partition}
	if a.cut == inOne {
		in = []int{0, 1}
	}
	var scope, at []string
	for _, q := range in {
		switch a.way {
		case oneList:
			scope = append(scope, a.shape.place(q, 0))
			at = scope
		case listPerKey:
			scope = append(scope, a.shape.place(q, generation))
			at = scope
		case bothKeys:
			for g := range generations {
				scope = append(scope, a.shape.place(q, g))
				if g == generation || g < a.retired && generation == a.generation {
					at = append(at, a.shape.place(q, g))
				}
			}
		}
	}
	entries := make(map[int64]revocation.Reason)
	for serial, reason := range a.state.revoked {
		q, g, ok := locate(serial)
		if ok && (a.cut == inOne || q == partition) && (a.way != listPerKey || g == generation) {
			entries[serial] = reason
		}
	}
	d := document{kind: complete, key: caKey(generation), issuer: "Sub CA", entries: entries}
	if a.cut == byMirror {
		for m := range mirrors {
			own := d
			for _, place := range scope {
				own.places = append(own.places, ownPlace(m, place))
			}
			a.post(own, p, at, m, m+1)
		}
		return
	}
	if !a.unscoped {
		d.places = scope
	}
	a.post(d, p, at, 0, mirrors)
}

// post completes, signs and puts on the site the list that d begins.
func (a *authority) post(d document, p publication, at []string, from, to int) {
	series := d.key + d.scope()
	if d.places == nil {
		series += fmt.Sprint(at)
	}
	life := a.life
	if base := a.state.bases[series]; p.delta {
		if base == nil || a.unscoped || a.numberless {
			return
		}
		if p.onOldBase {
			for _, older := range a.w.library.all() {
				if older.kind == complete && older.key == base.key && older.scope() == base.scope() && older.number < base.number {
					base = older
				}
			}
		}
		d.kind, d.base, life = delta, base.number, a.deltaLife
		d.entries = difference(base.entries, d.entries)
	}
	a.state.numbers[series]++
	if p.life > 0 {
		life = p.life
	}
	d.number = a.state.numbers[series]
	if a.numberless {
		d.number = none
	}
	d.thisUpdate = a.now().Add(p.ahead)
	if !p.noNextUpdate {
		d.nextUpdate = d.thisUpdate.Add(life)
	}
	d.sign(a.w.config.deltas && !a.shape.Freshen)
	doc := a.w.library.add(&d)
	if d.kind == complete {
		a.state.bases[series] = doc
	}
	for m := from; m < to; m++ {
		for _, place := range at {
			if d.kind == delta {
				place = "d" + place
			}
			a.site[m][place] = append(a.site[m][place], posting{a.w.now().Add(p.appears), doc})
		}
	}
}

// publishAuthorities makes the root's list.
func (a *authority) publishAuthorities() {
	a.lastOwn = a.w.now()
	entries := make(map[int64]revocation.Reason)
	for serial, reason := range a.state.revoked {
		if serial < int64(2+2*generations) {
			entries[serial] = reason
		}
	}
	var p publication
	if a.w.config.byHand { // so that most checks are about the leaves
		p.life = 60 * 24 * time.Hour
	}
	a.post(document{kind: complete, key: "R", issuer: "Root", places: []string{"arl"}, authority: true, entries: entries},
		p, []string{"arl"}, 0, mirrors)
}

// difference returns the entries of a delta CRL.
func difference(base, now map[int64]revocation.Reason) map[int64]revocation.Reason {
	entries := make(map[int64]revocation.Reason)
	for serial, reason := range now {
		if old, listed := base[serial]; !listed || old != reason {
			entries[serial] = reason
		}
	}
	for serial := range base {
		if _, listed := now[serial]; !listed {
			entries[serial] = revocation.ReasonRemoveFromCRL
		}
	}
	return entries
}

// locate returns the partition and generation of a certificate that the CA issued.
func locate(serial int64) (partition, generation int, ok bool) {
	switch {
	case serial >= 100:
		return int(serial%10) % partitions, int(serial-100) / 10, true
	case serial >= 50:
		return 0, int(serial - 50), true
	}
	return 0, 0, false
}

// answer is the responder's answer as of some time ago.
func (a *authority) answer(serial int64, lag time.Duration, nonce []byte) *document {
	_, generation, _ := locate(serial)
	revokedThen := a.past[0].revoked
	for _, p := range a.past {
		if !p.at.After(a.w.now().Add(-lag)) {
			revokedThen = p.revoked
		}
	}
	d := document{kind: answer, issuer: "Sub CA", key: caKey(generation), generation: generation, serial: serial,
		thisUpdate: a.w.now().Add(-lag).Truncate(time.Second), number: none, base: none}
	if d.thisUpdate.Before(epoch) {
		d.thisUpdate = epoch
	}
	d.nextUpdate = d.thisUpdate.Add(a.w.config.ocspLife)
	if a.w.config.ocspLife == 0 {
		d.nextUpdate = time.Time{}
	}
	if reason, ok := revokedThen[serial]; ok {
		d.status, d.reason = ocsp.Revoked, reason
	}
	if _, lost := a.state.revoked[responderSerial(generation)]; a.w.config.delegated && !lost {
		if cert := responderCert(leafID{shape: shape{PerKey: a.shape.PerKey, Short: a.shape.Short}, generation: generation}); !a.w.now().After(cert.NotAfter) {
			d.key, d.responder = responderKey(generation), cert
		}
	}
	d.der = d.response(nonce)
	return a.w.library.add(&d)
}
