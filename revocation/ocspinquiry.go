// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"context"
	"crypto/x509"
	"errors"
	"net/url"
	"slices"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/fetch"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/known"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/ocsp"
)

// An ocspInquiry is one question that no earlier decision answers.
type ocspInquiry struct {
	source     *OCSP
	q          *Query
	how        asking
	staple     [32]byte
	generation uint64 // of what was added
	v          *known.AnswerVerdict
	trusts     []trusted
	entry      []*fetch.Watch
	responders []*fetch.Watch
	errs       []error // of what was stapled and added
	fetched    bool
	ended      error // that the caller's time was over
}

var (
	errOCSPNoFetcher = &OCSPError{Err: ErrNoSource, Detail: "there is no Fetcher, and no response about the certificate was stapled or added"}
	errOCSPNoURL     = &OCSPError{Err: ErrNoSource, Detail: "the certificate names no responder"}
)

// inquire decides from the responses that are known and, if they leave it open,
// from what the responders answer.
func (s *OCSP) inquire(ctx context.Context, q Query, how asking, staple [32]byte) (Answer, error) {
	i := &ocspInquiry{source: s, q: &q, how: how, staple: staple}
	later(&s.latest, i.q.At)
	i.takeStapled()
	i.takeAdded()
	if s.Cache != nil {
		i.entry = []*fetch.Watch{s.shared.entry(known.AnswerKey(i.q.Path), slices.Clone(i.q.Path))}
		if !s.asker.Asked(i.entry[0]) && !s.asker.Hangs(cacheHost) { // also where what is known revokes: it may have been removed
			first, cancel := context.WithTimeout(ctx, firstLook)
			s.asker.Ask(first, [][]*fetch.Watch{i.entry}, func() bool { return false })
			cancel()
		}
	}
	none := i.findResponders()
	i.decide(ctx)
	if !i.how.noFetch {
		i.fetch(ctx)
	}
	i.keep()
	return i.answer(none)
}

// takeStapled puts the stapled response into the set.
func (i *ocspInquiry) takeStapled() {
	if len(i.q.Stapled) == 0 {
		return
	}
	raw := slices.Clone(i.q.Stapled)
	r, err := ocsp.Parse(raw, "stapled")
	if err == nil {
		_, err = i.source.take(r, raw, i.q.Path, false)
	}
	if err != nil {
		i.errs = append(i.errs, ocspError("stapled", err))
	}
}

// takeAdded puts the responses that were added, and verify, into the set.
func (i *ocspInquiry) takeAdded() {
	s := i.source
	i.generation = s.added.generation.Load()
	serial := string(i.q.Path[0].SerialNumber.Bytes())
	for _, r := range s.added.about(serial) {
		if _, err := s.take(r.response, r.raw, i.q.Path, false); err != nil {
			i.errs = append(i.errs, err)
			continue
		}
		s.added.verified(serial, r.response)
	}
}

// findResponders finds the responders to ask, or says why there are none.
func (i *ocspInquiry) findResponders() error {
	s := i.source
	if s.Fetcher == nil {
		return errOCSPNoFetcher
	}
	urls := i.q.Path[0].OCSPServer
	if s.Responder != "" {
		urls = []string{s.Responder}
	}
	var none error = errOCSPNoURL
	for _, responder := range urls {
		u, err := url.Parse(responder)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			none = &OCSPError{Source: responder, Err: ErrNoSource, Detail: "only http and https are fetched"}
			continue
		}
		i.responders = append(i.responders, s.watch(responder, i.q.Path))
	}
	return none
}

func (i *ocspInquiry) maxAge() time.Duration {
	if i.how.maxAge > 0 {
		return i.how.maxAge
	}
	return defaultMaxAge
}

func (i *ocspInquiry) decide(ctx context.Context) {
	trust := i.source.trust(ctx, i.q.At, i.how)
	responder := func(path []*x509.Certificate, responder *x509.Certificate, ask bool) (error, bool) {
		for _, t := range i.trusts { // once is enough for one question
			if t.responder == responder && t.ask == ask && len(t.path) == len(path) {
				return t.err, t.tainted
			}
		}
		err, tainted := trust(path, responder, ask)
		i.trusts = append(i.trusts, trusted{path, responder, ask, err, tainted})
		return err, tainted
	}
	i.v = i.source.known.Decide(i.q.Path, i.q.At, i.maxAge(), known.Trust{Responder: responder, CA: i.source.caStatus(ctx, i.q.At)})
	if end := i.v.Expires; i.v.Status == known.StatusGood && i.how.maxAge > 0 && i.q.At.After(i.v.Reply.ThisUpdate.Add(i.how.maxAge)) {
		i.v.Status, i.v.Stale = known.StatusUndecided, true
		i.v.Expires = i.v.Reply.ThisUpdate.Add(i.how.maxAge)
		i.v.Errs = append(i.v.Errs, &OCSPError{Source: i.v.Reply.Source, Err: ErrExpired, Detail: "older than Policy.MaxAge, though it lasts until " + stamp(end)})
	}
}

// fetch asks the responders for what the decision lacks, and begins the looks that
// are due.
func (i *ocspInquiry) fetch(ctx context.Context) {
	s := i.source
	for _, w := range slices.Concat(i.responders, i.entry) {
		w.Used()
	}
	if (i.v.Status == known.StatusUndecided || i.expired()) && !i.how.refused(ctx, i.q) {
		groups := slices.DeleteFunc([][]*fetch.Watch{i.responders, i.entry}, func(g []*fetch.Watch) bool { return len(g) == 0 })
		most, wait := patience(&s.asker, groups, i.how, i.lasting(), i.v.Expires)
		switch {
		case len(groups) == 0:
		case !wait:
			for _, w := range slices.Concat(groups...) {
				s.asker.Look(w)
			}
		default:
			asking, cancel := ctx, context.CancelFunc(func() {})
			if most > 0 {
				asking, cancel = context.WithTimeout(ctx, most)
			}
			i.fetched = true
			enough := func() bool {
				i.decide(ctx)
				return i.v.Status != known.StatusUndecided && !i.expired()
			}
			s.asker.Ask(asking, groups, enough)
			if err := asking.Err(); err != nil {
				i.ended = &FetchError{URL: groups[0][0].URL, Err: err}
			}
			cancel()
			enough()
		}
	}
	s.look(slices.Concat(i.responders, i.entry))
}

// expired reports whether the certificate is revoked by an answer that has
// expired: it stands, but a hold may have been released.
func (i *ocspInquiry) expired() bool {
	return i.v.Status == known.StatusRevoked && i.q.At.After(i.v.Expires)
}

// lasting reports whether an answer that has expired will do.
func (i *ocspInquiry) lasting() bool {
	return i.expired() || i.v.Stale && i.how.maxStale > 0 && !i.q.At.After(i.v.Expires.Add(i.how.maxStale))
}

// keep keeps the decision for those who ask next, unless the Cache is still being
// read.
func (i *ocspInquiry) keep() {
	if len(i.entry) > 0 && !i.source.asker.Asked(i.entry[0]) {
		return
	}
	kept := &answer{
		path: i.q.Path, dependencies: i.v.Dependencies, window: i.v.Window, watches: slices.Concat(i.responders, i.entry),
		staple: i.staple, added: i.generation, trusts: i.trusts,
	}
	if i.v.Status != known.StatusUndecided {
		// What expired is still revoked, which is all that a source that is not
		// waited for can say.
		kept.decided = !i.expired()
		kept.answer, _ = i.answer(nil)
	}
	i.source.answers.keep(kept)
}

// answer makes the answer of the decision. none is the reason if there is nothing
// to go by.
func (i *ocspInquiry) answer(none error) (Answer, error) {
	v := i.v
	if v.Status == known.StatusUndecided && !v.Stale {
		return Answer{}, i.why(none)
	}
	r := v.Reply
	a := Answer{Status: Good, ThisUpdate: r.ThisUpdate, NextUpdate: r.NextUpdate, Source: r.Source, Cached: !i.fetched}
	switch {
	case v.Status == known.StatusRevoked:
		cert := i.q.Path[0]
		a.Status = Revoked
		a.Revocation = &RevokedError{Cert: cert, Serial: cert.SerialNumber, Reason: Reason(r.Reason), Time: r.RevokedAt, Source: r.Source}
	}
	if v.Stale {
		return a, i.why(none)
	}
	return a, nil
}

// why says why the certificate is not decided about.
func (i *ocspInquiry) why(none error) error {
	errs := slices.Clone(i.errs)
	for _, err := range i.v.Errs {
		errs = append(errs, ocspError("", err))
	}
	for _, w := range slices.Concat(i.responders, i.entry) {
		if err := i.source.asker.Err(w); err != nil {
			errs = append(errs, fetchFailure(w.URL, err))
		}
	}
	if i.ended != nil {
		errs = append(errs, i.ended)
	}
	if len(errs) == 0 {
		if len(i.responders) > 0 {
			none = errors.New("no responder has answered")
		}
		return none
	}
	return joinOnce(errs)
}
