// SPDX-License-Identifier: Apache-2.0

package revocationtest

import (
	"crypto/x509"
	"fmt"
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

func pointsOf(cert *x509.Certificate) []string {
	if cert == nil {
		return nil
	}
	return cert.CRLDistributionPoints
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

type revoked struct {
	cert   *x509.Certificate
	reason revocation.Reason
	at     time.Time
}
