// SPDX-License-Identifier: Apache-2.0

package known

import (
	"crypto/x509"
	"slices"
	"sync/atomic"
)

// maxResponders bounds the certificates of delegated responders that are remembered,
// all of which a CA has issued.
const maxResponders = 1000

// responders are the certificates that delegated responders have answered with, one
// copy of each, by their keys: a key that one of them shows not to be trusted is not
// to be trusted whichever comes with an answer.
type responders struct {
	byKey      atomic.Pointer[map[Key][]*x509.Certificate] // is replaced, not changed
	generation atomic.Uint64                               // changes when a key gets another certificate
}

// intern returns the first copy of a certificate of a key. A lock is held that no other
// caller holds. Of too many the one that expires first is forgotten.
func (s *responders) intern(key Key, cert *x509.Certificate) *x509.Certificate {
	before := s.load()
	if i := slices.IndexFunc(before[key], cert.Equal); i >= 0 {
		return before[key][i]
	}
	all := make(map[Key][]*x509.Certificate, len(before)+1)
	count := 1
	var first *x509.Certificate
	for k, certs := range before {
		all[k] = certs
		count += len(certs)
		for _, c := range certs {
			if first == nil || c.NotAfter.Before(first.NotAfter) {
				first = c
			}
		}
	}
	if count > maxResponders {
		for k, certs := range all {
			if i := slices.Index(certs, first); i >= 0 {
				all[k] = slices.Delete(slices.Clone(certs), i, i+1)
			}
			if len(all[k]) == 0 {
				delete(all, k)
			}
		}
	}
	all[key] = append(slices.Clip(all[key]), cert)
	s.byKey.Store(&all)
	if len(all[key]) > 1 {
		s.generation.Add(1)
	}
	return cert
}

func (s *responders) load() map[Key][]*x509.Certificate {
	if all := s.byKey.Load(); all != nil {
		return *all
	}
	return nil
}
