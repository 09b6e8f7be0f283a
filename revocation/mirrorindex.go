// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/der"
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

func (x *mirrorIndex) holds(s *CRLs, now time.Time) bool {
	select {
	case <-x.changed:
		return false
	default:
		return x.urls == s.published.Load() && !now.Before(x.from) && now.Before(x.to)
	}
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

// maxMirrorURL bounds the URLs under which lists are served.
const maxMirrorURL = 8 << 10

// mirrorKey returns what a distribution point is found by: host and path, with the
// query if there is one, in the form in which URIs are compared. "" if the URL has
// no such.
func mirrorKey(uri string) string {
	if len(uri) > maxMirrorURL {
		return ""
	}
	scheme, key, _ := strings.Cut(der.NormalURI(uri), "://")
	if scheme != "http" && scheme != "https" {
		return ""
	}
	return key
}
