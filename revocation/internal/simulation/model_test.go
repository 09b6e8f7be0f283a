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

// A model is a process made of the oracle's rules, one of which may be broken, for
// histories by hand: it fetches nothing. It shows that histories tell the rules
// apart, and that they ask nothing impossible of a process.
type model struct {
	environment
	mu    sync.Mutex
	known []knownDocument
	asked []leafID
	ctx   context.Context
	end   context.CancelFunc
	wg    sync.WaitGroup
}

func newModel(e environment) process {
	m := &model{environment: e}
	m.ctx, m.end = context.WithCancel(context.Background())
	return m
}

func (m *model) close() {
	m.end()
	m.wg.Wait()
}

func (m *model) add(documents ...*document) error {
	for _, d := range documents {
		m.take(knownDocument{d, ""})
	}
	m.wg.Go(func() { m.sync(m.ctx) })
	return nil
}

// take puts a document into the set.
func (m *model) take(k knownDocument) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !slices.Contains(m.known, k) {
		m.known = append(m.known, k)
	}
}

func union(a, b []member) []member {
	for _, m := range b {
		if !slices.ContainsFunc(a, func(x member) bool { return x.digest == m.digest }) {
			a = append(slices.Clip(a), m)
		}
	}
	return a
}

func (m *model) decide(leaf leafID, at time.Time) verdict {
	m.mu.Lock()
	defer m.mu.Unlock()
	o := &oracle{at: at, known: slices.Clone(m.known), broken: m.broken, issuers: map[string]bool{}}
	if m.config.issuers {
		o.renewed = m.config.renewed
		for g := range generations {
			o.issuers[caKey(g)] = true
		}
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
		m.take(knownDocument{m.library.find(s.bytes), ""})
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

func (m *model) check(ctx context.Context, chain []*x509.Certificate, stapled []byte) error {
	leaf := leafID{m.config.shape, int(chain[0].SerialNumber.Int64()-100) / 10, int(chain[0].SerialNumber.Int64() % 10)}
	at := m.now()
	if d := m.library.find(stapled); d != nil {
		_ = m.add(d)
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
	switch m.decide(leaf, at) {
	case good:
		return nil
	case revoked:
		return &revocation.RevokedError{Cert: chain[0], Serial: chain[0].SerialNumber}
	}
	return errors.New("unknown")
}

// run looks into the Cache twice an hour.
func (m *model) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(refresh / 2):
		}
		m.sync(ctx)
	}
}
