// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation"
)

// A model is a process made of the oracle's rules, one of which may be broken. It
// shows that histories tell the rules apart, and what a world asks of a process.
type model struct {
	environment
	mu      sync.Mutex
	known   []knownDocument
	asked   []leafID
	state   map[string]*modelSource
	stored  map[string]int
	arrived chan struct{} // closed and replaced when something comes
	end     context.CancelFunc
	ctx     context.Context
	wg      sync.WaitGroup
}

type modelSource struct {
	tried   time.Time
	whole   time.Time
	tag     string
	doc     *document
	outdone bool // the next request is unconditional
	busy    bool
}

func newModel(e environment) process {
	m := &model{environment: e, state: map[string]*modelSource{}, stored: map[string]int{}, arrived: make(chan struct{})}
	m.ctx, m.end = context.WithCancel(context.Background())
	return m
}

func (m *model) close() {
	m.end()
	m.wg.Wait()
}

func (m *model) add(d *document) error {
	m.take(knownDocument{d, ""})
	return nil
}

// take puts a document into the set, and into the Cache.
func (m *model) take(k knownDocument) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if slices.Contains(m.known, k) {
		return
	}
	m.known = append(m.known, k)
	close(m.arrived)
	m.arrived = make(chan struct{})
}

func union(a, b []member) []member {
	for _, m := range b {
		if !slices.ContainsFunc(a, func(x member) bool { return x.digest == m.digest }) {
			a = append(slices.Clip(a), m)
		}
	}
	return a
}

func (m *model) decide(leaf leafID) verdict {
	m.mu.Lock()
	defer m.mu.Unlock()
	o := &oracle{at: m.now(), known: slices.Clone(m.known), broken: m.broken, issuers: map[string]bool{}}
	for i := range m.issuers {
		o.issuers[caKey(i)] = true
	}
	return o.path(leaf)
}

// sync reads the Cache and writes what is known.
func (m *model) sync(ctx context.Context) {
	if m.cache == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	found, err := m.cache.get(ctx, "all")
	if err != nil {
		return
	}
	for _, s := range found["all"] {
		d := m.library.find(s.bytes)
		places := []string{""}
		if d.places == nil && d.kind != answer {
			places = nil
			for _, url := range m.cache.store.origins(d) {
				places = append(places, placeIn(url))
			}
		}
		for _, place := range places {
			m.take(knownDocument{d, place})
		}
	}
	m.mu.Lock()
	known := slices.Clone(m.known)
	m.mu.Unlock()
	var members []member
	for _, k := range known {
		if !slices.ContainsFunc(found["all"], func(s member) bool { return s.digest == sha256.Sum256(k.der) }) {
			members = append(members, member{digest: sha256.Sum256(k.der), bytes: k.der})
		}
	}
	if len(members) > 0 {
		m.cache.merge(ctx, "all", union, members...)
	}
}

// ask starts a request for each URL of the leaf that is due.
func (m *model) ask(leaf leafID, undecided bool) {
	if m.fetch == nil {
		return
	}
	urls := append(mirrored("arl"), mirrored(leaf.subjects()[1].place)...)
	if m.config.deltas {
		urls = append(urls, mirrored("d"+leaf.subjects()[1].place)...)
	}
	for _, url := range urls {
		m.mu.Lock()
		s := m.state[url]
		if s == nil {
			s = &modelSource{}
			m.state[url] = s
		}
		now := time.Now()
		due := s.tried.IsZero() || now.Sub(s.tried) >= refresh-5*time.Minute || undecided && now.Sub(s.tried) >= retry || s.outdone
		if !due || s.busy {
			m.mu.Unlock()
			continue
		}
		s.busy, s.tried = true, now
		f := &fetch{url: url, etag: s.tag, noCache: s.outdone}
		if s.outdone || now.Sub(s.whole) >= 24*time.Hour || s.doc == nil {
			f.etag = ""
		}
		m.mu.Unlock()
		m.wg.Go(func() { m.request(s, f) })
	}
}

func (m *model) request(s *modelSource, f *fetch) {
	ctx, cancel := context.WithTimeout(m.ctx, 10*time.Second)
	defer cancel()
	m.fetch(ctx, f)
	m.mu.Lock()
	s.busy = false
	switch {
	case f.notModified:
		s.outdone = m.now().After(s.doc.nextUpdate)
	case f.doc != nil:
		s.doc, s.tag, s.outdone = f.doc, f.tag, false
		if f.etag == "" {
			s.whole = f.at
		}
	}
	m.mu.Unlock()
	if f.doc != nil {
		place := ""
		if f.doc.places == nil {
			place = placeIn(f.url)
		}
		m.take(knownDocument{f.doc, place})
		m.sync(m.ctx)
	}
}

func (m *model) check(ctx context.Context, chain []*x509.Certificate, stapled []byte) error {
	leaf := leafID{m.config.shape, int(chain[0].SerialNumber.Int64()-100) / 10, int(chain[0].SerialNumber.Int64() % 10)}
	if d := m.library.find(stapled); d != nil {
		m.take(knownDocument{d, ""})
	}
	m.mu.Lock()
	first := !slices.Contains(m.asked, leaf)
	if first {
		m.asked = append(m.asked, leaf)
	}
	m.mu.Unlock()
	if first {
		m.sync(ctx)
	}
	for {
		m.mu.Lock()
		more := m.arrived
		m.mu.Unlock()
		v := m.decide(leaf)
		m.ask(leaf, v == undecided)
		switch v {
		case good:
			return nil
		case revoked:
			return &revocation.RevokedError{Cert: chain[0], Serial: chain[0].SerialNumber}
		}
		if m.fetch == nil {
			return errors.New("unknown")
		}
		select {
		case <-more:
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(deadline - 100*time.Millisecond):
			return errors.New("unknown")
		}
	}
}

// run looks at everything that was asked about once a minute.
func (m *model) run(ctx context.Context) {
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-time.After(30 * time.Second):
		}
		m.mu.Lock()
		asked := slices.Clone(m.asked)
		m.mu.Unlock()
		for _, leaf := range asked {
			m.ask(leaf, false)
		}
		if n%100 == 0 {
			m.sync(ctx)
		}
	}
}
