// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"bytes"
	"crypto/x509"
	"slices"
	"sync"
	"sync/atomic"
)

// maxUnverified bounds the CRLs of one series that are kept side by side, since
// which of them is genuine shows only when a certificate is asked about.
const maxUnverified = 16

// addedCRLs are the CRLs that Add was given, to be found by issuer and
// distribution point name.
type addedCRLs struct {
	generation atomic.Uint64 // goes up with every CRL that is added

	mu       sync.RWMutex
	byPoint  map[pointKey][]*series
	byIssuer map[string][]*series
}

// A pointKey is a CRL issuer and one of its distribution points; the zero name
// stands for CRLs without one.
type pointKey struct {
	issuer string
	name   generalName
}

// A series holds the CRLs of one issuer and scope that name the same key, delta
// or complete. Of those that a key signed, only the newest counts.
//
// CRLs with and without a number are apart, because newer puts only the ones or
// the others in an order: among both, forged ones could come between a CRL and
// the next.
type series struct {
	issuer, scope, authority string
	delta, numbered          bool
	crls                     []*crl // in the order they were added; replaced, never changed
}

func (s *series) takes(c *crl) bool {
	return s.delta == c.delta && s.numbered == (c.number != nil) &&
		s.scope == c.scope.raw && s.authority == c.authority && s.issuer == c.issuer
}

// pointKeys returns under which keys the CRL is found.
func (c *crl) pointKeys() []pointKey {
	if !c.scope.name.present {
		return []pointKey{{issuer: c.issuer}}
	}
	var keys []pointKey
	for _, name := range c.scope.name.names(c.issuer) {
		keys = append(keys, pointKey{issuer: c.issuer, name: name})
	}
	return keys
}

// pointKeys returns the keys of the CRLs that may be for the point.
func (p *distributionPoint) pointKeys(certificateIssuer string) []pointKey {
	issuers := []string{certificateIssuer}
	if p.crlIssuer != nil {
		issuers = nil
		for _, name := range p.crlIssuer {
			if name.tag == tagDirectoryName {
				issuers = append(issuers, name.value)
			}
		}
	}
	names := p.crlIssuer
	if p.name.present {
		names = p.name.names(p.issuerName(certificateIssuer))
	}
	var keys []pointKey
	for _, issuer := range issuers {
		keys = append(keys, pointKey{issuer: issuer})
		for _, name := range names {
			keys = append(keys, pointKey{issuer: issuer, name: name})
		}
	}
	return keys
}

// add keeps the CRL. In a full series it takes the place of the first that has
// not been found genuine: whoever can have CRLs added must not push out one
// that revokes. If all have been, it takes that of the oldest of those that are
// outdone by another of the same key: nor must a key that was revoked.
func (a *addedCRLs) add(c *crl) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.byPoint == nil {
		a.byPoint, a.byIssuer = map[pointKey][]*series{}, map[string][]*series{}
	}
	keys := c.pointKeys()
	var own *series
	for _, other := range a.byPoint[keys[0]] {
		if other.takes(c) {
			own = other
		}
	}
	if own == nil {
		own = &series{issuer: c.issuer, scope: c.scope.raw, authority: c.authority, delta: c.delta, numbered: c.number != nil}
		for _, key := range keys {
			if !slices.Contains(a.byPoint[key], own) {
				a.byPoint[key] = append(slices.Clip(a.byPoint[key]), own)
			}
		}
		a.byIssuer[c.issuer] = append(slices.Clip(a.byIssuer[c.issuer]), own)
	}
	for _, other := range own.crls {
		if bytes.Equal(other.digest, c.digest) && bytes.Equal(other.signature, c.signature) {
			return
		}
	}
	crls := slices.Clone(own.crls)
	if len(crls) == maxUnverified {
		victim := slices.IndexFunc(crls, func(c *crl) bool { return !c.verified() })
		if victim < 0 {
			sortNewestFirst(crls)
			victim = len(crls) - 1
			for i := victim; i > 0; i-- {
				if slices.ContainsFunc(crls[:i], crls[i].sharesKey) {
					victim = i
					break
				}
			}
		}
		crls = slices.Delete(crls, victim, victim+1)
	}
	own.crls = append(crls, c)
	a.generation.Add(1)
}

// at returns the series that may be for any of the points.
func (a *addedCRLs) at(keys []pointKey) []*series {
	a.mu.RLock()
	defer a.mu.RUnlock()
	var found []*series
	for _, key := range keys {
		for _, s := range a.byPoint[key] {
			if !slices.Contains(found, s) {
				found = append(found, s)
			}
		}
	}
	return found
}

// newestFirst returns the CRLs of a series.
func (a *addedCRLs) newestFirst(s *series) []*crl {
	a.mu.RLock()
	crls := slices.Clone(s.crls)
	a.mu.RUnlock()
	sortNewestFirst(crls)
	return crls
}

func sortNewestFirst(crls []*crl) {
	slices.SortStableFunc(crls, func(x, y *crl) int {
		switch {
		case x.newer(y):
			return -1
		case y.newer(x):
			return 1
		}
		return 0
	})
}

// supersede lets go of the CRLs of a series that are older than one that has
// been found genuine and in force, and signed with the same key. What another
// key signed stays: it may be what says that this one was revoked.
func (a *addedCRLs) supersede(s *series, by *crl, signer *x509.Certificate) {
	a.mu.Lock()
	defer a.mu.Unlock()
	older := func(c *crl) bool { return by.newer(c) && c.verifiedBy(signer) }
	if slices.Contains(s.crls, by) && slices.ContainsFunc(s.crls, older) {
		s.crls = slices.DeleteFunc(slices.Clone(s.crls), older)
	}
}

// some returns some CRLs of an issuer, to say why they are of no use, and
// whether there are CRLs at all.
func (a *addedCRLs) some(issuer string) (crls []*crl, any bool) {
	const enough = 4
	a.mu.RLock()
	defer a.mu.RUnlock()
	for _, s := range a.byIssuer[issuer] {
		if len(crls) < enough && len(s.crls) > 0 {
			crls = append(crls, s.crls[0])
		}
	}
	return crls, len(a.byIssuer) > 0
}
