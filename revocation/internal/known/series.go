// SPDX-License-Identifier: Apache-2.0

package known

import (
	"crypto/x509"
	"slices"
	"strings"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/crl"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/der"
)

// A series is the lists of one CRL issuer, signing key and scope, as far as they
// are about one certificate.
type series struct {
	key       Key
	completes []*List
	deltas    []*List
	reasons   crl.Reasons         // for which its lists are authoritative for the certificate
	speakers  []*x509.Certificate // by which its key may sign for the path
	clears    bool                // lists without a scope clear only certificates that name their URL, or none
}

// seriesOf groups lists, for a certificate that names some places. Of lists
// without issuingDistributionPoint, those from URLs that this certificate does not
// name are a series each, though another certificate may name them together: a
// decision depends on no certificate outside its path. Those that were added belong
// to each.
func seriesOf(lists []*List, named []Place) (all []*series) {
	ids := map[string]*series{}
	add := func(l *List, id string, clears bool) {
		s := ids[id]
		if s == nil {
			s = &series{key: l.Key, clears: clears}
			ids[id] = s
			all = append(all, s)
		}
		if l.IsDelta() {
			s.deltas = append(s.deltas, l)
		} else {
			s.completes = append(s.completes, l)
		}
	}
	var added []*List
	for _, l := range lists {
		prefix := string(l.Key[:]) + l.Issuer() + "\x00"
		if l.Scoped() {
			add(l, prefix+"scope "+l.ScopeKey(), true)
			continue
		}
		atHome := false
		for _, place := range l.Places {
			switch {
			case place == Added || slices.Contains(named, place):
				if !atHome {
					add(l, prefix+"named", true)
				}
				atHome = true
			default:
				add(l, prefix+"place "+string(place[:]), len(named) == 0)
			}
		}
		if slices.Contains(l.Places, Added) {
			added = append(added, l)
		}
	}
	for _, l := range added {
		prefix := string(l.Key[:]) + l.Issuer() + "\x00place "
		for id := range ids {
			if strings.HasPrefix(id, prefix) && !slices.Contains(ids[id].completes, l) && !slices.Contains(ids[id].deltas, l) {
				add(l, id, false)
			}
		}
	}
	return all
}

// superseded reports whether a complete list of the series that has begun takes
// the place of l.
func (d *decision) superseded(s *series, l *List) bool {
	return slices.ContainsFunc(s.completes, func(y *List) bool { return y != l && y.Supersedes(l.List) && d.begun(y) })
}

// deltaSuperseded reports whether a delta CRL says nothing any more: a complete list that
// has begun has at least its number and thisUpdate, or a delta CRL that has begun
// supersedes it and has no later base.
func (d *decision) deltaSuperseded(s *series, delta *List) bool {
	return slices.ContainsFunc(s.completes, func(y *List) bool {
		return y.Number() != nil && y.Number().Cmp(delta.Number()) >= 0 && !y.ThisUpdate().Before(delta.ThisUpdate()) && d.begun(y)
	}) || slices.ContainsFunc(s.deltas, func(y *List) bool {
		return y != delta && y.Supersedes(delta.List) && y.Base().Cmp(delta.Base()) <= 0 && d.begun(y)
	})
}

// begun reports whether a list counts already.
func (d *decision) begun(l *List) bool {
	return !d.window.before(d.at, l.ThisUpdate().Add(-ClockTolerance))
}

// expired reports whether a list's nextUpdate has passed. One without it is
// expired from the start.
func (d *decision) expired(l *List) bool {
	return l.NextUpdate().IsZero() || d.window.after(d.at, l.NextUpdate())
}

// A statement is an entry that revokes.
type statement struct {
	series *series
	list   *List
	entry  crl.Entry
}

func (s *statement) hold() bool { return s.entry.Reason == der.ReasonCertificateHold }

// A clearance is what the list that decides a series says if it does not list
// the certificate.
type clearance struct {
	list                   *List // that was consulted, a delta CRL if that made it current
	reasons                crl.Reasons
	thisUpdate, nextUpdate time.Time
	current                bool
}

// consult applies the rules of one series to one certificate. It returns the
// statements that stand within the series, and the clearance if the lists that
// decide do not list the certificate.
func (d *decision) consult(s *series, subject *crl.Subject) (revoked []statement, cleared *clearance) {
	var consulted []*List
	for _, l := range s.completes {
		if !d.superseded(s, l) {
			consulted = append(consulted, l)
		}
	}
	var deltas []*List
	for _, l := range s.deltas {
		if !d.deltaSuperseded(s, l) {
			deltas = append(deltas, l)
		}
	}
	deciders := d.deciders(consulted)
	good := len(deciders) > 0
	for _, l := range consulted {
		entry, listed := l.Find(subject)
		decides := slices.Contains(deciders, l)
		if listed && decides {
			delta := d.latestDelta(l, deltas)
			if e, also := findIn(delta, subject); also && e.Reason == der.ReasonRemoveFromCRL {
				continue
			}
			good = false
		}
		if listed && (decides || entry.Reason != der.ReasonCertificateHold || !d.expired(l)) {
			revoked = append(revoked, statement{s, l, entry})
		}
	}
	for _, l := range deltas {
		if entry, listed := l.Find(subject); listed && entry.Reason != der.ReasonRemoveFromCRL {
			revoked = append(revoked, statement{s, l, entry})
		}
	}
	if !good {
		return revoked, nil
	}
	// On a full tie the one that lasts least speaks for them.
	for _, l := range deciders {
		if c := d.clearance(s, l, deltas); cleared == nil || c.nextUpdate.Before(cleared.nextUpdate) {
			cleared = c
		}
	}
	return revoked, cleared
}

// clearance returns what a list that decides says of what it does not list.
func (d *decision) clearance(s *series, l *List, deltas []*List) *clearance {
	c := &clearance{list: l, reasons: s.reasons, thisUpdate: l.ThisUpdate(), nextUpdate: l.NextUpdate(), current: !d.expired(l)}
	if delta := d.latestDelta(l, deltas); delta != nil {
		// A delta CRL brings a complete list up to date, an expired one too (RFC
		// 5280 section 6.3.3 (a)(1)(i)).
		c.list, c.current = delta, true
		c.thisUpdate, c.nextUpdate = delta.ThisUpdate(), delta.NextUpdate()
	}
	return c
}

func findIn(l *List, subject *crl.Subject) (crl.Entry, bool) {
	if l == nil {
		return crl.Entry{}, false
	}
	return l.Find(subject)
}

// deciders returns, of the lists that are consulted and have begun, the one with
// the latest thisUpdate and, of these, the greatest number; several on a full
// tie.
func (d *decision) deciders(consulted []*List) (deciders []*List) {
	for _, l := range consulted {
		if !d.begun(l) {
			continue
		}
		order := 1
		if len(deciders) > 0 {
			order = l.ThisUpdate().Compare(deciders[0].ThisUpdate())
			if order == 0 {
				order = crl.CompareNumbers(l.Number(), deciders[0].Number())
			}
		}
		switch {
		case order > 0:
			deciders = append(deciders[:0], l)
		case order == 0:
			deciders = append(deciders, l)
		}
	}
	return deciders
}

// latestDelta returns the latest delta CRL that has begun, can be combined with a
// complete list and is current, nil if there is none.
func (d *decision) latestDelta(l *List, deltas []*List) (latest *List) {
	for _, delta := range deltas {
		if !l.Combines(delta.List) || !d.begun(delta) {
			continue
		}
		if latest == nil || delta.ThisUpdate().After(latest.ThisUpdate()) ||
			delta.ThisUpdate().Equal(latest.ThisUpdate()) && crl.CompareNumbers(delta.Number(), latest.Number()) > 0 {
			latest = delta
		}
	}
	// Only the latest counts: an older one that is still current must not take
	// back what a later one says.
	if latest == nil || d.expired(latest) {
		return nil
	}
	return latest
}
