// SPDX-License-Identifier: Apache-2.0

package known

import (
	"bytes"
	"cmp"
	"crypto/x509"
	"fmt"
	"slices"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/crl"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/der"
)

// A Verdict is what the set says of one certificate.
type Verdict struct {
	Status Status
	Entry  crl.Entry // with StatusRevoked
	List   *crl.List // that revokes, or the first that clears

	ThisUpdate, NextUpdate time.Time

	// Stale says, with StatusUndecided, that lists clear the certificate some of
	// which have expired, since NextUpdate.
	Stale bool

	Errs []error // what is wrong with each list, *ListError
}

// A Decision is a verdict and what it depends on.
type Decision struct {
	Verdict
	Subjects     []*crl.Subject // the certificate, and signers whose own status was asked about
	Read         []*crl.Subject // these, and those of whose keys it was asked whether they are to be trusted
	Behind       bool           // a delta CRL says that there is a later complete list than the known ones
	Verified     []*List        // that this path verified first
	Dependencies Dependencies
	Window       Window
}

// A ListError says why one list does not count.
type ListError struct {
	Source string
	Err    *der.Error
}

func (e *ListError) Error() string { return e.Source + ": " + e.Err.Error() }

// Unwrap returns the *der.Error.
func (e *ListError) Unwrap() error { return e.Err }

func listError(l *List, kind error, detail string) error {
	return &ListError{l.Source(), &der.Error{Kind: kind, Detail: detail}}
}

// Decide says of path[0] what the set says at a time (RFC 5280 section 6.3.3).
// The path has been verified; issuers are further certificates that may have
// signed CRLs. Lists whose signer was not known are tried with these first. The
// error says that the certificate cannot be read.
func (s *Lists) Decide(path, issuers []*x509.Certificate, at, horizon time.Time) (*Decision, error) {
	d, verified := s.decision(path, issuers, at, horizon)
	v, err := d.status(path)
	if err != nil {
		return nil, err
	}
	return &Decision{Verdict: *v, Subjects: d.asked, Read: d.subjects, Behind: d.behind, Verified: verified, Dependencies: d.dependencies, Window: d.window}, nil
}

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

// status decides about path[0].
func (d *decision) status(path []*x509.Certificate) (*Verdict, error) {
	subject, err := d.subject(path[0])
	if err != nil {
		return nil, err
	}
	d.examined = append(d.examined, path[0])
	defer func() { d.examined = d.examined[:len(d.examined)-1] }()
	if !slices.Contains(d.asked, subject) {
		d.asked = append(d.asked, subject)
	}
	all, errs := d.authoritative(subject, path)
	var statements []statement
	var clear []*clearance
	for _, s := range all {
		revoked, cleared := d.consult(s, subject)
		statements = append(statements, revoked...)
		d.behind = d.behind || d.outrun(s)
		if cleared == nil {
			if len(revoked) == 0 {
				errs = append(errs, d.whyNot(s))
			}
			continue
		}
		why := d.mayClear(s, s.speakers, path)
		switch {
		case !s.clears:
			errs = append(errs, listError(cleared.list, der.ErrScope, "it has no issuingDistributionPoint, and the certificate does not name its URL"))
		case why != nil:
			errs = append(errs, listError(cleared.list, der.ErrSignature, "its signer is not verified: "+why.Error()))
		default:
			clear = append(clear, cleared)
		}
		if !cleared.current {
			errs = append(errs, listError(cleared.list, der.ErrExpired, expiredAt(cleared)))
		}
	}
	if st, ok := d.standing(statements, clear, path); ok {
		return &Verdict{Status: StatusRevoked, Entry: st.entry, List: st.list.List,
			ThisUpdate: st.list.ThisUpdate(), NextUpdate: st.list.NextUpdate()}, nil
	}
	return conclude(clear, errs), nil
}

func expiredAt(c *clearance) string {
	if c.nextUpdate.IsZero() {
		return "it has no nextUpdate"
	}
	return "its nextUpdate was " + c.nextUpdate.Format(time.RFC3339)
}

// whyNot says why a series with no list that lists the certificate does not clear
// it either.
func (d *decision) whyNot(s *series) error {
	l := s.any()
	if l.IsDelta() {
		return listError(l, der.ErrScope, "it is a delta CRL, and the complete CRL that it updates is missing")
	}
	return listError(l, der.ErrNotYetValid, "its thisUpdate is "+l.ThisUpdate().Format(time.RFC3339))
}

// outrun reports whether a delta CRL that counts has a later base than every
// complete list of the series.
func (d *decision) outrun(s *series) bool {
	return slices.ContainsFunc(s.deltas, func(delta *List) bool {
		return d.begun(delta) && !d.deltaSuperseded(s, delta) && !slices.ContainsFunc(s.completes, func(l *List) bool {
			return crl.CompareNumbers(l.Number(), delta.Base()) >= 0
		})
	})
}

// standing returns a statement that no clearance removes: a permanent one if there
// is one, of these one that distrusts the key, of these the latest.
func (d *decision) standing(statements []statement, clear []*clearance, path []*x509.Certificate) (statement, bool) {
	statements = slices.DeleteFunc(statements, func(st statement) bool {
		return slices.ContainsFunc(clear, func(c *clearance) bool {
			if !c.current || !c.thisUpdate.After(st.list.ThisUpdate()) || st.series.reasons&^c.reasons != 0 {
				return false
			}
			return st.hold() && d.expired(st.list) || d.tainted(st.series.key, path)
		})
	})
	if len(statements) == 0 {
		return statement{}, false
	}
	return slices.MinFunc(statements, func(a, b statement) int {
		x, y := a.list.Digest(), b.list.Digest()
		return cmp.Or(btoi(a.hold())-btoi(b.hold()), btoi(distrusts(b.entry))-btoi(distrusts(a.entry)), b.list.ThisUpdate().Compare(a.list.ThisUpdate()), bytes.Compare(x[:], y[:]))
	}), true
}

// conclude answers for a certificate that no list lists.
func conclude(clear []*clearance, errs []error) *Verdict {
	// The current ones first, of these the latest.
	slices.SortStableFunc(clear, func(a, b *clearance) int {
		x, y := a.list.Digest(), b.list.Digest()
		return cmp.Or(btoi(b.current)-btoi(a.current), b.thisUpdate.Compare(a.thisUpdate), bytes.Compare(x[:], y[:]))
	})
	v := &Verdict{Errs: errs}
	var covered crl.Reasons
	current := true
	for _, c := range clear {
		if c.reasons&^covered == 0 || c.nextUpdate.IsZero() {
			continue
		}
		if covered == 0 {
			v.List, v.ThisUpdate, v.NextUpdate = c.list.List, c.thisUpdate, c.nextUpdate
		}
		covered |= c.reasons
		current = current && c.current
		if c.thisUpdate.Before(v.ThisUpdate) {
			v.ThisUpdate = c.thisUpdate
		}
		if c.nextUpdate.Before(v.NextUpdate) {
			v.NextUpdate = c.nextUpdate
		}
	}
	switch {
	case covered == crl.AllReasons && current:
		v.Status, v.Errs = StatusGood, nil
	case covered == crl.AllReasons:
		v.Stale = true
	case covered != 0:
		v.Errs = append(v.Errs, &ListError{v.List.Source(), &der.Error{Kind: der.ErrScope,
			Detail: fmt.Sprintf("no CRL covers the reasons %s", crl.AllReasons&^covered)}})
	}
	return v
}
