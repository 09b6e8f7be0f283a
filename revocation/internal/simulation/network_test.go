// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/url"
	"strings"
	"time"

	"golang.org/x/crypto/ocsp"
)

// A mode is how a mirror, or the responder, behaves.
type mode int

const (
	honest      mode = iota
	hanging          // no answer until the request's context ends
	deaf             // likewise, and the client does not notice that its context ended
	failing          // 503
	unmodified       // 304 to a request with validators
	swapped          // the other partition's documents
	modes            // how many there are
	unreachable = failing
)

func (m mode) String() string {
	return []string{"is honest", "hangs", "hangs and its client ignores contexts", "fails", "answers 304 for ever", "serves another partition"}[m]
}

// A host is a mirror or the responder.
type host struct {
	mode   mode
	lag    time.Duration
	replay map[string]*document // what the attacker serves instead, by place or serial number
	since  time.Time            // since when it has been as it is
	stuck  bool                 // requests may be under way that never end, so that others wait behind them
}

// change sets how the host behaves from now on.
func (h *host) change(set func()) {
	set()
	h.since, h.stuck = time.Now(), h.stuck || h.mode == deaf
}

const latency = 30 * time.Millisecond

// A fetch is one request of a process and what came of it.
type fetch struct {
	url         string
	body        []byte
	etag        string // of a conditional request
	noCache     bool
	at          time.Time
	clock       time.Time // the process's, at that time
	done        bool
	notModified bool
	doc         *document
	raw         []byte
	tag         string
	err         error
}

var errNotFound = errors.New("404")

// serve answers a request. Ended is closed when the process has gone.
func (w *world) serve(ctx context.Context, f *fetch, ended <-chan struct{}) {
	u, err := url.Parse(f.url)
	if err != nil {
		f.err = err
		return
	}
	h := w.hosts[u.Host]
	if h == nil {
		f.err = errNotFound
		return
	}
	switch h.mode {
	case hanging:
		select {
		case <-ctx.Done():
		case <-ended:
		}
		f.err = context.DeadlineExceeded
		return
	case deaf:
		<-ended
		f.err = context.DeadlineExceeded
		return
	case failing:
		f.err = errors.New("503")
		return
	}
	f.doc = w.find(u, h, f.body)
	select {
	case <-time.After(latency):
	case <-ctx.Done():
		f.doc, f.err = nil, ctx.Err()
		return
	case <-ended:
		f.doc, f.err = nil, errors.New("the process has ended")
		return
	}
	if f.doc == nil {
		f.err = errNotFound
		return
	}
	f.raw = f.doc.der
	f.tag = hex.EncodeToString(f.raw[len(f.raw)-8:])
	if f.etag != "" && (f.etag == f.tag || h.mode == unmodified) {
		f.notModified, f.doc = true, nil
	}
}

// find returns what the host has under a URL, nil if nothing.
func (w *world) find(u *url.URL, h *host, body []byte) *document {
	if u.Host == responderHost {
		if body == nil {
			text, err := url.PathUnescape(strings.TrimPrefix(u.EscapedPath(), "/"))
			if err != nil {
				return nil
			}
			if body, err = base64.StdEncoding.DecodeString(text); err != nil {
				return nil
			}
		}
		question, err := ocsp.ParseRequest(body)
		if err != nil {
			return nil
		}
		serial := question.SerialNumber.Int64()
		if d := h.replay[question.SerialNumber.String()]; d != nil {
			return d
		}
		if _, _, ok := locate(serial); !ok {
			return nil
		}
		return w.ca.answer(serial, h.lag, nonceOf(body))
	}
	mirror := int(u.Host[1] - '0')
	place := strings.TrimPrefix(u.Path, "/")
	if d := h.replay[place]; d != nil {
		return d
	}
	if h.mode == swapped {
		place = strings.NewReplacer("c0", "c1", "c1", "c0").Replace(place)
	}
	return w.ca.at(mirror, place, w.now().Add(-h.lag))
}

// at returns what the site had under a place at some time, nil if nothing.
func (a *authority) at(mirror int, place string, at time.Time) *document {
	postings := a.site[mirror][place]
	if at.Before(epoch) {
		at = epoch // a mirror that lags has had the first lists from the beginning
	}
	var latest posting
	for _, p := range postings {
		if !p.at.After(at) && !p.at.Before(latest.at) {
			latest = p
		}
	}
	return latest.doc
}

// nonceOf returns the nonce of an OCSP request (RFC 9654), nil if it has none.
func nonceOf(request []byte) []byte {
	oid := []byte{6, 9, 0x2b, 6, 1, 5, 5, 7, 0x30, 1, 2}
	i := bytes.Index(request, oid)
	if i < 0 {
		return nil
	}
	value := request[i+len(oid):] // OCTET STRING of an OCTET STRING, both short
	if len(value) < 4 || len(value) < 4+int(value[3]) {
		return nil
	}
	return value[4 : 4+int(value[3])]
}
