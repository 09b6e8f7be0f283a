// SPDX-License-Identifier: Apache-2.0

package revocationtest

import (
	"net/http"
	"net/http/httptest"
	"time"
)

// A Mirror is one server with the lists of an [Authority], and goes wrong by itself.
// Its methods are safe for concurrent use.
type Mirror struct {
	URL string // base URL, no trailing slash

	authority *Authority
	server    *httptest.Server

	// By the Authority's lock.
	fault Fault
	delay time.Duration
	lag   time.Duration
}

func newMirror(a *Authority) *Mirror {
	m := &Mirror{authority: a}
	m.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { m.serve(w, r, a.closing) }))
	m.URL = m.server.URL
	return m
}

// CRLURL returns where the Mirror has the list of a batch.
func (m *Mirror) CRLURL(batch int) string { return m.URL + crlPath(batch) }

// DeltaURL returns where the Mirror has the delta CRLs of a batch, if there are
// [Authority.Deltas].
func (m *Mirror) DeltaURL(batch int) string { return m.URL + deltaPath(batch) }

// Fail makes all of the Mirror's answers from now on wrong in one way, until
// Fail(None). The Authority's lists are made anew.
func (m *Mirror) Fail(f Fault) { m.authority.change(nil, true, func() { m.fault = f }) }

// Delay has each of the Mirror's answers from now on take so much longer.
func (m *Mirror) Delay(d time.Duration) {
	m.authority.mu.Lock()
	defer m.authority.mu.Unlock()
	m.delay = d
}

// Lag has the Mirror serve from now on what the Authority published so long ago, or
// the first that it published since there is a Mirror; zero: what it publishes now.
func (m *Mirror) Lag(d time.Duration) {
	m.authority.mu.Lock()
	defer m.authority.mu.Unlock()
	m.lag = d
}

// list returns the list that the Mirror has under a path.
func (m *Mirror) list(path string) []byte {
	a := m.authority
	a.mu.Lock()
	defer a.mu.Unlock()
	e, now := edition{path, m.fault}, a.now()
	then := now.Add(-m.lag)
	if past := a.lists[e]; len(past) > 0 && !past[len(past)-1].made.After(then) {
		a.publish(e, then) // what was due by then, though nothing asked for it
	}
	latest := a.publish(e, now)
	if m.lag == 0 {
		return latest.der
	}
	served := a.lists[e][0]
	for _, p := range a.lists[e] {
		if !p.made.After(then) {
			served = p
		}
	}
	return served.der
}
