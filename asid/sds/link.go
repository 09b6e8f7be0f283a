// SPDX-License-Identifier: Apache-2.0

package sds

import (
	"context"
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/nrlsecurity/nrlsecurity/asid"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
)

// A link is the way to the directory: one connection at a time, made when it is
// needed and made anew when it fails.
type link struct {
	address  string
	host     string
	config   *tls.Config
	endpoint *tlsconfig.Endpoint
	greet    func(searcher) error // asked of a new connection before it is used; nil: nothing
	maxBytes int
	timeout  time.Duration

	mu       sync.Mutex // guards what follows and is not held while connecting
	session  *session   // nil: none
	dialling chan struct{}
	err      error       // why the last attempt failed; nil: it did not
	failures int         // in a row
	again    time.Time   // when to try again after them
	asking   int         // questions that are not answered yet
	idle     *time.Timer // closes a connection of which no use is made
}

const (
	firstPause = 250 * time.Millisecond
	lastPause  = 15 * time.Second

	idleAfter = 5 * time.Minute
)

// with calls ask with a connection whose other end is verified now. If that
// connection turns out to have ended before the question was answered, and had
// been of use before, as one that the directory closes for idleness, the question
// is asked once more on a new one.
func (l *link) with(ctx context.Context, ask func(searcher) error) error {
	for attempt := 0; ; attempt++ {
		s, fresh, err := l.get(ctx)
		if err != nil {
			return &Error{Detail: "cannot be reached at " + l.address, Err: err, retry: l.pause()}
		}
		if err := s.verify(ctx); err != nil {
			l.drop(s)
			return &Error{Detail: "its certificate is refused", Err: err}
		}
		err = l.question(ctx, s, ask)
		if err == nil || err == asid.ErrNotFound || !broken(err) {
			return err
		}
		l.drop(s)
		if fresh || attempt > 0 || ctx.Err() != nil {
			return err
		}
	}
}

// question calls ask, and ends the connection with ctx. The question is not the
// connection's alone: others that wait on it are asked again on the next one.
func (l *link) question(ctx context.Context, s *session, ask func(searcher) error) error {
	stop := context.AfterFunc(ctx, s.close)
	defer stop()
	l.begin()
	defer l.rest()
	return ask(s)
}

// get returns the connection, and whether it was made just now.
func (l *link) get(ctx context.Context) (s *session, fresh bool, err error) {
	for {
		l.mu.Lock()
		if l.session != nil && l.session.closed() {
			l.session = nil
		}
		switch {
		case l.session != nil:
			s := l.session
			l.mu.Unlock()
			return s, false, nil
		case l.err != nil && time.Now().Before(l.again):
			err := l.err
			l.mu.Unlock()
			return nil, false, err
		case l.dialling != nil:
			dialling := l.dialling
			l.mu.Unlock()
			select {
			case <-dialling:
				continue
			case <-ctx.Done():
				return nil, false, ctx.Err()
			}
		}
		l.dialling = make(chan struct{})
		l.mu.Unlock()
		s, err := l.connect(ctx)
		return s, true, err
	}
}

// errNotMade is of a connection that could not be attempted to the end.
var errNotMade = errors.New("connecting panicked")

// connect dials, and tells those that wait how it ended, by a panic too.
func (l *link) connect(ctx context.Context) (s *session, err error) {
	err = errNotMade
	began := time.Now()
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		close(l.dialling)
		l.dialling = nil
		l.session = s
		if err != nil && ctx.Err() != nil && time.Since(began) < l.timeout/2 {
			return // the caller had too little time, and the next one may have more
		}
		if l.err = err; err == nil {
			l.failures = 0
			return
		}
		l.failures++
		pause := min(firstPause<<min(l.failures-1, 10), lastPause)
		l.again = time.Now().Add(pause/2 + rand.N(pause/2))
	}()
	return l.dial(ctx)
}

// begin keeps the connection open while a question is asked: a whole directory may be
// read in answer to one.
func (l *link) begin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asking++
	if l.idle != nil {
		l.idle.Stop()
	}
}

// rest ends what begin began, and has the connection closed when no use is made of it
// for a while.
func (l *link) rest() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.asking--; l.asking > 0 {
		return
	}
	if l.idle == nil {
		l.idle = time.AfterFunc(idleAfter, l.close)
	}
	l.idle.Reset(idleAfter)
}

// pause returns for how long no connection is attempted.
func (l *link) pause() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Until(l.again)
}

// drop ends a connection, which is not used again.
func (l *link) drop(s *session) {
	s.close()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.session == s {
		l.session = nil
	}
}

// close ends the present connection; the next question makes a new one.
func (l *link) close() {
	l.mu.Lock()
	s := l.session
	if l.idle != nil {
		l.idle.Stop()
	}
	l.mu.Unlock()
	if s != nil {
		l.drop(s)
	}
}

func (l *link) state() (connected bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.session != nil && !l.session.closed(), l.err
}
