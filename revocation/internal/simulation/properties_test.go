// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// looked checks that the distribution points behind a good answer were fetched in time.
func (w *world) looked(n *node, c *checked) {
	const limit = refresh + time.Minute + slack
	if c.err != nil || n.env.fetch == nil || w.config.shape.OCSP || time.Since(n.turn) < 2*limit || time.Since(n.started) < limit {
		return
	}
	if time.Since(n.asked[c.leaf]) < limit {
		return
	}
	for _, s := range c.leaf.subjects() {
		late, all := []string(nil), mirrored(s.place)
		for i, url := range all {
			h := w.hosts[mirrorHost(i)]
			if h.mode == hanging || h.mode == deaf || h.mode == failing || h.stuck || time.Since(h.since) < 2*limit {
				continue
			}
			if last := n.last(url); time.Since(last) > limit {
				late = append(late, fmt.Sprintf("%s, last asked %s ago", url, time.Since(last)))
			}
		}
		if len(late) == len(all) || len(late) > 0 && (w.config.shape.Points == 1 || s.authority) {
			w.fail("process %d about %d: accepted, but its sources were not looked after for more than %s: %s", n.id, c.leaf.serial(), refresh, strings.Join(late, "; "))
		}
	}
}

// justAsked reports whether the process has asked for something less than a retry
// ago: what has been published since may wait that long.
func (n *node) justAsked() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.ContainsFunc(n.fetches, func(f *fetch) bool { return time.Since(f.at) < retry+time.Second })
}

// last returns when the process last asked for the URL.
func (n *node) last(url string) time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	last := n.started
	for _, f := range n.fetches {
		if f.url == url && f.done {
			last = f.at
		}
	}
	return last
}

// properties looks at what the processes asked for.
func (w *world) properties() {
	for _, n := range w.nodes {
		if err := n.store.damaged(); err != nil {
			w.fail("%v", err)
		}
		n.mu.Lock()
		w.conditional(n)
		n.mu.Unlock()
		w.shares(n)
	}
}

// shares checks that the store has what a process has known for longer than the
// refresh interval, whatever the store lost before.
func (w *world) shares(n *node) {
	if n.process == nil || n.env.cache == nil || !n.store.healthy() || time.Since(n.store.calmSince()) < settled ||
		time.Since(n.started) < settled || time.Since(n.turn) < 2*settled || time.Since(w.woken) < settled {
		return
	}
	certain, _ := n.view()
	lying, o := n.store.documents(), w.oracle(nil, n.now())
	documents := slices.Collect(maps.Keys(lying))
	for _, k := range certain {
		documents = append(documents, k.document)
	}
	for _, d := range documents[len(lying):] {
		if since, ok := n.usedSince(d); ok && time.Since(since) > settled && !lying[d] && !o.replaced(d, documents) {
			w.fail("process %d has had %s for more than %s, and the store lacks it", n.id, d, settled)
		}
	}
}

// conditional: what has expired is asked for without conditions after a 304, and
// everything once a day.
func (w *world) conditional(n *node) {
	type source struct {
		doc       *document
		whole     time.Time // when the document itself last came
		exhausted bool      // a 304 came for a document that has expired
	}
	sources := make(map[string]*source)
	for _, f := range n.fetches {
		if f.url[len("http://"):][:1] == "o" {
			continue
		}
		s := sources[f.url]
		if s == nil {
			s = &source{}
			sources[f.url] = s
		}
		if s.exhausted && (f.etag != "" || !f.noCache) {
			w.fail("process %d asks %s at %s as if what has run out were still of use", n.id, f.url, stamp(f.at))
		}
		if f.etag != "" && f.at.Sub(s.whole) > 24*time.Hour+refresh+time.Minute && f.at.Sub(n.turn) > 25*time.Hour {
			w.fail("process %d asks %s at %s with a condition, and the document itself last came at %s", n.id, f.url, stamp(f.at), stamp(s.whole))
		}
		switch {
		case !f.done:
		case f.notModified && s.doc != nil && !s.doc.nextUpdate.IsZero():
			s.exhausted = f.clock.After(s.doc.nextUpdate) && f.at.After(n.turn)
		case f.doc != nil:
			s.doc, s.exhausted, s.whole = f.doc, false, f.at
		}
	}
}
