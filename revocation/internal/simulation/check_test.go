// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing/synctest"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation"
)

// check asks one process about a leaf and compares the answer with the oracle's.
func (w *world) check(n *node, leaf leafID, stapled *document) {
	if n.process == nil {
		return
	}
	c := n.check(leaf, stapled)
	synctest.Wait()
	if w.log != nil {
		w.log("%s    process %d about %d: %s after %s", stamp(w.now()), n.id, leaf.serial(), outcome(c.err), c.took)
	}
	w.agrees(n, c)
	if w.fault == nil && !*answers {
		w.timely(n, c)
	}
	if w.fault == nil && !*answers {
		w.looked(n, c)
	}
}

func verdictOf(err error) verdict {
	var r *revocation.RevokedError
	switch {
	case err == nil:
		return good
	case errors.As(err, &r):
		return revoked
	}
	return undecided
}

func outcome(err error) string {
	if err == nil {
		return "accepted"
	}
	return "refused: " + strings.ReplaceAll(err.Error(), "\n", "; ")
}

// oracle returns the oracle for what a process knows.
func (w *world) oracle(known []knownDocument, at time.Time) *oracle {
	o := &oracle{at: at, known: known, issuers: map[string]bool{}}
	if w.config.issuers {
		o.renewed = w.config.renewed
		for g := range generations {
			o.issuers[caKey(g)] = true
		}
	}
	return o
}

// agrees compares with each verdict that is right: the process may have had any of
// the documents that it possibly had when it decided.
func (w *world) agrees(n *node, c *checked) {
	got := verdictOf(c.err)
	first := w.oracle(c.certain, c.at).path(c.leaf)
	if w.oracle(c.certain, c.at).allows(c.leaf, got) {
		return
	}
	possible := unique(c.possible)
	possible = slices.DeleteFunc(possible, func(k knownDocument) bool { return slices.Contains(c.certain, k) })
	sets := [][]knownDocument{c.certain, unique(append(slices.Clone(c.certain), c.after...))}
	for i := range possible { // in the order in which they came, and each alone
		sets = append(sets, append(slices.Clone(c.certain), possible[:i+1]...), append(slices.Clone(c.certain), possible[i]))
	}
	const most = 12 // of which every subset is tried
	r := rand.New(rand.NewPCG(0, 0))
	for mask := range uint64(1) << min(len(possible), most) {
		if len(possible) > most {
			mask = r.Uint64()
		}
		set := slices.Clone(c.certain)
		for i, k := range possible {
			if mask>>(i%64)&1 != 0 {
				set = append(set, k)
			}
		}
		sets = append(sets, set)
	}
	for _, set := range sets {
		o := w.oracle(set, c.at)
		if o.allows(c.leaf, got) {
			return
		}
		o.apart, o.taints = w.config.unscoped, nil
		if o.apart && got != good && o.allows(c.leaf, got) {
			return
		}
	}
	w.fail("process %d about %d at %s: %s\nwant %s, by the %d documents that it has:\n%s", n.id, c.leaf.serial(), stamp(c.at), outcome(c.err),
		first, len(c.certain), list(c.certain))
}

func list(known []knownDocument) string {
	var lines []string
	for _, k := range known {
		line := "  " + k.document.String()
		if k.places == nil && k.place != "" {
			line += " from " + k.place
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

const slack = 200 * time.Millisecond

// timely holds the check against what may be waited for.
func (w *world) timely(n *node, c *checked) {
	if c.took > deadline+slack {
		w.fail("process %d about %d: answered after %s, %s after its context had ended", n.id, c.leaf.serial(), c.took, c.took-deadline)
		return
	}
	allowed := deadline + slack
	before := w.beforehand(c)
	extra := w.headStarts(n)
	if w.config.deltas && c.first {
		extra += (mirrors - 1) * time.Second // the first look at a freshestCRL, a second for each host
	}
	switch {
	case before != undecided && !c.first && *timing:
		allowed = 0
	case before != undecided:
		allowed = time.Second + extra + slack
	case n.env.fetch != nil && (!w.config.shape.OCSP && !c.soon || *timing) && w.served(c.certain, c, unwell) == good &&
		w.served(unique(slices.Concat(c.certain, c.possible)), c, unwell) == good:
		allowed = 2*time.Second + extra + slack
	}
	if c.took > allowed {
		w.fail("process %d about %d: %s after %s, which may take %s: beforehand it is %s by\n%s", n.id, c.leaf.serial(), outcome(c.err), c.took, allowed, before, list(c.certain))
	}
	if n.env.fetch == nil || c.err == nil || verdictOf(c.err) == revoked {
		return
	}
	sick := func(h *host) bool {
		return unwell(h) || time.Since(h.since) < retry+time.Second+latency
	}
	if w.served(append(slices.Clone(c.after), c.possible...), c, sick) == good && w.allHonest() && !n.justAsked() {
		w.fail("process %d about %d: %s although its sources have been well for %s", n.id, c.leaf.serial(), outcome(c.err), retry)
	}
}

// beforehand is what the process knew before the check, if that does not depend on what
// it possibly had, and if what came meanwhile does not change it.
func (w *world) beforehand(c *checked) verdict {
	before := w.oracle(c.certain, c.at).path(c.leaf)
	if before == undecided || c.took <= slack && !*timing {
		return before // what came meanwhile held nothing up
	}
	known := slices.Clone(c.certain)
	for _, k := range c.possible {
		if slices.Contains(c.certain, k) {
			continue
		}
		known = append(known, k)
		for _, set := range [][]knownDocument{known, append(slices.Clone(c.certain), k)} {
			if w.oracle(set, c.at).path(c.leaf) != before {
				return undecided
			}
		}
	}
	return before
}

// headStarts is what the store and the source ahead may take in addition.
func (w *world) headStarts(n *node) time.Duration {
	var extra time.Duration
	if n.env.cache != nil && n.store.hanging() {
		extra += time.Second
	}
	if w.config.shape.OCSP {
		extra += time.Second
	}
	return extra
}

// unwell reports whether requests to the host may fail or hang.
func unwell(h *host) bool { return h.mode != honest || h.stuck }

func (w *world) allHonest() bool {
	for _, h := range w.hosts {
		if unwell(h) || time.Since(h.since) < retry+time.Second+latency {
			return false
		}
	}
	return true
}

// served is what the oracle would say of what is known together with what the
// mirrors that are not sick have for the leaf.
func (w *world) served(known []knownDocument, c *checked, sick func(*host) bool) verdict {
	known = slices.Clone(known)
	for i := range mirrors {
		h := w.hosts[mirrorHost(i)]
		if sick(h) {
			continue
		}
		for _, s := range c.leaf.subjects() {
			d := w.ca.at(i, s.place, c.clock.Add(-h.lag))
			if replayed := h.replay[s.place]; replayed != nil {
				d = replayed
			}
			if d != nil {
				known = append(known, d.from(s.place))
			}
		}
	}
	return w.oracle(unique(known), c.at).path(c.leaf)
}

// newer reports whether an answer is right by what the store has beside what the
// process knows: another has put it there since the process last looked.
func (w *world) newer(n *node, leaf leafID, err error) bool {
	known, possible := n.view()
	known = append(known, possible...)
	for d := range n.store.documents() {
		if d.places != nil || d.kind == answer {
			known = append(known, knownDocument{d, ""})
		}
	}
	return w.oracle(unique(known), n.now()).allows(leaf, verdictOf(err))
}

// compare starts a process from the store of another, and one that is given what
// the other knows in another order. Both must decide as the other does.
func (w *world) compare(n *node) {
	if n.process == nil || w.config.unscoped {
		return
	}
	var living []*checked
	for range 2 { // the first may bring something, which then is on its way to the store
		living = nil
		for _, leaf := range n.leaves() {
			living = append(living, n.check(leaf, nil))
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
	}
	certain, possible := n.view()
	env := n.env
	env.fetch, env.cache = nil, nil
	for _, c := range living { // the order of living is as good as any
		other := w.make(env)
		slices.Reverse(certain)
		for _, k := range certain {
			err := other.add(k.document)
			if errors.Is(err, revocation.ErrTooLarge) { // so many wait for a question to be verified
				ask(other, leafID{w.config.shape, k.generation, int(k.serial-100) % 10})
				err = other.add(k.document)
			}
			switch {
			case errors.Is(err, revocation.ErrTooLarge): // lists already refuse it, so that nothing was verified
				other.close()
				return
			case err != nil:
				w.fail("Add(%s): %v", k.document, err)
			}
		}
		again := *c
		again.at, again.certain, again.possible = n.now(), certain, possible
		again.err = ask(other, c.leaf)
		other.close()
		w.agrees(n, &again)
	}
	if n.env.cache == nil || !n.store.healthy() || time.Since(n.store.calmSince()) < settled || !w.config.byHand &&
		(time.Since(n.started) < settled || time.Since(n.turn) < 2*settled || time.Since(w.woken) < settled) {
		return
	}
	for _, c := range living {
		if time.Since(n.asked[c.leaf]) < settled && !w.config.byHand {
			continue
		}
		ended := make(chan struct{})
		env.cache = &handle{store: n.store, node: &node{w: w, known: map[*document]*knowledge{}, keys: map[string]bool{}}, ended: ended}
		env.cache.node.skew.Store(n.skew.Load())
		other := w.make(env)
		if err := ask(other, c.leaf); verdictOf(err) != verdictOf(c.err) && !w.newer(n, c.leaf, err) {
			w.fail("about %d process %d says: %s\na process that starts with its Cache: %s\nknown:\n%s", c.leaf.serial(), n.id, outcome(c.err), outcome(err), list(certain))
		}
		other.close()
		close(ended)
	}
}
