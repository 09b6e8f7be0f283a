// SPDX-License-Identifier: Apache-2.0

package revocationtest

import (
	"crypto/x509"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation"
)

// The paths of lists, on each server.
const arlPath = "/arlc3.crl"

func crlPath(batch int) string   { return fmt.Sprintf("/crlc%d.crl", batch) }
func deltaPath(batch int) string { return deltaOf(crlPath(batch)) }

var listPaths = regexp.MustCompile(`^/(crlc[0-9]+(-delta)?|arlc3)\.crl$`)

func isDelta(path string) bool { return strings.HasSuffix(path, "-delta.crl") }

// completePath returns the path of the complete list that a delta CRL is based on;
// of another list, its own.
func completePath(path string) string { return strings.Replace(path, "-delta.crl", ".crl", 1) }

// deltaOf returns the path of the delta CRLs based on a complete list.
func deltaOf(path string) string { return strings.TrimSuffix(path, ".crl") + "-delta.crl" }

// An edition is what the servers with one fault have under one path.
type edition struct {
	path  string
	fault Fault
}

// A publication is a list that stays the same until something changes, so that
// its validators can be used.
type publication struct {
	der     []byte
	made    time.Time
	number  int64
	base    int64 // of a delta CRL
	revoked []revoked
	changes int
	issues  int
}

// change publishes what is about to change, so that mirrors can lag behind, changes
// it, and publishes the result. Complete: complete lists are made anew although there
// are deltas. A nil certificate is none in particular.
func (a *Authority) change(cert *x509.Certificate, complete bool, change func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.publishAll(cert)
	change()
	if a.changes++; complete {
		a.issues++
	}
	a.publishAll(cert)
}

// publishAll publishes the lists that anything was asked of before, and those that
// can list the certificate, if there are mirrors.
func (a *Authority) publishAll(cert *x509.Certificate) {
	if len(a.servers) == 1 {
		return
	}
	paths := map[string]bool{}
	for e := range a.lists {
		paths[completePath(e.path)] = true
	}
	for _, m := range a.servers {
		for _, point := range pointsOf(cert) {
			if path, ok := strings.CutPrefix(point, m.URL); ok && listPaths.MatchString(path) {
				paths[completePath(path)] = true
			}
		}
	}
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		for _, m := range a.servers {
			a.publish(edition{path, m.fault}, a.now())
			if a.Deltas && path != arlPath {
				a.publish(edition{deltaOf(path), m.fault}, a.now())
			}
		}
	}
}

func pointsOf(cert *x509.Certificate) []string {
	if cert == nil {
		return nil
	}
	return cert.CRLDistributionPoints
}

// publish returns the list that is published at a time which is not before any
// other of its publications. The caller holds the lock.
func (a *Authority) publish(e edition, at time.Time) publication {
	p := publication{made: at, changes: a.changes, issues: a.issues, revoked: a.revoked}
	var base publication
	if isDelta(e.path) {
		base = a.publish(edition{completePath(e.path), e.fault}, at)
		p.base = base.number
	}
	past := a.lists[e]
	if len(past) > 0 {
		last := past[len(past)-1]
		stays := a.Deltas && !isDelta(e.path) && e.path != arlPath // whatever changes
		same := last.issues == p.issues && last.base == p.base && (stays || last.changes == p.changes)
		if same && !at.Before(last.made) && at.Before(last.made.Add(a.lifetime()/2)) {
			return last
		}
	}
	a.number++
	p.number = a.number
	p.der = a.crl(completePath(e.path), p, base, e.fault).DER()
	if len(a.servers) == 1 {
		past = nil
	}
	a.lists[e] = append(past, p)
	return p
}

// crl describes the list that p is to be.
func (a *Authority) crl(path string, p, base publication, fault Fault) CRL {
	signer := a.signers[len(a.signers)-1]
	url, authorities := a.URL+path, path == arlPath
	crl := CRL{
		Issuer: signer.cert, Key: signer.key, Number: p.number, BaseNumber: p.base, ThisUpdate: fault.thisUpdate(p.made, a.lifetime()),
		Scope:   &Scope{PointName: PointName{URLs: []string{url}}, OnlyUserCerts: !authorities, OnlyCACerts: authorities},
		Entries: entriesOf(p.revoked, url, authorities),
	}
	crl.NextUpdate = crl.ThisUpdate.Add(a.lifetime())
	switch {
	case p.base != 0:
		crl.Entries = difference(entriesOf(base.revoked, url, authorities), crl.Entries)
	case a.Deltas && !authorities:
		crl.FreshestCRL = []DistributionPoint{{PointName: PointName{URLs: []string{a.URL + deltaOf(path)}}}}
	}
	switch fault {
	case WrongSignature:
		crl.BrokenSignature = true
	case Unsigned:
		crl.NoSignature = true
	case WrongIssuer:
		other := stranger()
		crl.Issuer, crl.Key = other.cert, other.key
	case WrongScope:
		crl.Scope.URLs = []string{a.URL + "/another.crl"}
	}
	return crl
}

// entriesOf returns those of the complete list of a distribution point.
func entriesOf(all []revoked, url string, authorities bool) (entries []Entry) {
	for _, r := range all {
		points := r.cert.CRLDistributionPoints
		if r.cert.IsCA == authorities && (len(points) == 0 || slices.Contains(points, url)) {
			entries = append(entries, Entry{Serial: r.cert.SerialNumber, Date: r.at, Reason: r.reason})
		}
	}
	return entries
}

// difference returns the entries of a delta CRL: what is new or has another reason
// since the complete list, and what was released.
func difference(before, now []Entry) (entries []Entry) {
	index := func(in []Entry) map[string]Entry {
		found := make(map[string]Entry, len(in))
		for _, e := range in {
			found[e.Serial.String()] = e
		}
		return found
	}
	old, current := index(before), index(now)
	for _, e := range now {
		if was, ok := old[e.Serial.String()]; !ok || was.Reason != e.Reason {
			entries = append(entries, e)
		}
	}
	for _, e := range before {
		if _, ok := current[e.Serial.String()]; !ok {
			e.Reason = revocation.ReasonRemoveFromCRL
			entries = append(entries, e)
		}
	}
	return entries
}
