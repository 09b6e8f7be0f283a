// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"bytes"
	"crypto/x509"
	"hash/maphash"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/fetch"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/known"
)

// An answer is an earlier decision. It stands, for the same path, as long as
// nothing has changed under any key that was looked up, and at times at which
// every comparison comes out as it did.
type answer struct {
	path         []*x509.Certificate
	dependencies known.Dependencies
	window       known.Window
	watches      []*fetch.Watch // to begin looks that are due
	staple       [32]byte       // SHA-256 of the stapled response that was looked at
	added        uint64         // generation of the responses that were added
	trusts       []trusted
	decided      bool // else it only says that no known document revokes
	answer       Answer
}

// trusted is how a delegated responder stood.
type trusted struct {
	path      []*x509.Certificate // the second of which issued its certificate
	responder *x509.Certificate
	ask       bool
	err       error
	tainted   bool
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
		if !found.decided && !how.noFetch || !found.window.Holds(at) || !found.dependencies.Unchanged() {
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
