// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"crypto/x509"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nrlsecurity/nrlsecurity/revocation/internal/crl"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/fetch"
	"github.com/nrlsecurity/nrlsecurity/revocation/internal/known"
)

// A crlURL is a URL that CRLs are fetched from.
type crlURL struct {
	source *CRLs
	url    string
	delta  bool                           // of a freshestCRL
	asked  atomic.Pointer[[]*crlQuestion] // the latest of each CA, the latest first; nil: it is one of CRLs.URLs

	mu    sync.Mutex
	until time.Time // when what came last runs out
}

// A crlQuestion is what a CRL is asked for.
type crlQuestion struct {
	subject *crl.Subject
	path    []*x509.Certificate
	places  []known.Place // of a delta CRL: those of the complete list that it updates
}

const (
	// maxQuestions bounds the CAs whose certificates name one URL.
	maxQuestions = 8

	// maxFetchedLists bounds the CRLs of one document. RFC 5280 section 4.2.1.13
	// has one; some servers bundle those of a hierarchy.
	maxFetchedLists = 1000
)

// watchURL looks after a URL.
func (s *CRLs) watchURL(url string) *fetch.Watch { return s.watchFor(url, false, nil) }

// watchFor looks after a URL for the sake of a certificate.
func (s *CRLs) watchFor(url string, delta bool, asked *crlQuestion) *fetch.Watch {
	key := "crl " + url
	if delta {
		key = "delta " + url
	}
	w := s.asker.Known(key)
	if w == nil {
		u := &crlURL{source: s, url: url, delta: delta}
		u.ask(asked) // before Run may fetch it
		document := &fetch.Document{
			Fetcher: fetchWith{s.Fetcher}, Now: s.now, Every: s.asker.Refresh,
			Request: u.request, Deliver: u.deliver, RanOut: u.ranOut,
		}
		w = s.asker.Watch(fetch.Target{Key: key, URL: url, Host: urlHost(url), Of: u, Do: document.Do, Until: u.runsOut})
		s.published.Add(1)
	}
	w.Of.(*crlURL).ask(asked)
	return w
}

// ask notes a question, in place of the one before about a certificate of the same CA.
func (u *crlURL) ask(asked *crlQuestion) {
	for asked != nil {
		before := u.asked.Load()
		latest := []*crlQuestion{asked}
		if before != nil {
			latest = append(latest, slices.DeleteFunc(slices.Clone(*before), func(q *crlQuestion) bool {
				return q.path[1].Equal(asked.path[1])
			})...)
			latest = latest[:min(len(latest), maxQuestions)]
		}
		if u.asked.CompareAndSwap(before, &latest) {
			return
		}
	}
}

// questions returns what the URL is asked for, the latest first.
func (u *crlURL) questions() []*crlQuestion {
	if asked := u.asked.Load(); asked != nil {
		return *asked
	}
	return nil
}

// about returns the question that a list may answer: one with a certificate on its
// path, or among Issuers, that signed the list; else the latest. It is nil if there is
// none.
func (u *crlURL) about(l *crl.List, questions []*crlQuestion) *crlQuestion {
	for _, q := range questions {
		if slices.ContainsFunc(slices.Concat(q.path, u.source.Issuers), func(c *x509.Certificate) bool { return l.MaySign(c) && l.VerifiedBy(c) }) {
			return q
		}
	}
	if len(questions) > 0 {
		return questions[0]
	}
	return nil
}

func (u *crlURL) request() (fetch.Request, error) {
	r := fetch.Request{URL: u.url, MaxBytes: u.source.MaxBytes}
	if r.MaxBytes <= 0 {
		r.MaxBytes = maxCRLBytes
	}
	return r, nil
}

func (u *crlURL) runsOut() time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.until
}

func (u *crlURL) ranOut() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.source.now().After(u.until)
}

// deliver puts what came into the set. It is an error if none of it is what was asked
// for, or not all could be kept: then the whole document is fetched again.
func (u *crlURL) deliver(r *fetch.Response) error {
	lists, err := u.source.readCRLs(r.Body, u.url, maxFetchedLists)
	if err != nil {
		return err
	}
	questions, cas := u.questions(), u.source.askedCAs()
	u.source.lists.Replace(known.PlaceOf(u.url))
	defer u.source.published.Add(1)
	var full, wrong error // with the first, said when the others are in the set
	answers := false
	var ends []time.Time
	for _, l := range lists {
		question := u.about(l.list, questions)
		change := u.take(l, question, cas)
		if change.Verified { // only what a CA has signed decides when to ask again
			ends = append(ends, l.list.NextUpdate())
		}
		if change.Full && full == nil {
			full = &CRLError{Source: u.url, Err: ErrTooLarge, Detail: tooManyWait}
		}
		if question == nil {
			if answers = true; !change.Verified && cas != nil { // it may be another issuer's
				u.source.log(slog.LevelWarn, "CRL of none of the CAs that lists are asked of", slog.String("source", u.url))
			}
			continue
		}
		why := u.misfit(l.list, question)
		if why == "" && u.delta {
			u.soon(question)
		}
		switch {
		case why == "" && change.Verified:
			answers = true
		case wrong != nil:
		case why != "":
			wrong = &CRLError{Source: u.url, Err: ErrScope, Detail: why}
		default:
			wrong = &CRLError{Source: u.url, Err: ErrSignature, Detail: "it does not verify with a key of its issuer"}
		}
	}
	u.deliveredUntil(ends)
	if full != nil || answers {
		return full
	}
	return wrong
}

// take puts a list into the set that may answer a question, or be of one of the CAs
// that Lists was asked about.
func (u *crlURL) take(l parsedCRL, question *crlQuestion, cas []*x509.Certificate) known.Change {
	origin := known.PlaceOf(u.url)
	places, path := []known.Place{origin}, cas
	if question != nil {
		path = slices.Concat(question.path, cas)
		if u.delta {
			places = question.places
		}
	}
	return u.source.take(l, path, origin, places...)
}

// deliveredUntil records when a document expires whose verified lists have these
// nextUpdates: at the earliest that has not passed yet, or at the latest if all have.
func (u *crlURL) deliveredUntil(ends []time.Time) {
	if len(ends) == 0 {
		return
	}
	now := u.source.now()
	left := slices.DeleteFunc(slices.Clone(ends), now.After)
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(left) > 0 {
		u.until = slices.MinFunc(left, time.Time.Compare)
	} else {
		u.until = slices.MaxFunc(ends, time.Time.Compare)
	}
}

// soon has the complete list looked for that a delta CRL proves to be there.
func (u *crlURL) soon(question *crlQuestion) {
	s := u.source
	d, err := s.lists.Decide(question.path, s.Issuers, s.now(), s.horizon())
	if err != nil {
		return
	}
	if s.share(d.Verified); !d.Behind {
		return
	}
	for n := range question.subject.Points {
		urls, _ := question.subject.Points[n].URLs()
		for _, url := range urls {
			s.asker.Look(s.watchFor(url, false, question))
		}
	}
}

// misfit says why a list is not of the kind that was asked for, or "".
func (u *crlURL) misfit(l *crl.List, question *crlQuestion) string {
	if u.delta {
		if !l.IsDelta() {
			return "it is no delta CRL"
		}
		return ""
	}
	_, why := known.Covers(l, question.subject)
	if why == "" && l.IsDelta() {
		why = deltaAlone
	}
	return why
}
