// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"math/rand/v2"
	"time"
)

// byHand is the remainder, divided by two, of the seeds of histories by hand.
const byHand = 1

// randomHistory is the history of a seed. Every other one is by hand: without a
// network it is certain what a process knows, and a history is twice as fast, so
// that these try the rules about documents, and the others what is asked when.
func randomHistory(seed uint64) history {
	r := rand.New(rand.NewPCG(seed, 1))
	if seed%2 == byHand {
		return byHandHistory(r)
	}
	h := history{config: randomConfig(r)}
	for range 15 + r.IntN(45) {
		s := step{verb: choose(r, func(v *verb) int { return v.weight }), a: r.IntN(1 << 20), b: r.IntN(1 << 20), d: time.Duration(r.IntN(72*60)) * time.Minute}
		s.after = []time.Duration{0, 0, time.Second, time.Second, 10 * time.Second, 10 * time.Second, time.Minute, time.Minute,
			10 * time.Minute, 10 * time.Minute, 30 * time.Minute, 70 * time.Minute}[r.IntN(12)]
		if r.IntN(4) == 0 {
			s.asleep = []time.Duration{time.Hour, 6 * time.Hour, h.config.life / 4, h.config.life / 2, h.config.life, 25 * time.Hour}[r.IntN(6)]
		}
		if h.config.awake {
			s.after, s.asleep = s.after+s.asleep, 0
		}
		h.steps = append(h.steps, s)
	}
	return h
}

// choose returns the number of a verb, at random by weight.
func choose(r *rand.Rand, weight func(*verb) int) int {
	total := 0
	for i := range verbs {
		total += weight(&verbs[i])
	}
	x := r.IntN(total)
	for i := range verbs {
		if x -= weight(&verbs[i]); x < 0 {
			return i
		}
	}
	panic("the weights have changed")
}

// byHandWeights are the weights of the verbs in a history by hand.
var byHandWeights = map[string]int{
	"revoke leaf": 10, "hold leaf": 14, "release leaf": 12, "publish the root's list": 4, "CA's clock": 6, "roll keys": 3, "retire old keys": 1,
	"cut partitions": 1, "back up": 3, "restore": 3, "begin numbers anew": 1, "revoke responder": 3, "revoke CA": 1, "revoke renewed CA": 2,
	"start": 2, "stop": 1, "restart": 3, "set clock": 2, "flush store": 1, "evict": 1,
	"publish and add": 50, "add": 8, "add a file of several": 3, "add newest": 20, "add answer": 22, "check all": 50, "check stapled": 4, "compare": 2,
}

func byHandHistory(r *rand.Rand) history {
	one := func(of int) bool { return r.IntN(of) == 0 }
	c := config{byHand: true, way: r.IntN(3), life: 24 * time.Hour, deltas: !one(3), cached: one(3), numberless: one(12), issuers: one(2)}
	c.shape = shape{PerKey: c.way != oneList, Points: 1, OCSP: one(2)}
	c.deltas = c.deltas && !c.numberless
	c.apart = c.cached && one(4)
	c.renewed = c.issuers && c.deltas
	if c.shape.OCSP {
		c.ocspFirst, c.delegated = one(2), !one(4)
		c.shape.Short = c.delegated && one(3)
		c.ocspLife = []time.Duration{0, 6 * time.Hour, 48 * time.Hour}[r.IntN(3)]
	}
	h := history{config: c, steps: []step{{verb: verbNamed("add all")}, {verb: verbNamed("add all"), a: 1}}}
	for range 20 + r.IntN(60) {
		s := step{verb: choose(r, func(v *verb) int { return byHandWeights[v.name] }), a: r.IntN(1 << 20), b: r.IntN(1 << 20), d: time.Duration(r.IntN(72*60)) * time.Minute}
		if !one(4) {
			s.a &^= 3 // most is about one leaf of a key, and one process
		}
		s.after = []time.Duration{0, 0, 0, 0, time.Second, time.Second, time.Minute, time.Minute, 10 * time.Minute, 70 * time.Minute}[r.IntN(10)]
		if one(5) {
			s.asleep = []time.Duration{time.Hour, 6 * time.Hour, c.life / 4, c.life / 2, c.life, 25 * time.Hour}[r.IntN(6)]
		}
		h.steps = append(h.steps, s)
	}
	return h
}

func verbNamed(name string) int {
	for i := range verbs {
		if verbs[i].name == name {
			return i
		}
	}
	panic("no verb is named " + name)
}

// byHandVerbs are those of histories by hand alone.
func byHandVerbs() []verb {
	return []verb{
		{"add all", 0, func(w *world, s step) {
			for _, d := range w.library.all() {
				w.add(w.node(s), d)
			}
		}},
		{"add a file of several", 0, func(w *world, s step) {
			var lists []*document
			for i, d := range w.library.all() {
				if d.kind != answer && s.b>>(i%20)&1 != 0 {
					lists = append(lists, d)
				}
			}
			w.addFile(w.node(s), lists)
		}},
		{"add newest", 0, func(w *world, s step) {
			documents := w.library.all()
			w.add(w.node(s), documents[len(documents)-1-s.b%min(8, len(documents))])
		}},
		{"add answer", 0, func(w *world, s step) {
			if !w.config.shape.OCSP {
				return
			}
			d := w.forge(s)
			if d == nil || s.b%2 == 0 {
				d = w.ca.answer(w.leaf(s.a).serial(), s.d%(12*time.Hour)*time.Duration(s.b%3), nil)
			}
			w.add(w.node(s), d)
		}},
		{"publish and add", 0, func(w *world, s step) {
			before := len(w.library.all())
			p := publication{}
			switch s.b % 8 {
			case 0, 1, 2:
				p.delta = w.config.deltas
			case 3:
				p.delta, p.onOldBase = w.config.deltas, true
			case 4:
				p.ahead = s.d % (12 * time.Hour)
			}
			switch s.b / 8 % 6 {
			case 0:
				p.life = w.config.life / 8
			case 1:
				p.life = 3 * w.config.life
			case 2:
				p.noNextUpdate = s.b/64%4 == 0
			}
			w.ca.publish(s.a%partitions, p)
			for i, d := range w.library.all()[before:] {
				if s.b>>(10+i)&3 != 0 {
					w.add(w.node(s), d)
				}
			}
		}},
		{"revoke renewed CA", 0, func(w *world, s step) {
			w.ca.set(renewedSerial(s.a/4%(w.ca.generation+1)), permanent(s.b))
			w.ca.publishAuthorities()
			documents := w.library.all()
			w.add(w.node(s), documents[len(documents)-1])
		}},
	}
}
