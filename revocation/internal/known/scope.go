// SPDX-License-Identifier: Apache-2.0

package known

import (
	"crypto/x509"
	"slices"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/crl"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/der"
)

// about returns the series that are about a certificate and may speak for the
// path.
func (d *decision) about(subject *crl.Subject, path []*x509.Certificate) (all []*series) {
	all, _ = d.authoritative(subject, path)
	return all
}

// authoritative is about, with why each other series does not count.
func (d *decision) authoritative(subject *crl.Subject, path []*x509.Certificate) (all []*series, errs []error) {
	lists := d.set.under(KeysOf(subject), &d.dependencies)
	for _, s := range seriesOf(lists, PlacesOf(subject)) {
		l := s.any()
		reasons, why := Covers(l.List, subject)
		if why != "" {
			errs = append(errs, listError(l, der.ErrScope, why))
			continue
		}
		if s.speakers = d.maySpeak(l, path); len(s.speakers) == 0 {
			errs = append(errs, listError(l, der.ErrSignature, "its signer is not verified: it has no chain to the root of the certificate"))
			continue
		}
		s.reasons = reasons
		all = append(all, s)
	}
	return all, errs
}

// any returns one of the lists of a series, which have issuer, key and scope in
// common: the latest, a complete one if there is one.
func (s *series) any() *List {
	lists := s.completes
	if len(lists) == 0 {
		lists = s.deltas
	}
	return slices.MaxFunc(lists, func(a, b *List) int { return a.ThisUpdate().Compare(b.ThisUpdate()) })
}

// Covers returns the reasons for which a list is authoritative by one of the
// points of the certificate, the one of section 6.3.3 included that stands for
// any CRL of its issuer; or why it is not.
func Covers(l *crl.List, subject *crl.Subject) (reasons crl.Reasons, why string) {
	covered := false
	for _, p := range append(slices.Clip(subject.Points), crl.OwnPoint(subject.Issuer)) {
		r, not := l.Covers(subject, &p)
		if not == "" {
			reasons, covered = reasons|r, true
		} else if why == "" {
			why = not
		}
	}
	if covered {
		why = ""
		if reasons == 0 {
			why = "it is for none of the reasons of the distribution point"
		}
	}
	return reasons, why
}

// PlacesOf returns the places of the lists without issuingDistributionPoint that
// are for the certificate: the URLs of its points.
func PlacesOf(subject *crl.Subject) (places []Place) {
	for _, p := range subject.Points {
		urls, _ := p.URLs()
		for _, url := range urls {
			places = append(places, PlaceOf(url))
		}
	}
	return places
}
