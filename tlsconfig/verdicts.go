// SPDX-License-Identifier: Apache-2.0

package tlsconfig

import (
	"crypto/sha256"
	"crypto/x509"
	"sync"
	"time"
)

// A verdict says that a leaf passed the rules that do not depend on the time,
// on the names asked for or on anything but three things, all of them part of
// where the verdict is found:
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
// Only acceptance is kept: a refusal would let strangers fill the cache.
type verdict struct {
	paths []*path
	names []string // lower case
}

type verdictKey struct {
	leaf  [sha256.Size]byte
	usage x509.ExtKeyUsage
}

// maxVerdicts bounds one generation of verdicts. Each takes a few hundred
// bytes.
const maxVerdicts = 4096

// verdicts keeps those that were used last: when a generation is full it
// becomes the old one and the one before it is dropped.
type verdicts struct {
	mu         sync.RWMutex
	young, old map[verdictKey]*verdict
}

// get returns nil if there is no verdict.
func (v *verdicts) get(key *verdictKey) *verdict {
	v.mu.RLock()
	found, ok := v.young[*key]
	if ok {
		v.mu.RUnlock()
		return found
	}
	found = v.old[*key]
	v.mu.RUnlock()
	if found != nil {
		v.keep(key, found)
	}
	return found
}

func (v *verdicts) keep(key *verdictKey, found *verdict) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.young == nil || len(v.young) >= maxVerdicts {
		v.young, v.old = make(map[verdictKey]*verdict), v.young
	}
	v.young[*key] = found
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

func (p *path) checkValidity(now time.Time) *PeerError {
	if err := checkValidity(p.subCA, now); err != nil {
		return err
	}
	return checkValidity(p.root, now)
}
