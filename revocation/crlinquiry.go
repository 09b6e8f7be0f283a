// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"context"
	"crypto/x509"
	"errors"
	"slices"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/crl"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/der"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/fetch"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/known"
)

// A crlInquiry is one question that no earlier decision answers.
type crlInquiry struct {
	source  *CRLs
	q       *Query
	how     asking
	d       *known.Decision
	points  [][]*fetch.Watch // of the distribution points, in the order of their URLs
	deltas  [][]*fetch.Watch // of the freshestCRLs
	entries []*fetch.Watch   // of the Cache
	passed  []error          // names of points that are passed over
	fetched bool
	ended   error // that the caller's time was over
}

// maxRounds bounds how often what has come leads to further documents.
const maxRounds = 8

// inquire decides from the CRLs that are known and, if they leave it open, from
// those that the distribution points answer with.
func (s *CRLs) inquire(ctx context.Context, q Query, how asking) (Answer, error) {
	later(&s.latest, q.At)
	i := &crlInquiry{source: s, q: &q, how: how}
	if err := i.readFirst(ctx); err != nil {
		return Answer{}, err
	}
	if !how.noFetch {
		i.fetch(ctx)
	}
	i.keep()
	return i.answer()
}

// decide decides from what is known now.
func (i *crlInquiry) decide() error {
	s := i.source
	d, err := s.lists.Decide(i.q.Path, s.Issuers, i.q.At, s.horizon())
	if err != nil {
		return err
	}
	i.d = d
	s.share(d.Verified)
	if end := d.ThisUpdate.Add(i.how.maxAge); d.Status == known.StatusGood && i.how.maxAge > 0 && i.q.At.After(end) {
		d.Errs = append(d.Errs, &known.ListError{Source: d.List.Source(), Err: &der.Error{Kind: ErrExpired,
			Detail: "older than Policy.MaxAge, though its nextUpdate is " + stamp(d.NextUpdate)}})
		d.Status, d.Stale, d.NextUpdate = known.StatusUndecided, true, end
	}
	return i.find()
}

// find finds what there is to look at: for the certificate, and for signers whose
// own status was asked about.
func (i *crlInquiry) find() error {
	s := i.source
	i.points, i.deltas, i.passed = nil, nil, nil
	i.entries = s.entries(i.d.Read, i.q.Path)
	for _, subject := range i.d.Subjects {
		keys := known.KeysOf(subject)
		question := &crlQuestion{subject: subject, path: i.q.Path}
		i.points = i.watch(i.points, subject.Points, false, question)
		i.deltas = i.watch(i.deltas, subject.Fresh, true, withPlaces(question, known.PlacesOf(subject)))
		for _, key := range keys {
			for _, l := range s.lists.Under(key) {
				if len(l.Fresh()) > 0 {
					i.deltas = i.watch(i.deltas, l.Fresh(), true, withPlaces(question, l.Places))
				}
			}
		}
	}
	return nil
}

// withPlaces returns the question for the delta CRLs of lists from places, of
// which the first will do.
func withPlaces(q *crlQuestion, places []known.Place) *crlQuestion {
	own := *q
	own.places = []known.Place{known.Added}
	if len(places) > 0 {
		own.places = places[:1]
	}
	return &own
}

// watch adds the URLs of points, each point a group.
func (i *crlInquiry) watch(groups [][]*fetch.Watch, points []crl.Point, delta bool, question *crlQuestion) [][]*fetch.Watch {
	for n := range points {
		urls, passedOver := points[n].URLs()
		for _, name := range passedOver {
			i.passed = append(i.passed, &FetchError{URL: name, Err: errPassedOver})
		}
		var group []*fetch.Watch
		for _, url := range urls {
			if i.source.Fetcher == nil {
				if !delta {
					i.passed = append(i.passed, &FetchError{URL: url, Err: errNoFetcher})
				}
				continue
			}
			group = append(group, i.source.watchFor(url, delta, question))
		}
		if len(group) > 0 && !slices.ContainsFunc(groups, func(other []*fetch.Watch) bool { return slices.Equal(other, group) }) {
			groups = append(groups, group)
		}
	}
	return groups
}

var (
	errPassedOver = errors.New("only http and https are fetched")
	errNoFetcher  = errors.New("there is no Fetcher")
)

// readFirst decides from the CRLs that are known. Files and entries of the Cache
// that have never been read are read first, with a second for it, also where the
// certificate, or one below it, is revoked by what is known: a list that removes that,
// or that says that the signer of such a list is not revoked, may be among them.
func (i *crlInquiry) readFirst(ctx context.Context) error {
	if err := i.decide(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, firstLook)
	defer cancel()
	for range maxRounds {
		groups := i.source.unread(i.entries)
		if len(groups) == 0 || ctx.Err() != nil {
			break
		}
		i.source.asker.Ask(ctx, groups, func() bool { return false })
		if err := i.decide(); err != nil {
			return err
		}
	}
	return nil
}

// entries returns the entries of the Cache that may have lists about certificates.
func (s *CRLs) entries(subjects []*crl.Subject, path []*x509.Certificate) (entries []*fetch.Watch) {
	if s.Cache == nil {
		return nil
	}
	for _, subject := range subjects {
		for _, key := range known.KeysOf(subject) {
			entries = append(entries, s.shared.entry(key, path))
		}
	}
	return entries
}

// unread returns the files, and of entries of the Cache those, that have never been
// read. A Cache that hangs is waited for once.
func (s *CRLs) unread(entries []*fetch.Watch) (groups [][]*fetch.Watch) {
	if s.asker.Hangs(cacheHost) {
		entries = nil
	}
	return never(&s.asker, slices.Concat(single(s.files), single(entries)))
}

// single makes a group of each watch.
func single(watches []*fetch.Watch) (groups [][]*fetch.Watch) {
	for _, w := range watches {
		groups = append(groups, []*fetch.Watch{w})
	}
	return groups
}

// fetch asks for what the decision lacks, and begins the looks that are due.
func (i *crlInquiry) fetch(ctx context.Context) {
	s := i.source
	if i.d.Status == known.StatusUndecided && !i.how.refused(ctx, i.q) {
		i.fetchMissing(ctx)
	}
	if i.d.Status == known.StatusGood {
		// A delta CRL that has not been asked for yet may know better.
		if first := untroubled(&s.asker, never(&s.asker, i.deltas)); len(first) > 0 {
			i.ask(ctx, firstLook, first, func() bool { return i.d.Status == known.StatusRevoked })
		}
	}
	if i.d.Behind {
		for _, w := range slices.Concat(i.points...) {
			s.asker.Look(w)
		}
	}
	s.look(i.all())
}

// fetchMissing asks until the certificate is decided about or everything has been
// asked. What has come may lead to further documents: delta CRLs, and those about
// CRL issuers.
func (i *crlInquiry) fetchMissing(ctx context.Context) {
	s := i.source
	var asked []*fetch.Watch
	for range maxRounds {
		groups := slices.Concat(i.points, i.deltas, single(i.entries), single(s.files))
		for _, w := range s.urls {
			if w.Overdue(s.now()) || s.asker.Err(w) != nil {
				groups = append(groups, []*fetch.Watch{w})
			}
		}
		groups = slices.DeleteFunc(groups, func(group []*fetch.Watch) bool {
			return !slices.ContainsFunc(group, func(w *fetch.Watch) bool { return !slices.Contains(asked, w) })
		})
		if len(groups) == 0 {
			return
		}
		if err := ctx.Err(); err != nil {
			i.ended = &FetchError{URL: groups[0][0].URL, Err: err}
			return
		}
		for _, group := range groups {
			asked = append(asked, group...)
		}
		for n := range max(0, len(i.how.chain)-len(i.q.Path)) {
			i.alongside(i.how.chain[n:])
		}
		patience, wait := patience(&s.asker, groups, i.how, i.d.Stale && i.how.maxStale > 0 && !i.q.At.After(i.d.NextUpdate.Add(i.how.maxStale)), i.d.NextUpdate)
		if !wait {
			for _, w := range slices.Concat(groups...) {
				s.asker.Look(w)
			}
			continue
		}
		i.ask(ctx, patience, groups, func() bool { return i.d.Status != known.StatusUndecided })
		if i.d.Status != known.StatusUndecided {
			return
		}
	}
}

// ask makes looks, and decides again whenever something has come.
func (i *crlInquiry) ask(ctx context.Context, most time.Duration, groups [][]*fetch.Watch, enough func() bool) {
	if most > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, most)
		defer cancel()
	}
	i.fetched = true
	again := func() bool { return i.decide() == nil && enough() }
	i.source.asker.Ask(ctx, groups, again)
	again()
	if err := ctx.Err(); err != nil {
		i.ended = &FetchError{URL: groups[0][0].URL, Err: err}
	}
}

// alongside begins the looks for another certificate of the chain, which is asked
// about next.
func (i *crlInquiry) alongside(path []*x509.Certificate) {
	s := i.source
	subject, err := crl.NewSubject(path[0])
	if err != nil {
		return
	}
	other := &crlInquiry{source: s}
	for _, group := range other.watch(nil, subject.Points, false, &crlQuestion{subject: subject, path: path}) {
		if !s.asker.Asked(group[0]) {
			s.asker.Look(group[0])
		}
	}
}

// all returns everything that is to be looked at again and again.
func (i *crlInquiry) all() []*fetch.Watch {
	all := slices.Concat(slices.Concat(i.points...), slices.Concat(i.deltas...), i.entries, i.source.files)
	slices.SortFunc(all, func(a, b *fetch.Watch) int { return compareStrings(a.Key, b.Key) })
	return slices.Compact(all)
}

func compareStrings(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// keep keeps the decision for those who ask next, unless files or the Cache are
// still being read.
func (i *crlInquiry) keep() {
	if len(never(&i.source.asker, slices.Concat(single(i.source.files), single(i.entries)))) > 0 {
		return
	}
	kept := &answer{path: i.q.Path, dependencies: i.d.Dependencies, window: i.d.Window, watches: i.all()}
	switch i.d.Status {
	case known.StatusUndecided:
		// It says that no known CRL revokes.
	default:
		// What a delta CRL proves to be there is asked for by each who asks, and a delta CRL
		// that has not been asked for yet by the first who may.
		kept.decided = !i.d.Behind && (i.d.Status == known.StatusRevoked || len(never(&i.source.asker, i.deltas)) == 0)
		kept.answer, _ = i.answer()
	}
	i.source.answers.keep(kept)
}

// answer makes the answer of the decision.
func (i *crlInquiry) answer() (Answer, error) {
	d := i.d
	a := Answer{ThisUpdate: d.ThisUpdate, NextUpdate: d.NextUpdate, Cached: !i.fetched}
	if d.List != nil {
		a.Source = d.List.Source()
	}
	switch {
	case d.Status == known.StatusGood:
		a.Status = Good
		return a, nil
	case d.Status == known.StatusRevoked:
		cert := i.q.Path[0]
		a.Status = Revoked
		a.Revocation = &RevokedError{
			Cert: cert, Serial: cert.SerialNumber, Reason: Reason(d.Entry.Reason), Time: d.Entry.Time, Source: a.Source,
		}
		return a, nil
	case d.Stale:
		a.Status = Good
		return a, i.why()
	}
	return Answer{}, i.why()
}

// why says why the certificate is not decided about.
func (i *crlInquiry) why() error {
	s := i.source
	var errs []error
	for _, err := range i.d.Errs {
		errs = append(errs, crlError("", err))
	}
	errs = append(errs, i.passed...)
	for _, w := range i.all() {
		if err := s.asker.Err(w); err != nil {
			errs = append(errs, fetchFailure(w.URL, err))
		}
	}
	if err := i.ended; err != nil {
		errs = append(errs, err)
	}
	errs = append(errs, othersWhy(&s.lists, s.Issuers, i.q, i.d.Subjects[0], len(errs) > 0)...)
	return joinOnce(errs)
}
