// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"
)

// A search is the algorithm of RFC 5280 section 6.3.3 for one certificate at
// one time. It keeps account of what its answer rests on.
type search struct {
	source   *CRLs
	at       time.Time
	rests    evidence
	examined []*x509.Certificate // that are being asked about, one for the sake of the other
	fetched  bool
}

// A tally is what the CRLs consulted so far say about a certificate.
type tally struct {
	subject *subject
	path    []*x509.Certificate

	current coverage // by CRLs that are of the time; its reasons are the reasons_mask of RFC 5280
	stale   coverage // by CRLs whose time is over
	revoked *Answer
	signer  *x509.Certificate // of the CRL that was consulted last
	errs    []error           // of CRLs that do not count
	added   bool              // one that was added has been consulted
}

// A coverage is the reasons that CRLs cover, none of which lists the
// certificate, with the earliest of their times.
type coverage struct {
	reasons                reasons
	thisUpdate, nextUpdate time.Time
	source                 string // of the first
}

func (c *coverage) add(other coverage) {
	if c.reasons == 0 {
		*c = other
		return
	}
	if other.reasons == 0 {
		return
	}
	c.reasons |= other.reasons
	if other.thisUpdate.Before(c.thisUpdate) {
		c.thisUpdate = other.thisUpdate
	}
	if other.nextUpdate.Before(c.nextUpdate) {
		c.nextUpdate = other.nextUpdate
	}
}

func (c *coverage) answer() Answer {
	return Answer{Status: Good, ThisUpdate: c.thisUpdate, NextUpdate: c.nextUpdate, Source: c.source}
}

// status answers for path[0].
func (s *search) status(ctx context.Context, path []*x509.Certificate) (Answer, error) {
	s.examined = append(s.examined, path[0])
	defer func() { s.examined = s.examined[:len(s.examined)-1] }()
	subject, err := newSubject(path[0])
	if err != nil {
		return Answer{}, err
	}
	t := &tally{subject: subject, path: path}

	// RFC 5280 asks, after the points that the certificate names, about any CRL
	// of the certificate issuer that is at hand.
	own := distributionPoint{reasons: allReasons}
	own.name.present = true
	own.name.full = []generalName{{tag: tagDirectoryName, value: subject.issuer}}

	// CRLs that were added cost nothing to consult, so all are: what one of them
	// revokes is revoked, whatever others cover.
	for _, point := range append(subject.points[:len(subject.points):len(subject.points)], own) {
		if s.consultAdded(ctx, &point, t); t.revoked != nil {
			return *t.revoked, nil
		}
	}
	for _, point := range subject.points {
		if point.reasons&^t.current.reasons == 0 {
			continue
		}
		if s.consultFetched(ctx, &point, t); t.revoked != nil {
			return *t.revoked, nil
		}
	}
	return s.conclude(t)
}

// conclude answers for a certificate that no CRL lists.
func (s *search) conclude(t *tally) (Answer, error) {
	all := t.current
	all.add(t.stale)
	switch {
	case t.current.reasons == allReasons:
		return t.current.answer(), nil
	case all.reasons == allReasons:
		return all.answer(), errors.Join(t.errs...) // one of the kind ErrExpired among them
	case all.reasons != 0:
		t.errs = append(t.errs, &CRLError{Source: all.source, Err: ErrScope,
			Detail: fmt.Sprintf("no CRL covers the reasons %s", allReasons&^all.reasons)})
	case !t.added:
		t.errs = append(t.errs, s.source.whyNone(t.subject, len(t.errs) > 0))
	}
	return Answer{}, errors.Join(t.errs...)
}

// consultAdded consults the CRLs that were added, of each series the newest that
// is genuine and in force, for each key that signed one. A CRL says itself which
// series it is of, so a key that was revoked could otherwise hide, behind a CRL
// of its own, the one that says so.
func (s *search) consultAdded(ctx context.Context, p *distributionPoint, t *tally) {
	for _, series := range s.source.added.at(p.pointKeys(t.subject.issuer)) {
		if series.delta {
			continue
		}
		var signers []*x509.Certificate
		for _, c := range s.source.added.newestFirst(series) {
			if slices.ContainsFunc(signers, c.verifiedBy) {
				continue
			}
			t.added = true
			err := s.consult(ctx, c, p, t)
			if t.revoked != nil {
				return
			}
			if err != nil {
				t.errs = append(t.errs, err)
			}
			if errors.Is(err, ErrScope) {
				break // so are the others
			}
			if err == nil || errors.Is(err, ErrExpired) {
				signers = append(signers, t.signer)
				s.source.added.supersede(series, c, t.signer)
			}
		}
	}
}

// consultFetched consults the CRL of a distribution point, from the first of its
// URLs that brings one that counts.
func (s *search) consultFetched(ctx context.Context, p *distributionPoint, t *tally) {
	urls, passedOver := p.urls()
	for _, name := range passedOver {
		t.errs = append(t.errs, passOver(name))
	}
	source, subject, path := s.source, t.subject, t.path
	fits := func(c *crl) error {
		_, why := c.covers(subject, p)
		if c.delta {
			why = deltaAlone
		}
		if why != "" {
			return &CRLError{Source: c.source, Err: ErrScope, Detail: why}
		}
		return source.signed(c, path)
	}
	// All that fits rests on: one certificate's misfit is no other's.
	ca := subject.cert.BasicConstraintsValid && subject.cert.IsCA
	role := fmt.Sprintf("complete %q %#v %t %x", subject.issuer, *p, ca, path[1].RawSubjectPublicKeyInfo)
	for _, url := range urls {
		c, err := s.fetch(ctx, url, role, fits)
		if c != nil {
			err = errors.Join(err, s.consult(ctx, c, p, t))
			if t.revoked != nil {
				return
			}
		}
		if err == nil {
			s.consultKept(ctx, c, urls, role, fits, p, t)
			return
		}
		t.errs = append(t.errs, err)
	}
}

// consultKept consults the CRLs of the point's other URLs that are in memory and
// newer: whoever plays back an old one at the first URL is not to undo what
// another has brought.
func (s *search) consultKept(ctx context.Context, c *crl, urls []string, role string, fits func(*crl) error, p *distributionPoint, t *tally) {
	for _, url := range urls {
		kept, ok := s.source.keeper().peek(useKey(url, role))
		if !ok || kept == c || s.rests.after(s.at, kept.nextUpdate) {
			continue
		}
		if other, err := s.fetch(ctx, url, role, fits); err == nil && other.scope.raw == c.scope.raw && other.newer(c) {
			_ = s.consult(ctx, other, p, t) // what is wrong with it takes nothing from c
		}
		if t.revoked != nil {
			return
		}
	}
}

func passOver(name string) error {
	return &FetchError{URL: name, Err: errors.New("only http and https are fetched")}
}

// consult asks one CRL, together with the newest delta CRL for it, and adds what
// it says to the tally. Only an error of nil or of the kind ErrExpired means
// that it counts, the latter for what it revokes and for Policy.MaxStale.
func (s *search) consult(ctx context.Context, c *crl, p *distributionPoint, t *tally) error {
	covers, why := c.covers(t.subject, p)
	switch {
	case why != "":
		return &CRLError{Source: c.source, Err: ErrScope, Detail: why}
	case c.delta:
		return &CRLError{Source: c.source, Err: ErrScope, Detail: deltaAlone}
	case s.rests.before(s.at, c.thisUpdate.Add(-clockTolerance)):
		return &CRLError{Source: c.source, Err: ErrNotYetValid,
			Detail: "its thisUpdate is " + c.thisUpdate.Format(time.RFC3339)}
	}
	signer, err := s.signer(ctx, c, t.path)
	if err != nil {
		return err
	}
	t.signer = signer
	delta := s.delta(ctx, c, t, signer)
	current := !s.rests.after(s.at, c.nextUpdate)
	deltaCurrent := delta != nil && !s.rests.after(s.at, delta.nextUpdate)

	// A delta CRL whose time is over still revokes, but no longer takes back.
	if delta != nil {
		if w, listed := delta.lookUp(t.subject); listed && w.reason() != ReasonRemoveFromCRL {
			t.revoke(delta, w)
			return nil
		} else if listed && deltaCurrent {
			return t.count(c, delta, covers, true)
		}
	}
	if w, listed := c.lookUp(t.subject); listed {
		t.revoke(c, w)
		return nil
	}
	// A delta CRL brings a complete one whose time is over up to date
	// (RFC 5280 section 6.3.3 (a)(1)(i)).
	if !deltaCurrent {
		delta = nil
	}
	return t.count(c, delta, covers, current || deltaCurrent)
}

// count takes a CRL into the tally that does not list the certificate, brought
// up to date by a delta CRL unless that is nil.
func (t *tally) count(c, delta *crl, covers reasons, current bool) error {
	if covers == 0 {
		return &CRLError{Source: c.source, Err: ErrScope, Detail: "it is for none of the reasons of the distribution point"}
	}
	counts := coverage{reasons: covers, source: c.source}
	counts.thisUpdate, counts.nextUpdate = c.lifetime()
	if delta != nil {
		counts.thisUpdate, counts.nextUpdate = delta.lifetime()
	}
	if !current {
		t.stale.add(counts)
		return &CRLError{Source: c.source, Err: ErrExpired,
			Detail: "its nextUpdate was " + counts.nextUpdate.Format(time.RFC3339)}
	}
	t.current.add(counts)
	return nil
}

// revoke makes the answer that the CRL's entry gives.
func (t *tally) revoke(c *crl, w when) {
	cert := t.path[0]
	t.revoked = &Answer{
		Status: Revoked,
		Revocation: &RevokedError{
			Cert: cert, Serial: cert.SerialNumber, Reason: w.reason(), Time: w.time(), Source: c.source,
		},
		ThisUpdate: c.thisUpdate,
		NextUpdate: c.nextUpdate,
		Source:     c.source,
	}
}

// delta returns the newest delta CRL that updates the complete CRL c, is signed
// with the same key and has begun, or nil. The newest may be one whose time is
// over. A delta CRL that cannot be had takes nothing from the
// complete one, which counts until its own nextUpdate; it is logged.
func (s *search) delta(ctx context.Context, c *crl, t *tally, signer *x509.Certificate) *crl {
	var newest *crl
	consider := func(d *crl) string {
		if why := c.updatedBy(d); why != "" {
			return why
		}
		if s.rests.before(s.at, d.thisUpdate.Add(-clockTolerance)) {
			return "the delta CRL is not yet valid"
		}
		if !d.verifiedBy(signer) {
			return deltaKey
		}
		if newest == nil || d.newer(newest) {
			newest = d
		}
		return ""
	}
	for _, series := range s.source.added.at(c.pointKeys()) {
		if !series.delta {
			continue
		}
		for _, d := range s.source.added.newestFirst(series) {
			if consider(d) == "" {
				s.source.added.supersede(series, d, signer)
				break
			}
		}
	}
	for _, points := range [][]distributionPoint{c.fresh, t.subject.fresh} {
		for _, point := range points {
			urls, _ := point.urls()
			for _, url := range urls {
				d, err := s.fetch(ctx, url, fmt.Sprintf("delta %q", c.issuer), func(d *crl) error {
					switch {
					case !d.delta || d.issuer != c.issuer || d.scope.raw != c.scope.raw:
						return &CRLError{Source: d.source, Err: ErrScope, Detail: "it is no delta CRL for the complete one"}
					case !d.verifiedBy(signer):
						return &CRLError{Source: d.source, Err: ErrSignature, Detail: deltaKey}
					}
					return nil
				})
				if d != nil {
					if why := consider(d); why != "" {
						err = &CRLError{Source: url, Err: ErrScope, Detail: why}
					}
				}
				if err == nil {
					break
				}
				s.source.log(ctx, slog.LevelWarn, "no delta CRL", slog.String("url", url), slog.Any("err", err))
			}
		}
	}
	return newest
}
