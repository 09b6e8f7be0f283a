// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"bytes"
	"context"
	"crypto/x509"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ocsp"
)

// A process answers as a program that uses the package revocation does.
type process interface {
	check(ctx context.Context, chain []*x509.Certificate, stapled []byte) error
	add(d ...*document) error // one answer, or the lists of one file
	run(ctx context.Context)  // refreshes until ctx ends
	close()                   // after the context of run has ended
}

// An environment is what a process is given.
type environment struct {
	config  config
	library *library
	now     func() time.Time // its clock
	fetch   func(context.Context, *fetch)
	cache   *handle // nil: none
	issuers []*x509.Certificate
	broken  rule // of the model alone
}

// A node is one machine: the clock and the network of one process after another.
type node struct {
	w     *world
	id    int
	store *store
	skew  atomic.Int64 // how far its clock is ahead, in nanoseconds
	turn  time.Time    // when its clock was last set

	process process // nil: stopped
	env     environment
	ended   chan struct{}
	stop    context.CancelFunc
	wg      sync.WaitGroup
	started time.Time

	mu      sync.Mutex
	fetches []*fetch
	known   map[*document]*knowledge
	arrived []*document          // in order
	asked   map[leafID]time.Time // first time
	looked  map[leafID]bool      // stored documents were readable at the first time
	keys    map[string]bool      // whose certificates it has seen
}

// knowledge says how certain it is that a process has a document, by where it came
// from; "" of one for which that does not matter.
type knowledge struct {
	places []string
	surely map[string]bool
	used   time.Time // when a check was first about it
}

// A certainty says when a document that has come to a process is one that it has.
type certainty int

const (
	perhaps  certainty = iota
	ifWanted           // it can be about something that was asked about, and its signer is known
	surely
)

func (n *node) ahead() time.Duration { return time.Duration(n.skew.Load()) }
func (n *node) now() time.Time       { return n.w.now().Add(n.ahead()) }

// start starts a process with an empty memory.
func (n *node) start() {
	if n.process != nil {
		return
	}
	w := n.w
	n.ended = make(chan struct{})
	n.mu.Lock()
	n.fetches, n.arrived, n.started = nil, nil, time.Now()
	n.known, n.asked, n.looked = map[*document]*knowledge{}, map[leafID]time.Time{}, map[leafID]bool{}
	n.keys = map[string]bool{}
	n.mu.Unlock()
	n.env = environment{config: w.config, library: &w.library, now: n.now, broken: w.broken}
	if !w.config.byHand && (!w.config.readers || n.id == 0) {
		n.env.fetch = n.fetch
	}
	if w.config.cached {
		n.env.cache = &handle{store: n.store, node: n, ended: n.ended}
	}
	if w.config.issuers {
		for g := range generations {
			n.env.issuers = append(n.env.issuers, caCert(g))
			if w.config.renewed {
				n.env.issuers = append(n.env.issuers, renewedCert(g))
			}
			n.keys[caKey(g)] = true
		}
	}
	n.process = w.make(n.env)
	ctx, cancel := context.WithCancel(context.Background())
	n.stop = cancel
	p := n.process
	n.wg.Go(func() { p.run(ctx) })
}

// end stops the process: what it was writing is lost.
func (n *node) end() {
	if n.process == nil {
		return
	}
	close(n.ended)
	n.store.left()
	n.stop()
	n.wg.Wait()
	n.process.close()
	n.process = nil
}

// fetch is the process's network.
func (n *node) fetch(ctx context.Context, f *fetch) {
	f.at, f.clock = time.Now(), n.now()
	n.mu.Lock()
	n.fetches = append(n.fetches, f)
	n.mu.Unlock()
	n.w.serve(ctx, f, n.ended)
	n.mu.Lock()
	f.done = true
	n.mu.Unlock()
	if nonce := nonceOf(f.body); f.doc != nil && nonce != nil && f.doc.status != ocsp.Revoked && !bytes.Contains(f.raw, nonce) {
		return // made for another request, so that it may only revoke
	}
	if f.doc != nil {
		n.w.origin(f.doc, f.url)
		n.learn(f.doc, ifWanted, placeIn(f.url))
	}
}

// origin notes where a list without a scope came from; the store keeps that too.
func (w *world) origin(d *document, url string) {
	if d.places != nil || d.kind == answer {
		return
	}
	w.found.Lock()
	defer w.found.Unlock()
	if !slices.Contains(w.origins[d], url) {
		w.origins[d] = append(w.origins[d], url)
	}
}

// learn notes that a document has come to the process.
func (n *node) learn(d *document, how certainty, place string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	k := n.known[d]
	if k == nil {
		k = &knowledge{surely: map[string]bool{}}
		n.known[d] = k
		n.arrived = append(n.arrived, d)
	}
	sure := how == surely
	if how == ifWanted {
		for leaf := range n.asked {
			for _, s := range leaf.subjects() {
				sure = sure || d.issuer == s.issuer && (d.key == s.issuerKey || n.keys[d.key] || d.responder != nil) &&
					(d.kind == answer && d.serial == s.serial || d.kind != answer && covers(d, s, place))
			}
		}
	}
	place = d.from(place).place
	if !slices.Contains(k.places, place) {
		k.places = append(k.places, place)
	}
	k.surely[place] = k.surely[place] || sure
}

// used notes that a check has been about the documents of a leaf.
func (n *node) used(leaf leafID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for d, k := range n.known {
		for _, s := range leaf.subjects() {
			if k.used.IsZero() && len(k.surely) > 0 && (d.kind == answer && d.serial == s.serial ||
				d.kind != answer && d.issuer == s.issuer && d.key == s.issuerKey && covers(d, s, "")) {
				k.used = time.Now()
			}
		}
	}
}

// usedSince returns when a check was first about a document that the process has.
func (n *node) usedSince(d *document) (since time.Time, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	since = n.known[d].used
	return since, !since.IsZero()
}

// has reports whether the process looks after the place of a subject already, for
// the sake of another leaf or of what an operator added: then it reads the entries
// of the store when it is time to.
func (n *node) has(s subject, but leafID) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	for leaf := range n.asked {
		if leaf != but && slices.ContainsFunc(leaf.subjects(), func(other subject) bool { return other.place == s.place }) {
			return true
		}
	}
	return slices.ContainsFunc(n.arrived, func(d *document) bool {
		if d.kind == answer { // its responder's certificate names a place, too
			return d.responder != nil && slices.Contains(d.responder.CRLDistributionPoints, mirrored(s.place)[0])
		}
		return d.issuer == s.issuer && covers(d, s, "")
	})
}

// leaves returns those that the process was asked about.
func (n *node) leaves() []leafID {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.SortedFunc(maps.Keys(n.asked), func(a, b leafID) int { return int(a.serial() - b.serial()) })
}

// view returns what the process knows: what is certain, and what it may know.
func (n *node) view() (certain, possible []knownDocument) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, d := range n.arrived {
		k := n.known[d]
		for _, place := range k.places {
			if k.surely[place] {
				certain = append(certain, knownDocument{d, place})
			} else {
				possible = append(possible, knownDocument{d, place})
			}
		}
	}
	return certain, possible
}

// checked is one check and what came of it.
type checked struct {
	leaf     leafID
	at       time.Time // by the process's clock
	began    time.Time
	clock    time.Time // the world's
	took     time.Duration
	first    bool
	soon     bool // the process had asked for something a moment before
	err      error
	certain  []knownDocument // before
	possible []knownDocument // before, and what came meanwhile
	after    []knownDocument // certain afterwards
	stapled  *document
}

const deadline = 5 * time.Second // of each check, as a handshake has it

// check asks the process about a leaf.
func (n *node) check(leaf leafID, stapled *document) *checked {
	n.mu.Lock()
	_, before := n.asked[leaf]
	if !before {
		n.asked[leaf] = time.Now()
		n.looked[leaf] = n.store.healthy()
	}
	n.keys[caKey(leaf.generation)] = true
	n.mu.Unlock()
	if stapled != nil {
		n.learn(stapled, surely, "")
	}
	c := &checked{leaf: leaf, at: n.now(), began: time.Now(), clock: n.w.now(), first: !before, stapled: stapled}
	c.soon = n.justAsked()
	n.w.stored(n, leaf)
	c.certain, c.possible = n.view()
	var raw []byte
	if stapled != nil {
		raw = stapled.der
	}
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	chain := []*x509.Certificate{leafCert(leaf), caCert(leaf.generation), rootCert()}
	c.err = n.process.check(ctx, chain, raw)
	c.took = time.Since(c.began)
	if c.err == nil {
		n.used(leaf) // else the leaf may not have been asked about, for its CA's sake
	}
	var possible []knownDocument
	c.after, possible = n.view()
	c.possible = unique(slices.Concat(c.possible, c.after, possible))
	return c
}
