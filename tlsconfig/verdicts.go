// SPDX-License-Identifier: Apache-2.0

package tlsconfig

import (
	"crypto/sha256"
	"crypto/x509"
	"sync"
	"time"
)

// A verdict says that a leaf passed the rules that depend on neither the time nor
// the names asked for, but only on three things, which are the verdict's key:
//
//   - every byte of the leaf, by its SHA-256,
//   - what the leaf is used for, serverAuth or clientAuth,
//   - the pins, since verdicts belong to one immutable set of pins and are
//     gone with it.
//
// It covers the signatures from leaf to root, the strength of keys and
// signatures, basicConstraints, keyUsage, extKeyUsage, name constraints and
// critical extensions, and it holds the names read from the leaf. Validity,
// the comparison of the names and revocation are judged anew every time.
//
// Only acceptance is cached: unauthenticated clients could fill the cache with
// refusals.
type verdict struct {
	leaf  *x509.Certificate
	paths []*path
	names []string // lower case
}

type verdictKey struct {
	leaf  [sha256.Size]byte
	usage x509.ExtKeyUsage
}

// A warmVerdict is a verdict with the chain of each of its paths. It is found by
// the parsed leaf, which all requests of one connection share.
type warmVerdict struct {
	*verdict
	chains [][]*x509.Certificate
}

// A warmKey holds the leaf, so that its address can become no other's.
type warmKey struct {
	leaf  *x509.Certificate
	usage x509.ExtKeyUsage
}

// maxVerdicts bounds one generation of verdicts. Each takes a few hundred bytes,
// or a few thousand with a parsed certificate.
const maxVerdicts = 4096

// A recent is a cache of what was used last: when a generation is full it becomes
// the old one, and the one before it is dropped.
type recent[K comparable, V any] struct {
	mu         sync.RWMutex
	young, old map[K]*V
}

type verdicts = recent[verdictKey, verdict]

// get returns nil if there is no entry.
func (r *recent[K, V]) get(key *K) *V {
	r.mu.RLock()
	found, ok := r.young[*key]
	if ok {
		r.mu.RUnlock()
		return found
	}
	found = r.old[*key]
	r.mu.RUnlock()
	if found != nil {
		r.keep(key, found)
	}
	return found
}

func (r *recent[K, V]) keep(key *K, found *V) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.young == nil || len(r.young) >= maxVerdicts {
		r.young, r.old = make(map[K]*V), r.young
	}
	r.young[*key] = found
}

// valid returns the first path whose certificates are valid at now, or nil.
func (v *verdict) valid(now time.Time) *path {
	for _, p := range v.paths {
		if p.checkValidity(now) == nil {
			return p
		}
	}
	return nil
}
