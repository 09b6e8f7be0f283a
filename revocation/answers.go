// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"bytes"
	"context"
	"crypto/x509"
	"hash/maphash"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/fetch"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/known"
)

// asking says how a source is asked by a Checker.
type asking struct {
	// noFetch: nothing is waited for but the first reading of files and the Cache.
	// An answer that is not revoked then counts only if it is good.
	noFetch bool

	// brief: another source has an answer, so that only first looks are waited
	// for.
	brief bool

	// maxStale is how long after its end a good answer counts: then a look that is
	// under way need not be waited for beyond its head start.
	maxStale time.Duration

	// maxAge is Policy.MaxAge.
	maxAge time.Duration

	// chain is all of the chain, for whose certificates below the one in question
	// documents are asked for at the same time.
	chain []*x509.Certificate

	// checker is whose sources are asked, before anything is waited for, whether
	// one of those certificates is known to be revoked; nil: none.
	checker *Checker
}

// refused reports whether a certificate of the chain below the one in question is
// known to be revoked, so that nothing need be waited for.
func (how *asking) refused(ctx context.Context, q *Query) bool {
	if how.checker == nil {
		return false
	}
	_, revoked := how.checker.revokedBelow(ctx, how.chain, len(how.chain)-len(q.Path), q.At)
	return revoked != nil
}

// An answer is an earlier decision. It stands, for the same path, as long as
// nothing has changed under any key that was looked up, and at times at which
// every comparison comes out as it did.
type answer struct {
	path    []*x509.Certificate
	rests   known.Rests
	window  known.Window
	watches []*fetch.Watch // to begin looks that are due
	staple  [32]byte       // SHA-256 of the stapled response that was looked at
	added   uint64         // generation of the responses that were added
	trusts  []trusted
	decided bool // else it only says that no known document revokes
	answer  Answer
}

// trusted is how a delegated responder stood.
type trusted struct {
	responder *x509.Certificate
	ask       bool
	err       error
	tainted   bool
}

// An asker is a source that can be asked in more ways than Status.
type asker interface {
	ask(ctx context.Context, q Query, how asking) (Answer, error)
}

// answers are the decisions about a bounded number of paths, read without a lock.
// Each has a few places that follow from its certificate; where they are taken,
// one is evicted at random.
type answers struct {
	table atomic.Pointer[answerTable]
}

type answerTable struct {
	seed  maphash.Seed
	slots [answerSlots]atomic.Pointer[answer]
}

const (
	answerSlots = 1 << 14
	answerWays  = 4
)

// slotsOf returns the slots for the certificate. Its signature stands for it, as
// being spread well; the whole of it is compared.
func (t *answerTable) slotsOf(cert *x509.Certificate) []atomic.Pointer[answer] {
	tail := cert.Signature[max(0, len(cert.Signature)-16):]
	first := maphash.Bytes(t.seed, tail) % (answerSlots / answerWays) * answerWays
	return t.slots[first : first+answerWays]
}

// find returns a decision that stands, nil if there is none.
func (a *answers) find(path []*x509.Certificate, at time.Time, how asking) *answer {
	t := a.table.Load()
	if t == nil || path[0] == nil {
		return nil
	}
	slots := t.slotsOf(path[0])
	for i := range slots {
		found := slots[i].Load()
		if found == nil || !samePath(found.path, path) {
			continue
		}
		if !found.decided && !how.noFetch || !found.window.Holds(at) || !found.rests.Stand() {
			return nil
		}
		if how.maxAge > 0 && found.answer.Status == Good && at.After(found.answer.ThisUpdate.Add(how.maxAge)) {
			return nil
		}
		return found
	}
	return nil
}

// keep keeps a decision, in place of an earlier one for the same path.
func (a *answers) keep(kept *answer) {
	t := a.table.Load()
	if t == nil {
		a.table.CompareAndSwap(nil, &answerTable{seed: maphash.MakeSeed()})
		t = a.table.Load()
	}
	slots := t.slotsOf(kept.path[0])
	at := rand.IntN(len(slots))
	for i := range slots {
		if found := slots[i].Load(); found == nil || samePath(found.path, kept.path) {
			at = i
			break
		}
	}
	kept.path = slices.Clone(kept.path)
	kept.answer.Cached = true
	slots[at].Store(kept)
}

func samePath(a, b []*x509.Certificate) bool {
	return slices.EqualFunc(a, b, func(x, y *x509.Certificate) bool {
		return x == y || x != nil && y != nil && bytes.Equal(x.Raw, y.Raw)
	})
}

// horizon is the time a day before which what is superseded may be forgotten: no
// later than any time that was asked about, in seconds since 1970.
func horizon(latest int64, clock func() time.Time) time.Time {
	if latest == 0 {
		return time.Time{}
	}
	at, now := time.Unix(latest, 0), clock()
	if now.Before(at) {
		return now
	}
	return at
}

// patience returns how long to wait for groups, zero for as long as the caller
// does; wait is false if not at all. stale says that an answer which expired at a
// time will do.
func patience(a *fetch.Asker, groups [][]*fetch.Watch, how asking, stale bool, expired time.Time) (most time.Duration, wait bool) {
	switch {
	case how.brief:
		return firstLook, len(untroubled(a, never(a, groups))) > 0
	case stale:
		// A look that was begun since the answer ran out, and has failed or is under
		// way for a second, is enough.
		return firstLook, slices.ContainsFunc(slices.Concat(groups...), func(w *fetch.Watch) bool { return !a.Failing(w, expired) })
	}
	return 0, true
}

// never returns the groups with a target that no look has ended at, or been under
// way at for a second.
func never(a *fetch.Asker, groups [][]*fetch.Watch) (never [][]*fetch.Watch) {
	for _, group := range groups {
		if slices.ContainsFunc(group, func(w *fetch.Watch) bool { return !a.Asked(w) }) {
			never = append(never, group)
		}
	}
	return never
}

// untroubled returns the groups none of whose hosts failed or hung a moment ago.
func untroubled(a *fetch.Asker, groups [][]*fetch.Watch) [][]*fetch.Watch {
	return slices.DeleteFunc(groups, func(group []*fetch.Watch) bool {
		return slices.ContainsFunc(group, func(w *fetch.Watch) bool { return a.Troubled(w.Host) })
	})
}
