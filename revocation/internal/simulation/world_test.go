// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/ocsp"

	"github.com/nrlsecurity/nrlsecurity/revocation"
)

// A config is what stays the same during a history.
type config struct {
	shape      shape
	way        int
	unscoped   bool
	numberless bool
	deltas     bool
	life       time.Duration
	ocspFirst  bool // OCSP is the first source, otherwise the second
	ocspLife   time.Duration
	delegated  bool // a delegated responder signs
	nonce      bool
	issuers    bool // the operator named the CA's certificates as further issuers
	renewed    bool // likewise, two of each key
	cached     bool
	readers    bool // only the first process has a Fetcher
	punctual   bool // the CA publishes whenever half of a list's life has passed
	awake      bool // the processes live through all of it, which takes a second or two
	apart      bool // each process has a Cache of its own
	byHand     bool // nothing is fetched: operators hand over what there is
}

func (c config) String() string {
	parts := []string{[]string{"one list for all keys", "both keys sign for a while", "a list per key"}[c.way], fmt.Sprintf("lists of %s", c.life)}
	for _, p := range []struct {
		is   bool
		text string
	}{{c.shape.Points == 2, "two points"}, {c.unscoped, "no scope"}, {c.numberless, "no numbers"}, {c.deltas, "deltas"}, {c.shape.Freshen, "named by certificates"},
		{c.shape.OCSP && c.ocspFirst, "OCSP, CRLs"}, {c.shape.OCSP && !c.ocspFirst, "CRLs, OCSP"}, {c.shape.OCSP, fmt.Sprintf("answers of %s", c.ocspLife)},
		{c.delegated, "delegated"}, {c.nonce, "nonce"}, {c.issuers, "further issuers"}, {c.renewed, "two of each key"}, {c.cached, "shared cache"}, {c.readers, "one fetches"}, {c.punctual, "punctual"}, {c.awake, "awake"},
		{c.byHand, "by hand"}, {c.apart, "a cache each"}, {c.shape.Short, "responders' certificates expire"}} {
		if p.is {
			parts = append(parts, p.text)
		}
	}
	return strings.Join(parts, ", ")
}

const (
	refresh = time.Hour
	retry   = 15 * time.Second
	nodes   = 2
)

func randomConfig(r *rand.Rand) config {
	one := func(of int) bool { return r.IntN(of) == 0 }
	c := config{way: r.IntN(3), life: []time.Duration{24 * time.Hour, 24 * time.Hour, 3 * 24 * time.Hour}[r.IntN(3)],
		deltas: one(2), cached: !one(4), unscoped: one(10), numberless: one(12)}
	c.shape = shape{PerKey: c.way != oneList, Points: 1 + r.IntN(2), OCSP: one(2)}
	c.deltas = c.deltas && !c.unscoped && !c.numberless
	c.shape.Freshen = c.deltas && one(3)
	c.issuers = c.way != listPerKey
	if c.shape.OCSP {
		c.ocspFirst, c.delegated, c.nonce = one(2), !one(3), one(4)
		c.ocspLife = []time.Duration{0, 6 * time.Hour, 48 * time.Hour}[r.IntN(3)]
	}
	c.readers = c.cached && one(4)
	c.punctual, c.awake = !one(3), one(400)
	return c
}

// A world is all that there is in one history.
type world struct {
	config  config
	make    func(environment) process
	broken  rule
	library library
	ca      *authority
	hosts   map[string]*host
	nodes   [nodes]*node
	found   sync.Mutex             // of origins
	origins map[*document][]string // URLs that a list without a scope came from
	asleep  atomic.Int64           // for how long all machines have been, in nanoseconds
	woken   time.Time              // when they last were
	fault   error
	log     func(format string, args ...any)
}

func newWorld(c config, makeProcess func(environment) process, broken rule, log func(string, ...any)) *world {
	w := &world{config: c, make: makeProcess, broken: broken, log: log, library: library{byOctets: map[string]*document{}},
		origins: map[*document][]string{}, hosts: map[string]*host{responderHost: {replay: map[string]*document{}}}}
	for i := range mirrors {
		w.hosts[mirrorHost(i)] = &host{replay: map[string]*document{}}
	}
	w.ca = newAuthority(w, c)
	for i := range w.nodes {
		w.nodes[i] = &node{w: w, id: i, store: &store{w: w, entries: map[string][]member{}, since: map[*document]time.Time{}}}
		if !c.apart {
			w.nodes[i].store = w.nodes[0].store
		}
		w.nodes[i].start()
	}
	return w
}

// now is the true time. While all machines are suspended it goes on, and the clock
// by which they wait does not: days pass at no cost.
func (w *world) now() time.Time { return time.Now().Add(time.Duration(w.asleep.Load())) }

// close ends all that runs.
func (w *world) close() {
	for _, n := range w.nodes {
		n.end()
	}
}

// leaf returns one of the leaves that the CA has issued by now.
func (w *world) leaf(i int) leafID {
	g := i / leavesEach % (w.ca.generation + 1)
	return leafID{w.config.shape, g, i % leavesEach}
}

// stored notes that a process that has just started, or looked, has what lies in
// the store about a leaf.
func (w *world) stored(n *node, leaf leafID) {
	if n.env.cache == nil || !n.store.healthy() {
		return
	}
	if n.answered(leaf) {
		return // revoked by an answer: nothing need be asked of the lists
	}
	reads := map[string]bool{} // places that it reads for the first time
	whole := n.store.whole()
	for _, s := range leaf.subjects() {
		reads[s.place] = whole && n.asked[leaf].Equal(time.Now()) && n.looked[leaf] && !n.has(s, leaf)
	}
	for d := range n.store.documents() {
		seen := time.Since(n.store.lainSince(d)) > refresh+time.Minute && time.Since(n.asked[leaf]) > refresh+time.Minute &&
			whole && time.Since(n.turn) > refresh+time.Minute
		if d.places != nil && d.kind != answer {
			for _, s := range leaf.subjects() {
				if (reads[s.place] || seen) && d.issuer == s.issuer && d.key == s.issuerKey && covers(d, s, "") {
					n.learn(d, surely, "")
				}
			}
		}
	}
}

// answered reports whether an answer that the process knows, or that lies in its
// store, revokes a leaf.
func (n *node) answered(leaf leafID) bool {
	revokes := func(d *document) bool {
		return d.kind == answer && d.serial == leaf.serial() && d.generation == leaf.generation && d.status == ocsp.Revoked
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.ContainsFunc(n.arrived, revokes) || slices.ContainsFunc(slices.Collect(maps.Keys(n.store.documents())), revokes)
}

// placeIn returns the place that a URL names.
func placeIn(url string) string {
	return url[strings.LastIndexByte(url, '/')+1:]
}

// fail notes the first fault.
func (w *world) fail(format string, args ...any) {
	if w.fault == nil {
		w.fault = fmt.Errorf(format, args...)
	}
}

// play runs the steps of a history in a bubble and returns the first fault.
func play(h history, makeProcess func(environment) process, broken rule, log func(string, ...any)) error {
	w := newWorld(h.config, makeProcess, broken, log)
	defer w.close()
	synctest.Wait()
	for _, s := range h.steps {
		if s.asleep > 0 {
			w.asleep.Add(int64(s.asleep))
			w.woken = time.Now()
		}
		time.Sleep(s.after)
		synctest.Wait()
		w.ca.goOn()
		if log != nil {
			log("%s  %s", stamp(w.now()), s)
		}
		verbs[s.verb].do(w, s)
		synctest.Wait()
		w.properties()
		if w.fault != nil {
			return w.fault
		}
	}
	return nil
}

// revokedReason chooses among the reasons of a permanent revocation.
func permanent(i int) revocation.Reason {
	reasons := []revocation.Reason{revocation.ReasonKeyCompromise, revocation.ReasonSuperseded, revocation.ReasonUnspecified, revocation.ReasonCessationOfOperation}
	return reasons[i%len(reasons)]
}

// unique is slices.Contains on knownDocuments, for views that overlap.
func unique(known []knownDocument) []knownDocument {
	var result []knownDocument
	for _, k := range known {
		if !slices.Contains(result, k) {
			result = append(result, k)
		}
	}
	return result
}
