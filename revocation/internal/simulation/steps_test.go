// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/crypto/ocsp"

	"github.com/nrlsecurity/nrlsecurity/revocation"
)

// A step is one thing that happens, some time after the one before. What it means
// depends on its numbers and on the world alone, so that a history from which
// steps were removed is a history, too.
type step struct {
	after  time.Duration
	asleep time.Duration // for so long, before that, all machines are suspended
	verb   int
	a, b   int
	d      time.Duration
}

func (s step) String() string { return fmt.Sprintf("%s %d %d %s", verbs[s.verb].name, s.a, s.b, s.d) }

// A history is a world's config and what happens in it.
type history struct {
	config config
	steps  []step
}

// A verb is a kind of step.
type verb struct {
	name   string
	weight int
	do     func(*world, step)
}

func (w *world) node(s step) *node { return w.nodes[s.a%nodes] }

// verbs are looked up by number; named gives the number of a name.
var verbs []verb

func init() {
	verbs = []verb{
		// What the CA does.
		{"revoke leaf", 10, func(w *world, s step) { w.ca.set(w.leaf(s.a).serial(), permanent(s.b)) }},
		{"hold leaf", 6, func(w *world, s step) { w.ca.set(w.leaf(s.a).serial(), revocation.ReasonCertificateHold) }},
		{"release leaf", 6, func(w *world, s step) { w.ca.set(w.leaf(s.a).serial(), revocation.ReasonRemoveFromCRL) }},
		{"publish list", 16, func(w *world, s step) { w.ca.publish(s.a%partitions, publication{}) }},
		{"publish delta", 14, func(w *world, s step) {
			if w.config.deltas {
				w.ca.publish(s.a%partitions, publication{delta: true, onOldBase: s.b%3 == 0})
			}
		}},
		{"publish both", 4, func(w *world, s step) {
			w.ca.publish(s.a%partitions, publication{})
			if w.config.deltas {
				w.ca.publish(s.a%partitions, publication{delta: true})
			}
		}},
		{"publish the root's list", 4, func(w *world, s step) { w.ca.publishAuthorities() }},
		{"publish early", 2, func(w *world, s step) { w.ca.publish(s.a%partitions, publication{ahead: s.d % (12 * time.Hour)}) }},
		{"sign in advance", 2, func(w *world, s step) {
			for i := 1; i <= 2; i++ {
				later := time.Duration(i) * w.config.life / 2
				w.ca.publish(s.a%partitions, publication{ahead: later, appears: later})
			}
		}},
		{"mis-date a list", 2, func(w *world, s step) { w.ca.publish(s.a%partitions, publication{ahead: 30 * 24 * time.Hour}) }},
		{"publish without nextUpdate", 1, func(w *world, s step) { w.ca.publish(s.a%partitions, publication{noNextUpdate: true}) }},
		{"CA's clock", 3, func(w *world, s step) {
			w.ca.skew = []time.Duration{0, 4 * time.Minute, 20 * time.Minute, 3 * time.Hour}[s.b%4]
		}},
		{"roll keys", 3, func(w *world, s step) {
			w.ca.roll()
			for p := range partitions {
				w.ca.publish(p, publication{})
			}
		}},
		{"retire old keys", 2, func(w *world, s step) {
			w.ca.retired = w.ca.generation
			for p := range partitions {
				w.ca.publish(p, publication{})
			}
		}},
		{"cut partitions", 2, func(w *world, s step) {
			if !w.config.unscoped {
				w.ca.cut = s.b % cuts
			}
		}},
		{"back up", 3, func(w *world, s step) { b := w.ca.state.clone(); w.ca.backup = &b }},
		{"restore", 2, func(w *world, s step) {
			if w.ca.backup != nil {
				w.ca.state = w.ca.backup.clone()
				w.ca.remember()
			}
		}},
		{"begin numbers anew", 1, func(w *world, s step) { clear(w.ca.state.numbers) }},
		{"revoke responder", 2, func(w *world, s step) { w.ca.set(responderSerial(s.a%(w.ca.generation+1)), permanent(s.b)) }},
		{"revoke CA", 1, func(w *world, s step) {
			w.ca.set(int64(2+s.a%(w.ca.generation+1)), permanent(s.b))
			w.ca.publishAuthorities()
		}},
		// What the network and the attacker do.
		{"mirror", 12, func(w *world, s step) {
			h := w.hosts[mirrorHost(s.a%mirrors)]
			h.change(func() {
				if h.mode = mode(s.b % int(modes)); h.mode == swapped && w.config.unscoped {
					h.mode = honest
				}
			})
		}},
		{"heal", 12, func(w *world, s step) {
			for _, h := range w.hosts {
				if h.mode != honest || h.lag != 0 || len(h.replay) > 0 {
					h.change(func() { h.mode, h.lag = honest, 0; clear(h.replay) })
				}
			}
		}},
		{"lag", 5, func(w *world, s step) {
			h := w.hosts[mirrorHost(s.a%mirrors)]
			h.change(func() { h.lag = s.d })
		}},
		{"responder", 4, func(w *world, s step) {
			h := w.hosts[responderHost]
			h.change(func() { h.mode, h.lag = mode(s.b%int(unmodified)), s.d%(12*time.Hour)*time.Duration(s.a%2) })
		}},
		{"block", 3, func(w *world, s step) {
			for _, h := range w.hosts {
				h.change(func() { h.mode = []mode{failing, hanging}[s.b%2] })
			}
		}},
		{"replay", 6, func(w *world, s step) {
			documents := w.library.all()
			d := documents[s.b%len(documents)]
			if d.kind == answer {
				w.hosts[responderHost].change(func() { w.hosts[responderHost].replay[fmt.Sprint(d.serial)] = d })
			} else if d.places != nil {
				h := w.hosts[mirrorHost(s.a%mirrors)]
				prefix := ""
				if d.kind == delta {
					prefix = "d"
				}
				h.change(func() { h.replay[prefix+placeOf(d.places[0])] = d })
			}
		}},
		{"attacker's responder", 5, func(w *world, s step) {
			if d := w.forge(s); d != nil {
				h := w.hosts[responderHost]
				h.change(func() { h.replay[fmt.Sprint(d.serial)] = d })
			}
		}},
		// What processes and operators do.
		{"start", 8, func(w *world, s step) { w.node(s).start() }},
		{"stop", 3, func(w *world, s step) { w.node(s).end() }},
		{"restart", 5, func(w *world, s step) { w.node(s).end(); w.node(s).start() }},
		{"set clock", 3, func(w *world, s step) {
			ahead := []time.Duration{0, 2 * time.Hour, -2 * time.Hour, 8 * time.Hour}[s.b%4]
			w.node(s).skew.Store(int64(ahead))
			w.node(s).turn = time.Now()
		}},
		{"add", 6, func(w *world, s step) {
			documents := w.library.all()
			w.add(w.node(s), documents[s.b%len(documents)])
		}},
		{"flush store", 2, func(w *world, s step) { w.node(s).store.flush() }},
		{"evict", 3, func(w *world, s step) { w.node(s).store.evict(s.b) }},
		{"replicate", 2, func(w *world, s step) { w.node(s).store.copy() }},
		{"promote replica", 2, func(w *world, s step) { w.node(s).store.promote() }},
		{"store", 3, func(w *world, s step) {
			w.node(s).store.fault(s.b%4 == 0, s.b%4 == 1)
		}},
		{"check", 60, func(w *world, s step) { w.check(w.node(s), w.leaf(s.b), nil) }},
		{"check stapled", 5, func(w *world, s step) {
			leaf := w.leaf(s.b)
			if w.config.shape.OCSP {
				w.check(w.node(s), leaf, w.ca.answer(leaf.serial(), s.d, nil))
			}
		}},
		{"check all", 12, func(w *world, s step) {
			for i := range leavesEach * (w.ca.generation + 1) {
				w.check(w.node(s), w.leaf(i), nil)
			}
		}},
		{"compare", 5, func(w *world, s step) { w.compare(w.node(s)) }},
	}
	verbs = append(verbs, byHandVerbs()...)
}

// forge is an answer of an attacker who has the delegated responder's key.
func (w *world) forge(s step) *document {
	leaf := w.leaf(s.a)
	if !w.config.delegated || leaf.generation != 0 {
		return nil
	}
	d := document{kind: answer, issuer: "Sub CA", key: responderKey(0), generation: 0, serial: leaf.serial(), number: none, base: none,
		responder:  responderCert(leafID{shape: shape{PerKey: w.config.shape.PerKey, Short: w.config.shape.Short}, generation: 0}),
		thisUpdate: w.now().Truncate(time.Second)}
	d.nextUpdate = d.thisUpdate.Add(48 * time.Hour)
	if w.config.byHand {
		d.nextUpdate = d.thisUpdate.Add([]time.Duration{time.Hour, 12 * time.Hour, 48 * time.Hour}[s.b/128%3])
		d.producedAt = d.thisUpdate.Add([]time.Duration{0, 0, 0, 4 * time.Minute, 20 * time.Minute, 36 * time.Hour}[s.b/16%6])
		if s.b/1024%4 == 3 { // signed in advance
			d.producedAt = d.thisUpdate.Add(-36 * time.Hour)
		}
	}
	if s.b%3 == 0 {
		d.status, d.reason = ocsp.Revoked, permanent(s.b/3)
	} else if s.b%3 == 1 {
		d.status = ocsp.Unknown
	}
	d.der = d.response(nil)
	return w.library.add(&d)
}

// add gives a document to a process, as an operator does with a file.
func (w *world) add(n *node, d *document) {
	if d.kind != answer {
		w.addFile(n, []*document{d})
		return
	}
	if n.process == nil {
		return
	}
	switch err := n.process.add(d); {
	case err == nil:
		n.learn(d, surely, "")
	case !errors.Is(err, revocation.ErrTooLarge): // too many wait for a question to be verified
		w.fail("Add(%s): %v", d, err)
	}
}

// addFile gives lists to a process, in one file.
func (w *world) addFile(n *node, lists []*document) {
	lists = slices.DeleteFunc(slices.Clone(lists), func(d *document) bool { return d.places == nil })
	if n.process == nil || len(lists) == 0 {
		return
	}
	err := n.process.add(lists...)
	how := surely
	switch {
	case errors.Is(err, revocation.ErrTooLarge): // too many wait for a question to be verified
		if how = perhaps; len(lists) == 1 {
			return
		}
	case err != nil:
		w.fail("Add(%s): %v", list(undirected(lists)), err)
	}
	for _, d := range lists {
		n.learn(d, how, "")
	}
}
