// SPDX-License-Identifier: Apache-2.0

package fetch

import (
	"net/url"
	"slices"
	"strings"
	"time"
)

// Bounds on what is asked of one host at once: for callers who wait, and by Run.
const (
	asksPerHost  = 64
	looksPerHost = 4
)

// A host is whom several locations ask. The Loader's mu guards it.
type host struct {
	name      string
	locations int
	failed    time.Time   // when the last attempt failed; zero: it did not
	flights   []*flight   // under way
	asks      int         // of them, those that a caller waited for when they began
	waiting   []*flight   // asks that begin when another ends
	looks     int         // of Run
	queue     []*Location // due, and waiting for a look of Run to end
}

func (l *Loader) hostOf(t *Target) *host {
	name := ""
	if u, err := url.Parse(t.Request.URL); err == nil {
		name = strings.ToLower(u.Host)
	}
	h := l.hosts[name]
	if h == nil {
		h = &host{name: name}
		l.hosts[name] = h
	}
	return h
}

func (h *host) idle() bool { return len(h.flights) == 0 && len(h.waiting) == 0 && len(h.queue) == 0 }

func (h *host) remove(f *flight) {
	if i := slices.Index(h.flights, f); i >= 0 {
		h.flights = slices.Delete(h.flights, i, i+1)
	}
}

// Unresponsive reports whether the last look at the location's host failed
// within Retry, or one has been under way for longer than HeadStart.
func (at *Location) Unresponsive() bool {
	l := at.loader
	l.mu.Lock()
	defer l.mu.Unlock()
	now, h := l.clock(), at.host
	if since := now.Sub(h.failed); !h.failed.IsZero() && since >= 0 && since < Retry {
		return true
	}
	return slices.ContainsFunc(h.flights, func(f *flight) bool { return now.Sub(f.begun) > HeadStart })
}
