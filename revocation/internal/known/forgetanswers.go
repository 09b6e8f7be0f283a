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
