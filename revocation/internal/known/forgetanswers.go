// SPDX-License-Identifier: Apache-2.0

package known

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/ocsp"
)

// rememberReplies returns the replies without what another supersedes that began a day
// before horizon.
func rememberReplies(replies []*Reply, horizon time.Time) []*Reply {
	if horizon.IsZero() {
		return replies
	}
	return slices.DeleteFunc(slices.Clone(replies), func(x *Reply) bool {
		return supersededBy(x, replies, horizon.Add(-forgetAfter))
	})
}

const (
	maxReplies       = 1000    // about one certificate
	maxReplyOctets   = 1 << 20 // of them, of which one may have more
	victimsInAdvance = 100     // one in as many keys is chosen to be evicted at once
)

// boundedReplies drops the oldest that do not revoke, then the oldest that another one
// supersedes: one responder's answers, however many, drop no revocation of another's as
// long as there is a later one that says as much.
func boundedReplies(replies []*Reply) []*Reply {
	octets := 0
	for _, r := range replies {
		octets += len(r.Raw)
	}
	for len(replies) > maxReplies || octets > maxReplyOctets && len(replies) > 1 {
		oldest := slices.MinFunc(replies, func(x, y *Reply) int {
			return cmp.Or(btoi(x.Status == ocsp.Revoked)-btoi(y.Status == ocsp.Revoked), x.ThisUpdate.Compare(y.ThisUpdate), bytes.Compare(x.Digest[:], y.Digest[:]))
		})
		if superseded := supersededReplies(replies); len(superseded) > 0 && oldest.Status == ocsp.Revoked {
			oldest = slices.MinFunc(superseded, func(x, y *Reply) int {
				return cmp.Or(x.ThisUpdate.Compare(y.ThisUpdate), bytes.Compare(x.Digest[:], y.Digest[:]))
			})
		}
		octets -= len(oldest.Raw)
		replies = slices.DeleteFunc(replies, func(r *Reply) bool { return r == oldest })
	}
	return replies
}

// supersededReplies returns those that another one supersedes, begun or not: a
// revocation that has not begun counts already.
func supersededReplies(replies []*Reply) (superseded []*Reply) {
	orders := make([]Order, len(replies))
	for i, r := range replies {
		orders[i] = r.Order()
	}
	for i, r := range replies {
		if slices.ContainsFunc(orders, func(o Order) bool { return o.Supersedes(&orders[i]) }) {
			superseded = append(superseded, r)
		}
	}
	return superseded
}

// An evictable is what is known about one certificate, with what says when it is
// forgotten to make room.
type evictable struct {
	key     string
	revoked bool      // by an answer that stands, of a certificate that may still be shown
	latest  time.Time // thisUpdate of the answers, or of those that revoke
}

// compare sorts by what is evicted first: certificates that are not
// revoked, which are asked about again, or have expired; then those whose answers are
// the oldest, because what is known of them counts least.
func (x evictable) compare(y evictable) int {
	return cmp.Or(btoi(x.revoked)-btoi(y.revoked), x.latest.Compare(y.latest), strings.Compare(x.key, y.key))
}

func newEvictable(key string, replies []*Reply, horizon time.Time) evictable {
	e := evictable{key: key}
	expired := slices.ContainsFunc(replies, func(r *Reply) bool {
		return !r.NotAfter.IsZero() && !horizon.IsZero() && r.NotAfter.Before(horizon.Add(-forgetAfter))
	})
	for _, r := range replies {
		revokes := !expired && r.Status == ocsp.Revoked && !removedAt(r, replies, horizon)
		if revokes && !e.revoked {
			e.revoked, e.latest = true, time.Time{}
		}
		if revokes == e.revoked && r.ThisUpdate.After(e.latest) {
			e.latest = r.ThisUpdate
		}
	}
	return e
}

// supersededBy reports whether one of the replies takes the place of another, and had
// begun at a time.
func supersededBy(x *Reply, replies []*Reply, at time.Time) bool {
	o := x.Order()
	return !at.IsZero() && slices.ContainsFunc(replies, func(y *Reply) bool {
		order := y.Order()
		return !order.Begins.After(at) && order.Supersedes(&o)
	})
}

// removedAt reports whether an answer of the same responder that had begun at a time
// removes a revocation, if its key is to be trusted.
func removedAt(revoked *Reply, replies []*Reply, at time.Time) bool {
	return !at.IsZero() && slices.ContainsFunc(replies, func(r *Reply) bool {
		return r.Status != ocsp.Unknown && r.Key == revoked.Key && r.ThisUpdate.After(revoked.ThisUpdate) && r.removes() && !r.Order().Begins.After(at)
	})
}

// evict forgets what is known about one certificate other than the one that makes
// room necessary. A revocation goes only if nothing else is left. Then good answers
// that are not later than it clear nothing any more, whatever certificate they are
// about: one that was revoked is asked about again, and not taken for good because an
// answer from before its revocation is played back. Nor does another responder clear it
// than the one that revoked it. s.mu is held.
func (s *Answers) evict(but string, horizon time.Time) {
	if s.evictChosen(but, horizon) {
		return
	}
	var all []evictable
	s.buckets.each(func(key string, replies []*Reply) (more bool) {
		if key != but {
			all = append(all, newEvictable(key, replies, horizon))
		}
		return true
	})
	slices.SortFunc(all, evictable.compare)
	if first := all[0]; first.revoked {
		s.forget(first)
		return
	}
	s.victims = s.victims[:0]
	for _, e := range all[:1+len(all)/victimsInAdvance] {
		if !e.revoked {
			s.victims = append(s.victims, e.key)
		}
	}
	s.evictChosen(but, horizon)
}

// evictChosen evicts the next of those that were chosen and are still not revoked.
func (s *Answers) evictChosen(but string, horizon time.Time) (done bool) {
	for len(s.victims) > 0 {
		key := s.victims[0]
		s.victims = s.victims[1:]
		replies := s.buckets.load(key)
		if e := newEvictable(key, replies, horizon); len(replies) > 0 && key != but && !e.revoked {
			s.forget(e)
			return true
		}
	}
	return false
}

// forget forgets what is known about one certificate.
func (s *Answers) forget(e evictable) {
	if until := e.latest.UnixNano(); e.revoked && (s.forgot.Load() == 0 || until > s.forgotten.Load()) {
		s.forgotten.Store(until)
	}
	if e.revoked {
		for _, r := range s.buckets.load(e.key) {
			if r.Status == ocsp.Revoked {
				s.evicted.add(e.key, r.Key)
			}
		}
		s.forgot.Add(1)
	}
	s.buckets.remove(e.key)
	s.count--
	s.evicts.Store(true)
}

// forgottenUntil returns the latest thisUpdate of a revocation that was evicted; it is
// not ok if none was.
func (s *Answers) forgottenUntil() (until time.Time, ok bool) {
	ok = s.forgot.Load() > 0
	return time.Unix(0, s.forgotten.Load()), ok
}
