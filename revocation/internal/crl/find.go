// SPDX-License-Identifier: Apache-2.0

package crl

import (
	"math/big"
	"slices"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/der"
)

// An Entry is what a list says about one certificate.
type Entry struct {
	Reason der.Reason
	Time   time.Time // revocationDate
}

// Find returns the list's entry for the certificate (RFC 5280 section 6.3.3 (i)
// and (j)). Of several, one that revokes comes before removeFromCRL. Where it is
// not certain that a certificateIssuer is another name than that of the
// certificate's issuer, an entry that revokes counts.
func (l *List) Find(s *Subject) (Entry, bool) {
	w, listed := l.lookUp(s)
	if !listed {
		return Entry{}, false
	}
	return Entry{Reason: w.reason(), Time: der.Time(w.seconds())}, true
}

func (l *List) lookUp(s *Subject) (when, bool) {
	if l.entries == nil {
		return 0, false
	}
	group, ok := uint32(0), l.issuer == s.Issuer
	if l.scope.indirect {
		group, ok = l.groups[s.Issuer]
	}
	var found when
	var listed bool
	if ok {
		if found, listed = l.entries.find(s.serial, group); listed && found.reason() != der.ReasonRemoveFromCRL {
			return found, true
		}
	}
	others := l.groups
	if len(others) > 0 && der.IsPlain(s.Issuer) {
		others = l.unclear
	}
	for name, group := range others {
		if name == s.Issuer || !der.MayBeEqual(name, s.Issuer) {
			continue
		}
		if w, also := l.entries.find(s.serial, group); also && w.reason() != der.ReasonRemoveFromCRL {
			return w, true
		}
	}
	return found, listed
}

// Beyond returns at most so many serials that the list revokes of its own issuer's
// certificates and none of the others, which are of the same issuer, does.
func (l *List) Beyond(most int, others ...*List) (serials []*big.Int) {
	if l.entries == nil || most <= 0 {
		return nil
	}
	l.entries.each(func(serial []byte, group uint32, w when) bool {
		if own, ok := l.groups[l.issuer]; w.reason() == der.ReasonRemoveFromCRL || l.scope.indirect && (!ok || own != group) {
			return true
		}
		subject := &Subject{Issuer: l.issuer, serial: serial}
		if slices.ContainsFunc(others, func(other *List) bool {
			v, listed := other.lookUp(subject)
			return listed && v.reason() != der.ReasonRemoveFromCRL
		}) {
			return true
		}
		serials = append(serials, der.Integer(serial))
		return len(serials) < most
	})
	slices.SortFunc(serials, (*big.Int).Cmp)
	return serials
}
