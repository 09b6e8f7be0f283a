// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"context"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/fetch"
)

// A mirrorIndex is what a Mirror serves, until something changes. It is immutable.
type mirrorIndex struct {
	changed  <-chan struct{} // closed when another list is known
	urls     uint64          // CRLs.published
	from, to time.Time       // when it holds
	refresh  time.Duration

	hosts    map[string]bool        // of all points and prefixes
	points   map[string]*mirrored   // by mirrorKey
	paths    map[string][]*mirrored // by what follows the host in it
	prefixes []string               // of keys
}

// A mirrored is one distribution point.
type mirrored struct {
	watches []*fetch.Watch // none: nothing is fetched from there

	list *List // that is served; nil: none counts
	twin bool  // another list of the point had the same Last-Modified

	etag, lastModified, length []string // headers
}

// maxIndexAge bounds how long an index is used: CAs and Hosts may change their minds.
const maxIndexAge = time.Minute

// index returns the index that holds now.
func (m *Mirror) index(now time.Time) *mirrorIndex {
	if x := m.latest.Load(); x != nil && x.holds(m.CRLs, now) {
		return x
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if x := m.latest.Load(); x != nil && x.holds(m.CRLs, now) {
		return x
	}
	x := m.newIndex(now)
	m.latest.Store(x)
	return x
}

func (x *mirrorIndex) holds(s *CRLs, now time.Time) bool {
	select {
	case <-x.changed:
		return false
	default:
		return x.urls == s.published.Load() && !now.Before(x.from) && now.Before(x.to)
	}
}

// newIndex makes an index of what is known now.
func (m *Mirror) newIndex(now time.Time) *mirrorIndex {
	s := m.CRLs
	s.setUp()
	x := &mirrorIndex{
		changed: s.Changed(), urls: s.published.Load(), // before what is known is read
		from: now, to: now.Add(maxIndexAge), refresh: s.asker.Refresh,
		hosts: map[string]bool{}, points: map[string]*mirrored{}, paths: map[string][]*mirrored{},
	}
	ctx := context.Background()
	x.prefixes, _ = m.prefixes(ctx) // Validate says what is wrong with them
	for _, key := range x.prefixes {
		host, _, _ := strings.Cut(key, "/")
		x.hosts[host] = true
	}
	published := map[*mirrored][]*List{}
	point := func(uri string) *mirrored {
		key := mirrorKey(uri)
		if u, err := url.Parse(uri); key == "" || err != nil || u.User != nil || m.allowed(ctx, hostOf(u)) != nil {
			return nil
		}
		if x.points[key] == nil {
			host, path, _ := strings.Cut(key, "/")
			p := &mirrored{}
			x.hosts[host], x.points[key], x.paths[path] = true, p, append(x.paths[path], p)
		}
		return x.points[key]
	}
	shelf := newShelf(s.Lists(m.CAs()...))
	for _, uri := range s.URLs {
		if p := point(uri); p != nil {
			published[p] = append(published[p], shelf.at(uri, nil)...)
		}
	}
	var deltas []*fetch.Watch
	for _, w := range s.asker.Watches() {
		u, ok := w.Of.(*crlURL)
		if !ok {
			continue
		}
		if u.delta {
			deltas = append(deltas, w)
		} else if p := point(u.url); p != nil {
			p.watches = append(p.watches, w)
			published[p] = append(published[p], shelf.at(u.url, u)...)
		}
	}
	for uri, lists := range shelf.named {
		if x.below(mirrorKey(uri)) {
			if p := point(uri); p != nil {
				published[p] = append(published[p], lists...)
			}
		}
	}
	for _, w := range deltas {
		u := w.Of.(*crlURL)
		if x.points[mirrorKey(u.url)] != nil {
			continue // who asks for a complete list must not get another
		}
		if p := point(u.url); p != nil {
			p.watches = append(p.watches, w)
			published[p] = append(published[p], shelf.at(u.url, u)...)
		}
	}
	for p, lists := range published {
		x.choose(p, lists, now)
	}
	return x
}

// below reports whether a key is below one of Prefixes.
func (x *mirrorIndex) below(key string) bool {
	return slices.ContainsFunc(x.prefixes, func(prefix string) bool { return strings.HasPrefix(key, prefix) })
}

// point returns the point of a key; nil: it is not served.
func (x *mirrorIndex) point(key string) *mirrored {
	if p := x.points[key]; p != nil || !x.below(key) {
		return p
	}
	return &mirrored{}
}

// pointsOf returns the points of every host that have a path.
func (x *mirrorIndex) pointsOf(path string) []*mirrored {
	if points := x.paths[path]; len(points) > 0 {
		return points
	}
	if slices.ContainsFunc(x.prefixes, func(prefix string) bool {
		_, prefix, _ = strings.Cut(prefix, "/")
		return strings.HasPrefix(path, prefix)
	}) {
		return []*mirrored{{}}
	}
	return nil
}

// choose chooses what a point serves: of the lists that have begun, the one with the
// latest thisUpdate and, of these, the greatest number, if it is current. Even if it
// is not, no earlier one takes its place.
func (x *mirrorIndex) choose(p *mirrored, lists []*List, now time.Time) {
	for _, l := range lists {
		switch {
		case l.ThisUpdate.After(now): // most programs would refuse it, and what it replaces is still good
			x.until(l.ThisUpdate)
		case p.list == nil || l.later(p.list):
			p.list = l
		}
	}
	if p.list == nil {
		return
	}
	if p.list.DER == nil || !p.list.NextUpdate.After(now) { // none without nextUpdate
		p.list = nil
		return
	}
	x.until(p.list.NextUpdate)
	digest := p.list.Digest()
	p.etag = []string{`"` + hex.EncodeToString(digest[:16]) + `"`}
	p.lastModified = []string{p.list.ThisUpdate.UTC().Format(http.TimeFormat)}
	p.length = []string{strconv.Itoa(len(p.list.DER))}
	p.twin = slices.ContainsFunc(lists, func(l *List) bool { return l.ThisUpdate.Equal(p.list.ThisUpdate) && l.Digest() != digest })
}

// later reports whether a list is decided by before another one of the same point.
func (l *List) later(other *List) bool {
	if c := l.ThisUpdate.Compare(other.ThisUpdate); c != 0 {
		return c > 0
	}
	return other.Number == nil && l.Number != nil || other.Number != nil && l.Number != nil && l.Number.Cmp(other.Number) > 0
}

// until has the index made anew at a time.
func (x *mirrorIndex) until(at time.Time) {
	if at.Before(x.to) {
		x.to = at
	}
}

// next returns when the point is looked after next, at the earliest after a moment.
func (p *mirrored) next(now time.Time, moment time.Duration) time.Time {
	var next time.Time
	for _, w := range p.watches {
		if due := w.Due(); next.IsZero() || due.Before(next) {
			next = due
		}
	}
	if !next.After(now) {
		return now.Add(moment)
	}
	return next
}

// expires returns until when a cache may hold what the point serves.
func (x *mirrorIndex) expires(p *mirrored, now time.Time) time.Time {
	next := now.Add(x.refresh)
	if len(p.watches) > 0 {
		next = p.next(now, 0)
	}
	if next.After(p.list.NextUpdate) {
		return p.list.NextUpdate
	}
	return next
}
