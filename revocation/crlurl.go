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
	delta  bool                        // of a freshestCRL
	asked  atomic.Pointer[crlQuestion] // of the caller that asked last; nil: it is one of CRLs.URLs

	mu    sync.Mutex
	until time.Time // when what came last runs out
}

// A crlQuestion is what a CRL is asked for.
type crlQuestion struct {
	subject *crl.Subject
	path    []*x509.Certificate
	places  []known.Place // of a delta CRL: those of the complete list that it updates
}

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
		u.asked.Store(asked) // before Run may fetch it
		document := &fetch.Document{
			Fetcher: fetchWith{s.Fetcher}, Now: s.now, Every: s.asker.Refresh,
			Request: u.request, Deliver: u.deliver, RanOut: u.ranOut,
		}
		w = s.asker.Watch(fetch.Target{Key: key, URL: url, Host: urlHost(url), Of: u, Do: document.Do, Until: u.runsOut})
		s.published.Add(1)
	}
	if asked != nil {
		w.Of.(*crlURL).asked.Store(asked)
	}
	return w
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

// deliver puts what came into the set, and says why it is not what was asked for.
func (u *crlURL) deliver(r *fetch.Response) error {
	lists, err := readCRLs(r.Body, u.url)
	if err != nil {
		return err
	}
	question := u.asked.Load()
	var path []*x509.Certificate
	origin := known.PlaceOf(u.url)
	places := []known.Place{origin}
	if question != nil {
		path = question.path
		if u.delta {
			places = question.places
		}
	} else {
		path = u.source.askedCAs()
	}
	u.source.lists.Replace(origin)
	defer u.source.published.Add(1)
	var wrong error // with the first, said when the others are in the set
	var ends []time.Time
	for _, l := range lists {
		change := u.source.take(l, path, origin, places...)
		verified := change.Verified
		if verified { // only what a CA has signed decides when to ask again
			ends = append(ends, l.list.NextUpdate())
		}
		if change.Full && wrong == nil {
			wrong = &CRLError{Source: u.url, Err: ErrTooLarge, Detail: tooManyWait}
		}
		if question == nil {
			if !verified && path != nil { // it may be another issuer's
				u.source.log(slog.LevelWarn, "CRL of none of the CAs that lists are asked of", slog.String("source", u.url))
			}
			continue
		}
		why := u.misfit(l.list, question)
		if why == "" && u.delta {
			u.soon(question)
		}
		switch {
		case wrong != nil:
		case why != "":
			wrong = &CRLError{Source: u.url, Err: ErrScope, Detail: why}
		case !verified:
			wrong = &CRLError{Source: u.url, Err: ErrSignature, Detail: "it does not verify with a key of its issuer"}
		}
	}
	u.deliveredUntil(ends)
	return wrong
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
